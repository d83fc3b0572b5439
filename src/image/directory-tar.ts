/** A directory of the host as a layer tar: names sorted by bytes, times in whole seconds, so that the same tree gives the same digest. */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from "node:fs";
import { GlassboxError } from "../base/errors";
import { treeCalls } from "../store/native-calls";
import type { Store } from "../store/store";
import { TAR_END, tarHeader, type TarHeader, tarPadding, type TarType } from "./tar-write";

const CHUNK = 1 << 20;

interface Walk {
  store: Store;
  /** "dev:ino" of files with several names → the first of them. */
  seen: Map<string, Buffer>;
}

/**
 * Yields the tar of everything below `directory` (its own entry is "./"). Owners, modes, set-id bits, xattrs, hard links, devices and FIFOs are
 * kept; sockets are left out, as Docker does; overlay's own xattrs and those of security labels belong to the host and are left out.
 * Throws "directory-unreadable" when a file changes size while it is read, or cannot be read.
 */
export async function* directoryTar(store: Store, directory: string): AsyncGenerator<Buffer> {
  const root = Buffer.from(directory);
  const walk: Walk = { store, seen: new Map() };
  const batch = new Batch();
  for (const piece of walkEntry(walk, root, Buffer.alloc(0))) {
    const full = batch.add(piece);
    if (full !== undefined) yield full;
  }
  batch.add(TAR_END);
  yield batch.take();
}

/** Small pieces joined, as each yield is a trip to another thread. */
class Batch {
  #pieces: Buffer[] = [];
  #length = 0;

  add(piece: Buffer): Buffer | undefined {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this.#length >= CHUNK ? this.take() : undefined;
  }

  take(): Buffer {
    const joined = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    return joined;
  }
}

function* walkEntry(walk: Walk, host: Buffer, path: Buffer): Generator<Buffer> {
  const stat = lstatSync(host, { bigint: true });
  const type = typeOf(stat);
  if (type === undefined) return;
  const header = headerOf(walk, host, path, stat, type);
  if (header.type !== "file") {
    yield tarHeader(header);
    if (header.type === "directory") yield* walkDirectory(walk, host, path);
    return;
  }
  yield* fileEntry(host, header);
}

function* walkDirectory(walk: Walk, host: Buffer, path: Buffer): Generator<Buffer> {
  const names = readdirSync(host, { encoding: "buffer" }).sort(Buffer.compare);
  for (const name of names) {
    yield* walkEntry(walk, join(host, name), path.length === 0 ? name : join(path, name));
  }
}

function* fileEntry(host: Buffer, header: TarHeader): Generator<Buffer> {
  const fd = openSync(host, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (Number(fstatSync(fd).size) !== header.sizeBytes) throw changed(host);
    yield tarHeader(header);
    for (let left = header.sizeBytes; left > 0;) {
      const chunk = Buffer.allocUnsafe(Math.min(left, CHUNK));
      const count = readSync(fd, chunk, 0, chunk.length, null);
      if (count === 0) throw changed(host);
      left -= count;
      yield chunk.subarray(0, count);
    }
    yield tarPadding(header.sizeBytes);
  } finally {
    closeSync(fd);
  }
}

function headerOf(walk: Walk, host: Buffer, path: Buffer, stat: BigIntStats, type: TarType): TarHeader {
  const header: TarHeader = {
    path: path.length === 0 ? Buffer.from(".") : path,
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    sizeBytes: type === "file" ? Number(stat.size) : 0,
    mtimeSeconds: Number(stat.mtimeNs >= 0n ? stat.mtimeNs / 1_000_000_000n : (stat.mtimeNs - 999_999_999n) / 1_000_000_000n),
  };
  if (type !== "directory" && stat.nlink > 1n) {
    const key = `${stat.dev}:${stat.ino}`;
    const first = walk.seen.get(key);
    if (first !== undefined) return { ...header, type: "hardlink", sizeBytes: 0, link: first };
    walk.seen.set(key, path);
  }
  if (type === "symlink") header.link = readlinkSync(host, { encoding: "buffer" });
  if (type === "char-device" || type === "block-device") {
    header.devMajor = Number(((stat.rdev >> 8n) & 0xfffn) | ((stat.rdev >> 32n) & ~0xfffn));
    header.devMinor = Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xffffff00n));
  }
  header.xattrs = treeCalls(walk.store.kernel)
    .readXattrs(host)
    .filter(([name]) => name === "security.capability" || name.startsWith("user.") || name.startsWith("system.posix_acl_"))
    .filter(([name]) => !name.startsWith("user.overlay."))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return header;
}

function typeOf(stat: BigIntStats): TarType | undefined {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char-device";
  if (stat.isBlockDevice()) return "block-device";
  return stat.isFIFO() ? "fifo" : undefined;
}

function join(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from("/"), name]);
}

function changed(host: Buffer): GlassboxError {
  return new GlassboxError({
    code: "directory-unreadable",
    what: `cannot read ${host.toString()}`,
    why: { en: "it changed its size while it was read", zh: "读的过程中它的大小变了" },
    hint: { en: "stop whatever writes to the directory, and try again", zh: "停下往这个目录里写的程序，再试一次" },
  });
}
