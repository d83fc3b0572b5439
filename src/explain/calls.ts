/** A recorded system call as the line that strace would have printed for it. */

import type { CallRecord } from "../plan/trace";
import { ERRNO_TEXT } from "../base/errno-text";
import { FD_FLAGS, openFlags } from "./calls/flags";
import { flagSet, openMode, plain } from "./calls/format";
import type { FormatContext } from "./calls/format";
import { SHAPES } from "./calls/shapes";
import { SPECIAL } from "./calls/special";

export { quote } from "./calls/format";

export interface CallOptions {
  /** Bytes of a data string before it is cut with "..."; strace's default of 32 unless told otherwise. */
  stringLimit?: number;
  /** Architecture of the recording, in node's words; the one that we run on unless told otherwise. */
  arch?: string;
  /** Names of descriptors, printed as strace -y prints paths: `7<root>`. */
  fdNames?: ReadonlyMap<bigint, string>;
}

function contextOf(options: CallOptions): FormatContext {
  const { fdNames } = options;
  return {
    arch: options.arch ?? process.arch,
    stringLimit: options.stringLimit ?? 32,
    fdName: (fd) => fdNames?.get(fd),
  };
}

/** The call without its result: `mount("proc", "/proc", "proc", MS_NOSUID, NULL)`. */
export function renderCallHead(record: Pick<CallRecord, "syscall" | "args">, options: CallOptions = {}): string {
  const context = contextOf(options);
  const shape = SHAPES[record.syscall] ?? [];
  const args =
    SPECIAL[record.syscall]?.(record.args, context) ??
    record.args.map((argument, index) => (shape[index] ?? plain)(argument, context));
  return `${record.syscall}(${args.join(", ")})`;
}

/** The result alone: `0`, `022`, `-1 ENOENT (No such file or directory)`. */
export function renderResult(record: CallRecord, options: CallOptions = {}): string {
  if (record.errno !== undefined) {
    const text = ERRNO_TEXT[record.errno];
    return text === undefined ? `-1 ${record.errno}` : `-1 ${record.errno} (${text})`;
  }
  if (record.syscall === "umask") return record.result.toString(8).padStart(3, "0");
  if (record.syscall === "exit_group" || record.syscall === "exit") return "?";
  const command = record.args[1];
  if (record.syscall === "fcntl" && command?.type === "int") {
    const hex = `0x${record.result.toString(16)}`;
    if (command.value === 3n) return `${hex} (flags ${openMode(record.result, openFlags(options.arch ?? process.arch))})`;
    if (command.value === 1n && record.result !== 0n) return `${hex} (flags ${flagSet(record.result, FD_FLAGS)})`;
  }
  return record.result.toString();
}

/**
 * One line in strace's notation: `mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL) = 0`.
 * Never contains control characters: strings are quoted as strace(1) quotes them.
 */
export function renderCall(record: CallRecord, options: CallOptions = {}): string {
  return `${renderCallHead(record, options)} = ${renderResult(record, options)}`;
}
