/** Temporary stores, and images to put into them. */

import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { loadKernel } from "../../src/binding";
import { treeCalls } from "../../src/store/native-calls";
import { openStore, type Store } from "../../src/store/store";
import { tar } from "./tar-fixture";

/** A directory that goes when the test ends. */
export function scratch(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "glassbox-test-"));
  t.teardown(() => {
    try {
      treeCalls(loadKernel()).removeTree(path);
    } catch {
      rmSync(path, { recursive: true, force: true });
    }
  });
  return path;
}

export function scratchStore(t: ExecutionContext): Store {
  return openStore(join(scratch(t), "store"), loadKernel());
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export interface FixtureLayer {
  /** The uncompressed tar. */
  tar: Buffer;
  /** As it lies in the archive; the tar itself when not given. */
  blob?: Buffer;
}

export interface ArchiveEdits {
  diffIds?: string[];
  config?: object;
  /** Changes manifest.json or index.json before it is written. */
  manifest?: (value: any) => unknown;
  /** Changes the files of the archive: name → content; order is the archive's. */
  files?: (files: Map<string, Buffer>) => void;
}

function configOf(layers: FixtureLayer[], edits: ArchiveEdits): Buffer {
  const diff_ids = edits.diffIds ?? layers.map((layer) => `sha256:${sha256(layer.tar)}`);
  return Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["/bin/true"] },
      rootfs: { type: "layers", diff_ids },
      ...edits.config,
    }),
  );
}

/** A docker-archive, layers before manifest.json as podman writes it. */
export function dockerArchive(layers: FixtureLayer[], tags: string[], edits: ArchiveEdits = {}): Buffer {
  const config = configOf(layers, edits);
  const files = new Map<string, Buffer>();
  const names = layers.map((layer, i) => `${sha256(layer.tar)}-${i}/layer.tar`);
  for (const [i, layer] of layers.entries()) files.set(names[i] as string, layer.blob ?? layer.tar);
  const configName = `${sha256(config)}.json`;
  files.set(configName, config);
  const manifest = [{ Config: configName, RepoTags: tags, Layers: names }];
  files.set("manifest.json", Buffer.from(JSON.stringify(edits.manifest?.(manifest) ?? manifest)));
  edits.files?.(files);
  return tar([...files].map(([name, data]) => ({ name, data })));
}

/** Files of an OCI layout by name. */
export function ociFiles(layers: FixtureLayer[], name: string | undefined, edits: ArchiveEdits = {}): Map<string, Buffer> {
  const files = new Map<string, Buffer>([["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')]]);
  const put = (content: Buffer, mediaType: string): { mediaType: string; digest: string; size: number } => {
    const hex = sha256(content);
    files.set(`blobs/sha256/${hex}`, content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const config = put(configOf(layers, edits), "application/vnd.oci.image.config.v1+json");
  const blobs = layers.map((layer) =>
    put(layer.blob ?? layer.tar, `application/vnd.oci.image.layer.v1.tar${layer.blob === undefined ? "" : "+gzip"}`),
  );
  const manifest = put(
    Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: blobs })),
    "application/vnd.oci.image.manifest.v1+json",
  );
  const annotations = name === undefined ? {} : { "org.opencontainers.image.ref.name": name };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  files.set("index.json", Buffer.from(JSON.stringify(edits.manifest?.(index) ?? index)));
  edits.files?.(files);
  return files;
}

export function tarOf(files: Map<string, Buffer>): Buffer {
  return tar([...files].map(([name, data]) => ({ name, data })));
}

/** Every path below a directory with its type, mode, owner and content: two equal listings are equal trees. */
export function listing(root: string, options: { skip?: RegExp } = {}): string[] {
  const lines: string[] = [];
  // Bytes all the way: names need not be UTF-8.
  const walk = (directory: Buffer, inside: string): void => {
    for (const name of readdirSync(directory, { encoding: "buffer" }).sort(Buffer.compare)) {
      const inner = `${inside}${name.toString("latin1")}`;
      if (options.skip?.test(inner) === true) continue;
      const path = Buffer.concat([directory, Buffer.from("/"), name]);
      const stat = lstatSync(path);
      const content = stat.isFile() ? sha256(readFileSync(path)).slice(0, 12) : stat.isSymbolicLink() ? readlinkSync(path) : "";
      lines.push(`${inner} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${stat.nlink} ${content}`);
      if (stat.isDirectory()) walk(path, `${inner}/`);
    }
  };
  walk(Buffer.from(root), "");
  return lines;
}

/** What a store holds, without the lock files that any use makes. */
export function storeListing(store: Store): string[] {
  return listing(store.root, { skip: /\.lock$/ });
}
