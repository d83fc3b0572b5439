/** Where a dynamic loader looks, in its order. Rules: ld.so(8) of glibc, and musl's loader where it differs. */

import { text } from "./bytes";
import { type CacheEntry, parseLdCache } from "./ld-cache";
import type { ElfBinary, Libc } from "./parse";
import type { RootReader } from "./root-reader";
import { walk } from "./walk";

/** How a library was found (or looked for). `owner` is the object whose DT_RPATH or DT_RUNPATH it was. */
export type SearchRule =
  | { kind: "path" }
  | { kind: "interpreter" }
  /** The interpreter of a `#!` line, and the program that `#!/usr/bin/env NAME` names. */
  | { kind: "shebang" }
  | { kind: "env" }
  | { kind: "rpath" | "runpath"; owner: string; written: string }
  | { kind: "ld-library-path" }
  | { kind: "ld.so.cache" }
  | { kind: "default-directory" }
  /** Listed in ld.so.conf but not in ld.so.cache: ld.so finds it only after ldconfig has run. */
  | { kind: "ld.so.conf" }
  | { kind: "musl-path-file"; file: string }
  | { kind: "extra"; reason: string };

/** What the search needs to know about the root, read once. */
export interface LoaderFacts {
  libc: Libc;
  machine: string;
  bits: 32 | 64;
  cache: CacheEntry[] | undefined;
  defaultDirectories: string[];
  /** Directories of ld.so.conf, in order. */
  confDirectories: string[];
  muslPathFile: string | undefined;
  /** Expansions of $LIB, most likely first. */
  libNames: string[];
}

const MULTIARCH: Readonly<Record<string, string>> = {
  x86_64: "x86_64-linux-gnu",
  i386: "i386-linux-gnu",
  aarch64: "aarch64-linux-gnu",
  arm: "arm-linux-gnueabihf",
  ppc64le: "powerpc64le-linux-gnu",
  s390x: "s390x-linux-gnu",
  riscv64: "riscv64-linux-gnu",
  loongarch64: "loongarch64-linux-gnu",
  mips64el: "mips64el-linux-gnuabi64",
};

/** Reads what the loader of `program` would read from this root. */
export function loaderFacts(reader: RootReader, program: ElfBinary, libc: Libc): LoaderFacts {
  const triplet = MULTIARCH[program.machine];
  const facts: LoaderFacts = {
    libc,
    machine: program.machine,
    bits: program.bits,
    cache: undefined,
    defaultDirectories: [],
    confDirectories: [],
    muslPathFile: undefined,
    libNames: [...(triplet === undefined ? [] : [`lib/${triplet}`]), ...(program.bits === 64 ? ["lib64", "lib"] : ["lib"])],
  };
  if (libc === "musl") readMuslPath(reader, program, facts);
  else readGlibcPath(reader, triplet, facts);
  return facts;
}

function readGlibcPath(reader: RootReader, triplet: string | undefined, facts: LoaderFacts): void {
  const cache = readWhole(reader, "/etc/ld.so.cache", 32 << 20);
  if (cache !== undefined) facts.cache = parseLdCache(cache);
  // Compiled into ld.so and different by distribution (Debian multiarch, others lib64): the union, Debian's order first.
  const lib64 = facts.bits === 64 ? ["/lib64", "/usr/lib64"] : [];
  facts.defaultDirectories = [
    ...(triplet === undefined ? [] : [`/lib/${triplet}`, `/usr/lib/${triplet}`]),
    ...lib64,
    "/lib",
    "/usr/lib",
  ];
  facts.confDirectories = readConf(reader, "/etc/ld.so.conf", 0);
}

/** musl names the file after its loader: /lib/ld-musl-x86_64.so.1 reads /etc/ld-musl-x86_64.path. */
function readMuslPath(reader: RootReader, program: ElfBinary, facts: LoaderFacts): void {
  const loader = program.interpreter ?? "";
  const name = loader.slice(loader.lastIndexOf("/") + 1).replace(/\.so\.1$/, "");
  const file = `/etc/${name === "" ? `ld-musl-${program.machine}` : name}.path`;
  const content = readWhole(reader, file, 1 << 16);
  if (content === undefined) {
    facts.defaultDirectories = ["/lib", "/usr/local/lib", "/usr/lib"];
    return;
  }
  facts.muslPathFile = file;
  facts.defaultDirectories = text(content)
    .split(/[:\n]/)
    .filter((directory) => directory !== "");
}

function readConf(reader: RootReader, path: string, depth: number): string[] {
  const content = depth > 4 ? undefined : readWhole(reader, path, 1 << 16);
  if (content === undefined) return [];
  const directories: string[] = [];
  for (const written of text(content).split("\n")) {
    const line = written.replace(/#.*/, "").trim();
    const include = /^include\s+(.*)$/.exec(line);
    if (include !== null) {
      for (const pattern of (include[1] ?? "").split(/\s+/)) {
        for (const file of expandPattern(reader, pattern)) directories.push(...readConf(reader, file, depth + 1));
      }
    } else if (line.startsWith("/")) directories.push(line.replace(/[\s=].*$/, ""));
  }
  return [...new Set(directories)].slice(0, 200);
}

/** "*" in the last component only: all that distributions use. */
function expandPattern(reader: RootReader, pattern: string): string[] {
  const full = pattern.startsWith("/") ? pattern : `/etc/${pattern}`;
  const slash = full.lastIndexOf("/");
  const directory = full.slice(0, slash);
  const last = full.slice(slash + 1);
  if (!last.includes("*")) return [full];
  const found = walk(reader, directory);
  if (!found.ok) return [];
  const [before = "", after = ""] = last.split("*");
  const matches = (name: string): boolean =>
    name.length >= before.length + after.length && name.startsWith(before) && name.endsWith(after);
  return (reader.listDirectory?.(found.realPath) ?? []).filter(matches).map((name) => `${directory}/${name}`);
}

function readWhole(reader: RootReader, path: string, maxBytes: number): Uint8Array | undefined {
  const found = walk(reader, path);
  return found.ok && found.stat.sizeBytes <= maxBytes ? reader.readHead(found.realPath, found.stat.sizeBytes) : undefined;
}

/**
 * The directories one colon-separated DT_RPATH or DT_RUNPATH names, dynamic string tokens expanded; several when a token
 * has several possible values. An empty element is the working directory, as for ld.so.
 */
export function expandSearchPath(written: string, origin: string, facts: LoaderFacts, cwd: string): string[] {
  const directories: string[] = [];
  for (const element of written.split(":").slice(0, 256)) {
    for (const expanded of expandTokens(element === "" ? "." : element, origin, facts)) {
      directories.push(expanded.startsWith("/") ? expanded : `${cwd}/${expanded}`);
    }
  }
  return directories;
}

/** Expands $ORIGIN, $LIB and $PLATFORM, with or without braces. */
export function expandTokens(value: string, origin: string, facts: LoaderFacts): string[] {
  const replace = (lib: string): string =>
    value.replace(/\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/g, (...match) => {
      const token = (match[1] ?? match[2]) as string;
      return token === "ORIGIN" ? origin : token === "LIB" ? lib : facts.machine;
    });
  return [...new Set(facts.libNames.map(replace))];
}
