/**
 * ld.so.cache, the index that ldconfig(8) writes: format "glibc-ld.so.cache1.1", alone or behind the older
 * "ld.so-1.7.0" table. Pure. Source: the layout structures in glibc's dl-cache.h.
 */

import { cString, IntegerView, text } from "./bytes";

export interface CacheEntry {
  /** "libc.so.6" */
  name: string;
  /** "/lib/x86_64-linux-gnu/libc.so.6" */
  path: string;
  /** FLAG_… bits: kind of library and machine. */
  flags: number;
  /** A variant for some processors only (glibc-hwcaps); the portable one has none. */
  hwcap: boolean;
}

const NEW_MAGIC = "glibc-ld.so.cache1.1";
const OLD_MAGIC = "ld.so-1.7.0";
const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;
const MAX_ENTRIES = 200_000;

/** Flags that ldconfig gives the libraries of a machine; a 32-bit library has another value, so classes never mix. */
const MACHINE_FLAGS: Readonly<Record<string, number>> = {
  x86_64: 0x0303,
  i386: 0x0003,
  aarch64: 0x0a03,
  arm: 0x0903,
  ppc64: 0x0503,
  ppc64le: 0x0503,
  s390x: 0x0403,
  riscv64: 0x1003,
  loongarch64: 0x1103,
};

/** The flags word of libraries for `machine` (uname -m spelling), when it is known. */
export function cacheFlagsOf(machine: string): number | undefined {
  return MACHINE_FLAGS[machine];
}

/** Entries in file order (the order ld.so tries them), or undefined when the bytes are no such cache. */
export function parseLdCache(bytes: Uint8Array): CacheEntry[] | undefined {
  const start = newFormatStart(bytes);
  if (start === undefined) return undefined;
  const cache = bytes.subarray(start);
  // Bits 0-1 of the flags byte: 2 little-endian, 3 big-endian, 0 written before the field existed (then the machine's own).
  const view = new IntegerView(cache, ((cache[28] ?? 0) & 3) !== 3);
  const count = view.u32(20) ?? 0;
  if (count > MAX_ENTRIES) return undefined;
  const entries: CacheEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const flags = view.u32(at);
    const name = cString(cache, view.u32(at + 4) ?? -1);
    const path = cString(cache, view.u32(at + 8) ?? -1);
    if (flags === undefined || name === undefined || path === undefined) break;
    const hwcap = view.u32(at + 16) !== 0 || view.u32(at + 20) !== 0;
    entries.push({ name, path, flags, hwcap });
  }
  return entries;
}

function newFormatStart(bytes: Uint8Array): number | undefined {
  const hasMagic = (at: number): boolean => text(bytes.subarray(at, at + NEW_MAGIC.length)) === NEW_MAGIC;
  if (hasMagic(0)) return 0;
  if (text(bytes.subarray(0, OLD_MAGIC.length)) !== OLD_MAGIC) return undefined;
  // Old header: 12 bytes of magic, the count, then 12 bytes per entry; the new table follows, aligned to 8.
  const count = new IntegerView(bytes, true).u32(12) ?? MAX_ENTRIES + 1;
  if (count > MAX_ENTRIES) return undefined;
  const end = (16 + count * 12 + 7) & ~7;
  return hasMagic(end) ? end : undefined;
}

/** Writes a cache with these entries, little-endian, as ld.so of glibc 2.2 and later reads it. */
export function encodeLdCache(entries: readonly { name: string; path: string; flags: number }[]): Uint8Array {
  // ld.so searches by halves in descending order of a comparison that takes digits as numbers.
  const sorted = entries.toSorted((left, right) => -compareLibraryNames(left.name, right.name));
  const strings: string[] = [];
  let stringsAt = HEADER_BYTES + sorted.length * ENTRY_BYTES;
  const place = (value: string): number => {
    const at = stringsAt;
    strings.push(value);
    stringsAt += Buffer.byteLength(value) + 1;
    return at;
  };
  const table = Buffer.alloc(HEADER_BYTES + sorted.length * ENTRY_BYTES);
  table.write(NEW_MAGIC, 0, "latin1");
  table.writeUInt32LE(sorted.length, 20);
  table[28] = 2;
  sorted.forEach((entry, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    table.writeUInt32LE(entry.flags, at);
    table.writeUInt32LE(place(entry.name), at + 4);
    table.writeUInt32LE(place(entry.path), at + 8);
  });
  table.writeUInt32LE(stringsAt - table.length, 24);
  return Buffer.concat([table, Buffer.from(strings.map((value) => `${value}\0`).join(""))]);
}

/** ld.so's order of names: digit runs compare as numbers and sort after other characters. */
export function compareLibraryNames(left: string, right: string): number {
  let l = 0;
  let r = 0;
  const isDigit = (code: number): boolean => code >= 48 && code <= 57;
  while (l < left.length) {
    const a = left.charCodeAt(l);
    const b = r < right.length ? right.charCodeAt(r) : 0;
    if (isDigit(a) && isDigit(b)) {
      const leftRun = /^\d+/.exec(left.slice(l))?.[0] ?? "";
      const rightRun = /^\d+/.exec(right.slice(r))?.[0] ?? "";
      const difference = Number(leftRun) - Number(rightRun);
      if (difference !== 0) return difference;
      l += leftRun.length;
      r += rightRun.length;
    } else if (isDigit(a)) return 1;
    else if (isDigit(b)) return -1;
    else if (a !== b) return a - b;
    else {
      l++;
      r++;
    }
  }
  return r < right.length ? -right.charCodeAt(r) : 0;
}
