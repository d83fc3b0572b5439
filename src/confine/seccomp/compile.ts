/**
 * Compiles an OCI seccomp profile into the classic BPF that seccomp(2) takes.
 *
 * What a profile means here: the rules are read in order and the first that matches a call decides; a rule matches when the
 * call is named and all its conditions hold; several conditions on one argument are alternatives, as in runc. x32 calls
 * answer ENOSYS whatever the profile says (numbers of x86-64 with a bit added would pass as unknown ones of a list of
 * refusals). Machines that the profile does not list are killed, as libseccomp does.
 */

import { GlassboxError } from "../../base/errors";
import type { OciSeccomp, OciSeccompAction, OciSeccompArg } from "../../plan/oci";
import { AND, Assembler, JEQ, JGE, JGT, LOAD, MAX_INSTRUCTIONS, type Target } from "./assembler";
import type { SeccompArch } from "./key";
import { type SyscallTable, syscallNumbers } from "./numbers";

/** SECCOMP_RET_… of linux/seccomp.h. */
export const RET_KILL_PROCESS = 0x80000000;
export const RET_ALLOW = 0x7fff0000;
const RET_ERRNO = 0x00050000;
const RETURNS: Record<OciSeccompAction, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: RET_KILL_PROCESS,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: RET_ERRNO,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: RET_ALLOW,
};
const ENOSYS = RET_ERRNO | 38;
const EPERM_NUMBER = 1;

/** Every door of a machine: the audit number in seccomp_data.arch (linux/audit.h) and the table of numbers behind it. */
export const DOORS: Record<SeccompArch, { name: string; audit: number; table: SyscallTable }[]> = {
  x64: [
    { name: "SCMP_ARCH_X86_64", audit: 0xc000003e, table: "x86_64" },
    { name: "SCMP_ARCH_X86", audit: 0x40000003, table: "i386" },
  ],
  arm64: [{ name: "SCMP_ARCH_AARCH64", audit: 0xc00000b7, table: "aarch64" }],
};

/** x32 calls carry this bit; on the other tables no call is numbered that high. */
const X32_BIT = 0x40000000;

/** Offsets in struct seccomp_data. */
const OFFSET_NR = 0;
const OFFSET_ARCH = 4;
const offsetLow = (index: number) => 16 + 8 * index;
const offsetHigh = (index: number) => 20 + 8 * index;

/** i386 calls that carry other calls in memory, where a filter cannot look. */
const MULTIPLEXERS: Record<string, string> = {
  socketcall:
    "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt " +
    "getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg",
  ipc: "semop semget semctl semtimedop msgsnd msgrcv msgget msgctl shmat shmdt shmget shmctl",
};

/** One rule as it applies to one call. */
interface Step {
  /** All must hold; none for a rule without conditions. */
  conditions: OciSeccompArg[];
  result: number;
}

/** What decides about one call: the steps in order, of which the last has no conditions. */
interface Decision {
  steps: Step[];
  /** Equal keys, equal decisions. */
  key: string;
}

interface Range {
  from: number;
  decision: Decision;
}

/**
 * Compiles a profile for one machine. Gives sock_filter[] as bytes, 8 each, at most 4096 of them; throws
 * "seccomp-too-long" beyond. Names that the machine does not know are passed over: `unknownSyscalls` tells them.
 */
export function compileSeccomp(profile: OciSeccomp, options: { arch: SeccompArch }): Uint8Array {
  const [native, ...others] = DOORS[options.arch];
  if (native === undefined) throw new TypeError(`no doors for ${options.arch}`);
  const listed = others.filter((door) => profile.architectures?.includes(door.name));
  const decisions = decideByName(profile);
  const assembler = new Assembler();

  let next: Target = { result: RET_KILL_PROCESS };
  for (const door of [native, ...listed].reverse()) {
    const search = placeSearch(assembler, rangesOf(door.table, decisions), door.table !== "i386");
    next = assembler.branch(JEQ, door.audit, assembler.statement(LOAD, OFFSET_NR, search), next);
  }
  const bytes = assembler.finish(assembler.statement(LOAD, OFFSET_ARCH, next));
  if (bytes.length / 8 > MAX_INSTRUCTIONS) {
    throw new GlassboxError({
      code: "seccomp-too-long",
      what: `the seccomp profile compiles to ${bytes.length / 8} instructions`,
      why: { en: `the kernel takes at most ${MAX_INSTRUCTIONS}`, zh: `内核最多接受 ${MAX_INSTRUCTIONS} 条` },
      hint: { en: "use fewer rules with conditions on arguments", zh: "少写一些带参数条件的规则" },
    });
  }
  return bytes;
}

