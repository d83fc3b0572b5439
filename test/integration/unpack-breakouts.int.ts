/**
 * Archives that try to leave the directory they are unpacked into. Each case is run twice: by a naive extractor, which must be broken by it
 * (else the case proves nothing), and by ours, which must leave the canary beside the root untouched.
 */

import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { GlassboxError } from "../../src/base/errors";
import { loadKernel } from "../../src/binding";
import { applyLayer } from "../../src/image/unpack-layer";
import { openStore } from "../../src/store/store";
import { privileged } from "../helpers/privileged";
import { scratch } from "../helpers/store-fixture";
import { type FixtureEntry, tar } from "../helpers/tar-fixture";

interface Case {
  name: string;
  /** `canary` is the absolute path of the directory beside the root. */
  entries: (canary: string) => FixtureEntry[];
  /** Code of the refusal, or "contained" when everything may stay inside. */
  outcome: string;
}

const evil = (name: string, more: Partial<FixtureEntry> = {}): FixtureEntry => ({ name, data: "evil", ...more });
const link = (name: string, target: string, more: Partial<FixtureEntry> = {}): FixtureEntry => ({
  name,
  type: "2",
  link: target,
  ...more,
});
const hard = (name: string, target: string, more: Partial<FixtureEntry> = {}): FixtureEntry => ({
  name,
  type: "1",
  link: target,
  ...more,
});
const dir = (name: string, more: Partial<FixtureEntry> = {}): FixtureEntry => ({ name, type: "5", ...more });

