/**
 * The files a program needs before its first instruction: its interpreter and every library that ld.so (or musl's loader)
 * would map, found by the loader's own rules and without running anything. The portable variant is taken where
 * glibc-hwcaps offers others, because the result has to start on other processors too.
 */

import { GlassboxError } from "../base/errors";
import type { Closure, ClosureFile, ClosureOptions, ClosureProgram, LookedAt, MissingFile } from "./closure-model";
import { type CacheEntry, cacheFlagsOf } from "./ld-cache";
import { type BinaryDescription, describeSource, DF_1_NODEFLIB, type ElfBinary, type Libc, libcOfInterpreter } from "./parse";
import { byteSourceOf, isType, type RootReader, S_IFREG } from "./root-reader";
import { expandSearchPath, expandTokens, type LoaderFacts, loaderFacts, type SearchRule } from "./search-path";
import { type LinkStep, walk } from "./walk";

export type * from "./closure-model";

/** One object that the loader has mapped for a program. */
interface LoadedObject {
  path: string;
  realPath: string;
  elf: ElfBinary;
  parent: LoadedObject | undefined;
  /** What $ORIGIN means in it. */
  origin: string;
}

/** The objects of one program in ld.so's order, and the names that count as loaded. */
class LoadedObjects {
  readonly list: LoadedObject[] = [];
  readonly #byName = new Map<string, LoadedObject>();
  readonly #byRealPath = new Map<string, LoadedObject>();

  add(object: LoadedObject, names: (string | undefined)[]): void {
    this.list.push(object);
    this.#byRealPath.set(object.realPath, object);
    for (const name of names) if (name !== undefined) this.alias(name, object);
  }

  alias(name: string, object: LoadedObject): void {
    if (!this.#byName.has(name)) this.#byName.set(name, object);
  }

  named(name: string): LoadedObject | undefined {
    return this.#byName.get(name);
  }

  at(realPath: string): LoadedObject | undefined {
    return this.#byRealPath.get(realPath);
  }
}

const MAX_OBJECTS = 2000;
/** Paths tried for one closure; a real one needs some hundreds, an image made to waste our time could ask for billions. */
const MAX_LOOKUPS = 200_000;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The closure of some programs of one root. What cannot be found stands in `missing`; throws GlassboxError
 * `elf-not-found` or `elf-not-a-program` only when a named file itself is no program.
 */
export function closureOf(reader: RootReader, programs: readonly string[], options: ClosureOptions = {}): Closure {
  const builder = new ClosureBuilder(reader, options);
  for (const program of programs) builder.addProgram(program, [], { kind: "path" });
  if (options.extras !== undefined && options.extras.length > 0) {
    const { addExtras } = require("./extras") as typeof import("./extras");
    addExtras(builder, reader, options.extras);
  }
  return builder.result;
}

/** Collects files of several programs, each once. */
export class ClosureBuilder {
  readonly result: Closure = { programs: [], files: [], missing: [] };
  readonly #reader: RootReader;
  readonly #options: ClosureOptions;
  #lookups = MAX_LOOKUPS;
  readonly #byPath = new Map<string, ClosureFile>();
  readonly #cacheByName = new WeakMap<CacheEntry[], Map<string, CacheEntry[]>>();
  /** Main object and facts of the last dynamic program: extras are looked for as it would with dlopen(3). */
  #last: { objects: LoadedObjects; facts: LoaderFacts } | undefined;

