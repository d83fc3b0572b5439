/** Compression of layers and archives, told from the first bytes, never from a name. */

import type { Duplex } from "node:stream";
import * as zlib from "node:zlib";
import { GlassboxError } from "../base/errors";

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

const MAGIC: [Compression, number[]][] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];

/** How many leading bytes detectCompression wants. */
export const MAGIC_BYTES = 6;

/** What the leading bytes say. */
export function detectCompression(head: Uint8Array): Compression {
  for (const [name, magic] of MAGIC) {
    if (head.length >= magic.length && magic.every((byte, i) => head[i] === byte)) return name;
  }
  return "none";
}

/** A stream that undoes the compression. Throws "compression-unsupported" for what this Node cannot. */
export function decompressor(compression: Exclude<Compression, "none">, source: string): Duplex {
  const options = { chunkSize: 256 * 1024 };
  if (compression === "gzip") return zlib.createGunzip(options);
  const createZstd = (zlib as unknown as { createZstdDecompress?: (options: object) => Duplex }).createZstdDecompress;
  if (compression === "zstd" && createZstd !== undefined) return createZstd(options);
  const command = { zstd: "zstd -dc", xz: "xz -dc", bzip2: "bzip2 -dc" }[compression];
  throw new GlassboxError({
    code: "compression-unsupported",
    what: `${source} is compressed with ${compression}`,
    why:
      compression === "zstd"
        ? {
            en: `Node ${process.versions.node} has no zstd; 22.15 and later do`,
            zh: `Node ${process.versions.node} 没有 zstd，22.15 起才有`,
          }
        : { en: `${compression} is not read here`, zh: `这里不读 ${compression}` },
    hint: { en: `unpack it first: ${command} FILE > FILE.tar`, zh: `先解压：${command} FILE > FILE.tar` },
  });
}

/** Puts zlib's failures into words. Anything else comes back unchanged. */
export function explainDecompression(error: unknown, source: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  if (!/^(Z_|ZSTD_)/.test(code)) return error;
  const truncated = code === "Z_BUF_ERROR" || code === "ZSTD_error_srcSize_wrong";
  return new GlassboxError({
    code: truncated ? "layer-truncated" : "layer-corrupt",
    what: truncated ? `${source} is truncated` : `${source} is corrupt`,
    why: {
      en: `the compressed data ${truncated ? "ends too early" : "does not decompress"} (${(error as Error).message})`,
      zh: `压缩数据${truncated ? "结束得太早" : "解不开"}（${(error as Error).message}）`,
    },
    hint: { en: "fetch or save it again", zh: "重新下载或导出一次" },
    cause: error,
  });
}
