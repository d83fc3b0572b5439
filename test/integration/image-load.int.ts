/** load and import: what they accept, what they refuse, and that a refusal leaves the store as it was. */

import { createReadStream, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { GlassboxError } from "../../src/base/errors";
import { loadArchive } from "../../src/image/load-archive";
import { createImageFromDirectory, importRootfs } from "../../src/image/import-rootfs";
import { listImages, tagImage } from "../../src/image/names";
import { resolveImage } from "../../src/image/resolve";
import { treeCalls } from "../../src/store/native-calls";
import { openWorkspace } from "../../src/store/workspace";
import { openStore, type Store } from "../../src/store/store";
import { privileged } from "../helpers/privileged";
import {
  type ArchiveEdits,
  dockerArchive,
  type FixtureLayer,
  listing,
  ociFiles,
  scratch,
  scratchStore,
  sha256,
  storeListing,
  tarOf,
} from "../helpers/store-fixture";
import { tar } from "../helpers/tar-fixture";

const base: FixtureLayer = {
  tar: tar([
    { name: "etc", type: "5" },
    { name: "etc/passwd", data: "root:x:0:0::/:/bin/sh\n" },
    { name: "gone", data: "g" },
  ]),
};
const middle: FixtureLayer = { tar: tar([{ name: ".wh.gone" }, { name: "new", data: "n" }]) };
const top: FixtureLayer = { tar: tar([{ name: "etc/group", data: "root:x:0:\n" }]) };
const layers = [base, middle, top];
const gzipped = layers.map((layer) => ({ ...layer, blob: gzipSync(layer.tar) }));

function file(t: ExecutionContext, content: Buffer): string {
  const path = join(scratch(t), "image.tar");
  writeFileSync(path, content);
  return path;
}

function checkLoaded(t: ExecutionContext, store: Store, name: string): void {
  const image = resolveImage(store, name);
  t.deepEqual(
    image.layers.map((layer) => layer.diffId),
    layers.map((layer) => `sha256:${sha256(layer.tar)}`),
  );
  t.is(image.id, `sha256:${sha256(readFileSync(join(store.paths.imageContent, image.id.slice(7))))}`);
  t.is(readFileSync(join(image.layers[0]?.diffPath as string, "etc/passwd"), "utf8"), "root:x:0:0::/:/bin/sh\n");
  t.true(lstatSync(join(image.layers[1]?.diffPath as string, "gone")).isCharacterDevice());
  for (const [i, layer] of image.layers.entries()) {
    const directory = join(store.paths.overlay, layer.cacheId);
    t.is(readFileSync(join(directory, "link"), "utf8"), layer.shortName);
    const below = image.layers
      .slice(0, i)
      .map((lower) => `l/${lower.shortName}`)
      .reverse();
    t.is(existsSync(join(directory, "lower")) ? readFileSync(join(directory, "lower"), "utf8") : "", below.join(":"));
    t.deepEqual(readdirSync(join(store.paths.links, layer.shortName)), readdirSync(layer.diffPath));
  }
  t.deepEqual(readdirSync(store.paths.staging), []);
}

privileged(test)("a docker-archive, plain and compressed in every place", async (t) => {
  const archives = [
    dockerArchive(layers, ["app:1"]),
    dockerArchive(gzipped, ["app:1"]),
    gzipSync(dockerArchive(layers, ["app:1"])),
  ];
  for (const bytes of archives) {
    for (const input of [file(t, bytes), createReadStream(file(t, bytes)), Readable.from([bytes])]) {
      const store = scratchStore(t);
      const [loaded] = await loadArchive(store, input);
      t.deepEqual(loaded?.references, ["app:1"]);
      checkLoaded(t, store, "app:1");
    }
  }
});

privileged(test)("an OCI layout as tar and as directory", async (t) => {
  const files = ociFiles(gzipped, "quay.io/user/app:2");
  const directory = scratch(t);
  for (const [name, content] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  for (const input of [file(t, tarOf(files)), directory, Readable.from([gzipSync(tarOf(files))])]) {
    const store = scratchStore(t);
    const [loaded] = await loadArchive(store, input);
    t.deepEqual(loaded?.references, ["quay.io/user/app:2"]);
    checkLoaded(t, store, "quay.io/user/app:2");
  }
});

privileged(test)("docker save since 25: an OCI layout with a manifest.json", async (t) => {
  const files = ociFiles(layers, undefined, {
    files: (all) => {
      const config = [...all.keys()].find((name) => name.startsWith("blobs/") && all.get(name)?.includes("diff_ids"));
      const names = layers.map((layer) => `blobs/sha256/${sha256(layer.tar)}`);
      all.set("manifest.json", Buffer.from(JSON.stringify([{ Config: config, RepoTags: ["app:3"], Layers: names }])));
    },
  });
  const store = scratchStore(t);
  await loadArchive(store, file(t, tarOf(files)));
  checkLoaded(t, store, "app:3");
});

privileged(test)("a bare tag in an OCI layout is no name", async (t) => {
  const store = scratchStore(t);
  const [loaded] = await loadArchive(store, file(t, tarOf(ociFiles(gzipped, "latest"))));
  t.deepEqual(loaded?.references, []);
  checkLoaded(t, store, loaded?.id as string);
});

privileged(test)("layers are shared, and a name that moves is reported", async (t) => {
  const store = scratchStore(t);
  const [one] = await loadArchive(store, file(t, dockerArchive([base], ["app"])));
  const seen: boolean[] = [];
  const [two] = await loadArchive(store, file(t, dockerArchive(layers, ["app"])), { onProgress: (p) => seen.push(p.exists) });
  t.deepEqual(two?.renamed, [{ reference: "app:latest", previousId: one?.id as string }]);
  t.true(seen[0]);
  t.is(resolveImage(store, one?.id as string).layers[0]?.cacheId, resolveImage(store, "app").layers[0]?.cacheId);
  t.is(listImages(store).length, 2);
  t.is(readdirSync(store.paths.layers).length, 3);
  await loadArchive(store, file(t, dockerArchive(layers, ["app"])));
  t.is(readdirSync(store.paths.layers).length, 3);
});

privileged(test)("two loads of the same image at once", async (t) => {
  const store = scratchStore(t);
  const archive = file(t, dockerArchive(gzipped, ["app:1"]));
  await Promise.all([loadArchive(store, archive), loadArchive(store, archive), loadArchive(store, archive)]);
  checkLoaded(t, store, "app:1");
  t.is(readdirSync(store.paths.layers).length, 3);
  t.is(readdirSync(store.paths.links).length, 3);
});

const wrong = "0".repeat(64);
const docker = (edits: ArchiveEdits): Buffer => dockerArchive(layers, ["app:1"], edits);
const oci = (edits: ArchiveEdits, name = "app:1"): Buffer => tarOf(ociFiles(gzipped, name, edits));
/** Replaces the blob that `match` picks by what `change` makes of it, under its old name. */
const tamper = (match: (content: Buffer) => boolean, change: (content: Buffer) => Buffer): ArchiveEdits => ({
  files: (files) => {
    for (const [name, content] of files) if (name.startsWith("blobs/") && match(content)) files.set(name, change(content));
  },
});
const isConfig = (content: Buffer): boolean => content.includes("diff_ids");
const isManifest = (content: Buffer): boolean => content.includes('"layers":[{');
const firstEntry = (change: (entry: Record<string, unknown>) => void): ArchiveEdits => ({
  manifest: (value) => {
    change(value[0]);
    return value;
  },
});
const firstDescriptor = (change: (descriptor: Record<string, unknown>) => void): ArchiveEdits => ({
  manifest: (value) => {
    change(value.manifests[0]);
    return value;
  },
});

const BAD: [string, Buffer, string][] = [
  ["nothing at all", Buffer.alloc(0), "archive-unknown"],
  ["text", Buffer.from("no archive".repeat(100)), "archive-corrupt"],
  ["a root file system", base.tar, "archive-unknown"],
  ["cut docker-archive", docker({}).subarray(0, 4000), "archive-truncated"],
  ["cut gzip", gzipSync(docker({})).subarray(0, 400), "layer-truncated"],
  ["damaged gzip", Buffer.concat([gzipSync(docker({})).subarray(0, 100), Buffer.alloc(200, 7)]), "layer-corrupt"],
  [
    "zstd",
    Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(100)]),
    process.versions.node.startsWith("20.") ? "compression-unsupported" : "layer-corrupt",
  ],
  [
    "wrong diffID",
    docker({ diffIds: [`sha256:${wrong}`, ...layers.slice(1).map((l) => `sha256:${sha256(l.tar)}`)] }),
    "layer-digest",
  ],
  [
    "wrong diffID of the last layer",
    docker({ diffIds: [...layers.slice(0, 2).map((l) => `sha256:${sha256(l.tar)}`), `sha256:${wrong}`] }),
    "layer-digest",
  ],
  ["fewer diffIDs than layers", docker({ diffIds: [`sha256:${sha256(base.tar)}`] }), "archive-manifest"],
  ["a diffID that is a path", docker({ diffIds: ["sha256:../../x", "sha256:../../y", "sha256:../../z"] }), "image-config"],
  [
    "a diffID in capitals",
    docker({ diffIds: [base, middle, top].map((l) => `sha256:${sha256(l.tar).toUpperCase()}`) }),
    "image-config",
  ],
  [
    "a layer that is missing",
    docker({ files: (files) => void files.delete([...files.keys()][1] as string) }),
    "archive-incomplete",
  ],
  ["a configuration elsewhere", docker(firstEntry((e) => (e.Config = "../../../etc/passwd"))), "archive-incomplete"],
  [
    "a configuration with the wrong digest",
    docker({
      files: (files) => {
        for (const [name, content] of files)
          if (/^[0-9a-f]{64}\.json$/.test(name)) files.set(name, Buffer.concat([content, Buffer.from(" ")]));
      },
    }),
    "layer-digest",
  ],
  ["a layer elsewhere", docker(firstEntry((e) => (e.Layers = ["../../etc/passwd", "/etc/passwd", "x"]))), "archive-incomplete"],
  ["a manifest that is an object", docker({ manifest: () => ({}) }), "archive-manifest"],
  ["a manifest without images", docker({ manifest: () => [] }), "archive-manifest"],
  ["a manifest of nulls", docker({ manifest: () => [null] }), "archive-manifest"],
  ["a manifest that is not JSON", docker({ files: (files) => void files.set("manifest.json", Buffer.from("[{")) }), "bad-json"],
  ["a manifest of 5 MiB", docker({ files: (files) => void files.set("manifest.json", Buffer.alloc(5 << 20, 0x20)) }), "bad-json"],
  [
    "a manifest that is not UTF-8",
    docker({ files: (files) => void files.set("manifest.json", Buffer.from([0x5b, 0xff, 0x5d])) }),
    "bad-json",
  ],
  ["a bad name", docker(firstEntry((e) => (e.RepoTags = ["UPPER:1"]))), "bad-reference"],
  ["a configuration for windows", docker({ config: { os: "windows" } }), "image-config"],
  ["a configuration with a number in Env", docker({ config: { config: { Env: [1] } } }), "image-config"],
  ["a configuration with NUL in Cmd", docker({ config: { config: { Cmd: ["a\0b"] } } }), "image-config"],
  ["a corrupt layer", dockerArchive([{ tar: Buffer.from("not a tar".repeat(100)) }], ["app:1"]), "tar-corrupt"],
  [
    "a layer that breaks out, after good ones",
    dockerArchive([base, { tar: tar([{ name: "../x" }]) }], ["app:1"]),
    "tar-breakout",
  ],
  [
    "a truncated gzip layer",
    dockerArchive([{ tar: base.tar, blob: gzipSync(base.tar).subarray(0, 100) }], ["app:1"]),
    "layer-truncated",
  ],
  [
    "128 layers",
    dockerArchive(
      Array.from({ length: 128 }, () => ({ tar: base.tar })),
      ["app:1"],
    ),
    "image-config",
  ],
  ["OCI: a digest that is a path", oci(firstDescriptor((d) => (d.digest = "sha256:../../../etc/passwd"))), "archive-manifest"],
  ["OCI: a short digest", oci(firstDescriptor((d) => (d.digest = "sha256:abc"))), "archive-manifest"],
  ["OCI: an unknown algorithm", oci(firstDescriptor((d) => (d.digest = `md5:${wrong}`))), "archive-manifest"],
  ["OCI: the wrong size", oci(firstDescriptor((d) => (d.size = 1))), "layer-size"],
  ["OCI: a size that is no number", oci(firstDescriptor((d) => (d.size = "1"))), "archive-manifest"],
  ["OCI: a manifest that is missing", oci(firstDescriptor((d) => (d.digest = `sha256:${wrong}`))), "archive-incomplete"],
  ["OCI: a manifest with another digest", oci(tamper(isManifest, (c) => Buffer.from(` ${c}`))), "layer-digest"],
  [
    "OCI: a configuration with another digest",
    oci(tamper(isConfig, (c) => Buffer.from(c.toString().replace("true", "evil")))),
    "layer-digest",
  ],
  [
    "OCI: a layer with another digest",
    oci(
      tamper(
        (c) => c[0] === 0x1f,
        (c) => Buffer.from([...c.subarray(0, -5), 9, ...c.subarray(-4)]),
      ),
    ),
    "layer-corrupt",
  ],
  ["OCI: an index of nothing", oci({ manifest: () => ({ schemaVersion: 2, manifests: [] }) }), "archive-manifest"],
  ["OCI: schema 1", oci({ manifest: () => ({ schemaVersion: 1 }) }), "archive-manifest"],
  ["OCI: an unknown media type", oci(firstDescriptor((d) => (d.mediaType = "text/html"))), "archive-manifest"],
  [
    "OCI: keys of the prototype",
    oci({ manifest: () => JSON.parse('{"__proto__":{"manifests":[]},"constructor":1}') }),
    "archive-manifest",
  ],
];