  constructor(reader: RootReader, options: ClosureOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  addProgram(path: string, neededBy: string[], rule: SearchRule, depth = 0): void {
    const found = walk(this.#reader, path);
    if (!found.ok) {
      throw new GlassboxError({
        code: "elf-not-found",
        what: `${path}: ${found.errno === "ENOENT" ? "no such file or directory" : found.errno}`,
        ...(neededBy[0] === undefined
          ? {}
          : { why: { en: `${neededBy[0]} names it in its first line`, zh: `${neededBy[0]} 的第一行写的是它` } }),
        exitCode: 1,
      });
    }
    if (!isType(found.stat, S_IFREG)) {
      throw new GlassboxError({ code: "elf-not-a-program", what: `${path}: not a regular file`, exitCode: 1 });
    }
    const description = describeSource(byteSourceOf(this.#reader, found.realPath, found.stat.sizeBytes));
    this.#addFile({ role: "program", name: path, path, neededBy, rule }, found, description);
    const program: ClosureProgram = { path, realPath: found.realPath, description, libc: undefined };
    if (this.result.programs.some((other) => other.path === path)) return;
    this.result.programs.push(program);
    if (description.kind === "script") this.#addScript(path, description, depth);
    else if (description.kind === "elf") program.libc = this.#addElf(path, found.realPath, description);
    else {
      throw new GlassboxError({
        code: "elf-not-a-program",
        what: `${path}: not a program for linux`,
        why: { en: `its first bytes say ${description.kind}`, zh: `开头的字节表明它是 ${description.kind}` },
        exitCode: 1,
      });
    }
  }

  /** Adds a library that something opens at run time, found as the last program would find it; false when it is not there. */
  addOpened(name: string, reason: string): boolean {
    const last = this.#last;
    const main = last?.objects.list[0];
    if (last === undefined || main === undefined) return false;
    const missingBefore = this.result.missing.length;
    this.#load(name, main, last.objects, last.facts, { kind: "extra", reason });
    const found = this.result.missing.length === missingBefore;
    this.result.missing.length = missingBefore;
    this.#loadAll(last.objects, last.facts);
    return found;
  }

  /** Adds a plain file when it exists. */
  addPlain(path: string, reason: string): boolean {
    const found = walk(this.#reader, path);
    if (!found.ok || !isType(found.stat, S_IFREG)) return false;
    this.#addFile({ role: "extra", name: path, path, neededBy: [], rule: { kind: "extra", reason } }, found, undefined);
    return true;
  }

  #addScript(path: string, script: { interpreter: string; argument?: string }, depth: number): void {
    if (depth >= 5) return;
    this.addProgram(script.interpreter, [path], { kind: "shebang" }, depth + 1);
    if (!/(^|\/)env$/.test(script.interpreter) || script.argument === undefined) return;
    const words = script.argument.split(/[ \t]+/).filter((word) => !word.startsWith("-") && !word.includes("="));
    const name = words[0];
    if (name === undefined || name.includes("/")) return;
    for (const directory of (this.#options.path ?? DEFAULT_PATH).split(":")) {
      const candidate = `${directory}/${name}`;
      const found = walk(this.#reader, candidate);
      if (found.ok && isType(found.stat, S_IFREG)) return this.addProgram(candidate, [path], { kind: "env" }, depth + 1);
    }
  }

  #addElf(path: string, realPath: string, elf: ElfBinary): Libc | undefined {
    if (elf.linkage === "static" || elf.linkage === "static-pie") return undefined;
    const libc = libcOf(elf);
    const facts = loaderFacts(this.#reader, elf, libc);
    // $ORIGIN of the program comes from /proc/self/exe, which is the resolved path.
    const main: LoadedObject = { path, realPath, elf, parent: undefined, origin: directoryOf(realPath) };
    const objects = new LoadedObjects();
    objects.add(main, []);
    if (elf.interpreter !== undefined) this.#addInterpreter(elf.interpreter, main, objects);
    this.#last = { objects, facts };
    this.#loadAll(objects, facts);
    return libc;
  }

  #addInterpreter(path: string, main: LoadedObject, objects: LoadedObjects): void {
    const found = walk(this.#reader, path);
    if (!found.ok || !isType(found.stat, S_IFREG)) {
      const looked: LookedAt[] = [{ path, rule: { kind: "interpreter" }, problem: found.ok ? "not-a-file" : "absent" }];
      this.#addMissing({ role: "interpreter", name: path, neededBy: [main.path], looked });
      return;
    }
    const description = describeSource(byteSourceOf(this.#reader, found.realPath, found.stat.sizeBytes));
    this.#addFile(
      { role: "interpreter", name: path, path, neededBy: [main.path], rule: { kind: "interpreter" } },
      found,
      description,
    );
    if (description.kind !== "elf") return;
    const loader = { path, realPath: found.realPath, elf: description, parent: main, origin: directoryOf(path) };
    objects.add(loader, [path, description.soname]);
  }

  /** Breadth first: the order ld.so loads in, which decides who "made it be loaded". */
  #loadAll(objects: LoadedObjects, facts: LoaderFacts): void {
    for (let index = 0; index < objects.list.length && objects.list.length < MAX_OBJECTS; index++) {
      const object = objects.list[index] as LoadedObject;
      for (const name of object.elf.needed) this.#load(name, object, objects, facts);
    }
  }

  #load(name: string, needer: LoadedObject, objects: LoadedObjects, facts: LoaderFacts, as?: SearchRule): void {
    const loaded = objects.named(name) ?? muslItself(name, objects, facts);
    if (loaded !== undefined) {
      this.#alsoNeededBy(loaded.path, needer.path);
      return;
    }
    const looked: LookedAt[] = [];
    for (const [path, rule] of this.#candidates(name, needer, facts)) {
      if (this.#lookups-- <= 0) break;
      const found = walk(this.#reader, path);
      if (!found.ok || !isType(found.stat, S_IFREG)) {
        looked.push({ path, rule, problem: found.ok ? "not-a-file" : "absent" });
        continue;
      }
      const same = objects.at(found.realPath);
      if (same !== undefined) {
        objects.alias(name, same);
        this.#addFile({ role: "library", name, path, neededBy: [needer.path], rule: as ?? rule }, found, same.elf);
        return;
      }
      const elf = describeSource(byteSourceOf(this.#reader, found.realPath, found.stat.sizeBytes));
      if (elf.kind !== "elf") {
        // ld.so gives up here ("invalid ELF header"); it skips only objects of another class or machine.
        looked.push({ path, rule, problem: "not-elf" });
        break;
      }
      if (elf.bits !== facts.bits || elf.machine !== facts.machine) {
        looked.push({ path, rule, problem: "wrong-machine", machine: elf.machine });
        continue;
      }
      const object = { path, realPath: found.realPath, elf, parent: needer, origin: directoryOf(path) };
      objects.add(object, [name, elf.soname]);
      this.#addFile({ role: "library", name, path, neededBy: [needer.path], rule: as ?? rule }, found, elf);
      return;
    }
    this.#addMissing({ role: "library", name, neededBy: [needer.path], looked });
  }

  *#candidates(name: string, needer: LoadedObject, facts: LoaderFacts): Generator<[string, SearchRule]> {
    const cwd = this.#options.cwd ?? "";
    if (name.includes("/")) {
      for (const path of expandTokens(name, needer.origin, facts)) {
        yield [path.startsWith("/") ? path : `${cwd}/${path}`, { kind: "path" }];
      }
      return;
    }
    const inside = (directory: string): string => `${directory.replace(/\/+$/, "")}/${name}`;
    for (const [directory, rule] of this.#embeddedPaths(needer, facts, cwd)) yield [inside(directory), rule];
    if (facts.libc === "musl") {
      const file = facts.muslPathFile;
      const rule: SearchRule = file === undefined ? { kind: "default-directory" } : { kind: "musl-path-file", file };
      for (const directory of facts.defaultDirectories) yield [inside(directory), rule];
      return;
    }
    const useDefaults = (needer.elf.flags1 & DF_1_NODEFLIB) === 0;
    const cached = this.#cached(name, facts, useDefaults);
    if (cached !== undefined) yield [cached.path, { kind: "ld.so.cache" }];
    if (useDefaults) {
      for (const directory of facts.defaultDirectories) yield [inside(directory), { kind: "default-directory" }];
    }
    for (const directory of facts.confDirectories) yield [inside(directory), { kind: "ld.so.conf" }];
  }

  /** DT_RPATH of the needer and of those who loaded it, LD_LIBRARY_PATH, DT_RUNPATH of the needer: in this order. */
  *#embeddedPaths(needer: LoadedObject, facts: LoaderFacts, cwd: string): Generator<[string, SearchRule]> {
    const ofObject = function* (object: LoadedObject, kind: "rpath" | "runpath"): Generator<[string, SearchRule]> {
      const written = object.elf[kind];
      if (written === undefined || written === "") return;
      for (const directory of expandSearchPath(written, object.origin, facts, cwd)) {
        yield [directory, { kind, owner: object.path, written }];
      }
    };
    const environment = this.#options.libraryPath;
    const fromEnvironment = (environment ?? "").split(/[:;]/).filter((directory) => directory !== "");
    if (facts.libc === "musl") {
      for (const directory of fromEnvironment) yield [directory, { kind: "ld-library-path" }];
      // musl: one search path per object (DT_RUNPATH or else DT_RPATH), inherited in both cases.
      for (let object: LoadedObject | undefined = needer; object !== undefined; object = object.parent) {
        yield* ofObject(object, object.elf.runpath === undefined ? "rpath" : "runpath");
      }
      return;
    }
    if (needer.elf.runpath === undefined) {
      for (let object: LoadedObject | undefined = needer; object !== undefined; object = object.parent) {
        if (object.elf.runpath === undefined) yield* ofObject(object, "rpath");
      }
    }
    for (const directory of fromEnvironment) yield [directory, { kind: "ld-library-path" }];
    yield* ofObject(needer, "runpath");
  }

  #cached(name: string, facts: LoaderFacts, useDefaults: boolean): CacheEntry | undefined {
    if (facts.cache === undefined) return undefined;
    let byName = this.#cacheByName.get(facts.cache);
    if (byName === undefined) {
      byName = new Map();
      for (const entry of facts.cache) byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry]);
      this.#cacheByName.set(facts.cache, byName);
    }
    const flags = cacheFlagsOf(facts.machine);
    const usable = (byName.get(name) ?? []).filter(
      (entry) =>
        (flags === undefined || entry.flags === flags) &&
        (useDefaults || !facts.defaultDirectories.includes(directoryOf(entry.path))),
    );
    return usable.find((entry) => !entry.hwcap) ?? usable[0];
  }

  #addFile(
    file: Pick<ClosureFile, "role" | "name" | "path" | "neededBy" | "rule">,
    found: { realPath: string; stat: { sizeBytes: number; mode: number }; links: LinkStep[] },
    description: BinaryDescription | undefined,
  ): void {
    const known = this.#byPath.get(file.path);
    if (known !== undefined) {
      for (const needer of file.neededBy) this.#alsoNeededBy(file.path, needer);
      return;
    }
    const entry: ClosureFile = {
      ...file,
      neededBy: [...file.neededBy],
      realPath: found.realPath,
      links: found.links,
      sizeBytes: found.stat.sizeBytes,
      mode: found.stat.mode & 0o7777,
      soname: description?.kind === "elf" ? description.soname : undefined,
    };
    this.#byPath.set(file.path, entry);
    this.result.files.push(entry);
  }

  #alsoNeededBy(path: string, needer: string): void {
    const file = this.#byPath.get(path);
    if (file !== undefined && !file.neededBy.includes(needer)) file.neededBy.push(needer);
  }

  #addMissing(missing: MissingFile): void {
    const known = this.result.missing.find((other) => other.name === missing.name && other.role === missing.role);
    if (known === undefined) this.result.missing.push(missing);
    else {
      for (const needer of missing.neededBy) if (!known.neededBy.includes(needer)) known.neededBy.push(needer);
    }
  }
}

/** musl's loader is its libc and answers for these names itself. */
function muslItself(name: string, objects: LoadedObjects, facts: LoaderFacts): LoadedObject | undefined {
  if (facts.libc !== "musl" || !/^lib(c|pthread|rt|m|dl|util|xnet)\./.test(name)) return undefined;
  return objects.list.find((object) => libcOfInterpreter(object.path) === "musl");
}

function libcOf(elf: ElfBinary): Libc {
  if (elf.interpreter !== undefined) return libcOfInterpreter(elf.interpreter);
  if (elf.needed.some((name) => name.startsWith("libc.musl-") || name === "libc.so")) return "musl";
  return elf.needed.includes("libc.so.6") ? "glibc" : "unknown";
}

/** dirname, "/" for files directly below the root. */
function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}
