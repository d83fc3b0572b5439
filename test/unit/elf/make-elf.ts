/** Writes small ELF files with exactly the headers a test wants; they describe themselves, but do not run. */

export interface ElfSpec {
  bits?: 32 | 64;
  littleEndian?: boolean;
  /** e_machine, 62 is x86_64. */
  machine?: number;
  /** e_type: 2 ET_EXEC, 3 ET_DYN. */
  type?: number;
  interpreter?: string;
  needed?: string[];
  rpath?: string;
  runpath?: string;
  soname?: string;
  flags1?: number;
  /** PT_DYNAMIC even when nothing is in it. */
  dynamic?: boolean;
}

const BASE = 0x400000;

export function makeElf(spec: ElfSpec = {}): Buffer {
  const bits = spec.bits ?? 64;
  const little = spec.littleEndian ?? true;
  const wide = bits === 64;
  const strings: string[] = [""];
  const stringOffset = (value: string): number => {
    const at = strings.join("\0").length + 1;
    strings.push(value);
    return at;
  };
  const tags: [number, number][] = [];
  for (const name of spec.needed ?? []) tags.push([1, stringOffset(name)]);
  if (spec.soname !== undefined) tags.push([14, stringOffset(spec.soname)]);
  if (spec.rpath !== undefined) tags.push([15, stringOffset(spec.rpath)]);
  if (spec.runpath !== undefined) tags.push([29, stringOffset(spec.runpath)]);
  if (spec.flags1 !== undefined) tags.push([0x6ffffffb, spec.flags1]);
  const hasDynamic = tags.length > 0 || spec.dynamic === true;
  const table = Buffer.from(`${strings.join("\0")}\0`);
  const headerBytes = wide ? 64 : 52;
  const entryBytes = wide ? 56 : 32;
  const segments = 1 + (spec.interpreter === undefined ? 0 : 1) + (hasDynamic ? 1 : 0);
  const interpreter = Buffer.from(spec.interpreter === undefined ? "" : `${spec.interpreter}\0`);
  const interpreterAt = headerBytes + segments * entryBytes;
  const tableAt = interpreterAt + interpreter.length;
  const dynamicAt = (tableAt + table.length + 7) & ~7;
  const dynamicBytes = hasDynamic ? (tags.length + 3) * (wide ? 16 : 8) : 0;
  const file = Buffer.alloc(dynamicAt + dynamicBytes);
  const u16 = (at: number, value: number): unknown => (little ? file.writeUInt16LE(value, at) : file.writeUInt16BE(value, at));
  const u32 = (at: number, value: number): unknown => (little ? file.writeUInt32LE(value, at) : file.writeUInt32BE(value, at));
  const word = (at: number, value: number): unknown => {
    if (!wide) return u32(at, value);
    return little ? file.writeBigUInt64LE(BigInt(value), at) : file.writeBigUInt64BE(BigInt(value), at);
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1, 0]);
  u16(16, spec.type ?? 3);
  u16(18, spec.machine ?? 62);
  u32(20, 1);
  word(wide ? 32 : 28, headerBytes);
  u16(wide ? 54 : 42, entryBytes);
  u16(wide ? 56 : 44, segments);
  let at = headerBytes;
  const segment = (type: number, offset: number, size: number): void => {
    u32(at, type);
    word(at + (wide ? 8 : 4), offset);
    word(at + (wide ? 16 : 8), BASE + offset);
    word(at + (wide ? 32 : 16), size);
    at += entryBytes;
  };
  segment(1, 0, file.length);
  if (spec.interpreter !== undefined) segment(3, interpreterAt, interpreter.length);
  if (hasDynamic) segment(2, dynamicAt, dynamicBytes);
  interpreter.copy(file, interpreterAt);
  table.copy(file, tableAt);
  if (hasDynamic) {
    [...tags, [5, BASE + tableAt] as const, [10, table.length] as const].forEach(([tag, value], index) => {
      word(dynamicAt + index * (wide ? 16 : 8), tag);
      word(dynamicAt + index * (wide ? 16 : 8) + (wide ? 8 : 4), value);
    });
  }
  return file;
}
