/** The moment in which something staged becomes part of the store: durable first, then renamed, names last. */

import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import { syncDirectory } from "./atomic";
import { readOptionalText } from "./imagedb";
import { readLayer, type StoredLayer } from "./layerdb";
import { withLock } from "./locks";
import { type Repositories, updateRepositoriesLocked } from "./repositories";
import type { Store } from "./store";
import type { Workspace } from "./workspace";

/** A layer unpacked in a workspace. */
export interface StagedLayer {
  layer: StoredLayer;
  parentChainId: string | undefined;
  /** Directory of the workspace that holds `diff/`; it becomes overlay2/<cache id>. */
  directory: string;
}

export interface StagedImage {
  /** 64 hex digits: sha256 of `config`. */
  hex: string;
  config: Uint8Array;
  /** All its layers, bottom first; those not staged are in the store already. */
  chainIds: string[];
  /** What the stand-in really is, for images that take a famous name. */
  standin?: string | undefined;
  parent?: string | undefined;
}

export interface Publication {
  layers: StagedLayer[];
  images: StagedImage[];
  /** Gives the images their names; runs under the lock. */
  name?: ((repositories: Repositories) => void) | undefined;
}

/**
 * Publishes all or nothing, and returns when it would survive a power cut. Throws "store-changed" when a layer that was in the store
 * at the start has gone meanwhile. The workspace is left to its owner to dispose of.
 */
export function publish(store: Store, workspace: Workspace, publication: Publication): void {
  const { layers, images } = publication;
  const known = new Map(layers.map((staged) => [staged.layer.chainId, staged.layer]));
  for (const staged of layers) describeLayer(store, workspace, staged, known);
  for (const image of images) describeImage(store, workspace, image, known);
  if (layers.length > 0) workspace.intend(layers.map((staged) => staged.layer));
  syncWorkspace(store, workspace);
  withLock(store, "images", "exclusive", () => {
    const fresh = adoptExisting(store, workspace, publication, known);
    for (const staged of fresh) renameLayer(store, workspace, staged);
    if (fresh.length > 0) for (const path of [store.paths.overlay, store.paths.links, store.paths.layers]) syncDirectory(path);
    for (const image of images) renameImage(store, workspace, image);
    if (images.length > 0) for (const path of [store.paths.imageContent, store.paths.imageMetadata]) syncDirectory(path);
    if (publication.name !== undefined) updateRepositoriesLocked(store, publication.name);
  });
}

function describeLayer(store: Store, workspace: Workspace, staged: StagedLayer, known: Map<string, StoredLayer>): void {
  const { layer, parentChainId, directory } = staged;
  writeFileSync(`${directory}/link`, layer.shortName);
  if (parentChainId !== undefined) {
    writeFileSync(`${directory}/lower`, lowerOf(store, parentChainId, known, workspace));
    mkdirSync(`${directory}/work`, { recursive: true, mode: 0o700 });
  }
  const entry = `${workspace.path}/layerdb-${layer.chainId.slice(7)}`;
  mkdirSync(entry, { recursive: true, mode: 0o700 });
  writeFileSync(`${entry}/diff`, layer.diffId);
  if (parentChainId !== undefined) writeFileSync(`${entry}/parent`, parentChainId);
  writeFileSync(`${entry}/cache-id`, layer.cacheId);
  writeFileSync(`${entry}/size`, String(layer.sizeBytes));
}

/** "l/A:l/B": short names from the parent down. */
function lowerOf(store: Store, parentChainId: string, known: Map<string, StoredLayer>, workspace: Workspace): string {
  const parent = layerOrThrow(store, parentChainId, known);
  const stagedLower = readOptionalText(`${workspace.path}/${parent.cacheId}/lower`);
  const lower = stagedLower ?? readOptionalText(`${store.paths.overlay}/${parent.cacheId}/lower`);
  return lower === undefined ? `l/${parent.shortName}` : `l/${parent.shortName}:${lower}`;
}

function layerOrThrow(store: Store, chainId: string, known: Map<string, StoredLayer>): StoredLayer {
  const layer = known.get(chainId) ?? readLayer(store, chainId);
  if (layer !== undefined) return layer;
  throw new GlassboxError({
    code: "store-changed",
    what: `the layer ${chainId} was removed from the store while an image on top of it was made`,
    hint: { en: "try again", zh: "再试一次" },
  });
}

function describeImage(store: Store, workspace: Workspace, image: StagedImage, known: Map<string, StoredLayer>): void {
  writeFileSync(`${workspace.path}/config-${image.hex}`, image.config);
  const notes = `${workspace.path}/metadata-${image.hex}`;
  mkdirSync(notes, { recursive: true, mode: 0o700 });
  const layers = image.chainIds.map((chainId) => layerOrThrow(store, chainId, known));
  // What `run` would otherwise work out from the diffIDs by hashing.
  writeFileSync(`${notes}/layers.json`, JSON.stringify(layers));
  writeFileSync(`${notes}/lastUpdated`, new Date().toISOString());
  if (image.standin !== undefined) writeFileSync(`${notes}/standin`, image.standin);
  if (image.parent !== undefined) writeFileSync(`${notes}/parent`, image.parent);
}

function syncWorkspace(store: Store, workspace: Workspace): void {
  const fd = openSync(workspace.path, "r");
  try {
    store.kernel.syncfs(fd);
  } finally {
    closeSync(fd);
  }
}

/** Somebody may have published the same chain since: theirs stays, and what lies on top is described anew. */
function adoptExisting(
  store: Store,
  workspace: Workspace,
  publication: Publication,
  known: Map<string, StoredLayer>,
): StagedLayer[] {
  const fresh: StagedLayer[] = [];
  for (const staged of publication.layers) {
    const existing = readLayer(store, staged.layer.chainId);
    if (existing === undefined) fresh.push(staged);
    else known.set(existing.chainId, existing);
  }
  for (const image of publication.images) for (const chainId of image.chainIds) layerOrThrow(store, chainId, known);
  for (const staged of publication.layers)
    if (staged.parentChainId !== undefined) layerOrThrow(store, staged.parentChainId, known);
  if (fresh.length < publication.layers.length) {
    for (const staged of fresh) describeLayer(store, workspace, staged, known);
    for (const image of publication.images) describeImage(store, workspace, image, known);
    syncWorkspace(store, workspace);
  }
  return fresh;
}

function renameLayer(store: Store, workspace: Workspace, staged: StagedLayer): void {
  const { cacheId, shortName, chainId } = staged.layer;
  renameSync(staged.directory, `${store.paths.overlay}/${cacheId}`);
  symlinkSync(`../${cacheId}/diff`, `${store.paths.links}/${shortName}`);
  const entry = `${store.paths.layers}/${chainId.slice(7)}`;
  // Without a cache-id an entry was never acknowledged.
  rmSync(entry, { recursive: true, force: true });
  renameSync(`${workspace.path}/layerdb-${chainId.slice(7)}`, entry);
}

function renameImage(store: Store, workspace: Workspace, image: StagedImage): void {
  const notes = `${store.paths.imageMetadata}/${image.hex}`;
  const staged = `${workspace.path}/metadata-${image.hex}`;
  if (existsSync(notes)) {
    for (const name of ["layers.json", "lastUpdated"]) renameSync(`${staged}/${name}`, `${notes}/${name}`);
  } else {
    renameSync(staged, notes);
  }
  renameSync(`${workspace.path}/config-${image.hex}`, `${store.paths.imageContent}/${image.hex}`);
}
