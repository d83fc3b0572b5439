/** JSON from outside, with a cap: parsing a bigger text than any real document is only a way to be stopped. */

import { GlassboxError } from "../base/errors";

/** image-spec and registries alike: 4 MiB for a manifest, index or configuration. */
export const MAX_JSON_BYTES = 4 << 20;

/** Parses UTF-8 JSON. "__proto__" is an ordinary key of the result (JSON.parse defines it), so do not copy results with `=`. Throws "bad-json". */
export function parseJson(bytes: Uint8Array, source: string): unknown {
  checkJsonSize(bytes.length, source);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    // The parser quotes the text, which may hold anything.
    const why = (cause as Error).message.replace(/[^\x20-\x7e]/g, "?").slice(0, 160);
    throw new GlassboxError({ code: "bad-json", what: `${source} is not JSON`, why, cause });
  }
}

/** Throws "bad-json" when a document of this size is not worth reading. */
export function checkJsonSize(size: number, source: string): void {
  if (size <= MAX_JSON_BYTES) return;
  throw new GlassboxError({
    code: "bad-json",
    what: `${source} is too large`,
    why: {
      en: `it has ${size} bytes, and at most ${MAX_JSON_BYTES} are read`,
      zh: `它有 ${size} 字节，最多只读 ${MAX_JSON_BYTES} 字节`,
    },
  });
}
