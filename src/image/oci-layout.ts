/** OCI image layout: index.json → (index →) manifest → configuration and layers, all blobs by digest. */

import { createHash } from "node:crypto";
import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { Archive } from "./archive-source";
import { checkImageDocument, isDigest, MAX_LAYERS } from "./config";
import type { ArchivedImage } from "./load-archive";
import { parseTaggedReference, type Reference } from "./reference";
import { wrongDigest } from "./unpack-layer";

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations: Map<string, string>;
  platform: { os: string; architecture: string; variant: string | undefined } | undefined;
}

const INDEX_TYPES = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);
const MANIFEST_TYPES = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
]);
const CONFIG_TYPES = new Set(["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"]);
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[.+](?:gzip|zstd))?$/;
const MAX_DEPTH = 4;
const MAX_DESCRIPTORS = 1000;

/** Node's architecture names in OCI's words. */
const ARCHITECTURES = new Map([
  ["x64", "amd64"],
  ["arm64", "arm64"],
  ["arm", "arm"],
  ["ia32", "386"],
  ["ppc64", "ppc64le"],
  ["s390x", "s390x"],
  ["riscv64", "riscv64"],
]);

/** "amd64" for this machine. */
export function hostArchitecture(): string {
  return ARCHITECTURES.get(process.arch) ?? process.arch;
}

/**
 * The images of index.json, each with the manifest that fits this machine. Throws "archive-manifest", "image-platform", "image-config",
 * "layer-digest", "layer-size", "bad-json", "archive-incomplete".
 */
export function readOciLayout(archive: Archive): ArchivedImage[] {
  const { value } = archive.readJson("index.json");
  const source = `index.json of ${archive.source}`;
  const descriptors = readIndex(value, source).filter((descriptor) => !isAttestation(descriptor));
  if (descriptors.length === 0) throw bad(source, { en: "it lists no image", zh: "里面没有列出镜像" });
  // Two names for one image are two descriptors with one digest.
  const images = new Map<string, ArchivedImage>();
  for (const descriptor of descriptors) {
    const manifest = chooseManifest(archive, descriptor, source, 0);
    const image = images.get(manifest.digest) ?? readManifest(archive, manifest);
    image.references.push(...referencesOf(descriptor));
    images.set(manifest.digest, image);
  }
  return [...images.values()];
}

function chooseManifest(archive: Archive, descriptor: Descriptor, source: string, depth: number): Descriptor {
  if (MANIFEST_TYPES.has(descriptor.mediaType)) return descriptor;
  if (!INDEX_TYPES.has(descriptor.mediaType))
    throw bad(source, {
      en: `${JSON.stringify(descriptor.mediaType)} is neither a manifest nor an index`,
      zh: `${JSON.stringify(descriptor.mediaType)} 既不是 manifest 也不是 index`,
    });
  if (depth >= MAX_DEPTH)
    throw bad(source, { en: `indexes are nested more than ${MAX_DEPTH} deep`, zh: `index 嵌套超过 ${MAX_DEPTH} 层` });
  const label = blobLabel(archive, descriptor.digest);
  const candidates = readIndex(readBlob(archive, descriptor).value, label).filter((candidate) => !isAttestation(candidate));
  const architecture = hostArchitecture();
  const fits = candidates.find(
    ({ platform }) => platform === undefined || (platform.os === "linux" && platform.architecture === architecture),
  );
  if (fits === undefined) {
    const offered = candidates.map(({ platform }) => `${platform?.os}/${platform?.architecture}`);
    throw new GlassboxError({
      code: "image-platform",
      what: `${archive.source} has no image for linux/${architecture}`,
      why:
        offered.length === 0
          ? { en: "its index is empty", zh: "它的 index 是空的" }
          : { en: `it has ${offered.slice(0, 12).join(", ")}`, zh: `其中有：${offered.slice(0, 12).join("、")}` },
    });
  }
  return chooseManifest(archive, fits, label, depth + 1);
}