/** Gives the names in a profile that no table of the machine has: a spelling mistake, or a call of another machine. */
export function unknownSyscalls(profile: OciSeccomp, options: { arch: SeccompArch }): string[] {
  const tables = DOORS[options.arch].map((door) => syscallNumbers(door.table));
  const names = new Set((profile.syscalls ?? []).flatMap((rule) => rule.names));
  return [...names].filter((name) => !tables.some((table) => table.has(name)));
}

// --- what the rules say ----------------------------------------------------------------------------------------------

/** Gives the decision of every call that the profile names; `.fallback` is the one of all others. */
function decideByName(profile: OciSeccomp): { named: Map<string, Decision>; fallback: Decision } {
  const fallback = returnOf(profile.defaultAction, profile.defaultErrnoRet);
  const steps = new Map<string, Step[]>();
  for (const rule of profile.syscalls ?? []) {
    const result = returnOf(rule.action, rule.errnoRet);
    for (const name of rule.names) {
      const list = steps.get(name) ?? [];
      steps.set(name, list);
      list.push(...alternatives(rule.args ?? []).map((conditions) => ({ conditions, result })));
    }
  }
  const named = new Map([...steps].map(([name, list]) => [name, decision(list, fallback)]));
  return { named, fallback: decision([], fallback) };
}

/** Conditions on different arguments hold together; with one argument twice, each stands alone. */
function alternatives(args: OciSeccompArg[]): OciSeccompArg[][] {
  const indices = new Set(args.map((arg) => arg.index));
  return indices.size === args.length ? [args] : args.map((arg) => [arg]);
}

function decision(list: Step[], fallback: number): Decision {
  const end = list.findIndex((step) => step.conditions.length === 0);
  const steps = end < 0 ? [...list, { conditions: [], result: fallback }] : list.slice(0, end + 1);
  // A condition that leads where the rest leads anyway asks nothing.
  const last = steps[steps.length - 1];
  while (steps.length > 1 && steps[steps.length - 2]?.result === last?.result) steps.splice(-2, 1);
  const key = steps
    .map((step) => `${step.conditions.map((c) => [c.index, c.op, c.value, c.valueTwo].join()).join("&")}=${step.result}`)
    .join(";");
  return { steps, key };
}

/** SECCOMP_RET_… with its data; EPERM when an errno is due and none is given (libseccomp's users agree on that). */
function returnOf(action: OciSeccompAction, errno: number | undefined): number {
  const takesData = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return (RETURNS[action] | (takesData ? (errno ?? EPERM_NUMBER) & 0xffff : 0)) >>> 0;
}

// --- numbers ---------------------------------------------------------------------------------------------------------

/** Covers all numbers from 0 on with ranges, neighbours with the same decision joined. */
function rangesOf(table: SyscallTable, decisions: ReturnType<typeof decideByName>): Range[] {
  const { named, fallback } = decisions;
  const byNumber = new Map<number, Decision>();
  for (const [name, number] of syscallNumbers(table)) byNumber.set(number, named.get(name) ?? fallback);
  if (table === "i386") guardMultiplexers(byNumber, decisions);

  const ranges: Range[] = [];
  const add = (from: number, next: Decision) => {
    if (ranges[ranges.length - 1]?.decision.key !== next.key) ranges.push({ from, decision: next });
  };
  const end = Math.max(...byNumber.keys()) + 1;
  for (let number = 0; number < end; number++) add(number, byNumber.get(number) ?? fallback);
  add(end, fallback);
  if (table === "x86_64") add(X32_BIT, decision([], ENOSYS));
  return ranges;
}

/**
 * A call that carries others may be let through only if each of them would be, on the same terms; else it answers
 * ENOSYS, upon which C libraries use the direct calls (Linux 4.3 has them for sockets, 5.1 for the rest).
 */
function guardMultiplexers(byNumber: Map<number, Decision>, decisions: ReturnType<typeof decideByName>): void {
  for (const [name, carried] of Object.entries(MULTIPLEXERS)) {
    const number = syscallNumbers("i386").get(name);
    const own = number === undefined ? undefined : byNumber.get(number);
    if (number === undefined || own === undefined) continue;
    const same = carried.split(" ").every((call) => (decisions.named.get(call) ?? decisions.fallback).key === own.key);
    const refusesAll = own.steps.every((step) => step.result < RETURNS.SCMP_ACT_TRACE || step.result === RET_KILL_PROCESS);
    if (!same && !refusesAll) byNumber.set(number, decision([], ENOSYS));
  }
}

