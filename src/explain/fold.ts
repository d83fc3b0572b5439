/** Which calls of a step are worth a line, and how the others are folded into one. */

import type { CallRecord } from "../plan/trace";
import { renderCallHead } from "./calls";

/** Calls that only find or close what another call needs: folded into one remark unless they are all there is. */
const HOUSEKEEPING = new Set(
  "open openat openat2 close read pread64 fstat newfstatat statx stat statfs fstatfs lseek readlinkat fcntl getpid getppid".split(
    " ",
  ),
);

/** Opening for writing is worth a line of its own: it names the file that the next write changes. */
export function isHousekeeping(call: CallRecord): boolean {
  const mode = call.args[2];
  if (call.syscall === "openat" && mode?.type === "int" && (mode.value & 3n) !== 0n) return false;
  return HOUSEKEEPING.has(call.syscall);
}

/** 9.8 µs, 412 µs, 12,345 µs. */
export function microseconds(ns: bigint): string {
  const us = Number(ns) / 1000;
  if (us < 9.95) return `${us.toFixed(1)} µs`;
  return `${Math.round(us)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",")} µs`;
}

/** Neighbouring calls that differ in one argument at most, such as 30 prctl(PR_CAPBSET_DROP). */
export function runsOf(calls: readonly CallRecord[]): CallRecord[][] {
  const out: CallRecord[][] = [];
  for (const call of calls) {
    const run = out.at(-1);
    const previous = run?.at(-1);
    if (run !== undefined && previous !== undefined && alike(previous, call)) run.push(call);
    else out.push([call]);
  }
  return out;
}

const FOLDED = new Set(["prctl", "rt_sigaction", "dup3", "write"]);

function alike(a: CallRecord, b: CallRecord): boolean {
  if (a.syscall !== b.syscall || a.args.length !== b.args.length || !FOLDED.has(a.syscall)) return false;
  if (a.errno !== undefined || b.errno !== undefined) return false;
  if (a.syscall === "dup3" || a.syscall === "rt_sigaction") return true;
  // The same operation, or the same file.
  return renderCallHead(a).split(",")[0] === renderCallHead(b).split(",")[0];
}

/** "openat2 ×2, close" */
export function tally(calls: readonly CallRecord[]): string {
  const counts = new Map<string, number>();
  for (const { syscall } of calls) counts.set(syscall, (counts.get(syscall) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${name} ×${count}`)).join(", ");
}

/** Cuts 64-digit ids to the twelve digits that people know them by, with strace's mark for what was left out. */
export function abbreviateIds(text: string): string {
  return text.replace(/(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])/g, "$1...");
}
