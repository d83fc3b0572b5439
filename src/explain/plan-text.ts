/** A plan that has not been executed, for `--dry-run`: as a numbered list, or as data. */

import type { Lang } from "../base/lang";
import type { Lane, Plan, Step } from "../plan/steps";
import { capabilityNames } from "../base/capabilities";
import { lessonOf } from "./catalogue";
import { shown } from "./catalogue/entry";
import { padEnd, padStart, stringWidth, wrap } from "./width";
import { ACTS, LANES, PHASES, WORDS } from "./words";

/** What plan steps become in JSON: nothing but JSON's own types. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Fields that say where a step stands, not what it does. */
const FRAME = ["id", "kind", "lane", "phase"] as const;

const CAPABILITY_FIELDS = new Set(["keep", "effective", "permitted", "inheritable", "ambient"]);

function toJson(key: string, value: unknown, digest: ((bytes: Uint8Array) => string) | undefined): JsonValue {
  if (typeof value === "bigint") {
    const hex = `0x${value.toString(16)}`;
    return CAPABILITY_FIELDS.has(key) ? { hex, names: capabilityNames(value) } : hex;
  }
  if (value instanceof Uint8Array) {
    const bytes = { bytes: value.byteLength };
    return {
      ...bytes,
      ...(digest ? { sha256: digest(value) } : {}),
      base64: Buffer.from(value).toString("base64"),
    };
  }
  if (Array.isArray(value)) return value.map((one) => toJson(key, one, digest));
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    return Object.fromEntries(entries.toSorted().map(([name, one]) => [name, toJson(name, one, digest)]));
  }
  return value as null | boolean | number | string;
}

function fieldsOf(step: Step): [string, unknown][] {
  return Object.entries(step)
    .filter(([key, value]) => value !== undefined && !(FRAME as readonly string[]).includes(key))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * The plan as JSON data with a stable key order: id, kind, lane, phase, then the parameters by name. Buffers become
 * {bytes, sha256, base64} (the digest when a hash function is given), capability masks {hex, names}.
 */
export function planToJson(plan: Plan, digest?: (bytes: Uint8Array) => string): { version: number; steps: JsonValue[] } {
  return {
    version: plan.version,
    steps: plan.steps.map((step) => ({
      ...Object.fromEntries(FRAME.map((key) => [key, step[key]])),
      ...Object.fromEntries(fieldsOf(step).map(([key, value]) => [key, toJson(key, value, digest)])),
    })),
  };
}

/** One parameter as short text: lists by spaces, buffers by length, masks by names. */
function parameterText(key: string, value: unknown): string {
  if (typeof value === "bigint") {
    const names = CAPABILITY_FIELDS.has(key) ? capabilityNames(value) : [];
    return [`0x${value.toString(16)}`, ...names].join(" ");
  }
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  if (key === "mode" || key === "mask") return `0${(value as number).toString(8)}`;
  if (Array.isArray(value)) return value.length === 0 ? "[]" : value.map((one) => shown(String(one))).join(" ");
  return value === "" ? '""' : shown(String(value));
}

/** Environment values may be secrets, and a plan is something people paste: names only. */
function safeField(step: Step, key: string, value: unknown): unknown {
  if (step.kind !== "execute" || key !== "env") return value;
  return (value as string[]).map((pair) => pair.split("=", 1)[0]);
}

export interface DescribeOptions {
  plan: Plan;
  lang: Lang;
  /** Terminal columns, 80 unless told. */
  width?: number;
}

/** The plan as a numbered list with every parameter, grouped by phase; for `--dry-run`. Environment values are left out. */
export function describePlan({ plan, lang, width = 80 }: DescribeOptions): string[] {
  const columns = Math.max(40, width);
  const numberWidth = plan.steps.length.toString().length;
  const laneWidth = Math.max(...(["parent", "child"] as Lane[]).map((lane) => stringWidth(LANES[lane][lang])));
  const out = wrap(WORDS.plan(plan.steps.length)[lang], columns);
  let phase: string | undefined;
  for (const [index, step] of plan.steps.entries()) {
    if (step.phase !== phase) {
      phase = step.phase;
      out.push("", `── ${PHASES[step.phase].name[lang]}`);
    }
    const lesson = lessonOf(step);
    const head = `${padStart((index + 1).toString(), numberWidth)} ${padEnd(LANES[step.lane][lang], laneWidth)}  `;
    const tag = ` [${ACTS[lesson.act][lang]}]`;
    const margin = " ".repeat(stringWidth(head));
    const title = wrap(lesson.title[lang] + tag, columns - margin.length);
    out.push(...title.map((line, at) => (at === 0 ? head : margin) + line));
    const fields = fieldsOf(step).map(([key, value]) => `${key}=${parameterText(key, safeField(step, key, value))}`);
    const text = [step.kind, ...fields].join("  ");
    out.push(...wrap(text, columns - margin.length - 2).map((line) => `${margin}  ${line}`));
  }
  return out;
}