for (const [name, bytes, code] of BAD) {
  privileged(test)(`load refuses ${name}`, async (t) => {
    const store = scratchStore(t);
    await importRootfs(store, Readable.from([tar([{ name: "x", data: "x" }])]), { reference: "before" });
    const before = storeListing(store);
    const error = await t.throwsAsync(loadArchive(store, file(t, bytes)));
    t.true(error instanceof GlassboxError, String(error?.stack));
    t.is((error as GlassboxError).code, code, error?.message);
    t.deepEqual(storeListing(store), before, "something was left behind");
    t.is(({} as { manifests?: unknown }).manifests, undefined);
  });
}

privileged(test)("an index for other platforms says which, nested indexes end", async (t) => {
  const store = scratchStore(t);
  const files = ociFiles(gzipped, "app:1");
  const index = JSON.parse(String(files.get("index.json")));
  const put = (value: unknown): { digest: string; size: number; mediaType: string } => {
    const content = Buffer.from(JSON.stringify(value));
    files.set(`blobs/sha256/${sha256(content)}`, content);
    return { digest: `sha256:${sha256(content)}`, size: content.length, mediaType: "application/vnd.oci.image.index.v1+json" };
  };
  const attestation = { ...index.manifests[0], platform: { os: "unknown", architecture: "unknown" } };
  const foreign = put({
    schemaVersion: 2,
    manifests: [{ ...index.manifests[0], platform: { os: "linux", architecture: "mips" } }, attestation],
  });
  files.set("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [foreign] })));
  const error = await t.throwsAsync(loadArchive(store, file(t, tarOf(files))), { instanceOf: GlassboxError });
  t.is((error as GlassboxError | undefined)?.code, "image-platform");
  t.regex(String(error?.message), /linux\/mips/);
  const architecture = { x64: "amd64" }[process.arch as string] ?? process.arch;
  let nested = put({
    schemaVersion: 2,
    manifests: [attestation, { ...index.manifests[0], platform: { os: "linux", architecture } }],
  });
  files.set("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [nested] })));
  t.is((await loadArchive(store, file(t, tarOf(files)))).length, 1);
  for (let i = 0; i < 10; i++) nested = put({ schemaVersion: 2, manifests: [nested] });
  files.set("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [nested] })));
  const deep = await t.throwsAsync(loadArchive(store, file(t, tarOf(files))), { instanceOf: GlassboxError });
  t.is((deep as GlassboxError | undefined)?.code, "archive-manifest");
});

privileged(test)("import: tar, gzip, stream and directory give the same layer", async (t) => {
  const directory = join(scratch(t), "root");
  const from = scratchStore(t);
  const first = await importRootfs(
    from,
    Readable.from([
      tar([
        { name: "./", type: "5" },
        { name: "./bin", type: "5", mode: 0o2755 },
        { name: "./bin/sh", data: "sh", mode: 0o4755 },
        { name: "./bin/ash", type: "1", link: "bin/sh" },
        { name: "./link", type: "2", link: "bin/sh" },
        { name: "./null", type: "3", major: 1, minor: 3 },
        { name: "./fifo", type: "6" },
        { name: "./caps", data: "c", pax: { "SCHILY.xattr.user.note": "hi" } },
        { name: Buffer.from([0x2e, 0x2f, 0x62, 0xff]), data: "b" },
      ]),
    ]),
  );
  const source = resolveImage(from, first).layers[0]?.diffPath as string;
  t.deepEqual(resolveImage(from, first).config.config, {});
  const store = scratchStore(t);
  const id = await importRootfs(store, source, { reference: "copy", message: "hello", changes: ['CMD ["sh"]', "ENV a=b"] });
  const copy = resolveImage(store, "copy");
  t.is(copy.id, id);
  t.deepEqual(copy.config.config, { Cmd: ["sh"], Env: ["a=b"] });
  t.is(copy.config.history?.[0]?.comment, "hello");
  t.deepEqual(listing(copy.layers[0]?.diffPath as string), listing(source));
  const again = await importRootfs(store, copy.layers[0]?.diffPath as string);
  t.is(resolveImage(store, again).layers[0]?.diffId, copy.layers[0]?.diffId, "the same tree gives the same layer");
  t.false(existsSync(directory));
});

privileged(test)("import refuses what is no root file system, and leaves nothing", async (t) => {
  const store = scratchStore(t);
  const before = storeListing(store);
  const cases: [string | Readable, object, string][] = [
    [file(t, Buffer.alloc(0)), {}, "import-empty"],
    [file(t, Buffer.from("text".repeat(400))), {}, "tar-corrupt"],
    [file(t, gzipSync(base.tar).subarray(0, 60)), {}, "layer-truncated"],
    [file(t, base.tar.subarray(0, 700)), {}, "tar-truncated"],
    ["/nonexistent/rootfs.tar", {}, "archive-unreadable"],
    [file(t, base.tar), { reference: "Bad:1" }, "bad-reference"],
    [file(t, base.tar), { changes: ["RUN x"] }, "bad-change"],
  ];
  for (const [input, options, code] of cases) {
    const error = await t.throwsAsync(importRootfs(store, input, options), { instanceOf: GlassboxError });
    t.is((error as GlassboxError | undefined)?.code, code, error?.message);
    t.deepEqual(storeListing(store), before);
  }
});

privileged(test)("a directory becomes an image for bootstrap, marked as a stand-in", async (t) => {
  const store = scratchStore(t);
  const directory = scratch(t);
  writeFileSync(join(directory, "hello"), "hi");
  const image = await createImageFromDirectory(store, directory, {
    reference: "busybox",
    config: { Cmd: ["sh"] },
    createdBy: "bootstrap busybox",
    standin: "Debian's busybox-static",
  });
  t.is(image.standin, "Debian's busybox-static");
  t.deepEqual(image.references, ["busybox:latest"]);
  t.is(image.config.history?.[0]?.created_by, "bootstrap busybox");
  t.is(image.config.config?.Labels?.["io.glassbox.standin"], "Debian's busybox-static");
});

privileged(test)("ids, prefixes, names and what is not there", async (t) => {
  const store = scratchStore(t);
  const id = await importRootfs(store, file(t, base.tar), { reference: "app:1" });
  t.is(tagImage(store, "docker.io/library/app", id.slice(7, 19)), "app:latest");
  for (const name of ["app:1", "app", "docker.io/library/app:1", id, id.slice(7), id.slice(7, 13), `sha256:${id.slice(7, 20)}`])
    t.is(resolveImage(store, name).id, id, name);
  t.deepEqual(resolveImage(store, "app").references, ["app:1", "app:latest"]);
  const missing = t.throws(() => resolveImage(store, "app:2"), { instanceOf: GlassboxError });
  t.is(missing.code, "image-not-found");
  t.regex(missing.message, /app:2.*app:1/);
  t.is(t.throws(() => resolveImage(store, "f".repeat(64)), { instanceOf: GlassboxError }).code, "image-not-found");
  t.is(t.throws(() => resolveImage(store, "../x"), { instanceOf: GlassboxError }).code, "bad-reference");
  t.is(t.throws(() => resolveImage(store, "__proto__"), { instanceOf: GlassboxError }).code, "bad-reference");
  for (let i = 0; i < 17; i++) await importRootfs(store, Readable.from([tar([{ name: `f${i}` }])]));
  const ids = readdirSync(store.paths.imageContent).map((hex) => hex[0] as string);
  const twice = ids.find((digit, i) => ids.indexOf(digit) !== i) as string;
  t.is(t.throws(() => resolveImage(store, twice), { instanceOf: GlassboxError }).code, "image-ambiguous");
});

privileged(test)("the next writer clears up after one that died", async (t) => {
  const store = scratchStore(t);
  const id = await importRootfs(store, file(t, base.tar), { reference: "app" });
  const kept = resolveImage(store, id).layers[0] as { chainId: string; cacheId: string; shortName: string };
  const before = storeListing(store);
  const dead = join(store.paths.staging, "dead");
  mkdirSync(join(dead, "x/diff"), { recursive: true });
  writeFileSync(join(dead, "owner"), "");
  const orphan = { chainId: `sha256:${wrong}`, cacheId: "1".repeat(64), shortName: "A".repeat(26) };
  mkdirSync(join(store.paths.overlay, orphan.cacheId, "diff"), { recursive: true });
  writeFileSync(join(dead, "intent"), [orphan, kept].map((l) => `${l.chainId} ${l.cacheId} ${l.shortName}\n`).join(""));
  mkdirSync(join(store.paths.staging, "without-owner"));
  const alive = openWorkspace(store);
  const second = openWorkspace(store);
  t.true(existsSync(alive.path), "a living owner's workspace stays");
  alive.dispose();
  second.dispose();
  t.deepEqual(storeListing(store), before);
});

privileged(test)("a store keeps other users out, and refuses to be a file", (t) => {
  const root = join(scratch(t), "store");
  mkdirSync(root, { mode: 0o755 });
  const { kernel } = scratchStore(t);
  openStore(root, kernel);
  t.is(lstatSync(root).mode & 0o777, 0o700);
  const path = file(t, Buffer.from("x"));
  t.is(t.throws(() => openStore(path, kernel), { instanceOf: GlassboxError }).code, "store-unusable");
  t.notThrows(() => treeCalls(kernel).removeTree(root));
});
