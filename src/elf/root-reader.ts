/** How this folder looks at a root: the host's, a directory, a stopped image or the root of a container that failed to exec. */

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from "node:fs";
import { join } from "node:path";

import type { ByteSource } from "./bytes";

export interface ReaderStat {
  /** st_mode with the type bits. */
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  /** The file lies on a mount with MS_NOEXEC. */
  noexec?: boolean | undefined;
  /** The file has a security.capability attribute. */
  fileCapabilities?: boolean | undefined;
  mtimeMs?: number | undefined;
}

/**
 * All paths are absolute inside the root and already walked: no parent of the last component is a symlink, so an
 * implementation that never follows symlinks (openat2 with RESOLVE_NO_SYMLINKS) is enough and is the safe one.
 * Nothing throws: what is not there, or may not be read, is undefined.
 */
export interface RootReader {
  /** lstat: the last component is not followed. */
  stat(path: string): ReaderStat | undefined;
  readlink(path: string): string | undefined;
  /** At most `length` bytes from the start of a regular file. */
  readHead(path: string, length: number): Uint8Array | undefined;
  /** At most `length` bytes from `offset`; without it `readHead` is used and the front thrown away. */
  readRange?(path: string, offset: number, length: number): Uint8Array | undefined;
  /** Names in a directory; without it patterns in ld.so.conf find nothing. */
  listDirectory?(path: string): string[] | undefined;
}

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

/** Is the type part of this mode `type` (S_IFDIR …)? */
export function isType(stat: ReaderStat, type: number): boolean {
  return (stat.mode & S_IFMT) === type;
}

/** Random access to one file of a root; `sizeBytes` comes from stat. */
export function byteSourceOf(reader: RootReader, path: string, sizeBytes: number): ByteSource {
  return {
    sizeBytes,
    read(offset, length) {
      const wanted = Math.max(0, Math.min(length, sizeBytes - offset));
      if (wanted === 0) return new Uint8Array();
      if (reader.readRange !== undefined) return reader.readRange(path, offset, wanted) ?? new Uint8Array();
      return reader.readHead(path, offset + wanted)?.subarray(offset) ?? new Uint8Array();
    },
  };
}

/**
 * A reader on a directory of this host ("/" is the host itself). For roots nobody else is changing: a running container's
 * root is read through openat2 instead.
 */
export class DirectoryReader implements RootReader {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  stat(path: string): ReaderStat | undefined {
    const stat = quietly(() => lstatSync(this.#host(path), { throwIfNoEntry: false }));
    return stat === undefined ? undefined : statOf(stat);
  }

  readlink(path: string): string | undefined {
    return quietly(() => readlinkSync(this.#host(path)));
  }

  readHead(path: string, length: number): Uint8Array | undefined {
    return this.readRange(path, 0, length);
  }

  readRange(path: string, offset: number, length: number): Uint8Array | undefined {
    return quietly(() => readPart(this.#host(path), offset, length));
  }

  listDirectory(path: string): string[] | undefined {
    return quietly(() => readdirSync(this.#host(path)).toSorted());
  }

  #host(path: string): string {
    return this.#root === "/" ? path : join(this.#root, path);
  }
}

/** The part of an image's layer view that is needed here. */
export interface LayerLookup {
  lookup(path: string, options: { follow: boolean }): { hostPath: string; stat: Stats; symlinkTarget?: string } | undefined;
}

/** A reader on the stacked layers of an image; nothing is mounted, and no directory can be listed. */
export class LayerReader implements RootReader {
  readonly #view: LayerLookup;

  constructor(view: LayerLookup) {
    this.#view = view;
  }

  stat(path: string): ReaderStat | undefined {
    const found = this.#look(path);
    return found === undefined ? undefined : statOf(found.stat);
  }

  readlink(path: string): string | undefined {
    const found = this.#look(path);
    if (found?.stat.isSymbolicLink() !== true) return undefined;
    return found.symlinkTarget ?? quietly(() => readlinkSync(found.hostPath));
  }

  readHead(path: string, length: number): Uint8Array | undefined {
    return this.readRange(path, 0, length);
  }

  readRange(path: string, offset: number, length: number): Uint8Array | undefined {
    const found = this.#look(path);
    return found === undefined ? undefined : quietly(() => readPart(found.hostPath, offset, length));
  }

  #look(path: string): ReturnType<LayerLookup["lookup"]> {
    return quietly(() => this.#view.lookup(path, { follow: false }));
  }
}

function statOf(stat: Stats): ReaderStat {
  return { mode: stat.mode, uid: stat.uid, gid: stat.gid, sizeBytes: stat.size, mtimeMs: stat.mtimeMs };
}

function readPart(path: string, offset: number, length: number): Uint8Array | undefined {
  // O_NONBLOCK: a FIFO in the way must not stop us.
  const fd = openSync(path, constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = readSync(fd, bytes, filled, length - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } finally {
    closeSync(fd);
  }
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
