/** Files that are not ELF but get executed by mistake (or by `#!`): recognised by their first bytes. Pure. */

import { IntegerView, startsWith, text } from "./bytes";

export interface ScriptBinary {
  kind: "script";
  /** Exactly what the kernel will open, a trailing CR included. */
  interpreter: string;
  argument?: string;
  /** The line ends in CR LF, so the interpreter's name (or its argument) ends in CR. */
  carriageReturn: boolean;
}

export interface BrokenScript {
  kind: "broken-script";
  /** no-interpreter: "#!" and nothing. too-long: the kernel reads 256 bytes and the name does not end in them. */
  problem: "no-interpreter" | "too-long";
}

export type OtherBinary =
  | ScriptBinary
  | BrokenScript
  | { kind: "empty" }
  | { kind: "mach-o"; fat: boolean; /** "arm64", "x86_64" … */ cpus: string[] }
  | { kind: "pe"; machine: string }
  | { kind: "archive"; format: string }
  | { kind: "wasm" }
  | { kind: "java-class" }
  /** Text without "#!"; byteOrderMark: a UTF-8 mark stands before "#!" or the text. */
  | { kind: "text"; byteOrderMark: boolean; hiddenShebang: boolean }
  | { kind: "data" };

/** BINPRM_BUF_SIZE since Linux 5.1: what the kernel sees of a script. */
export const SHEBANG_BYTES = 256;

const ARCHIVES: readonly (readonly [string, readonly number[], number])[] = [
  ["zip", [0x50, 0x4b, 3, 4], 0],
  ["zip", [0x50, 0x4b, 5, 6], 0],
  ["gzip", [0x1f, 0x8b], 0],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 0],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd], 0],
  ["bzip2", [0x42, 0x5a, 0x68], 0],
  ["7z", [0x37, 0x7a, 0xbc, 0xaf], 0],
  ["rpm", [0xed, 0xab, 0xee, 0xdb], 0],
  ["tar", [0x75, 0x73, 0x74, 0x61, 0x72], 257],
];

