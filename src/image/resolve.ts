/** From what a user wrote to an image and its layers: a handful of small reads, on the way of every `run`. */

import { listImageIds, readImageConfig, readImageMetadata } from "../store/imagedb";
import { diffPath, nextChainId, readLayer, type StoredLayer } from "../store/layerdb";
import { readRepositories, referencesOf, type Repositories } from "../store/repositories";
import type { Store } from "../store/store";
import type { ImageDocument } from "./config";
import { formatReference, parseTaggedReference } from "./reference";

export interface ImageLayer extends StoredLayer {
  /** Host path of its files. */
  diffPath: string;
}

export interface ImageRecord {
  /** "sha256:" and 64 hex digits. */
  id: string;
  config: ImageDocument;
  /** Bottom first. */
  layers: ImageLayer[];
  /** ["busybox:latest"]; empty for an image without a name. */
  references: string[];
  /** What the image really is, when it stands in for a famous one. */
  standin: string | undefined;
}

/**
 * Finds an image by reference ("busybox", "busybox:1", "busybox@sha256:…"), id ("sha256:…", 64 digits) or unique id prefix.
 * A name wins over a prefix, as in Docker. Throws "image-not-found", "image-ambiguous", "bad-reference", "store-damaged".
 */
export function resolveImage(store: Store, refOrId: string): ImageRecord {
  const repositories = readRepositories(store);
  return readImage(store, findId(store, repositories, refOrId), repositories);
}

function findId(store: Store, repositories: Repositories, text: string): string {
  const hex = text.startsWith("sha256:") ? text.slice(7) : text;
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  let name = text;
  let unreadable: unknown;
  if (hex === text) {
    try {
      const reference = parseTaggedReference(text);
      name = formatReference(reference);
      const id = repositories.get(reference.name)?.get(name);
      if (id !== undefined) return id.slice(7);
    } catch (error) {
      unreadable = error;
    }
  }
  if (/^[0-9a-f]{1,63}$/.test(hex)) {
    const ids = listImageIds(store, hex);
    if (ids.length === 1) return ids[0] as string;
    if (ids.length > 1) throw errors().ambiguous(hex, ids, repositories);
  }
  if (unreadable !== undefined) throw unreadable;
  throw errors().notFound(name, repositories);
}

function readImage(store: Store, hex: string, repositories: Repositories): ImageRecord {
  const bytes = readImageConfig(store, hex);
  if (bytes === undefined) throw errors().notFound(`sha256:${hex}`, repositories);
  const id = `sha256:${hex}`;
  const config = JSON.parse(bytes.toString("utf8")) as ImageDocument;
  const layers = readLayers(store, hex, config.rootfs.diff_ids ?? []).map((layer) => ({
    ...layer,
    diffPath: diffPath(store, layer.cacheId),
  }));
  return {
    id,
    config,
    layers,
    references: referencesOf(repositories, id),
    standin: config.config?.Labels?.["io.glassbox.standin"],
  };
}

function readLayers(store: Store, hex: string, diffIds: string[]): StoredLayer[] {
  const noted = readImageMetadata(store, hex, "layers.json");
  if (noted !== undefined) return JSON.parse(noted) as StoredLayer[];
  const layers: StoredLayer[] = [];
  let chainId: string | undefined;
  for (const diffId of diffIds) {
    chainId = nextChainId(chainId, diffId);
    const layer = readLayer(store, chainId);
    if (layer === undefined) {
      throw errors().layerMissing(hex, `${store.paths.layers}/${chainId.slice(7)}`);
    }
    layers.push(layer);
  }
  return layers;
}

function errors(): typeof import("./resolve-errors") {
  return require("./resolve-errors") as typeof import("./resolve-errors");
}
