/** The plain reading of a seccomp profile, written without a thought for speed: what the compiler is held against. */

import type { OciSeccomp, OciSeccompAction, OciSeccompArg } from "../../../src/plan/oci";
import { type SyscallTable, syscallNumbers } from "../../../src/confine/seccomp/numbers";

const RESULTS: Record<OciSeccompAction, bigint> = {
  SCMP_ACT_KILL: 0n,
  SCMP_ACT_KILL_THREAD: 0n,
  SCMP_ACT_KILL_PROCESS: 0x80000000n,
  SCMP_ACT_TRAP: 0x00030000n,
  SCMP_ACT_ERRNO: 0x00050000n,
  SCMP_ACT_TRACE: 0x7ff00000n,
  SCMP_ACT_LOG: 0x7ffc0000n,
  SCMP_ACT_ALLOW: 0x7fff0000n,
};

function result(action: OciSeccompAction, errno: number | undefined): number {
  const data = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE" ? BigInt(errno ?? 1) : 0n;
  return Number(RESULTS[action] | data);
}

export function conditionHolds(condition: OciSeccompArg, args: readonly bigint[]): boolean {
  const argument = args[condition.index] ?? 0n;
  const value = BigInt(condition.value);
  switch (condition.op) {
    case "SCMP_CMP_NE":
      return argument !== value;
    case "SCMP_CMP_LT":
      return argument < value;
    case "SCMP_CMP_LE":
      return argument <= value;
    case "SCMP_CMP_EQ":
      return argument === value;
    case "SCMP_CMP_GE":
      return argument >= value;
    case "SCMP_CMP_GT":
      return argument > value;
    case "SCMP_CMP_MASKED_EQ":
      return (argument & value) === BigInt(condition.valueTwo ?? 0);
  }
}

export function ruleHolds(conditions: readonly OciSeccompArg[], args: readonly bigint[]): boolean {
  const twice = conditions.some((a, i) => conditions.some((b, j) => i !== j && a.index === b.index));
  return twice
    ? conditions.some((condition) => conditionHolds(condition, args))
    : conditions.every((condition) => conditionHolds(condition, args));
}

/** What the profile says about a call by name. */
export function evaluateByName(profile: OciSeccomp, name: string | undefined, args: readonly bigint[]): number {
  for (const rule of profile.syscalls ?? []) {
    if (name !== undefined && rule.names.includes(name) && ruleHolds(rule.args ?? [], args)) {
      return result(rule.action, rule.errnoRet);
    }
  }
  return result(profile.defaultAction, profile.defaultErrnoRet);
}

/** The same by number; multiplexers excepted. */
export function evaluate(profile: OciSeccomp, table: SyscallTable, nr: number, args: readonly bigint[]): number {
  if (table === "x86_64" && nr >= 0x40000000) return 0x00050026;
  const name = [...syscallNumbers(table)].find(([, number]) => number === nr)?.[0];
  return evaluateByName(profile, name, args);
}