// --- code ------------------------------------------------------------------------------------------------------------

/** A balanced tree over the starts of the ranges; the accumulator holds the number. */
function placeSearch(assembler: Assembler, ranges: Range[], wide: boolean): Target {
  const placed = new Map<string, Target>();
  const place = (list: Range[]): Target => {
    const middle = list.length >> 1;
    const pivot = list[middle];
    if (pivot === undefined || middle === 0) return placeDecision(assembler, list[0]?.decision, wide, placed);
    const right = place(list.slice(middle));
    const left = place(list.slice(0, middle));
    return assembler.branch(JGE, pivot.from, right, left);
  };
  return place(ranges);
}

/** Code that tries the steps in order; written once for all calls that share it. */
function placeDecision(assembler: Assembler, what: Decision | undefined, wide: boolean, placed: Map<string, Target>): Target {
  if (what === undefined) throw new TypeError("a search needs at least one range");
  const known = placed.get(what.key);
  if (known !== undefined) return known;
  let next: Target | undefined;
  for (const step of what.steps.toReversed()) {
    const result: Target = { result: step.result };
    if (next === undefined) {
      next = result;
      continue;
    }
    const otherwise: Target = next;
    next = step.conditions.reduceRight<Target>(
      (matched, condition) => placeCondition(assembler, condition, wide, matched, otherwise),
      result,
    );
  }
  const target = next ?? { result: ENOSYS };
  placed.set(what.key, target);
  return target;
}

/**
 * Compares 64 bits by their halves, the high one first. A call through the i386 door has arguments of 32 bits, but when 64-bit
 * code goes through it (int 0x80), seccomp is shown the whole registers while the call takes their low halves: the high ones
 * are whatever the caller likes there, so they count as 0.
 */
function placeCondition(assembler: Assembler, condition: OciSeccompArg, wide: boolean, yes: Target, no: Target): Target {
  const { index, op } = condition;
  const value = BigInt.asUintN(64, BigInt(condition.value));
  const equal = (mask: bigint, wanted: bigint, same: Target, other: Target) =>
    placeEqual(assembler, index, wide, mask, wanted, same, other);
  const greater = (test: number, above: Target, below: Target) => placeGreater(assembler, index, wide, test, value, above, below);
  switch (op) {
    case "SCMP_CMP_EQ":
      return equal(ALL_BITS, value, yes, no);
    case "SCMP_CMP_NE":
      return equal(ALL_BITS, value, no, yes);
    case "SCMP_CMP_MASKED_EQ":
      return equal(value, BigInt.asUintN(64, BigInt(condition.valueTwo ?? 0)), yes, no);
    case "SCMP_CMP_GT":
      return greater(JGT, yes, no);
    case "SCMP_CMP_GE":
      return greater(JGE, yes, no);
    case "SCMP_CMP_LT":
      return greater(JGE, no, yes);
    case "SCMP_CMP_LE":
      return greater(JGT, no, yes);
  }
}

const ALL_BITS = 0xffffffffffffffffn;
const high = (value: bigint) => Number(value >> 32n);
const low = (value: bigint) => Number(value & 0xffffffffn);

function placeEqual(
  assembler: Assembler,
  index: number,
  wide: boolean,
  mask: bigint,
  value: bigint,
  yes: Target,
  no: Target,
): Target {
  // A bit that is wanted but masked away, or beyond the argument, can never be there.
  if ((value & ~mask) !== 0n || (!wide && high(value) !== 0)) return no;
  const half = (offset: number, halfMask: number, halfValue: number, matched: Target): Target => {
    if (halfMask === 0) return matched;
    const compare = assembler.branch(JEQ, halfValue, matched, no);
    const masked = halfMask === 0xffffffff ? compare : assembler.statement(AND, halfMask, compare);
    return assembler.statement(LOAD, offset, masked);
  };
  const lowHalf = half(offsetLow(index), low(mask), low(value), yes);
  return wide ? half(offsetHigh(index), high(mask), high(value), lowHalf) : lowHalf;
}

function placeGreater(
  assembler: Assembler,
  index: number,
  wide: boolean,
  test: number,
  value: bigint,
  yes: Target,
  no: Target,
): Target {
  if (!wide && high(value) !== 0) return no;
  const lowHalf = assembler.statement(LOAD, offsetLow(index), assembler.branch(test, low(value), yes, no));
  if (!wide) return lowHalf;
  const equal = assembler.branch(JEQ, high(value), lowHalf, no);
  return assembler.statement(LOAD, offsetHigh(index), assembler.branch(JGT, high(value), yes, equal));
}