/** Describes the first bytes (512 are enough) of a file that is not ELF. */
export function parseOther(head: Uint8Array, sizeBytes: number): OtherBinary {
  if (sizeBytes === 0 || head.length === 0) return { kind: "empty" };
  if (startsWith(head, [0x23, 0x21])) return parseShebang(head);
  const machO = parseMachO(head);
  if (machO !== undefined) return machO;
  if (startsWith(head, [0x4d, 0x5a])) return parsePe(head);
  if (startsWith(head, [0, 0x61, 0x73, 0x6d])) return { kind: "wasm" };
  if (text(head.subarray(0, 8)) === "!<arch>\n") {
    return { kind: "archive", format: text(head.subarray(8, 21)) === "debian-binary" ? "deb" : "ar" };
  }
  for (const [format, magic, offset] of ARCHIVES) {
    if (startsWith(head, magic, offset)) return { kind: "archive", format };
  }
  const mark = startsWith(head, [0xef, 0xbb, 0xbf]);
  if (!looksLikeText(head)) return { kind: "data" };
  return { kind: "text", byteOrderMark: mark, hiddenShebang: mark && startsWith(head, [0x23, 0x21], 3) };
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** The same steps as load_script() in the kernel's fs/binfmt_script.c, on a zero-filled 256-byte buffer. */
function parseShebang(head: Uint8Array): ScriptBinary | BrokenScript {
  const buffer = new Uint8Array(SHEBANG_BYTES);
  buffer.set(head.subarray(0, SHEBANG_BYTES));
  const nextNonBlank = (from: number, last: number): number | undefined => {
    for (let at = from; at <= last; at++) if (!isBlank(buffer[at])) return at;
    return undefined;
  };
  const nextEnd = (from: number, last: number): number | undefined => {
    for (let at = from; at <= last; at++) if (isBlank(buffer[at]) || buffer[at] === 0) return at;
    return undefined;
  };
  const last = SHEBANG_BYTES - 1;
  let end = buffer.indexOf(0x0a);
  if (end < 0) {
    const start = nextNonBlank(2, last);
    if (start === undefined) return { kind: "broken-script", problem: "no-interpreter" };
    if (nextEnd(start, last) === undefined) return { kind: "broken-script", problem: "too-long" };
    end = last;
  }
  while (isBlank(buffer[end - 1])) end--;
  const name = nextNonBlank(2, end);
  if (name === undefined || name >= end) return { kind: "broken-script", problem: "no-interpreter" };
  const separator = nextEnd(name, end);
  const nameEnd = separator === undefined || separator > end ? end : separator;
  const interpreter = text(buffer.subarray(name, nameEnd));
  // A buffer full of NULs after "#!": the name is empty, and the kernel opens "".
  if (interpreter === "") return { kind: "broken-script", problem: "no-interpreter" };
  let argument: string | undefined;
  if (separator !== undefined && separator < end && buffer[separator] !== 0) {
    const start = nextNonBlank(separator, end);
    if (start !== undefined && start < end) argument = cut(buffer, start, end);
  }
  const script: ScriptBinary = {
    kind: "script",
    interpreter,
    carriageReturn: (argument ?? interpreter).endsWith("\r"),
  };
  if (argument !== undefined && argument !== "") script.argument = argument;
  return script;
}

function cut(buffer: Uint8Array, start: number, end: number): string {
  const nul = buffer.indexOf(0, start);
  return text(buffer.subarray(start, nul >= 0 && nul < end ? nul : end));
}

const MACH_CPUS: Readonly<Record<number, string>> = {
  7: "i386",
  12: "arm",
  18: "ppc",
  0x01000007: "x86_64",
  0x0100000c: "arm64",
  0x01000012: "ppc64",
  0x0200000c: "arm64_32",
};

function parseMachO(head: Uint8Array): OtherBinary | undefined {
  const big = new IntegerView(head, false);
  const magic = big.u32(0);
  const cpuName = (cpu: number | undefined): string => MACH_CPUS[cpu ?? -1] ?? `cpu ${cpu ?? "unknown"}`;
  if (magic === 0xfeedface || magic === 0xfeedfacf) return { kind: "mach-o", fat: false, cpus: [cpuName(big.u32(4))] };
  if (magic === 0xcefaedfe || magic === 0xcffaedfe) {
    return { kind: "mach-o", fat: false, cpus: [cpuName(new IntegerView(head, true).u32(4))] };
  }
  if (magic !== 0xcafebabe && magic !== 0xcafebabf) return undefined;
  // Java class files have the same magic; there the next word is a version of at least 45, here a count of architectures.
  const count = big.u32(4) ?? 0;
  if (magic === 0xcafebabe && count >= 45) return { kind: "java-class" };
  const stride = magic === 0xcafebabf ? 32 : 20;
  const cpus: string[] = [];
  for (let index = 0; index < Math.min(count, 16); index++) {
    const cpu = big.u32(8 + index * stride);
    if (cpu !== undefined) cpus.push(cpuName(cpu));
  }
  return { kind: "mach-o", fat: true, cpus };
}

const PE_MACHINES: Readonly<Record<number, string>> = { 0x14c: "i386", 0x8664: "x86_64", 0xaa64: "arm64", 0x1c4: "arm" };

function parsePe(head: Uint8Array): OtherBinary {
  const view = new IntegerView(head, true);
  const header = view.u32(0x3c) ?? -1;
  if (header >= 0 && header + 6 <= head.length && startsWith(head, [0x50, 0x45, 0, 0], header)) {
    const machine = view.u16(header + 4) ?? 0;
    return { kind: "pe", machine: PE_MACHINES[machine] ?? `machine ${machine}` };
  }
  return { kind: "pe", machine: "unknown" };
}

function looksLikeText(head: Uint8Array): boolean {
  for (const byte of head) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x0c && byte !== 0x1b) return false;
  }
  return true;
}