const CASES: Case[] = [
  { name: "../ makes a file", entries: () => [evil("../canary/new")], outcome: "tar-breakout" },
  { name: "../ overwrites a file", entries: () => [evil("../canary/file")], outcome: "tar-breakout" },
  { name: "an absolute name makes a file", entries: (c) => [evil(`${c}/new`)], outcome: "contained" },
  { name: "an absolute name overwrites a file", entries: (c) => [evil(`${c}/file`)], outcome: "contained" },
  { name: "an absolute name with two slashes", entries: (c) => [evil(`/${c}/new`)], outcome: "contained" },
  { name: "a/../../", entries: () => [evil("a/../../canary/new")], outcome: "tar-breakout" },
  { name: "./../", entries: () => [evil("./../canary/new")], outcome: "tar-breakout" },
  { name: "a/b/../../../", entries: () => [evil("a/b/../../../canary/new")], outcome: "tar-breakout" },
  { name: "..//", entries: () => [evil("..//canary//new")], outcome: "tar-breakout" },
  { name: ".//..//", entries: () => [evil(".//..//canary/new")], outcome: "tar-breakout" },
  {
    name: "a hundred components down and one more up",
    entries: () => [evil(`${"a/".repeat(60)}${"../".repeat(61)}canary/new`, { via: "pax" })],
    outcome: "tar-breakout",
  },
  { name: "../ makes a directory", entries: () => [dir("../canary/new")], outcome: "tar-breakout" },
  { name: "../ changes a directory's mode", entries: () => [dir("../canary", { mode: 0o777 })], outcome: "tar-breakout" },
  { name: "../ makes a symlink", entries: () => [link("../canary/new", "/etc/passwd")], outcome: "tar-breakout" },
  { name: "../ makes a hard link", entries: () => [evil("inside"), hard("../canary/new", "inside")], outcome: "tar-breakout" },
  { name: "../ makes a FIFO", entries: () => [{ name: "../canary/new", type: "6" }], outcome: "tar-breakout" },
  {
    name: "../ makes a device",
    entries: () => [{ name: "../canary/new", type: "3", major: 1, minor: 3 }],
    outcome: "tar-breakout",
  },
  { name: "through an absolute symlink", entries: (c) => [link("l", c), evil("l/new")], outcome: "tar-parent" },
  { name: "through a relative symlink", entries: () => [link("l", "../canary"), evil("l/new")], outcome: "tar-parent" },
  {
    name: "through a chain of symlinks",
    entries: () => [link("a", "../canary"), link("b", "a"), link("c", "./b"), evil("c/new")],
    outcome: "tar-parent",
  },
  {
    name: "through 30 symlinks",
    entries: () => [
      link("l0", "../canary"),
      ...Array.from({ length: 29 }, (_, i) => link(`l${i + 1}`, `l${i}`)),
      evil("l29/new"),
    ],
    outcome: "tar-parent",
  },
  { name: "overwrites through a symlink to a file", entries: (c) => [link("f", `${c}/file`), evil("f")], outcome: "contained" },
  { name: "creates through a dangling symlink", entries: () => [link("f", "../canary/new"), evil("f")], outcome: "contained" },
  { name: "through a symlink to ..", entries: () => [link("u", ".."), evil("u/canary/new")], outcome: "contained" },
  {
    name: "through . and then ..",
    entries: () => [link("x", "."), link("y", "x/.."), evil("y/canary/new")],
    outcome: "contained",
  },
  {
    name: "through a symlink below a directory",
    entries: () => [dir("d"), link("d/l", "../../canary"), evil("d/l/new")],
    outcome: "tar-parent",
  },
  {
    name: "a directory replaced by a symlink",
    entries: () => [dir("d"), evil("d/a"), link("d", "../canary"), evil("d/new")],
    outcome: "tar-parent",
  },
  {
    name: "a directory replaced by a symlink and looked at again",
    entries: () => [dir("d"), link("d", "../canary"), dir("d", { mode: 0o777 })],
    outcome: "contained",
  },
  {
    name: "mode through a symlink to a directory",
    entries: () => [link("l", "../canary"), dir("l/", { mode: 0o777 })],
    outcome: "contained",
  },
  { name: "the root replaced by a symlink", entries: (c) => [link(".", c), evil("new")], outcome: "tar-breakout" },
  { name: "the root replaced by a symlink, written ./.", entries: (c) => [link("./.", c), evil("new")], outcome: "tar-breakout" },
  { name: "hard link to a host file", entries: (c) => [hard("h", `${c}/file`)], outcome: "tar-link" },
  { name: "hard link to a host file, then written", entries: (c) => [hard("h", `${c}/file`), evil("h")], outcome: "tar-link" },
  { name: "hard link by ..", entries: () => [hard("h", "../canary/file"), evil("h")], outcome: "tar-breakout" },
  {
    name: "hard link through a symlinked directory",
    entries: () => [link("l", "../canary"), hard("h", "l/file")],
    outcome: "tar-link",
  },
  {
    name: "hard link through two symlinks, then written",
    entries: () => [link("b", "../canary"), link("a", "b"), hard("h", "a/file"), evil("h")],
    outcome: "tar-link",
  },
  {
    name: "hard link to a symlink, then written",
    entries: (c) => [link("s", `${c}/file`), hard("h", "s"), evil("h")],
    outcome: "contained",
  },
  {
    name: "hard link placed through a symlink",
    entries: () => [evil("inside"), link("l", "../canary"), hard("l/new", "inside")],
    outcome: "tar-parent",
  },
  { name: "whiteout by ..", entries: () => [{ name: "../canary/.wh.file" }], outcome: "tar-breakout" },
  { name: "whiteout through a symlink", entries: () => [link("l", "../canary"), { name: "l/.wh.file" }], outcome: "tar-parent" },
  {
    name: "opaque mark through a symlink",
    entries: () => [link("l", "../canary"), { name: "l/.wh..wh..opq" }],
    outcome: "tar-parent",
  },
  {
    name: "whiteout of ..",
    entries: () => [dir("d"), { name: "d/.wh...", data: "" }, evil("d/../../canary/new")],
    outcome: "tar-whiteout",
  },
  { name: "name in a pax header", entries: () => [evil("../canary/new", { via: "pax" })], outcome: "tar-breakout" },
  { name: "name in a GNU header", entries: () => [evil("../canary/new", { via: "gnu" })], outcome: "tar-breakout" },
  { name: "name in the ustar prefix", entries: () => [evil("../canary/new", { via: "prefix" })], outcome: "tar-breakout" },
  { name: "name in a sparse header", entries: () => [evil("../canary/new", { via: "sparse" })], outcome: "tar-breakout" },
  {
    name: "symlink target in a pax header",
    entries: () => [link("l", "../canary", { via: "pax" }), evil("l/new")],
    outcome: "tar-parent",
  },
  {
    name: "symlink target in a GNU header",
    entries: () => [link("l", "../canary", { via: "gnu" }), evil("l/new")],
    outcome: "tar-parent",
  },
  {
    name: "through a magic link of /proc",
    entries: (c) => [link("l", `/proc/self/root${c}`), evil("l/new")],
    outcome: "tar-parent",
  },
];

