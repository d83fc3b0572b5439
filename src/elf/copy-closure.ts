/** A closure as real files in a directory: every path that a loader will open exists there, links included. */

import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { Closure, ClosureFile } from "./closure";
import { type CacheEntry, cacheFlagsOf, encodeLdCache, parseLdCache } from "./ld-cache";
import { DirectoryReader, isType, type RootReader, S_IFDIR, S_IFLNK } from "./root-reader";
import { TargetTree } from "./target-tree";
import { walk } from "./walk";

export interface CopiedEntry {
  kind: "file" | "link" | "directory";
  /** Absolute inside the target. */
  path: string;
  /** Of a link. */
  target?: string;
  sizeBytes?: number;
}

const CHUNK_BYTES = 1 << 20;
const MAX_STEPS = 4096;
const MAX_LINKS = 40;
const MAX_CACHE_BYTES = 32 << 20;

/**
 * Copies the files of `closure` out of the root behind `reader` into the directory `intoDirectory` (made when absent), with
 * modes, owners (as root) and the symlinks on the way ("/lib -> usr/lib" stays a link; where the target has a real directory
 * instead, that is used). Libraries that only ld.so.cache knew get a small /etc/ld.so.cache. Existing files are replaced whole.
 * Throws GlassboxError `copy-conflict` when something that is no file stands in the way, `copy-target`, `copy-source`.
 */
export function copyClosure(closure: Closure, reader: RootReader, intoDirectory: string): CopiedEntry[] {
  const tree = new TargetTree(intoDirectory);
  try {
    const copier = new Copier(reader, tree);
    for (const file of closure.files) copier.copy(file);
    const cache = cacheFor(closure, new DirectoryReader(intoDirectory));
    if (cache !== undefined) copier.writeNew("/etc/ld.so.cache", cache);
    return copier.entries;
  } finally {
    tree.close();
  }
}

class Copier {
  readonly entries: CopiedEntry[] = [];
  readonly #reader: RootReader;
  readonly #tree: TargetTree;
  readonly #written = new Set<string>();

  constructor(reader: RootReader, tree: TargetTree) {
    this.#reader = reader;
    this.#tree = tree;
  }

