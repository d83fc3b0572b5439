/** What glassbox-init says through the report pipe, as CallRecords; the format is native/core/record-format.h. */

import type { CallArgument, CallRecord } from "../plan/trace";
import type { Kernel } from "../binding";

const HEADER_BYTES = 40;
const ARGUMENT_BYTES = 16;
const RECORDED_BYTES = 64;
const RECORD_FAILURE = 2;
const RECORD_READY = 3;

export interface StartReport {
  records: CallRecord[];
  /** The call that ended the start. */
  failure: CallRecord | undefined;
}

/**
 * Reads records; blocks. "end": until the pipe ends (the payload was executed, or the child died) or a failure arrives. "ready": until the
 * child says that it waits at "start". `stepIdOf` turns a plan index into the step's id.
 */
export function readReport(kernel: Kernel, fd: number, stepIdOf: (index: number) => string, until: "ready" | "end"): StartReport {
  const records: CallRecord[] = [];
  let pending = Buffer.alloc(0);
  for (;;) {
    const chunk = kernel.readSome(fd, 65536);
    if (chunk.length === 0) return { records, failure: undefined };
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      if (pending.length < HEADER_BYTES) break;
      const size = pending.readUInt32LE(0);
      if (pending.length < size) break;
      const record = parseRecord(kernel, pending.subarray(0, size), stepIdOf);
      const type = pending.readUInt16LE(4);
      pending = pending.subarray(size);
      if (type === RECORD_FAILURE) return { records, failure: record };
      if (type !== RECORD_READY) records.push(record);
      else if (until === "ready") return { records, failure: undefined };
    }
  }
}

function parseRecord(kernel: Kernel, bytes: Buffer, stepIdOf: (index: number) => string): CallRecord {
  const result = bytes.readBigInt64LE(16);
  const args: CallArgument[] = [];
  let at = HEADER_BYTES;
  for (let i = bytes.readUInt32LE(12); i > 0; i--) {
    const type = bytes.readUInt16LE(at);
    const length = bytes.readUInt32LE(at + 4);
    const value = bytes.readBigInt64LE(at + 8);
    at += ARGUMENT_BYTES;
    if (type === 2) {
      const text = bytes.toString("utf8", at, at + length);
      args.push(
        bytes.readUInt16LE(at - ARGUMENT_BYTES + 2) === 1
          ? { type: "string", value: text, truncated: true }
          : { type: "string", value: text },
      );
      at += (length + 7) & ~7;
    } else if (type === 3) {
      const kept = Math.min(length, RECORDED_BYTES);
      args.push({ type: "bytes", length, data: new Uint8Array(bytes.subarray(at, at + kept)) });
      at += (kept + 7) & ~7;
    } else {
      args.push(type === 4 ? { type: "null" } : { type: "int", value });
    }
  }
  return {
    stepId: stepIdOf(bytes.readUInt16LE(6)),
    lane: "child",
    syscall: syscallName(bytes.readUInt32LE(8)),
    args,
    result,
    ...(result < 0n ? { errno: kernel.errnoName(Number(-result)) } : {}),
    startNs: bytes.readBigUInt64LE(24),
    durationNs: bytes.readBigUInt64LE(32),
  };
}

let names: Map<number, string> | undefined;

/** Name of a system call of this machine's architecture; only narration and failures need the table. */
function syscallName(number: number): string {
  if (names === undefined) {
    const { syscallNumbers } = require("../confine/seccomp/numbers") as typeof import("../confine/seccomp/numbers");
    names = new Map([...syscallNumbers(process.arch === "arm64" ? "aarch64" : "x86_64")].map(([name, n]) => [n, name]));
  }
  return names.get(number) ?? `syscall_${number}`;
}
