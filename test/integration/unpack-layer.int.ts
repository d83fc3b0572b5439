/** What honest layers become on disk, what broken ones end in, and the stated limits. */

import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { GlassboxError } from "../../src/base/errors";
import { loadKernel } from "../../src/binding";
import { type AppliedLayer, applyLayer, type ApplyOptions } from "../../src/image/unpack-layer";
import { treeCalls } from "../../src/store/native-calls";
import { openStore } from "../../src/store/store";
import { privileged } from "../helpers/privileged";
import { scratch, sha256 } from "../helpers/store-fixture";
import { block, type FixtureEntry, paxRecord, tar, TAR_EOF } from "../helpers/tar-fixture";

interface Unpacked {
  root: string;
  layer: AppliedLayer;
}

async function unpack(
  t: ExecutionContext,
  bytes: Buffer,
  options: Partial<ApplyOptions> = {},
  pieceBytes = 1 << 16,
): Promise<Unpacked> {
  const base = scratch(t);
  const root = join(base, "root");
  mkdirSync(root);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const layer = await applyLayer(openStore(join(base, "store"), loadKernel()), root, pieces(), {
    source: "test.tar",
    ...options,
  });
  return { root, layer };
}

async function refusal(t: ExecutionContext, bytes: Buffer, options: Partial<ApplyOptions> = {}): Promise<GlassboxError> {
  const error = await t.throwsAsync(unpack(t, bytes, options));
  if (!(error instanceof GlassboxError)) throw error ?? new Error("no error");
  t.true(error.message.includes("test.tar"), "the message names the source");
  return error;
}

const EVERYTHING: FixtureEntry[] = [
  { name: "./", type: "5", mode: 0o755 },
  { name: "./dir/", type: "5", mode: 0o2750, uid: 5, gid: 6, mtime: 1_111_111_111 },
  { name: "./dir/suid", data: "x", mode: 0o4755, uid: 7, gid: 8 },
  { name: "./dir/same", type: "1", link: "./dir/suid" },
  { name: "./link", type: "2", link: "/dir/suid", uid: 9, gid: 10 },
  { name: "./null", type: "3", major: 1, minor: 3, mode: 0o666 },
  { name: "./blk", type: "4", major: 7, minor: 300, mode: 0o660 },
  { name: "./fifo", type: "6", mode: 0o622 },
  { name: "./old-style/", type: "\0", mode: 0o700 },
  { name: "./contiguous", type: "7", data: "7" },
  { name: "x", via: "pax", data: "ns", pax: { mtime: "981173106.123456789", uid: "12345678", gid: "3000000" } },
  {
    name: "caps",
    data: "c",
    mode: 0o755,
    pax: {
      "SCHILY.xattr.security.capability": Buffer.from("0100000200200000000000000000000000000000", "hex"),
      "SCHILY.xattr.user.note": "a=b\nc",
    },
  },
  { name: `${"long-".repeat(40)}name`, via: "gnu", data: "long" },
  { name: `${"p".repeat(120)}/${"n".repeat(90)}`, via: "prefix", data: "prefix" },
  { name: Buffer.from([0x62, 0x61, 0x64, 0xff, 0xfe]), data: "bytes" },
  { name: "new\nline", data: "n" },
  { name: "big", data: "12345", edit: (h) => h.set(Buffer.from("800000000000000000000005", "hex"), 124) },
  { name: "huge-id", data: "i", edit: (h) => h.set(Buffer.from("8000000000abcdef", "hex"), 108) },
];

privileged(test)("every kind of entry becomes what it says, however the bytes are cut", async (t) => {
  const bytes = tar(EVERYTHING);
  for (const pieceBytes of [1 << 20, 512, 511, 1000, 7]) {
    const { root, layer } = await unpack(t, bytes, {}, pieceBytes);
    t.is(layer.diffId, `sha256:${sha256(bytes)}`);
    const suid = statSync(join(root, "dir/suid"));
    t.deepEqual([suid.mode & 0o7777, suid.uid, suid.gid, suid.nlink], [0o4755, 7, 8, 2]);
    const dir = statSync(join(root, "dir"));
    t.deepEqual([dir.mode & 0o7777, dir.uid, dir.mtimeMs], [0o2750, 5, 1_111_111_111_000]);
    t.is(lstatSync(join(root, "link")).uid, 9);
    t.true(lstatSync(join(root, "null")).isCharacterDevice());
    t.is(lstatSync(join(root, "blk")).rdev, (7 << 8) | (300 & 0xff) | ((300 & ~0xff) << 12));
    t.true(lstatSync(join(root, "fifo")).isFIFO());
    t.true(lstatSync(join(root, "old-style")).isDirectory());
    const x = statSync(join(root, "x"), { bigint: true });
    t.deepEqual([x.mtimeNs, x.uid, x.gid], [981_173_106_123_456_789n, 12_345_678n, 3_000_000n]);
    const xattrs = new Map(
      treeCalls(loadKernel())
        .readXattrs(Buffer.from(join(root, "caps")))
        .map(([name, value]) => [name, Buffer.from(value).toString("latin1")]),
    );
    t.is(xattrs.get("user.note"), "a=b\nc");
    t.true(xattrs.has("security.capability"));
    t.is(readFileSync(join(root, `${"long-".repeat(40)}name`), "utf8"), "long");
    t.is(readFileSync(join(root, "p".repeat(120), "n".repeat(90)), "utf8"), "prefix");
    t.true(readdirSync(root, { encoding: "buffer" }).some((name) => name.equals(Buffer.from([0x62, 0x61, 0x64, 0xff, 0xfe]))));
    t.is(readFileSync(join(root, "big"), "utf8"), "12345");
    t.is(statSync(join(root, "huge-id")).uid, 0xabcdef);
  }
});

