/** One layer: decompressed, hashed on both sides of the decompression, unpacked natively, and refused unless all digests match. */

import { createHash } from "node:crypto";
import { closeSync, constants, openSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GlassboxError, SyscallError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import { treeCalls, type UnpackFailure, type UnpackStats } from "../store/native-calls";
import type { Store } from "../store/store";
import { type Compression, decompressor, detectCompression, explainDecompression, MAGIC_BYTES } from "./decompress";

/** What is known of a layer beforehand; what is given is checked. */
export interface ExpectedLayer {
  /** Of the uncompressed tar. */
  diffId?: string | undefined;
  /** Of the bytes as they come. */
  digest?: string | undefined;
  /** Of the bytes as they come. */
  sizeBytes?: number | undefined;
}

export interface LayerLimits {
  maxEntries: number;
  /** Of the uncompressed tar, and of the files in it. */
  maxBytes: number;
  /** Uncompressed to compressed, beyond the first GiB: gzip's worst is 1032, real layers stay below 20. */
  maxRatio: number;
}

export const DEFAULT_LIMITS: LayerLimits = { maxEntries: 5_000_000, maxBytes: 64 * 2 ** 30, maxRatio: 250 };

const RATIO_GRACE_BYTES = 2 ** 30;

export interface ApplyOptions {
  /** For messages: "layer 2 of busybox.tar". */
  source: string;
  expected?: ExpectedLayer;
  limits?: Partial<LayerLimits>;
  /** diff directories of the layers below, top-most first. */
  lowerPaths?: string[];
  /** Bytes as they come, so far. */
  onProgress?: (bytes: number) => void;
}

export interface AppliedLayer extends UnpackStats {
  diffId: string;
  digest: string;
  compression: Compression;
  compressedBytes: number;
  tarBytes: number;
}

/**
 * Unpacks a layer tar (plain, gzip, and zstd where Node has it) into the existing, empty directory `diff`.
 * Throws "layer-digest", "layer-size", "layer-bomb", "layer-truncated", "layer-corrupt", "compression-unsupported" and the unpacker's codes
 * ("tar-…", "unpack-failed"); what is then in the directory is worthless.
 */
export async function applyLayer(
  store: Store,
  diff: string,
  input: AsyncIterable<Uint8Array>,
  options: ApplyOptions,
): Promise<AppliedLayer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const meter = new Meter(options, limits);
  const rootFd = openSync(diff, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const unpacker = new (treeCalls(store.kernel).Unpacker)(rootFd, {
    userxattr: store.userxattr,
    rootless: store.userxattr,
    maxEntries: limits.maxEntries,
    maxBytes: limits.maxBytes,
    lowerPaths: options.lowerPaths ?? [],
  });
  closeSync(rootFd);
  let written: Promise<void> | undefined;
  try {
    for await (const chunk of meter.tar(input)) {
      // The pool's thread unpacks while this one hashes the same bytes.
      written = unpacker.write(chunk);
      meter.hashTar(chunk);
      await written;
    }
    const stats = await unpacker.finish();
    return { ...stats, ...meter.result() };
  } catch (error) {
    // Whoever clears the directory must not meet a thread that still fills it.
    await written?.catch(() => {});
    throw explain(explainDecompression(error, options.source), options.source);
  } finally {
    unpacker.close();
  }
}

/** Counts and hashes a layer on its way, and stops it where it breaks a promise. */
class Meter {
  #compression: Compression = "none";
  #compressedBytes = 0;
  #tarBytes = 0;
  readonly #digest = createHash("sha256");
  readonly #diffId = createHash("sha256");

  constructor(
    private readonly options: ApplyOptions,
    private readonly limits: LayerLimits,
  ) {}

  async *tar(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { head, rest } = await peek(input);
    this.#compression = detectCompression(head);
    const counted = this.#counted(rest);
    if (this.#compression === "none") {
      yield* counted;
      return;
    }
    const output = decompressor(this.#compression, this.options.source);
    const feeding = pipeline(Readable.from(counted, { objectMode: false, highWaterMark: 1 << 20 }), output, { end: true });
    // The reader below sees the same failure, as the pipeline destroys its end with it.
    feeding.catch(() => {});
    for await (const chunk of output) yield chunk as Uint8Array;
    await feeding;
  }

  async *#counted(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { sizeBytes } = this.options.expected ?? {};
    for await (const chunk of input) {
      this.#compressedBytes += chunk.length;
      if (sizeBytes !== undefined && this.#compressedBytes > sizeBytes) throw this.#wrongSize({ en: "more", zh: "更多" });
      // Uncompressed, both digests are the same.
      if (this.#compression !== "none") this.#digest.update(chunk);
      this.options.onProgress?.(this.#compressedBytes);
      yield chunk;
    }
  }

  hashTar(chunk: Uint8Array): void {
    this.#diffId.update(chunk);
    this.#tarBytes += chunk.length;
    const { maxBytes, maxRatio } = this.limits;
    const tooMany = this.#tarBytes > maxBytes;
    if (!tooMany && (this.#tarBytes < RATIO_GRACE_BYTES || this.#tarBytes <= this.#compressedBytes * maxRatio)) return;
    throw new GlassboxError({
      code: "layer-bomb",
      what: `${this.options.source} unpacks to more than is allowed`,
      why: tooMany
        ? { en: `more than ${maxBytes} bytes`, zh: `超过 ${maxBytes} 字节` }
        : {
            en: `${this.#compressedBytes} bytes have become ${this.#tarBytes} already, more than ${maxRatio} times as many`,
            zh: `${this.#compressedBytes} 字节已经展开成 ${this.#tarBytes} 字节，超过 ${maxRatio} 倍`,
          },
    });
  }

  result(): { diffId: string; digest: string; compression: Compression; compressedBytes: number; tarBytes: number } {
    const diffId = `sha256:${this.#diffId.digest("hex")}`;
    const digest = this.#compression === "none" ? diffId : `sha256:${this.#digest.digest("hex")}`;
    const expected = this.options.expected ?? {};
    if (expected.sizeBytes !== undefined && this.#compressedBytes !== expected.sizeBytes)
      throw this.#wrongSize({ en: `only ${this.#compressedBytes}`, zh: `只有 ${this.#compressedBytes} 字节` });
    if (expected.digest !== undefined && expected.digest !== digest)
      throw wrongDigest(this.options.source, "digest", expected.digest, digest);
    if (expected.diffId !== undefined && expected.diffId !== diffId)
      throw wrongDigest(this.options.source, "diffID", expected.diffId, diffId);
    return { diffId, digest, compression: this.#compression, compressedBytes: this.#compressedBytes, tarBytes: this.#tarBytes };
  }

  #wrongSize(got: Bilingual): GlassboxError {
    return new GlassboxError({
      code: "layer-size",
      what: `${this.options.source} has the wrong size`,
      why: {
        en: `${this.options.expected?.sizeBytes} bytes were announced, and ${got.en} came`,
        zh: `声明的是 ${this.options.expected?.sizeBytes} 字节，来的${got.zh}`,
      },
    });
  }
}

/** "layer-digest": content that is not what its name says. */
export function wrongDigest(source: string, kind: "digest" | "diffID", expected: string, actual: string): GlassboxError {
  return new GlassboxError({
    code: "layer-digest",
    what: `${source} has the wrong ${kind}`,
    why: { en: `it should be ${expected}, its bytes give ${actual}`, zh: `应为 ${expected}，按内容算出来是 ${actual}` },
    hint: {
      en: "the archive was changed or damaged after it was made; fetch or save it again",
      zh: "归档做好之后被改动或损坏了；重新下载或导出一次",
    },
  });
}

/** The first bytes, and a stream that still has them. */
async function peek(input: AsyncIterable<Uint8Array>): Promise<{ head: Uint8Array; rest: AsyncGenerator<Uint8Array> }> {
  const iterator = input[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < MAGIC_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    try {
      yield* first;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(first), rest: rest() };
}

/** The unpacker's failures as errors for people. */
function explain(error: unknown, source: string): unknown {
  const failure = error as Partial<UnpackFailure>;
  if (error instanceof GlassboxError || typeof failure.offset !== "number" || failure.code === undefined) return error;
  const { unpackMessage } = require("./unpack-texts") as typeof import("./unpack-texts");
  const message = unpackMessage(failure.message ?? "");
  const named = failure.entry !== "" && failure.entry !== undefined;
  const en = `${named ? `entry "${failure.entry}" ` : ""}at byte ${failure.offset}: ${message.en}`;
  const zh = `${named ? `条目 "${failure.entry}"，` : ""}第 ${failure.offset} 字节处：${message.zh}`;
  if (failure.errno !== undefined) {
    return new SyscallError({
      code: failure.code,
      syscall: failure.syscall ?? "write",
      errno: failure.errno,
      what: `cannot unpack ${source}`,
      why: {
        en: `${en}: ${failure.syscall} ${failure.errno} (${failure.reason})`,
        zh: `${zh}：${failure.syscall} ${failure.errno}（${failure.reason}）`,
      },
      hint:
        failure.errno === "ENOSPC"
          ? {
              en: "make room on the store's file system, or choose another with --root",
              zh: "给存储所在的文件系统腾出空间，或用 --root 换一个",
            }
          : undefined,
      cause: error,
    });
  }
  const hints: Record<string, Bilingual> = {
    "tar-breakout": {
      en: "such an archive is an attack or badly broken; do not use it elsewhere either",
      zh: "这种归档不是攻击，就是坏得厉害；别处也不要用它",
    },
    "tar-truncated": { en: "fetch or save it again", zh: "重新下载或导出一次" },
  };
  return new GlassboxError({
    code: failure.code,
    what: `cannot unpack ${source}`,
    why: { en, zh },
    hint: hints[failure.code],
    cause: error,
  });
}