/** `tar -P`, as a first program would do it. */
function naiveExtract(
  root: string,
  entries: FixtureEntry[],
  mknod: (path: string, type: "c" | "p", major: number, minor: number) => void,
): void {
  for (const entry of entries) {
    const name = String(entry.name);
    const path = name.startsWith("/") ? name : `${root}/${name}`;
    const target = (entry.link ?? "").startsWith("/") ? (entry.link as string) : `${root}/${entry.link}`;
    mkdirSync(dirname(path), { recursive: true });
    const base = path.slice(path.lastIndexOf("/") + 1);
    const drop = (): void => rmSync(path.replace(/(\/\.)+$/, ""), { recursive: true, force: true });
    if (base === ".wh..wh..opq")
      for (const child of readdirSync(dirname(path))) rmSync(`${dirname(path)}/${child}`, { recursive: true });
    else if (base === ".wh...") continue;
    else if (base.startsWith(".wh.")) rmSync(`${dirname(path)}/${base.slice(4)}`, { recursive: true, force: true });
    else if (entry.type === "5") {
      mkdirSync(path, { recursive: true });
      chmodSync(path, entry.mode ?? 0o755);
    } else if (entry.type === "2") {
      drop();
      symlinkSync(entry.link as string, path.replace(/(\/\.)+$/, ""));
    } else if (entry.type === "1") linkSync(target, path);
    else if (entry.type === "3" || entry.type === "6")
      mknod(path, entry.type === "3" ? "c" : "p", entry.major ?? 0, entry.minor ?? 0);
    else writeFileSync(path, entry.data ?? "");
  }
}

interface Arena {
  root: string;
  canary: string;
  /** Everything about the canary that an archive could change. */
  fingerprint: () => string;
}

function arena(base: string): Arena {
  const root = join(base, "root");
  const canary = join(base, "canary");
  mkdirSync(root);
  mkdirSync(canary, { mode: 0o755 });
  writeFileSync(join(canary, "file"), "precious");
  const fingerprint = (): string =>
    ["", ...readdirSync(canary).sort()]
      .map((name) => {
        const stat = lstatSync(join(canary, name));
        const content = stat.isFile() ? readFileSync(join(canary, name), "utf8") : "";
        return `${name} ${stat.mode} ${stat.nlink} ${stat.ino} ${stat.ctimeMs} ${stat.uid} ${content}`;
      })
      .concat(readdirSync(base).sort())
      .join("\n");
  return { root, canary, fingerprint };
}

for (const { name, entries, outcome } of CASES) {
  privileged(test)(`breakout: ${name}`, async (t) => {
    const kernel = loadKernel();
    const naive = arena(scratch(t));
    const before = naive.fingerprint();
    const controlEntries = entries(naive.canary);
    naiveExtract(naive.root, controlEntries, (path, type, major, minor) => kernel.mknod(path, type, 0o644, major, minor));
    t.not(naive.fingerprint(), before, "control: the naive extractor was not broken, so this case shows nothing");

    const base = scratch(t);
    const store = openStore(join(base, "store"), kernel);
    const ours = arena(join(base));
    const untouched = ours.fingerprint();
    let result = "contained";
    try {
      await applyLayer(store, ours.root, feed(tar(entries(ours.canary))), { source: "test" });
    } catch (error) {
      t.true(error instanceof GlassboxError, String(error));
      result = (error as GlassboxError).code;
    }
    t.is(ours.fingerprint(), untouched, "the canary was touched");
    t.is(result, outcome);
  });
}

test("T14 has at least 34 breakouts, each with a control", (t) => {
  t.log(`T14 n=${CASES.length} refused=${CASES.filter(({ outcome }) => outcome !== "contained").length}`);
  t.true(CASES.length >= 34);
});

async function* feed(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
