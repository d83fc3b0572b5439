/** imagedb: image configurations by the sha256 of their bytes, and what this store notes about each. */

import { readdirSync, readFileSync } from "node:fs";
import type { Store } from "./store";

/** What a directory of imagedb/metadata can hold, a file each. */
export type ImageMetadataName = "layers.json" | "lastUpdated" | "parent" | "standin";

/** Config bytes of an image by its 64 hex digits; undefined when the store does not have it. */
export function readImageConfig(store: Store, hex: string): Buffer | undefined {
  return readOptional(`${store.paths.imageContent}/${hex}`);
}

/** One note about an image; undefined when there is none. */
export function readImageMetadata(store: Store, hex: string, name: ImageMetadataName): string | undefined {
  return readOptional(`${store.paths.imageMetadata}/${hex}/${name}`)?.toString("utf8");
}

/** 64-digit ids of all images, sorted; with `prefix` only those that start so. */
export function listImageIds(store: Store, prefix = ""): string[] {
  return readdirSync(store.paths.imageContent)
    .filter((name) => /^[0-9a-f]{64}$/.test(name) && name.startsWith(prefix))
    .sort();
}

/** The text of a file, or undefined when there is no such file. */
export function readOptionalText(path: string): string | undefined {
  return readOptional(path)?.toString("utf8");
}

function readOptional(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
