/**
 * What a layer's whiteouts mean, held against the kernel: the layer is unpacked, an overlay is mounted on it, and what overlayfs shows is compared
 * with what image-spec "Whiteouts" says. LayerView has to see the same as the kernel.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { GlassboxError } from "../../src/base/errors";
import { loadKernel } from "../../src/binding";
import { LayerView } from "../../src/image/layer-view";
import { applyLayer } from "../../src/image/unpack-layer";
import { openStore, type Store } from "../../src/store/store";
import { privileged } from "../helpers/privileged";
import { scratch } from "../helpers/store-fixture";
import { type FixtureEntry, tar } from "../helpers/tar-fixture";

const LOWER: FixtureEntry[] = [
  { name: "d", type: "5", mode: 0o1777 },
  { name: "d/a", data: "lower" },
  { name: "d/b", data: "lower" },
  { name: "d/sub", type: "5" },
  { name: "d/sub/c", data: "lower" },
  { name: "f", data: "lower" },
];
const ALL = ["d", "d/a=lower", "d/b=lower", "d/sub", "d/sub/c=lower", "f=lower"];

interface Case {
  name: string;
  upper: FixtureEntry[];
  /** What the merged tree holds: "path" of a directory, "path=content" of a file. */
  merged?: string[];
  /** Or the code of the refusal. */
  refused?: string;
  /** Extended attributes are part of the case: they must not have any effect. */
  xattrs?: true;
}

const own = (name: string): FixtureEntry => ({ name, data: "own" });
const wh = (name: string): FixtureEntry => ({ name });
const dir = (name: string, pax?: Record<string, string>): FixtureEntry => ({
  name,
  type: "5",
  mode: 0o1777,
  ...(pax === undefined ? {} : { pax }),
});
const without = (...gone: string[]): string[] =>
  ALL.filter((line) => !gone.some((path) => line === path || line.startsWith(`${path}=`) || line.startsWith(`${path}/`)));

const CASES: Case[] = [
  { name: "nothing", upper: [], merged: ALL },
  { name: "a file", upper: [wh(".wh.f")], merged: without("f") },
  { name: "a file in a directory", upper: [dir("d"), wh("d/.wh.a")], merged: without("d/a") },
  { name: "a file in a directory without an entry of its own", upper: [wh("d/.wh.a")], merged: without("d/a") },
  { name: "a directory with all it holds", upper: [wh(".wh.d")], merged: without("d") },
  { name: "a name that is not there", upper: [wh(".wh.nothing")], merged: ALL },
  {
    name: "opaque, then siblings",
    upper: [dir("d"), wh("d/.wh..wh..opq"), own("d/new")],
    merged: [...without("d"), "d", "d/new=own"],
  },
  {
    name: "siblings, then opaque",
    upper: [dir("d"), own("d/new"), wh("d/.wh..wh..opq")],
    merged: [...without("d"), "d", "d/new=own"],
  },
  {
    name: "opaque keeps an own file of a lower name",
    upper: [dir("d"), own("d/a"), wh("d/.wh..wh..opq")],
    merged: [...without("d"), "d", "d/a=own"],
  },
  { name: "opaque without an entry for the directory", upper: [wh("d/sub/.wh..wh..opq")], merged: without("d/sub/c") },
  { name: "opaque root", upper: [wh(".wh..wh..opq"), own("new")], merged: ["new=own"] },
  { name: "opaque root keeps own directories", upper: [own("d/new"), wh(".wh..wh..opq")], merged: ["d", "d/new=own"] },
  { name: "own file after its whiteout", upper: [wh(".wh.f"), own("f")], merged: [...without("f"), "f=own"] },
  { name: "own file before its whiteout", upper: [own("f"), wh(".wh.f")], merged: [...without("f"), "f=own"] },
  {
    name: "own directory after its whiteout",
    upper: [wh(".wh.d"), dir("d"), own("d/new")],
    merged: [...without("d"), "d", "d/new=own"],
  },
  {
    name: "own directory before its whiteout",
    upper: [dir("d"), own("d/new"), wh(".wh.d")],
    merged: [...without("d"), "d", "d/new=own"],
  },
  {
    name: "a whiteout, and files below without a directory entry",
    upper: [wh(".wh.d"), own("d/new")],
    merged: [...without("d"), "d", "d/new=own"],
  },
  { name: "a directory becomes a file", upper: [own("d")], merged: [...without("d"), "d=own"] },
  { name: "a file becomes a directory", upper: [dir("f"), own("f/x")], merged: [...without("f"), "f", "f/x=own"] },
  {
    name: "through an own symlink",
    upper: [dir("d"), { name: "l", type: "2", link: "d" }, wh("l/.wh.a")],
    merged: [...without("d/a"), "l@d"],
  },
  {
    name: "a literal 0:0 device is overlay's whiteout",
    upper: [{ name: "f", type: "3", major: 0, minor: 0 }],
    merged: without("f"),
  },
  {
    name: "aufs's book-keeping",
    upper: [wh(".wh..wh.aufs"), dir(".wh..wh.plnk"), own(".wh..wh.plnk/1.2"), dir(".wh..wh.orph")],
    merged: ALL,
  },
  {
    name: "trusted.overlay.opaque",
    upper: [dir("d", { "SCHILY.xattr.trusted.overlay.opaque": "y" })],
    merged: ALL,
    xattrs: true,
  },
  { name: "user.overlay.opaque", upper: [dir("d", { "SCHILY.xattr.user.overlay.opaque": "y" })], merged: ALL, xattrs: true },
  {
    name: "trusted.overlay.redirect",
    upper: [dir("e", { "SCHILY.xattr.trusted.overlay.redirect": "/d" })],
    merged: [...ALL, "e"].sort(),
    xattrs: true,
  },
  {
    name: "trusted.overlay.metacopy",
    upper: [{ name: "f", data: "own", pax: { "SCHILY.xattr.trusted.overlay.metacopy": "" } }],
    merged: [...without("f"), "f=own"],
    xattrs: true,
  },
  { name: ".wh.", upper: [wh(".wh.")], refused: "tar-whiteout" },
  { name: ".wh..", upper: [wh(".wh..")], refused: "tar-whiteout" },
  { name: ".wh...", upper: [wh(".wh...")], refused: "tar-whiteout" },
  { name: ".wh..wh..", upper: [wh(".wh..wh..")], refused: "tar-whiteout" },
  { name: ".wh..wh.x", upper: [wh(".wh..wh.x")], refused: "tar-whiteout" },
  { name: "../.wh.x", upper: [wh("../.wh.x")], refused: "tar-breakout" },
  { name: ".wh.d/x", upper: [own(".wh.d/x")], refused: "tar-whiteout" },
  {
    name: "through a symlink out of the layer",
    upper: [{ name: "l", type: "2", link: "/d" }, wh("l/.wh.a")],
    refused: "tar-parent",
  },
];

