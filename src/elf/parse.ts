/**
 * What is this file, as far as execve(2) and ld.so(8) care? Pure; hostile bytes give a description that says what is broken,
 * never an exception. Layouts: elf(5), System V gABI "Program Header" and "Dynamic Section".
 */

import { type ByteSource, cString, IntegerView, sourceOfBytes } from "./bytes";
import { type OtherBinary, parseOther } from "./formats";

export type ElfLinkage =
  /** ET_EXEC without interpreter. */
  | "static"
  /** ET_DYN without interpreter that says it is a program (DF_1_PIE) or needs nothing. */
  | "static-pie"
  /** Asks the kernel for an interpreter. */
  | "dynamic"
  /** A library. */
  | "shared"
  | "relocatable"
  | "core"
  | "unknown";

export interface ElfBinary {
  kind: "elf";
  bits: 32 | 64;
  endian: "little" | "big";
  /** uname -m spelling where there is one: "x86_64", "aarch64"; otherwise "machine 1234". */
  machine: string;
  /** e_ident[EI_OSABI]; 0 is System V, 3 is Linux. */
  osAbi: number;
  linkage: ElfLinkage;
  /** PT_INTERP. */
  interpreter?: string;
  needed: string[];
  /** DT_RPATH and DT_RUNPATH as written, colon-separated. */
  rpath?: string;
  runpath?: string;
  soname?: string;
  flags1: number;
  /** Has PT_DYNAMIC. */
  dynamicSection: boolean;
  /** What is wrong with the headers; everything above is then what could be read. */
  damage?: ElfDamage;
}

export type ElfDamage = "header" | "program-headers" | "interpreter" | "dynamic" | "strings";

export type BinaryDescription = ElfBinary | OtherBinary;

/** DT_FLAGS_1: do not look in the default directories. */
export const DF_1_NODEFLIB = 0x800;
const DF_1_PIE = 0x08000000;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;

/** The kernel refuses a longer table (ELF_MIN_ALIGN in load_elf_phdrs, at most 64 KiB); so do we. */
const MAX_PROGRAM_HEADER_BYTES = 65536;
/** PATH_MAX: what the kernel accepts as PT_INTERP. */
const MAX_PATH_BYTES = 4096;
const MAX_DYNAMIC_BYTES = 1 << 20;
const MAX_STRINGS_BYTES = 16 << 20;
const MAX_NEEDED = 1024;
const MAX_SEARCH_PATH_BYTES = 65536;

const MACHINES: Readonly<Record<number, string>> = {
  2: "sparc",
  3: "i386",
  4: "m68k",
  8: "mips",
  15: "parisc",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  42: "sh4",
  43: "sparc64",
  50: "ia64",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
  247: "bpf",
  258: "loongarch",
};

/** The description of a whole file in memory, or of its first bytes. */
export function describeBinary(bytes: Uint8Array): BinaryDescription {
  return describeSource(sourceOfBytes(bytes));
}

/** The description of a file that is read piece by piece; asks only for headers and the dynamic section. */
export function describeSource(source: ByteSource): BinaryDescription {
  const head = source.read(0, 512);
  if (head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46) return parseElf(source, head);
  return parseOther(head, source.sizeBytes);
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  fileBytes: number;
}

function parseElf(source: ByteSource, head: Uint8Array): ElfBinary {
  const bits = head[4] === 1 ? 32 : 64;
  const little = head[5] !== 2;
  const view = new IntegerView(head, little);
  const type = view.u16(16);
  const elf: ElfBinary = {
    kind: "elf",
    bits,
    endian: little ? "little" : "big",
    machine: machineName(view.u16(18), bits, little),
    osAbi: head[7] ?? 0,
    linkage: "unknown",
    needed: [],
    flags1: 0,
    dynamicSection: false,
  };
  const headerBytes = bits === 64 ? 64 : 52;
  if ((head[4] !== 1 && head[4] !== 2) || (head[5] !== 1 && head[5] !== 2) || head.length < headerBytes) {
    elf.damage = "header";
    return elf;
  }
  if (type === 1 || type === 4) {
    elf.linkage = type === 1 ? "relocatable" : "core";
    return elf;
  }
  const segments = readSegments(source, view, bits, little);
  if (segments === undefined) {
    elf.damage = "program-headers";
    return elf;
  }
  readInterpreter(source, segments, elf);
  readDynamic(source, segments, elf, little);
  elf.linkage = linkageOf(type, elf);
  return elf;
}

