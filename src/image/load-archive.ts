/** `load`: images from an archive that save, skopeo, buildah, BuildKit or umoci wrote. */

import type { Readable } from "node:stream";
import { GlassboxError } from "../base/errors";
import type { Store } from "../store/store";
import { type Archive, openArchive } from "./archive-source";
import { Assembly, type Renamed } from "./assemble";
import type { ImageDocument } from "./config";
import { nextChainId } from "../store/layerdb";
import { readDockerArchive } from "./docker-archive";
import { readOciLayout } from "./oci-layout";
import { formatReference, type Reference } from "./reference";

/** An image as an archive describes it, before any layer has been looked at. */
export interface ArchivedImage {
  configBytes: Buffer;
  document: ImageDocument;
  /** sha256 of configBytes. */
  hex: string;
  references: Reference[];
  /** Bottom first; `name` is the file in the archive. */
  layers: { name: string; digest?: string | undefined; sizeBytes?: number | undefined }[];
}

export interface LoadProgress {
  /** Which layer of how many, from 1. */
  layer: number;
  layers: number;
  diffId: string;
  /** Bytes of the layer as it lies in the archive. */
  bytes: number;
  totalBytes: number;
  /** The store had it already. */
  exists: boolean;
}

export interface LoadedImage {
  /** "sha256:…" */
  id: string;
  /** ["busybox:latest"]; without any, Docker prints the id. */
  references: string[];
  /** Names that were taken from other images. */
  renamed: Renamed[];
}

export interface LoadOptions {
  onProgress?: (progress: LoadProgress) => void;
}

/**
 * Loads all images of a docker-archive, an OCI archive (each plain or compressed; a path or a stream), or an OCI layout directory.
 * All or nothing: every digest is checked before anything is published, and a failure leaves the store as it was.
 * Throws GlassboxError: "archive-…", "layer-…", "tar-…", "image-config", "image-platform", "bad-reference", "bad-json", "compression-unsupported".
 */
export async function loadArchive(store: Store, input: string | Readable, options: LoadOptions = {}): Promise<LoadedImage[]> {
  const assembly = new Assembly(store);
  let archive: Archive | undefined;
  try {
    archive = await openArchive(assembly.workspace, input);
    const images = readImages(archive);
    const loaded: LoadedImage[] = [];
    for (const image of images) {
      const chainIds = await loadLayers(assembly, archive, image, options);
      const id = assembly.addImage(image.configBytes, chainIds, image.references);
      loaded.push({ id, references: image.references.map(formatReference), renamed: [] });
    }
    for (const renamed of assembly.publish()) {
      loaded.find((image) => image.references.includes(renamed.reference))?.renamed.push(renamed);
    }
    return loaded;
  } finally {
    archive?.close();
    assembly.dispose();
  }
}

function readImages(archive: Archive): ArchivedImage[] {
  // `docker save` since 25 writes both; manifest.json has the names as people know them.
  if (archive.size("manifest.json") !== undefined) return readDockerArchive(archive);
  if (archive.size("index.json") !== undefined) return readOciLayout(archive);
  throw new GlassboxError({
    code: "archive-unknown",
    what: `${archive.source} is not an image archive`,
    why: {
      en: "it has neither manifest.json (docker-archive) nor index.json (OCI layout)",
      zh: "里面既没有 manifest.json（docker-archive），也没有 index.json（OCI layout）",
    },
    hint: {
      en: "a tar of a root file system is brought in by: glassbox import FILE NAME",
      zh: "根文件系统的 tar 请用：glassbox import FILE NAME",
    },
  });
}

async function loadLayers(assembly: Assembly, archive: Archive, image: ArchivedImage, options: LoadOptions): Promise<string[]> {
  const chainIds: string[] = [];
  const diffIds = image.document.rootfs.diff_ids;
  for (const [i, diffId] of diffIds.entries()) {
    const layer = image.layers[i] as ArchivedImage["layers"][number];
    const chainId = nextChainId(chainIds.at(-1), diffId);
    const totalBytes = archive.size(layer.name) ?? 0;
    const report = (bytes: number, exists: boolean): void =>
      options.onProgress?.({ layer: i + 1, layers: diffIds.length, diffId, bytes, totalBytes, exists });
    if (assembly.has(chainId)) {
      report(totalBytes, true);
    } else {
      await assembly.addLayer(chainIds, archive.stream(layer.name), {
        source: `layer ${i + 1} of ${diffIds.length} in ${archive.source}`,
        expected: { diffId, digest: layer.digest, sizeBytes: layer.sizeBytes },
        onProgress: (bytes) => report(bytes, false),
      });
    }
    chainIds.push(chainId);
  }
  return chainIds;
}
