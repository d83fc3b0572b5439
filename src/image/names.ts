/** Names of images: tagging and listing. */

import { statSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import { listImageIds } from "../store/imagedb";
import { readRepositories, updateRepositories } from "../store/repositories";
import type { Store } from "../store/store";
import { formatReference, parseTaggedReference } from "./reference";
import { type ImageRecord, resolveImage } from "./resolve";

/**
 * Gives the image `refOrId` the name `reference` ("name" means "name:latest"), taking it from whatever had it. Returns the full name.
 * Throws "image-not-found", "bad-reference".
 */
export function tagImage(store: Store, reference: string, refOrId: string): string {
  const parsed = parseTaggedReference(reference);
  if (parsed.digest !== undefined) {
    throw new GlassboxError({ code: "bad-reference", what: `refusing to create a tag with a digest reference: ${reference}` });
  }
  const full = formatReference(parsed);
  const { id } = resolveImage(store, refOrId);
  updateRepositories(store, (repositories) => {
    const tags = repositories.get(parsed.name) ?? new Map<string, string>();
    repositories.set(parsed.name, tags.set(full, id));
  });
  return full;
}

export interface ImageListing extends ImageRecord {
  /** Files of all layers together. */
  sizeBytes: number;
  /** When this store last got the image, milliseconds since 1970. */
  storedMs: number;
}

/** All images, newest creation first, as `images` shows them. An image that cannot be read ends the listing with its error. */
export function listImages(store: Store): ImageListing[] {
  readRepositories(store);
  const images = listImageIds(store).map((hex) => {
    const record = resolveImage(store, `sha256:${hex}`);
    const sizeBytes = record.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
    return { ...record, sizeBytes, storedMs: statSync(`${store.paths.imageContent}/${hex}`).mtimeMs };
  });
  return images.sort((a, b) => (b.config.created ?? "").localeCompare(a.config.created ?? ""));
}
