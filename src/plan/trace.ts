/**
 * What really happened: one record per system call, made at the one place in each lane through which every call goes.
 * The child's interpreter and the parent's binding write the same shape, so the narrator has one source.
 */

import type { Lane } from "./steps";

export type CallArgument =
  | { type: "int"; value: bigint }
  /** Text that the kernel was given; `truncated` when longer than what was recorded. */
  | { type: "string"; value: string; truncated?: boolean }
  /** A buffer or struct as it was after the call: its length, and of its content the first 64 bytes. */
  | { type: "bytes"; length: number; data?: Uint8Array }
  | { type: "null" };

export interface CallRecord {
  stepId: string;
  lane: Lane;
  /** Man page name: "mount", "openat2", "pivot_root". */
  syscall: string;
  args: CallArgument[];
  /** Return value when it succeeded. */
  result: bigint;
  /** Symbolic errno when it failed: "ENOENT". */
  errno?: string;
  /** CLOCK_MONOTONIC, nanoseconds. */
  startNs: bigint;
  durationNs: bigint;
}

export type Trace = CallRecord[];