interface Stack {
  store: Store;
  lower: string;
  upper: string;
  /** Mounted while `look` runs; the read-only overlay of upper on lower. */
  merged: <T>(look: (root: string) => T) => T;
}

function stack(t: ExecutionContext): Stack {
  const base = scratch(t);
  const store = openStore(join(base, "store"), loadKernel());
  const [lower, upper, target] = ["lower", "upper", "merged"].map((name) => {
    mkdirSync(join(base, name));
    return join(base, name);
  }) as [string, string, string];
  return {
    store,
    lower,
    upper,
    merged(look) {
      store.kernel.mount("overlay", target, "overlay", ["MS_RDONLY"], `lowerdir=${upper}:${lower}`);
      try {
        return look(target);
      } finally {
        store.kernel.umount(target, ["MNT_DETACH"]);
      }
    },
  };
}

/** "path", "path=content", "path@target". */
function tree(root: string, path = ""): string[] {
  return readdirSync(join(root, path), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) return [inner, ...tree(root, inner)];
      if (entry.isSymbolicLink()) return [`${inner}@d`];
      return [`${inner}=${readFileSync(join(root, inner), "utf8")}`];
    });
}

for (const { name, upper, merged, refused } of CASES) {
  privileged(test)(`whiteout: ${name}`, async (t) => {
    const { store, lower, upper: upperPath, merged: overlay } = stack(t);
    await applyLayer(store, lower, feed(tar(LOWER)), { source: "lower" });
    const applying = applyLayer(store, upperPath, feed(tar(upper)), { source: "upper", lowerPaths: [lower] });
    if (refused !== undefined) {
      const error = await t.throwsAsync(applying, { instanceOf: GlassboxError });
      t.is((error as GlassboxError | undefined)?.code, refused);
      return;
    }
    await applying;
    const shown = overlay((root) => tree(root));
    t.deepEqual(shown.sort(), [...(merged ?? [])].sort());
    const view = new LayerView([upperPath, lower], store.kernel);
    for (const path of ["d", "d/a", "d/b", "d/sub", "d/sub/c", "d/new", "f", "f/x", "new", "l", "e", "nothing"]) {
      const inKernel = shown.some((line) => line === path || line.startsWith(`${path}=`) || line.startsWith(`${path}@`));
      t.is(view.lookup(path, { follow: false }) !== undefined, inKernel, `LayerView and the kernel differ on ${path}`);
    }
  });
}

privileged(test)("a layer that only passes through a directory does not change its looks", async (t) => {
  const { store, lower, upper, merged } = stack(t);
  await applyLayer(store, lower, feed(tar(LOWER)), { source: "lower" });
  await applyLayer(store, upper, feed(tar([own("d/new")])), { source: "upper", lowerPaths: [lower] });
  t.is(
    merged((root) => statSync(join(root, "d")).mode & 0o7777),
    0o1777,
  );
});

privileged(test)("control: whiteouts kept as files hide nothing", async (t) => {
  const { store, lower, upper, merged } = stack(t);
  await applyLayer(store, lower, feed(tar(LOWER)), { source: "lower" });
  const { writeFileSync } = await import("node:fs");
  writeFileSync(join(upper, ".wh.f"), "");
  t.true(merged((root) => existsSync(join(root, "f"))));
});

async function* feed(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