function machineName(machine: number | undefined, bits: number, little: boolean): string {
  const name = MACHINES[machine ?? 0];
  if (name === undefined) return `machine ${machine ?? "unknown"}`;
  if (name === "riscv" || name === "loongarch") return `${name}${bits}`;
  if (name === "mips") return `mips${bits === 64 ? "64" : ""}${little ? "el" : ""}`;
  if (name === "ppc64" && little) return "ppc64le";
  if (name === "s390x" && bits === 32) return "s390";
  if (name === "aarch64" && !little) return "aarch64_be";
  return name;
}

function readSegments(source: ByteSource, view: IntegerView, bits: 32 | 64, little: boolean): Segment[] | undefined {
  const wide = bits === 64;
  const tableOffset = wide ? view.u64(32) : view.u32(28);
  const entryBytes = view.u16(wide ? 54 : 42);
  const count = view.u16(wide ? 56 : 44);
  if (tableOffset === undefined || entryBytes === undefined || count === undefined) return undefined;
  const expected = wide ? 56 : 32;
  const tableBytes = count * expected;
  if (count === 0 || entryBytes !== expected || tableBytes > MAX_PROGRAM_HEADER_BYTES) return undefined;
  const table = source.read(tableOffset, tableBytes);
  if (table.length < tableBytes) return undefined;
  const entries = new IntegerView(table, little);
  const segments: Segment[] = [];
  for (let at = 0; at < tableBytes; at += expected) {
    const type = entries.u32(at) ?? 0;
    if (type !== PT_LOAD && type !== PT_DYNAMIC && type !== PT_INTERP) continue;
    const offset = wide ? entries.u64(at + 8) : entries.u32(at + 4);
    const address = wide ? entries.u64(at + 16) : entries.u32(at + 8);
    const fileBytes = wide ? entries.u64(at + 32) : entries.u32(at + 16);
    if (offset === undefined || address === undefined || fileBytes === undefined) return undefined;
    segments.push({ type, offset, address, fileBytes });
  }
  return segments;
}

function readInterpreter(source: ByteSource, segments: Segment[], elf: ElfBinary): void {
  const segment = segments.find((candidate) => candidate.type === PT_INTERP);
  if (segment === undefined) return;
  const bytes = segment.fileBytes <= MAX_PATH_BYTES ? source.read(segment.offset, segment.fileBytes) : new Uint8Array();
  // The kernel wants at least one character and the terminating NUL inside the segment.
  if (bytes.length < 2 || bytes.length < segment.fileBytes || bytes[bytes.length - 1] !== 0) {
    elf.damage = "interpreter";
    return;
  }
  elf.interpreter = cString(bytes, 0) ?? "";
}

interface DynamicTags {
  strings: number | undefined;
  stringsBytes: number | undefined;
  needed: number[];
  soname: number | undefined;
  rpath: number | undefined;
  runpath: number | undefined;
}

function readDynamic(source: ByteSource, segments: Segment[], elf: ElfBinary, little: boolean): void {
  const segment = segments.find((candidate) => candidate.type === PT_DYNAMIC);
  if (segment === undefined) return;
  elf.dynamicSection = true;
  if (segment.fileBytes === 0) return;
  const bytes = source.read(segment.offset, Math.min(segment.fileBytes, MAX_DYNAMIC_BYTES));
  if (bytes.length === 0) {
    elf.damage = "dynamic";
    return;
  }
  const tags = collectTags(new IntegerView(bytes, little), bytes.length, elf);
  if (tags.needed.length === 0 && tags.soname === undefined && tags.rpath === undefined && tags.runpath === undefined) {
    return;
  }
  const table = stringTable(source, segments, tags);
  const read = (offset: number | undefined, maxBytes?: number): string | undefined => {
    if (offset === undefined) return undefined;
    const value = cString(table, offset, maxBytes);
    if (value === undefined) elf.damage = "strings";
    return value;
  };
  const soname = read(tags.soname);
  const rpath = read(tags.rpath, MAX_SEARCH_PATH_BYTES);
  const runpath = read(tags.runpath, MAX_SEARCH_PATH_BYTES);
  if (soname !== undefined) elf.soname = soname;
  if (rpath !== undefined) elf.rpath = rpath;
  if (runpath !== undefined) elf.runpath = runpath;
  for (const offset of tags.needed) {
    const name = read(offset);
    if (name !== undefined && name !== "") elf.needed.push(name);
  }
}

