/** `import`: an image of one layer from a root file system, which comes as a tar, a compressed tar, a stream or a directory. */

import { createReadStream, fstatSync, closeSync } from "node:fs";
import type { Readable } from "node:stream";
import { GlassboxError } from "../base/errors";
import { nextChainId } from "../store/layerdb";
import type { Store } from "../store/store";
import { openInput } from "./archive-source";
import { Assembly } from "./assemble";
import { applyChanges } from "./changes";
import type { ImageConfig, ImageDocument } from "./config";
import { directoryTar } from "./directory-tar";
import { hostArchitecture } from "./oci-layout";
import { parseTaggedReference } from "./reference";
import { type ImageRecord, resolveImage } from "./resolve";

export interface ImportOptions {
  /** "name" or "name:tag" */
  reference?: string | undefined;
  /** History comment; Docker's when not given. */
  message?: string | undefined;
  /** Dockerfile instructions: ["CMD [\"sh\"]"]. */
  changes?: readonly string[] | undefined;
  onProgress?: (bytes: number) => void;
}

/**
 * Imports a path (tar or directory) or a stream. Returns the image's id, "sha256:…". Like Docker's, the image has no command.
 * Throws "import-empty", "archive-unreadable", "bad-reference", "bad-change", and what applyLayer throws; then nothing is left behind.
 */
export async function importRootfs(store: Store, input: string | Readable, options: ImportOptions = {}): Promise<string> {
  const name = typeof input === "string" ? input : "-";
  const config = applyChanges({}, options.changes ?? []);
  const comment = options.message ?? `Imported from ${name}`;
  const { id } = await singleLayerImage(store, input, {
    reference: options.reference,
    config,
    comment,
    onProgress: options.onProgress,
  });
  return id;
}

export interface DirectoryImageOptions {
  reference?: string;
  config?: ImageConfig;
  /** History: what made it, as a command. */
  createdBy: string;
  comment?: string;
  /** RFC 3339; now unless given. With it the same directory gives the same image id everywhere. */
  created?: string;
  /** What it really is, when it takes a famous name: also the label io.glassbox.standin. */
  standin?: string;
}

/** Makes an image of one layer from a directory, for whoever builds root file systems. Throws as importRootfs. */
export async function createImageFromDirectory(
  store: Store,
  directory: string,
  options: DirectoryImageOptions,
): Promise<ImageRecord> {
  const config = { ...options.config };
  if (options.standin !== undefined) config.Labels = { ...config.Labels, "io.glassbox.standin": options.standin };
  const { id } = await singleLayerImage(store, directory, { ...options, config });
  return resolveImage(store, id);
}

interface SingleLayer {
  created?: string | undefined;
  reference?: string | undefined;
  config: ImageConfig;
  createdBy?: string | undefined;
  comment?: string | undefined;
  standin?: string | undefined;
  onProgress?: ((bytes: number) => void) | undefined;
}

async function singleLayerImage(store: Store, input: string | Readable, options: SingleLayer): Promise<{ id: string }> {
  const references = options.reference === undefined ? [] : [parseTaggedReference(options.reference)];
  if (references[0]?.digest !== undefined) {
    throw new GlassboxError({ code: "bad-reference", what: `cannot import to a digest reference: ${options.reference}` });
  }
  const source = typeof input === "string" ? input : "standard input";
  const assembly = new Assembly(store);
  try {
    const layer = await assembly.addLayer([], openRootfs(store, input), {
      source,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
    if (layer.tarBytes === 0) {
      throw new GlassboxError({
        code: "import-empty",
        what: `${source} is empty`,
        why: { en: "not even an empty tar is that short", zh: "连空的 tar 都没有这么短" },
        hint: { en: "give a tar of a root file system, or a directory", zh: "请给出根文件系统的 tar，或一个目录" },
      });
    }
    const document = documentOf(layer.diffId, options);
    const id = assembly.addImage(
      Buffer.from(JSON.stringify(document)),
      [nextChainId(undefined, layer.diffId)],
      references,
      options.standin,
    );
    assembly.publish();
    return { id };
  } finally {
    assembly.dispose();
  }
}

function openRootfs(store: Store, input: string | Readable): AsyncIterable<Uint8Array> {
  if (typeof input !== "string") return input;
  const fd = openInput(input);
  if (!fstatSync(fd).isDirectory()) return createReadStream("", { fd, highWaterMark: 1 << 20 });
  closeSync(fd);
  return directoryTar(store, input);
}

function documentOf(diffId: string, options: SingleLayer): ImageDocument {
  const created = options.created ?? new Date().toISOString();
  const history = {
    created,
    ...(options.createdBy === undefined ? {} : { created_by: options.createdBy }),
    ...(options.comment === undefined ? {} : { comment: options.comment }),
  };
  return {
    architecture: hostArchitecture(),
    ...(options.comment === undefined ? {} : { comment: options.comment }),
    config: options.config,
    created,
    history: [history],
    os: "linux",
    rootfs: { type: "layers", diff_ids: [diffId] },
  };
}