  copy(file: ClosureFile): void {
    this.#walkTo(file.path, (name, here) => {
      const path = joined(here, name);
      if (this.#written.has(path)) return;
      const stat = this.#reader.stat(file.realPath);
      this.#tree.file(name, file.mode, { uid: stat?.uid ?? 0, gid: stat?.gid ?? 0, mtimeMs: stat?.mtimeMs }, (write) =>
        this.#stream(file, write),
      );
      this.#written.add(path);
      this.entries.push({ kind: "file", path, sizeBytes: file.sizeBytes });
    });
  }

  /** A file of our own making. */
  writeNew(path: string, bytes: Uint8Array): void {
    this.#walkTo(path, (name, here) => {
      this.#tree.file(name, 0o644, { uid: 0, gid: 0, mtimeMs: 0 }, (write) => write(bytes));
      this.entries.push({ kind: "file", path: joined(here, name), sizeBytes: bytes.length });
    });
  }

  #stream(file: ClosureFile, write: (bytes: Uint8Array) => void): void {
    let done = 0;
    while (done < file.sizeBytes) {
      const wanted = Math.min(CHUNK_BYTES, file.sizeBytes - done);
      const bytes =
        this.#reader.readRange?.(file.realPath, done, wanted) ??
        this.#reader.readHead(file.realPath, done + wanted)?.subarray(done);
      if (bytes === undefined || bytes.length === 0) {
        throw new GlassboxError({
          code: "copy-source",
          what: `${file.realPath}: could not be read`,
          why: { en: `${done} of ${file.sizeBytes} bytes came`, zh: `共 ${file.sizeBytes} 字节，只读到 ${done} 字节` },
        });
      }
      write(bytes);
      done += bytes.length;
    }
  }

  /**
   * Goes to `path` in the target, making what the source has on the way, and calls `atEnd` in the directory of the last
   * component. Links of the target itself are followed inside it.
   */
  #walkTo(path: string, atEnd: (name: string, here: string) => void): void {
    const tree = this.#tree;
    tree.toRoot();
    const pending = parts(path).toReversed();
    let links = 0;
    for (let step = 0; pending.length > 0 && step < MAX_STEPS; step++) {
      const name = pending.pop() as string;
      if (name === "..") {
        tree.up();
        continue;
      }
      const last = pending.length === 0;
      const sourcePath = joined(tree.here, name);
      const wanted = this.#sourceEntry(sourcePath);
      let existing = tree.look(name);
      if (wanted?.kind === "link" && (existing === undefined || (last && existing.kind !== "directory"))) {
        if (existing?.target !== wanted.target) {
          tree.link(name, wanted.target);
          this.entries.push({ kind: "link", path: sourcePath, target: wanted.target });
        }
        existing = { kind: "link", target: wanted.target };
      }
      // A link that the source does not have is another program's: the file takes its name, the link's target stays as it is.
      const follow = existing?.kind === "link" && (!last || wanted?.kind === "link");
      if (follow) {
        const target = existing?.target ?? "";
        if (++links > MAX_LINKS) throw conflict(sourcePath, LINK_LOOP);
        if (target.startsWith("/")) tree.toRoot();
        pending.push(...parts(target).toReversed());
        if (pending.length === 0)
          throw conflict(sourcePath, { en: "a link to a directory stands there", zh: "那里有一个指向目录的链接" });
        continue;
      }
      if (last) {
        if (existing?.kind === "directory")
          throw conflict(sourcePath, { en: "a directory stands there", zh: "那里已经有一个目录" });
        return atEnd(name, tree.here);
      }
      if (existing === undefined) {
        tree.makeDirectory(name, wanted?.kind === "directory" ? wanted.mode : 0o755);
        this.entries.push({ kind: "directory", path: sourcePath });
      } else if (existing.kind !== "directory") throw conflict(sourcePath, { en: "it is not a directory", zh: "它不是目录" });
      tree.enter(name);
    }
    throw conflict(path, LINK_LOOP);
  }

  #sourceEntry(path: string): { kind: "link"; target: string } | { kind: "directory"; mode: number } | undefined {
    const stat = this.#reader.stat(path);
    if (stat === undefined) return undefined;
    if (isType(stat, S_IFLNK)) {
      const target = this.#reader.readlink(path);
      return target === undefined || target === "" ? undefined : { kind: "link", target };
    }
    return isType(stat, S_IFDIR) ? { kind: "directory", mode: stat.mode & 0o7777 } : undefined;
  }
}

const LINK_LOOP: Bilingual = { en: "too many levels of symbolic links", zh: "符号链接层数太多" };

function conflict(path: string, why: Bilingual): GlassboxError {
  return new GlassboxError({
    code: "copy-conflict",
    what: `${path}: cannot be written in the target`,
    why,
    hint: { en: "choose an empty directory, or remove what is in the way", zh: "换一个空目录，或移走挡路的东西" },
    exitCode: 1,
  });
}

function parts(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function joined(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

/** The new root has no ldconfig and no ld.so.cache: libraries outside every compiled-in directory would not be found again. */
function cacheFor(closure: Closure, target: RootReader): Uint8Array | undefined {
  const described = closure.programs.map((program) => program.description).find((candidate) => candidate.kind === "elf");
  const flags = described === undefined ? undefined : cacheFlagsOf(described.machine);
  if (described === undefined || flags === undefined || described.endian !== "little") return undefined;
  const surelySearched = /^(\/usr)?\/lib\/[^/]*-linux-gnu[^/]*\/[^/]+$/;
  const outside = closure.files.filter(
    (file) =>
      file.role !== "program" &&
      (file.rule.kind === "ld.so.cache" || file.rule.kind === "ld.so.conf" || file.rule.kind === "ld-library-path"),
  );
  if (outside.every((file) => surelySearched.test(file.path))) return undefined;
  const entries = outside.map((file) => ({ name: file.name, path: file.path, flags }));
  const present = walk(target, "/etc/ld.so.cache");
  const bytes = present.ok ? target.readHead(present.realPath, MAX_CACHE_BYTES) : undefined;
  const kept = (bytes === undefined ? undefined : parseLdCache(bytes)) ?? [];
  const isNew = (old: CacheEntry): boolean => entries.some((entry) => entry.name === old.name && entry.flags === old.flags);
  return encodeLdCache([...entries, ...kept.filter((old) => !old.hwcap && !isNew(old))]);
}
