/** One argument of a system call as strace prints it: quoting, flag sets, modes, descriptors. */

import type { CallArgument } from "../../plan/trace";
import { ACCESS_MODE_NAMES, FILE_TYPES, SOCKET_TYPES } from "./names";
import type { NameTable } from "./names";
import { SOCKET_FLAGS, SPECIAL_MODE_BITS } from "./flags";
import type { FlagTable } from "./flags";

export interface FormatContext {
  /** node's process.arch words; open(2) flags differ between architectures. */
  arch: string;
  /** Bytes of a data string that are shown; paths are always whole, as in strace. */
  stringLimit: number;
  /** Extra name of a descriptor, printed behind its number: `7<root>`. */
  fdName: (fd: bigint) => string | undefined;
}

export type Formatter = (argument: CallArgument, context: FormatContext) => string;

const LETTERS: Readonly<Record<number, string>> = {
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

function quoteByte(byte: number, next: number | undefined): string {
  const letter = LETTERS[byte];
  if (letter !== undefined) return letter;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  // A following octal digit would be read as part of the number: only then all three digits are written.
  const digits = next !== undefined && next >= 0x30 && next <= 0x37 ? 3 : 1;
  return `\\${byte.toString(8).padStart(digits, "0")}`;
}

/**
 * Quotes text as strace does: C escapes, octal for everything that is not printable ASCII, cut after `limit` bytes.
 * Nothing in the result can steer a terminal.
 */
export function quote(text: string, limit = Number.POSITIVE_INFINITY, truncated = false): string {
  const bytes = Buffer.from(text, "utf8");
  const shown = bytes.length > limit ? bytes.subarray(0, limit) : bytes;
  let out = "";
  for (let i = 0; i < shown.length; i++) out += quoteByte(shown[i] ?? 0, shown[i + 1]);
  return `"${out}"${truncated || shown.length < bytes.length ? "..." : ""}`;
}

/** What can be said of an argument whose meaning is not known. */
export const plain: Formatter = (argument, context) => {
  switch (argument.type) {
    case "int":
      return argument.value.toString();
    case "string":
      return quote(argument.value, context.stringLimit, argument.truncated);
    case "bytes":
      return `{${argument.length} bytes}`;
    case "null":
      return "NULL";
  }
};

/** For integers; any other type falls back to the plain form, so that nothing recorded is hidden. */
function integer(format: (value: bigint, context: FormatContext) => string): Formatter {
  return (argument, context) => (argument.type === "int" ? format(argument.value, context) : plain(argument, context));
}

const unsigned = (value: bigint, bits = 64): bigint => BigInt.asUintN(bits, value);
/** Kernel interfaces take C ints: a recorder may hand over 4294967295 for -1. */
const int32 = (value: bigint): bigint => (value >= 0x80000000n && value <= 0xffffffffn ? BigInt.asIntN(32, value) : value);

/** A set of flags; bits without a name in hexadecimal, nothing set as `none`. */
export function flagSet(value: bigint, table: FlagTable, none = "0"): string {
  let rest = unsigned(value);
  const names: string[] = [];
  for (const [bits, name] of table) {
    if (bits !== 0n && (rest & bits) === bits) {
      names.push(name);
      rest &= ~bits;
    }
  }
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? none : names.join("|");
}

export const flags = (table: FlagTable): Formatter => integer((value) => flagSet(value, table));

export const flagsOf = (table: (context: FormatContext) => FlagTable): Formatter =>
  integer((value, context) => flagSet(value, table(context)));

export const named = (table: NameTable): Formatter => integer((value) => table[Number(value)] ?? value.toString());

/** Path: always whole. */
export const path: Formatter = (argument, context) =>
  argument.type === "string" ? quote(argument.value, Number.POSITIVE_INFINITY, argument.truncated) : plain(argument, context);

export const decimal = integer((value) => int32(value).toString());
export const unsignedDecimal = integer((value) => unsigned(value, value < 0n ? 32 : 64).toString());
export const hexadecimal = integer((value) => (value === 0n ? "0" : `0x${unsigned(value).toString(16)}`));

/** At least three digits after the leading zero for umask(2) and modes, as strace has them. */
export const octalText = (value: bigint): string => `0${value.toString(8)}`.padStart(3, "0");
export const octal = integer((value) => octalText(unsigned(value, 32)));

export const fd = integer((value, context) => {
  const number = int32(value);
  const name = context.fdName(number);
  return name === undefined ? number.toString() : `${number}<${name}>`;
});

const AT_FDCWD = -100n;
export const dirfd: Formatter = (argument, context) =>
  argument.type === "int" && int32(argument.value) === AT_FDCWD ? "AT_FDCWD" : fd(argument, context);

/** open(2)'s second argument: access mode, then flags. */
export function openMode(value: bigint, table: FlagTable): string {
  const access = ACCESS_MODE_NAMES[Number(value & 3n)] ?? "O_RDONLY";
  const rest = flagSet(value & ~3n, table, "");
  return rest === "" ? access : `${access}|${rest}`;
}

/** mknod(2)'s mode: file type, special bits, permissions. */
export const nodeMode = integer((value) => {
  const number = Number(value);
  const type = FILE_TYPES[number & 0o170000];
  const special = flagSet(value & 0o7000n, SPECIAL_MODE_BITS, "");
  const permissions = octalText(value & 0o777n);
  return [type, special, permissions].filter(Boolean).join("|");
});

/** A device number as the kernel's new_encode_dev packs it: 12 bits major, 20 bits minor. */
export const device = integer((value) => {
  const major = (value >> 8n) & 0xfffn;
  const minor = (value & 0xffn) | ((value >> 12n) & 0xfff00n);
  const hex = (part: bigint): string => (part === 0n ? "0" : `0x${part.toString(16)}`);
  return `makedev(${hex(major)}, ${hex(minor)})`;
});

/** Number as a power-of-two product where that is how people think of it: 64*1024. */
export function sizeText(value: bigint): string {
  return value > 1024n && value % 1024n === 0n ? `${value / 1024n}*1024` : value.toString();
}

/** socket(2)'s type: the kind, then its flags. */
export const socketType = integer((value) => {
  const kind = SOCKET_TYPES[Number(value & 0xfn)] ?? (value & 0xfn).toString();
  const rest = flagSet(value & ~0xfn, SOCKET_FLAGS, "");
  return rest === "" ? kind : `${kind}|${rest}`;
});
