/** layerdb: what each chain of layers is made of, and which directory under overlay2/ holds it. */

import { readFileSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import type { Store } from "./store";

/** One layer of an image, as stored. Ids have their "sha256:" in front, except cacheId, which names a directory. */
export interface StoredLayer {
  diffId: string;
  chainId: string;
  cacheId: string;
  /** 26 characters: overlay2/l/<short name> leads to the diff directory, and keeps mount options short. */
  shortName: string;
  /** Sum of the sizes of its files. */
  sizeBytes: number;
}

/** image-spec "Layer ChainID": the first layer's is its diffID, every other hashes its parent's chainID and its own diffID. */
export function nextChainId(parent: string | undefined, diffId: string): string {
  if (parent === undefined) return diffId;
  // Only images without a layers.json and newly made ones come here; `run` does not pay for loading crypto.
  const { createHash } = require("node:crypto") as typeof import("node:crypto");
  return `sha256:${createHash("sha256").update(`${parent} ${diffId}`).digest("hex")}`;
}

/** The layer with this chainID, or undefined. Throws "store-damaged" when its entry is incomplete. */
export function readLayer(store: Store, chainId: string): StoredLayer | undefined {
  const directory = `${store.paths.layers}/${chainId.slice(7)}`;
  let cacheId: string;
  try {
    cacheId = readFileSync(`${directory}/cache-id`, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const diffId = readFileSync(`${directory}/diff`, "latin1");
    const sizeBytes = Number(readFileSync(`${directory}/size`, "latin1"));
    const shortName = readFileSync(`${store.paths.overlay}/${cacheId}/link`, "latin1");
    return { diffId, chainId, cacheId, shortName, sizeBytes };
  } catch (cause) {
    throw new GlassboxError({
      code: "store-damaged",
      what: `the layer ${chainId} is incomplete in the store ${store.root}`,
      why: cause instanceof Error ? cause.message : String(cause),
      hint: { en: "load or pull the image again", zh: "重新载入或拉取镜像" },
      cause,
    });
  }
}

/** Host path of a layer's files. */
export function diffPath(store: Store, cacheId: string): string {
  return `${store.paths.overlay}/${cacheId}/diff`;
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** 16 bytes as 26 characters of RFC 4648 base32: Docker's alphabet for short names. */
export function shortNameOf(bytes: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let text = "";
  for (const byte of bytes.subarray(0, 16)) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      text += BASE32[(value >>> (bits - 5)) & 31];
      bits -= 5;
    }
    value &= (1 << bits) - 1;
  }
  return text + BASE32[(value << (5 - bits)) & 31];
}
