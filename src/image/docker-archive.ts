/** docker-archive: manifest.json names a configuration and layers for each image. Old (`<id>/layer.tar`) and new (`blobs/sha256/…`) alike. */

import { createHash } from "node:crypto";
import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { Archive } from "./archive-source";
import { checkImageDocument } from "./config";
import type { ArchivedImage } from "./load-archive";
import { parseTaggedReference } from "./reference";
import { cleanName } from "./tar-index";
import { wrongDigest } from "./unpack-layer";

const MAX_IMAGES = 1000;

/** The images that manifest.json lists. Throws "archive-manifest", "image-config", "layer-digest", "bad-json", "archive-incomplete". */
export function readDockerArchive(archive: Archive): ArchivedImage[] {
  const source = `manifest.json of ${archive.source}`;
  const { value } = archive.readJson("manifest.json");
  const bad = (why: Bilingual): GlassboxError =>
    new GlassboxError({ code: "archive-manifest", what: `${source} is not a docker-archive manifest`, why });
  if (!Array.isArray(value) || value.length === 0) throw bad({ en: "it is not a list of images", zh: "它不是镜像的列表" });
  if (value.length > MAX_IMAGES) throw bad({ en: `it lists ${value.length} images`, zh: `它列出了 ${value.length} 个镜像` });
  return value.map((entry: unknown) => {
    const { Config, RepoTags, Layers } = (entry ?? {}) as Record<string, unknown>;
    if (typeof Config !== "string") throw bad({ en: '"Config" is not a string', zh: '"Config" 不是字符串' });
    if (!isStrings(Layers ?? [])) throw bad({ en: '"Layers" is not a list of strings', zh: '"Layers" 不是字符串列表' });
    if (!isStrings(RepoTags ?? [])) throw bad({ en: '"RepoTags" is not a list of strings', zh: '"RepoTags" 不是字符串列表' });
    const layers = (Layers ?? []) as string[];
    const config = readConfig(archive, Config);
    const diffIds = config.document.rootfs.diff_ids;
    if (diffIds.length !== layers.length) {
      throw bad({
        en: `${layers.length} layers are listed, and the configuration has ${diffIds.length} diffIDs`,
        zh: `列出了 ${layers.length} 层，而镜像配置里有 ${diffIds.length} 个 diffID`,
      });
    }
    return {
      ...config,
      references: ((RepoTags ?? []) as string[]).map((tag) => parseTaggedReference(tag)),
      layers: layers.map((name) => ({ name: cleanName(name), digest: blobDigest(cleanName(name)) })),
    };
  });
}

function readConfig(archive: Archive, written: string): Pick<ArchivedImage, "configBytes" | "document" | "hex"> {
  const name = cleanName(written);
  const label = `${name} of ${archive.source}`;
  const { value, bytes } = archive.readJson(name);
  const hex = createHash("sha256").update(bytes).digest("hex");
  // Both layouts name it by its digest; other names promise nothing.
  const promised = blobDigest(name)?.slice(7) ?? /^([0-9a-f]{64})\.json$/.exec(name)?.[1];
  if (promised !== undefined && promised !== hex) throw wrongDigest(label, "digest", `sha256:${promised}`, `sha256:${hex}`);
  return { configBytes: bytes, document: checkImageDocument(value, label), hex };
}

function blobDigest(name: string): string | undefined {
  const match = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name);
  return match === null ? undefined : `sha256:${match[1]}`;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