function readManifest(archive: Archive, descriptor: Descriptor): ArchivedImage {
  const label = blobLabel(archive, descriptor.digest);
  const { value } = readBlob(archive, descriptor);
  if (!isObject(value) || value.schemaVersion !== 2 || value.manifests !== undefined)
    throw bad(label, { en: "it is not a schema 2 image manifest", zh: "它不是 schema 2 的镜像 manifest" });
  const config = readDescriptor(value.config, label);
  if (!CONFIG_TYPES.has(config.mediaType)) {
    const type = JSON.stringify(config.mediaType);
    throw bad(label, {
      en: `it describes an artifact (${type}), not an image that can be run`,
      zh: `它描述的是制品（${type}），不是能运行的镜像`,
    });
  }
  if (!Array.isArray(value.layers)) throw bad(label, { en: '"layers" is not a list', zh: '"layers" 不是列表' });
  if (value.layers.length > MAX_LAYERS)
    throw bad(label, {
      en: `it has ${value.layers.length} layers; more than ${MAX_LAYERS} are not stacked`,
      zh: `它有 ${value.layers.length} 层；最多叠 ${MAX_LAYERS} 层`,
    });
  const layers = value.layers.map((layer: unknown) => readDescriptor(layer, label));
  const strange = layers.find((layer) => !LAYER_TYPE.test(layer.mediaType));
  if (strange !== undefined)
    throw bad(label, {
      en: `a layer of type ${JSON.stringify(strange.mediaType)} is not a tar`,
      zh: `类型为 ${JSON.stringify(strange.mediaType)} 的层不是 tar`,
    });
  const { value: configValue, bytes } = readBlob(archive, config);
  const document = checkImageDocument(configValue, blobLabel(archive, config.digest));
  if (document.rootfs.diff_ids.length !== layers.length) {
    throw bad(label, {
      en: `it has ${layers.length} layers, and the configuration has ${document.rootfs.diff_ids.length} diffIDs`,
      zh: `它有 ${layers.length} 层，而镜像配置里有 ${document.rootfs.diff_ids.length} 个 diffID`,
    });
  }
  return {
    configBytes: bytes,
    document,
    hex: config.digest.slice(7),
    references: [],
    layers: layers.map((layer) => ({ name: blobName(layer.digest), digest: layer.digest, sizeBytes: layer.size })),
  };
}

function readBlob(archive: Archive, descriptor: Descriptor): { value: unknown; bytes: Buffer } {
  const label = blobLabel(archive, descriptor.digest);
  const { value, bytes } = archive.readJson(blobName(descriptor.digest));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (digest !== descriptor.digest) throw wrongDigest(label, "digest", descriptor.digest, digest);
  if (bytes.length !== descriptor.size) {
    throw new GlassboxError({
      code: "layer-size",
      what: `${label} has the wrong size`,
      why: {
        en: `${descriptor.size} bytes were announced, ${bytes.length} are there`,
        zh: `声明的是 ${descriptor.size} 字节，实际有 ${bytes.length} 字节`,
      },
    });
  }
  return { value, bytes };
}

/** Only from a checked digest. */
function blobName(digest: string): string {
  return `blobs/sha256/${digest.slice(7)}`;
}

function blobLabel(archive: Archive, digest: string): string {
  return `${digest.slice(0, 19)} of ${archive.source}`;
}

function readIndex(value: unknown, source: string): Descriptor[] {
  if (!isObject(value) || value.schemaVersion !== 2 || !Array.isArray(value.manifests))
    throw bad(source, { en: "it is not a schema 2 image index", zh: "它不是 schema 2 的镜像 index" });
  if (value.manifests.length > MAX_DESCRIPTORS)
    throw bad(source, {
      en: `it lists ${value.manifests.length} manifests`,
      zh: `它列出了 ${value.manifests.length} 个 manifest`,
    });
  return value.manifests.map((descriptor: unknown) => readDescriptor(descriptor, source));
}

function readDescriptor(value: unknown, source: string): Descriptor {
  if (!isObject(value)) throw bad(source, { en: "a descriptor is not an object", zh: "有一个 descriptor 不是对象" });
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== "string")
    throw bad(source, { en: "a descriptor has no mediaType", zh: "有一个 descriptor 没有 mediaType" });
  // CVE-2024-3727: a digest that is not one must not become a path.
  if (!isDigest(digest))
    throw bad(source, {
      en: `${JSON.stringify(String(digest).slice(0, 90))} is not a sha256 digest`,
      zh: `${JSON.stringify(String(digest).slice(0, 90))} 不是 sha256 摘要`,
    });
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw bad(source, { en: "a descriptor's size is not a whole number", zh: "有一个 descriptor 的 size 不是整数" });
  const annotations = new Map<string, string>();
  if (isObject(value.annotations)) {
    for (const [key, text] of Object.entries(value.annotations)) if (typeof text === "string") annotations.set(key, text);
  }
  const platform = isObject(value.platform)
    ? {
        os: String(value.platform.os),
        architecture: String(value.platform.architecture),
        variant: typeof value.platform.variant === "string" ? value.platform.variant : undefined,
      }
    : undefined;
  return { mediaType, digest, size, annotations, platform };
}

/** BuildKit puts provenance beside images, as manifests for a platform that does not exist. */
function isAttestation(descriptor: Descriptor): boolean {
  return (
    descriptor.annotations.get("vnd.docker.reference.type") === "attestation-manifest" || descriptor.platform?.os === "unknown"
  );
}

/** A full name is taken; ref.name is often a bare tag, which names nothing by itself. */
function referencesOf(descriptor: Descriptor): Reference[] {
  const full = descriptor.annotations.get("io.containerd.image.name");
  if (full !== undefined) return [parseTaggedReference(full)];
  const name = descriptor.annotations.get("org.opencontainers.image.ref.name");
  if (name === undefined || !/[:/]/.test(name)) return [];
  return [parseTaggedReference(name)];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function bad(source: string, why: Bilingual): GlassboxError {
  return new GlassboxError({ code: "archive-manifest", what: `${source} cannot be loaded`, why });
}