privileged(test)("three spellings of sparse files give the same file, with its holes", async (t) => {
  const size = 1 << 20;
  const [at, data] = [512 * 1024, Buffer.from("island")];
  const map = `${at},${data.length},${size},0`;
  const one = Buffer.from(`2\n${at}\n${data.length}\n${size}\n0\n`);
  const oneData = Buffer.concat([one, Buffer.alloc(512 - one.length), data]);
  const gnu = (header: Buffer): void => {
    header.write("ustar  \0", 257, "latin1");
    header.write(at.toString(8).padStart(11, "0"), 386, "latin1");
    header.write(data.length.toString(8).padStart(11, "0"), 398, "latin1");
    header.write(size.toString(8).padStart(11, "0"), 483, "latin1");
  };
  const zero = ["GNU.sparse.offset", String(at), "GNU.sparse.numbytes", String(data.length), "GNU.sparse.size", String(size)];
  const { root, layer } = await unpack(
    t,
    tar([
      { name: "old", type: "S", data, edit: gnu },
      {
        name: "zero",
        data,
        pax: {
          [zero[0] as string]: zero[1] as string,
          [zero[2] as string]: zero[3] as string,
          [zero[4] as string]: zero[5] as string,
        },
      },
      {
        name: "GNUSparseFile.1/p",
        data,
        pax: { "GNU.sparse.name": "point-one", "GNU.sparse.size": String(size), "GNU.sparse.map": map },
      },
      {
        name: "GNUSparseFile.1/q",
        data: oneData,
        pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "one", "GNU.sparse.realsize": String(size) },
      },
      { name: "after", data: "after" },
    ]),
  );
  const expected = Buffer.alloc(size);
  data.copy(expected, at);
  for (const name of ["old", "zero", "point-one", "one"]) {
    t.true(readFileSync(join(root, name)).equals(expected), name);
    t.true(statSync(join(root, name)).blocks * 512 < size / 2, `${name} has no hole`);
  }
  t.is(readFileSync(join(root, "after"), "utf8"), "after");
  t.is(layer.fileBytes, 4 * size + 5);
});

privileged(test)("later entries win over earlier ones of the same name", async (t) => {
  const { root } = await unpack(
    t,
    tar([
      { name: "a", data: "1" },
      { name: "a", data: "2", mode: 0o600 },
      { name: "d", type: "5", mode: 0o700 },
      { name: "d/x", data: "x" },
      { name: "d", type: "5", mode: 0o711, mtime: 5 },
      { name: "e", type: "5" },
      { name: "e/x", data: "x" },
      { name: "e", data: "file now" },
      { name: "a", type: "1", link: "a" },
    ]),
  );
  t.is(readFileSync(join(root, "a"), "utf8"), "2");
  t.is(statSync(join(root, "a")).mode & 0o777, 0o600);
  const d = statSync(join(root, "d"));
  t.deepEqual([d.mode & 0o777, d.mtimeMs, readdirSync(join(root, "d"))], [0o711, 5000, ["x"]]);
  t.is(readFileSync(join(root, "e"), "utf8"), "file now");
});