function collectTags(view: IntegerView, length: number, elf: ElfBinary): DynamicTags {
  const wide = elf.bits === 64;
  const tags: DynamicTags = {
    strings: undefined,
    stringsBytes: undefined,
    needed: [],
    soname: undefined,
    rpath: undefined,
    runpath: undefined,
  };
  for (let at = 0; at + (wide ? 16 : 8) <= length; at += wide ? 16 : 8) {
    const tag = wide ? view.u64(at) : view.u32(at);
    const value = wide ? view.u64(at + 8) : view.u32(at + 4);
    if (tag === 0) break;
    if (value === undefined) continue;
    if (tag === 1 && tags.needed.length < MAX_NEEDED) tags.needed.push(value);
    else if (tag === 5) tags.strings = value;
    else if (tag === 10) tags.stringsBytes = value;
    else if (tag === 14) tags.soname = value;
    else if (tag === 15) tags.rpath = value;
    else if (tag === 29) tags.runpath = value;
    else if (tag === 0x6ffffffb) elf.flags1 = value;
  }
  return tags;
}

/** DT_STRTAB is an address; PT_LOAD says where in the file that is. */
function stringTable(source: ByteSource, segments: Segment[], tags: DynamicTags): Uint8Array {
  const address = tags.strings;
  if (address === undefined) return new Uint8Array();
  const load = segments.find(
    (candidate) =>
      candidate.type === PT_LOAD && address >= candidate.address && address < candidate.address + candidate.fileBytes,
  );
  if (load === undefined) return new Uint8Array();
  const delta = address - load.address;
  const length = Math.min(tags.stringsBytes ?? MAX_STRINGS_BYTES, load.fileBytes - delta, MAX_STRINGS_BYTES);
  return source.read(load.offset + delta, length);
}

function linkageOf(type: number | undefined, elf: ElfBinary): ElfLinkage {
  // libc.so.6 has an interpreter too (it can be run), but its name says that it is a library.
  if (type === 3 && elf.soname !== undefined && (elf.flags1 & DF_1_PIE) === 0) return "shared";
  if (elf.interpreter !== undefined) return "dynamic";
  if (type === 2) return "static";
  if (type !== 3) return "unknown";
  return (elf.flags1 & DF_1_PIE) !== 0 || !elf.dynamicSection ? "static-pie" : "shared";
}

export type Libc = "glibc" | "musl" | "uclibc" | "bionic" | "unknown";

/** Which C library's loader a PT_INTERP path names, by the names these projects have given it. */
export function libcOfInterpreter(path: string): Libc {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name.startsWith("ld-musl")) return "musl";
  if (name.includes("uClibc")) return "uclibc";
  if (name === "linker" || name === "linker64") return "bionic";
  if (/^ld(-linux.*|64)?\.so\.\d+$/.test(name) || name.startsWith("ld-2.")) return "glibc";
  return "unknown";
}

/** uname -m spelling for node's process.arch ("x64" → "x86_64"). */
export function machineOfArch(arch: string): string {
  const names: Record<string, string> = {
    x64: "x86_64",
    arm64: "aarch64",
    ia32: "i386",
    ppc64: "ppc64le",
    mipsel: "mipsel",
    loong64: "loongarch64",
  };
  return names[arch] ?? arch;
}

/** Docker's platform word for a machine ("x86_64" → "amd64"). */
export function platformOfMachine(machine: string): string {
  const names: Record<string, string> = { x86_64: "amd64", aarch64: "arm64", i386: "386", loongarch64: "loong64" };
  return names[machine] ?? machine;
}
