/** Looks one call up in the two halves of the default policy, with the capabilities of a container applied. */

import type { Text } from "../capability-texts";
import { type ArgumentRule, REFUSALS, type Refusal } from "./refused";
import { ALLOWED_GROUPS, type AllowedGroup } from "./table";

/** Where a call stands in the tables. */
export type TableEntry = { kind: "allowed"; group: AllowedGroup } | { kind: "refusal"; refusal: Refusal };

/** What a container with certain capabilities gets for a call. */
export interface Verdict {
  decision: "allow" | "errno" | "conditional";
  /** With "errno" what is answered; with "conditional" what is answered when no rule matches is ENOSYS. */
  errno: number;
  /** With "conditional": no two overlap. */
  rules: ArgumentRule[];
}

let entries: Map<string, TableEntry> | undefined;

/** Gives every call of the policy with its place in the tables. */
export function tableEntries(): ReadonlyMap<string, TableEntry> {
  if (entries !== undefined) return entries;
  entries = new Map();
  for (const group of ALLOWED_GROUPS) for (const name of words(group.names)) entries.set(name, { kind: "allowed", group });
  for (const refusal of REFUSALS) for (const name of words(refusal.names)) entries.set(name, { kind: "refusal", refusal });
  return entries;
}

/** Applies capabilities ("CAP_…") to an entry. */
export function judge(entry: TableEntry, capabilities: ReadonlySet<string>): Verdict {
  if (entry.kind === "allowed") return { decision: "allow", errno: 0, rules: [] };
  const { refusal } = entry;
  const has = (list: readonly string[] | undefined) => list?.some((name) => capabilities.has(name)) === true;
  if (has(refusal.unlockedBy)) return { decision: "allow", errno: 0, rules: [] };
  if (refusal.rules === undefined) return { decision: "errno", errno: refusal.errno, rules: [] };
  const rules = refusal.rules.filter((rule) => !has(rule.unless) && (rule.onlyWith === undefined || has(rule.onlyWith)));
  return { decision: "conditional", errno: refusal.errno, rules };
}

/** The reason that stands in the table for a call. */
export function reasonOf(entry: TableEntry): Text {
  return entry.kind === "allowed" ? entry.group.reason : entry.refusal.reason;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