privileged(test)("gzip: both digests, several members, wrong promises", async (t) => {
  const bytes = tar([{ name: "a", data: "a" }]);
  const blob = gzipSync(bytes);
  const { layer } = await unpack(t, blob, {
    expected: { digest: `sha256:${sha256(blob)}`, diffId: `sha256:${sha256(bytes)}`, sizeBytes: blob.length },
  });
  t.deepEqual([layer.compression, layer.compressedBytes, layer.tarBytes], ["gzip", blob.length, bytes.length]);
  const members = Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]);
  t.is((await unpack(t, members)).layer.diffId, `sha256:${sha256(bytes)}`);
  t.is((await refusal(t, blob, { expected: { digest: `sha256:${"0".repeat(64)}` } })).code, "layer-digest");
  t.is((await refusal(t, blob, { expected: { diffId: `sha256:${"0".repeat(64)}` } })).code, "layer-digest");
  t.is((await refusal(t, blob, { expected: { sizeBytes: blob.length - 1 } })).code, "layer-size");
  t.is((await refusal(t, blob, { expected: { sizeBytes: blob.length + 1 } })).code, "layer-size");
  t.is((await refusal(t, blob.subarray(0, blob.length - 9))).code, "layer-truncated");
  const flipped = Buffer.from(blob);
  flipped[30] = (flipped[30] as number) ^ 0xff;
  t.is((await refusal(t, flipped)).code, "layer-corrupt");
});

const first = (entry: FixtureEntry): Buffer => tar([entry]).subarray(0, 512);
const BAD: [string, Buffer, string, Partial<ApplyOptions>?][] = [
  ["text", Buffer.from("this is no tar archive, only a text of some length. ".repeat(30)), "tar-corrupt"],
  ["wrong checksum", tar([{ name: "a", keepChecksum: true }]), "tar-corrupt"],
  ["cut in a header", tar([{ name: "a", data: "x" }]).subarray(0, 300), "tar-truncated"],
  ["cut in the data", tar([{ name: "a", data: "x".repeat(1000) }]).subarray(0, 900), "tar-truncated"],
  ["cut after an extended header", block("x", "x", paxRecord("path", "y")), "tar-truncated"],
  ["ended after an extended header", Buffer.concat([block("x", "x", paxRecord("path", "y")), TAR_EOF]), "tar-corrupt"],
  ["an entry after a block of zeros", Buffer.concat([Buffer.alloc(512), tar([{ name: "a" }])]), "tar-corrupt"],
  ["negative size", tar([{ name: "a", edit: (h) => h.fill(0xff, 124, 136) }]), "tar-corrupt"],
  ["size above 2^63", tar([{ name: "a", edit: (h) => h.fill(0x80, 124, 136) }]), "tar-corrupt"],
  ["size is text", tar([{ name: "a", edit: (h) => h.write("12x45", 124) }]), "tar-corrupt"],
  ["negative owner", tar([{ name: "a", edit: (h) => h.fill(0xff, 108, 116) }]), "tar-corrupt"],
  ['an owner that chown takes for "no change"', tar([{ name: "a", pax: { uid: "4294967295" } }]), "tar-corrupt"],
  ["pax record without length", Buffer.concat([block("x", "x", Buffer.from("path=y\n")), tar([{ name: "a" }])]), "tar-corrupt"],
  [
    "pax record longer than its header",
    Buffer.concat([block("x", "x", Buffer.from("99 path=y\n")), tar([{ name: "a" }])]),
    "tar-corrupt",
  ],
  ["pax name with NUL", tar([{ name: "a", pax: { path: "a\0b" } }]), "tar-corrupt"],
  ["pax header of 1 GiB", first({ name: "x", type: "x", size: 2 ** 30 }), "tar-limit"],
  ["GNU name of 1 GiB", first({ name: "x", type: "L", size: 2 ** 30 }), "tar-limit"],
  ["global header of 1 GiB", first({ name: "x", type: "g", size: 2 ** 30 }), "tar-limit"],
  ["name of 5,000 bytes", tar([{ name: "x/".repeat(2500), via: "pax" }]), "tar-limit"],
  ["component of 256 bytes", tar([{ name: "x".repeat(256), via: "pax" }]), "tar-limit"],
  ["the root as a file", tar([{ name: "./", type: "0", data: "x" }]), "tar-breakout"],
  ["an empty name", tar([{ name: "", data: "x" }]), "tar-breakout"],
  ["unknown type", tar([{ name: "a", type: "M" }]), "tar-unsupported"],
  ["symlink without target", tar([{ name: "a", type: "2" }]), "tar-corrupt"],
  ["hard link to a later entry", tar([{ name: "a", type: "1", link: "b" }, { name: "b" }]), "tar-link"],
  [
    "hard link to a directory",
    tar([
      { name: "d", type: "5" },
      { name: "a", type: "1", link: "d" },
    ]),
    "tar-link",
  ],
  ["below a file", tar([{ name: "a" }, { name: "a/b" }]), "tar-parent"],
  ["device number out of range", tar([{ name: "a", type: "3", major: 4096 }]), "tar-corrupt"],
  [
    "sparse file of 1 TiB",
    tar([{ name: "a", pax: { "GNU.sparse.map": "0,0", "GNU.sparse.size": String(2 ** 40) } }]),
    "tar-limit",
  ],
  [
    "sparse map out of order",
    tar([{ name: "a", data: "xxxx", pax: { "GNU.sparse.map": "8,2,0,2", "GNU.sparse.size": "10" } }]),
    "tar-corrupt",
  ],
  [
    "sparse map beyond the file",
    tar([{ name: "a", data: "xxxx", pax: { "GNU.sparse.map": "8,4", "GNU.sparse.size": "10" } }]),
    "tar-corrupt",
  ],
  [
    "sparse map that does not add up",
    tar([{ name: "a", data: "xxxx", pax: { "GNU.sparse.map": "0,2", "GNU.sparse.size": "10" } }]),
    "tar-corrupt",
  ],
  [
    "sparse map overflow",
    tar([
      { name: "a", data: "xxxx", pax: { "GNU.sparse.map": "9223372036854775807,9223372036854775807", "GNU.sparse.size": "10" } },
    ]),
    "tar-corrupt",
  ],
  [
    "declared size of 1 TiB",
    first({ name: "a", edit: (h) => h.set(Buffer.from("800000000000010000000000", "hex"), 124) }),
    "tar-limit",
  ],
  [
    "more entries than allowed",
    tar(Array.from({ length: 20 }, (_, i) => ({ name: `f${i}` }))),
    "tar-limit",
    { limits: { maxEntries: 10 } },
  ],
  ["more bytes than allowed", tar([{ name: "a", data: "x".repeat(3000) }]), "layer-bomb", { limits: { maxBytes: 2000 } }],
  ["zeros without end", gzipSync(Buffer.alloc(8 << 20)), "layer-bomb", { limits: { maxBytes: 1 << 20 } }],
  ["xz", Buffer.from("fd377a585a000004", "hex"), "compression-unsupported"],
  ["bzip2", Buffer.from("BZh91AY&SY"), "compression-unsupported"],
];

