/** A container's own layers on top of an image's. */

import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import test, { type ExecutionContext } from "ava";
import { GlassboxError } from "../../src/base/errors";
import { containerLayers, createContainerLayers, removeContainerLayers } from "../../src/image/container-layers";
import { importRootfs } from "../../src/image/import-rootfs";
import { viewOfLayers } from "../../src/image/layer-view";
import { resolveImage } from "../../src/image/resolve";
import type { Store } from "../../src/store/store";
import { privileged } from "../helpers/privileged";
import { scratchStore, sha256, storeListing } from "../helpers/store-fixture";
import { type FixtureEntry, tar } from "../helpers/tar-fixture";

const INIT = { hosts: "127.0.0.1 localhost\n", hostname: "box\n", resolvConf: "nameserver 192.0.2.1\n" };
const ID = sha256("container");

async function imageOf(t: ExecutionContext, entries: FixtureEntry[]): Promise<Store> {
  const store = scratchStore(t);
  await importRootfs(store, Readable.from([tar(entries)]), { reference: "img" });
  return store;
}

privileged(test)("an overlay of the returned paths shows the image, the init layer and an empty upper", async (t) => {
  const store = await imageOf(t, [
    { name: "etc", type: "5", mode: 0o751, uid: 4, gid: 5 },
    { name: "etc/hosts", data: "image's" },
    { name: "etc/keep", data: "k" },
    { name: "tmp", type: "5", mode: 0o1777 },
  ]);
  const before = storeListing(store);
  const layers = createContainerLayers(store, resolveImage(store, "img"), ID, INIT);
  t.deepEqual(containerLayers(store, ID), layers);
  t.deepEqual(readdirSync(layers.upperdir), []);
  t.deepEqual(readdirSync(layers.initDiff).sort(), [".dockerenv", "dev", "etc", "proc", "sys"]);
  t.is(layers.lowerdirs[0], `l/${readFileSync(join(store.paths.overlay, `${ID}-init`, "link"), "utf8")}`);
  const data = `lowerdir=${layers.lowerdirs.join(":")},upperdir=${layers.upperdir},workdir=${layers.workdir}`;
  store.kernel.mount("overlay", layers.merged, "overlay", [], data, store.paths.overlay);
  try {
    const at = (path: string): string => join(layers.merged, path);
    t.is(readFileSync(at("etc/hosts"), "utf8"), INIT.hosts);
    t.is(readFileSync(at("etc/hostname"), "utf8"), INIT.hostname);
    t.is(readFileSync(at("etc/resolv.conf"), "utf8"), INIT.resolvConf);
    t.is(readFileSync(at("etc/keep"), "utf8"), "k");
    t.is(readlinkSync(at("etc/mtab")), "/proc/mounts");
    const etc = statSync(at("etc"));
    t.deepEqual([etc.mode & 0o7777, etc.uid, etc.gid], [0o751, 4, 5]);
    t.is(statSync(layers.merged).mode & 0o7777, 0o755);
    t.is(statSync(at("tmp")).mode & 0o7777, 0o1777);
    for (const path of ["dev/pts", "dev/shm", "proc", "sys"]) t.true(lstatSync(at(path)).isDirectory());
    t.is(lstatSync(at(".dockerenv")).size, 0);
  } finally {
    store.kernel.umount(layers.merged, []);
  }
  const entry = join(store.paths.mounts, ID);
  t.is(readFileSync(join(entry, "init-id"), "utf8"), `${ID}-init`);
  removeContainerLayers(store, ID);
  t.deepEqual(storeListing(store), before);
});

const REFUSED: [string, FixtureEntry[]][] = [
  ["/proc is a symlink", [{ name: "proc", type: "2", link: "/tmp" }]],
  ["/sys is a symlink", [{ name: "sys", type: "2", link: "tmp" }]],
  ["/dev is a symlink", [{ name: "dev", type: "2", link: "/" }]],
  ["/dev is a file", [{ name: "dev", data: "x" }]],
  ["/etc is a file", [{ name: "etc", data: "x" }]],
  ["/etc leads nowhere", [{ name: "etc", type: "2", link: "/nowhere" }]],
  ["/etc is a loop", [{ name: "etc", type: "2", link: "etc" }]],
];

for (const [name, entries] of REFUSED) {
  privileged(test)(`refused, with nothing left behind: ${name}`, async (t) => {
    const store = await imageOf(t, entries);
    const before = storeListing(store);
    const error = t.throws(() => createContainerLayers(store, resolveImage(store, "img"), ID, INIT), {
      instanceOf: GlassboxError,
    });
    t.is(error.code, "image-mountpoint");
    t.deepEqual(storeListing(store), before);
  });
}

privileged(test)("/etc as a symlink inside the image is followed, hostile ones stay inside", async (t) => {
  const store = await imageOf(t, [
    { name: "usr/etc", type: "5", mode: 0o711 },
    { name: "etc", type: "2", link: "../../../usr/etc" },
    { name: "usr/etc/hosts", type: "2", link: "/etc/passwd" },
  ]);
  const layers = createContainerLayers(store, resolveImage(store, "img"), ID, INIT);
  t.is(readFileSync(join(layers.initDiff, "usr/etc/hosts"), "utf8"), INIT.hosts);
  t.is(statSync(join(layers.initDiff, "usr/etc")).mode & 0o777, 0o711);
  removeContainerLayers(store, ID);
});

privileged(test)("LayerView: symlinks stay inside, special files do not hang, sizes are capped", async (t) => {
  const store = await imageOf(t, [
    { name: "etc", type: "5" },
    { name: "etc/passwd", type: "2", link: "../../../../../real" },
    { name: "real", data: "inside" },
    { name: "abs", type: "2", link: "/etc/passwd" },
    { name: "a", type: "2", link: "b" },
    { name: "b", type: "2", link: "a" },
    { name: "fifo", type: "6" },
    { name: "null", type: "3", major: 1, minor: 3 },
    { name: "up", type: "2", link: ".." },
    { name: "long", type: "2", link: "x".repeat(300) },
    { name: "big", data: "b".repeat(5000) },
  ]);
  const view = viewOfLayers(resolveImage(store, "img").layers, store);
  t.is(view.readFile("/etc/passwd", 100)?.toString(), "inside");
  t.is(view.readFile("abs", 100)?.toString(), "inside");
  t.is(view.lookup("/abs")?.path, "/real");
  t.is(view.lookup("/up/up/up/real")?.path, "/real");
  t.is(view.lookup("/etc/../etc/./passwd", { follow: false })?.symlinkTarget, "../../../../../real");
  for (const path of ["/a", "/nothing", "/real/x", "/real/..", "/long", "/x\0y", `/${"y".repeat(300)}`, "/".padEnd(9000, "z/")])
    t.is(view.lookup(path), undefined, path.slice(0, 30));
  t.is(view.lookup("/")?.kind, "directory");
  for (const [path, kind] of [
    ["/fifo", "fifo"],
    ["/null", "char-device"],
    ["/etc", "directory"],
  ] as const) {
    t.is(view.lookup(path)?.kind, kind);
    t.is(t.throws(() => view.readFile(path, 10), { instanceOf: GlassboxError }).code, "image-file");
  }
  t.is(t.throws(() => view.readFile("/big", 4999), { instanceOf: GlassboxError }).code, "image-file");
  t.is(view.readFile("/big", 5000)?.length, 5000);
  mkdirSync(join(store.paths.tmp, "unused"));
});
