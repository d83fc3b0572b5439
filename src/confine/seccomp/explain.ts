/** Answers "may a container call this, and why (not)?" for one system call. */

import { CAPABILITIES } from "../../base/capabilities";
import type { Text } from "../capability-texts";
import { judge, reasonOf, tableEntries } from "./policy";
import type { ArgumentRule } from "./refused";

export interface SyscallExplanation {
  name: string;
  /** "unknown": not in the policy, answered with ENOSYS. */
  decision: "allow" | "errno" | "conditional" | "unknown";
  /** Symbolic, e.g. "EPERM"; undefined when allowed. */
  errno: string | undefined;
  reason: Text;
  /** Any one of these would allow it; empty when nothing but another profile does. */
  unlockedBy: readonly string[];
  /** The argument rules that apply, for "conditional". */
  rules: readonly ArgumentRule[];
}

const ERRNO_NAMES: Record<number, string> = { 1: "EPERM", 22: "EINVAL", 38: "ENOSYS", 97: "EAFNOSUPPORT" };

const UNKNOWN: Text = {
  en: "is not in the policy; ENOSYS lets programs fall back to an older call",
  zh: "不在策略之内；返回 ENOSYS，程序会退回去用旧的调用",
};

/** Explains a call by name for a container with these capabilities ("CAP_…"). */
export function explainSyscall(name: string, container: { capabilities: readonly string[] }): SyscallExplanation {
  const entry = tableEntries().get(name);
  if (entry === undefined) {
    return { name, decision: "unknown", errno: "ENOSYS", reason: UNKNOWN, unlockedBy: [], rules: [] };
  }
  const verdict = judge(entry, new Set(container.capabilities));
  const unlockedBy = entry.kind === "refusal" ? (entry.refusal.unlockedBy ?? []) : [];
  return {
    name,
    decision: verdict.decision,
    errno: verdict.decision === "allow" ? undefined : ERRNO_NAMES[verdict.errno],
    reason: reasonOf(entry),
    unlockedBy: [...unlockedBy].sort((a, b) => CAPABILITIES.indexOf(a) - CAPABILITIES.indexOf(b)),
    rules: verdict.rules,
  };
}