for (const [name, bytes, code, options] of BAD) {
  privileged(test)(`refused: ${name}`, async (t) => {
    const error = await refusal(t, bytes, options);
    t.is(error.code, code, error.message);
    t.false(/[\x00-\x1f]/.test(error.message), "the message carries control bytes");
  });
}

privileged(test)("accepted: no closing blocks, junk after them, a lone zero block", async (t) => {
  const entries: FixtureEntry[] = [{ name: "a", data: "a" }];
  for (const bytes of [
    tar(entries, true),
    Buffer.concat([tar(entries), Buffer.from("junk".repeat(500))]),
    Buffer.concat([tar(entries, true), Buffer.alloc(512)]),
  ]) {
    const { root } = await unpack(t, bytes);
    t.is(readFileSync(join(root, "a"), "utf8"), "a");
  }
});

privileged(test)("a tree deeper than any path is removed", async (t) => {
  const deep = "d/".repeat(1900);
  const entries: FixtureEntry[] = [{ name: `${deep}bottom`, via: "pax", data: "x" }];
  const { root } = await unpack(t, tar(entries));
  treeCalls(loadKernel()).removeTree(root);
  t.throws(() => statSync(root), { code: "ENOENT" });
});

privileged(test)("names in messages cannot drive a terminal", async (t) => {
  const error = await refusal(t, tar([{ name: "../\u001b]0;owned\u0007\u202e", data: "x" }]));
  t.false(/[\u0000-\u001f\u202e]/u.test(error.message));
  t.true(error.message.includes("\\x1b"));
});

privileged(test)("a full disk is one clear error", async (t) => {
  const base = scratch(t);
  const kernel = loadKernel();
  const store = openStore(join(base, "store"), kernel);
  const root = join(base, "small");
  mkdirSync(root);
  kernel.mount("tmpfs", root, "tmpfs", [], "size=1m");
  try {
    async function* one(): AsyncGenerator<Uint8Array> {
      yield tar([{ name: "big", data: Buffer.alloc(4 << 20, 1) }]);
    }
    const error = await t.throwsAsync(applyLayer(store, root, one(), { source: "test.tar" }), { instanceOf: GlassboxError });
    t.is((error as GlassboxError | undefined)?.code, "unpack-failed");
    t.regex(String(error?.message), /ENOSPC/);
    t.truthy((error as GlassboxError | undefined)?.hint);
  } finally {
    kernel.umount(root, ["MNT_DETACH"]);
  }
  const fd = openSync(join(base, "alive"), "w");
  writeSync(fd, "the process goes on");
  closeSync(fd);
});
