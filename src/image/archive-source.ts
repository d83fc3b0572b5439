/** An image archive as a set of named files, whether it is a tar, a compressed tar, a stream or an OCI layout directory. */

import { closeSync, constants, createReadStream, createWriteStream, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GlassboxError } from "../base/errors";
import type { Workspace } from "../store/workspace";
import { decompressor, detectCompression, explainDecompression, MAGIC_BYTES } from "./decompress";
import { checkJsonSize, parseJson } from "./json";
import { indexTar, type TarMember } from "./tar-index";

export interface Archive {
  /** For messages: the path, or "standard input". */
  readonly source: string;
  /** Size of a file of the archive, undefined when it has none of that name. */
  size(name: string): number | undefined;
  /** Throws "archive-incomplete" when it is not there. */
  stream(name: string): AsyncIterable<Uint8Array>;
  readJson(name: string): { value: unknown; bytes: Buffer };
  close(): void;
}

/**
 * Opens what `input` leads to. Streams and compressed tars are spooled into the workspace, because layers are needed in another order than
 * they come. Throws "archive-unreadable", "archive-corrupt", "archive-truncated", "layer-truncated", "compression-unsupported".
 */
export async function openArchive(workspace: Workspace, input: string | Readable): Promise<Archive> {
  if (typeof input !== "string") return tarArchive(await spool(workspace, input, "standard input"), "standard input");
  const fd = openInput(input);
  const status = fstatSync(fd);
  if (status.isDirectory()) {
    closeSync(fd);
    return directoryArchive(input);
  }
  const head = Buffer.alloc(MAGIC_BYTES);
  const length = status.isFile() ? readSync(fd, head, 0, MAGIC_BYTES, 0) : 0;
  if (status.isFile() && detectCompression(head.subarray(0, length)) === "none") return tarArchive(fd, input);
  return tarArchive(await spool(workspace, createReadStream("", { fd, highWaterMark: 1 << 20 }), input), input);
}

/** Opens a path that a user named, for reading. Throws "archive-unreadable". */
export function openInput(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): GlassboxError {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = { ENOENT: "no such file or directory", EACCES: "permission denied" };
  return new GlassboxError({
    code: "archive-unreadable",
    what: `open ${path}: ${words[code ?? ""] ?? code ?? message}`,
    cause: error,
  });
}

async function spool(workspace: Workspace, input: Readable, source: string): Promise<number> {
  const path = join(workspace.path, "spool.tar");
  const output = createWriteStream(path, { flags: "wx", mode: 0o600 });
  try {
    await pipeline(input, unpacked(source), output);
  } catch (error) {
    throw explainDecompression(error, source);
  }
  return openSync(path, constants.O_RDONLY);
}

/** A pipeline stage that undoes whatever compression the first bytes show. */
function unpacked(source: string): (chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  return async function* (chunks) {
    const iterator = chunks[Symbol.asyncIterator]();
    let head = Buffer.alloc(0);
    while (head.length < MAGIC_BYTES) {
      const next = await iterator.next();
      if (next.done === true) break;
      head = Buffer.concat([head, next.value]);
    }
    async function* all(): AsyncGenerator<Uint8Array> {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    }
    const compression = detectCompression(head);
    if (compression === "none") return yield* all();
    const output = decompressor(compression, source);
    const feeding = pipeline(Readable.from(all(), { objectMode: false }), output);
    feeding.catch(() => {});
    for await (const chunk of output) yield chunk as Uint8Array;
    await feeding;
  };
}

/** Takes over `fd`. */
function tarArchive(fd: number, source: string): Archive {
  let members: Map<string, TarMember>;
  try {
    members = indexTar(fd, fstatSync(fd).size, source);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const find = (name: string): TarMember => members.get(name) ?? fail(source, name);
  const archive: Archive = {
    source,
    size: (name) => members.get(name)?.sizeBytes,
    stream(name) {
      const { offset, sizeBytes } = find(name);
      return section(fd, offset, sizeBytes);
    },
    readJson(name) {
      const { offset, sizeBytes } = find(name);
      checkJsonSize(sizeBytes, `${name} of ${source}`);
      const bytes = Buffer.alloc(sizeBytes);
      readSync(fd, bytes, 0, sizeBytes, offset);
      return { value: parseJson(bytes, `${name} of ${source}`), bytes };
    },
    close: () => closeSync(fd),
  };
  return archive;
}

/** Bytes of an open file, in pieces that keep the unpacker's thread busy. */
function section(fd: number, offset: number, sizeBytes: number): AsyncIterable<Uint8Array> {
  if (sizeBytes === 0) return Readable.from([]);
  return createReadStream("", { fd, autoClose: false, start: offset, end: offset + sizeBytes - 1, highWaterMark: 1 << 20 });
}

/** An OCI image layout as a directory. The names asked for are fixed or made from checked digests. */
function directoryArchive(source: string): Archive {
  const open = (name: string): number => {
    try {
      // Not waiting for a FIFO that stands where a blob should.
      const fd = openSync(join(source, name), constants.O_RDONLY | constants.O_NONBLOCK);
      if (fstatSync(fd).isFile()) return fd;
      closeSync(fd);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(join(source, name), error);
    }
    return fail(source, name);
  };
  const using = <T>(name: string, body: (fd: number, size: number) => T): T => {
    const fd = open(name);
    try {
      return body(fd, fstatSync(fd).size);
    } finally {
      closeSync(fd);
    }
  };
  return {
    source,
    size(name) {
      try {
        return using(name, (_fd, size) => size);
      } catch (error) {
        if (error instanceof GlassboxError && error.code === "archive-incomplete") return undefined;
        throw error;
      }
    },
    stream: (name) => createReadStream("", { fd: open(name), highWaterMark: 1 << 20 }),
    readJson(name) {
      const bytes = using(name, (fd, size) => {
        checkJsonSize(size, `${name} of ${source}`);
        const buffer = Buffer.alloc(size);
        return buffer.subarray(0, readSync(fd, buffer, 0, size, 0));
      });
      return { value: parseJson(bytes, `${name} of ${source}`), bytes };
    },
    close() {},
  };
}

function fail(source: string, name: string): never {
  throw new GlassboxError({
    code: "archive-incomplete",
    what: `${source} lacks ${JSON.stringify(name.slice(0, 200))}`,
    why: { en: "the archive refers to it", zh: "归档里引用了它" },
    hint: { en: "fetch or save the image again", zh: "重新下载或导出这个镜像" },
  });
}
