/** The tar writer against the index that reads archives, and the index against broken ones. */

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { GlassboxError } from "../../../src/base/errors";
import { cleanName, indexTar, type TarMember } from "../../../src/image/tar-index";
import { TAR_END, tarHeader, tarPadding } from "../../../src/image/tar-write";
import { tar } from "../../helpers/tar-fixture";

function withFile<T>(bytes: Buffer, body: (fd: number) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "glassbox-test-"));
  writeFileSync(join(directory, "x.tar"), bytes);
  const fd = openSync(join(directory, "x.tar"), "r");
  try {
    return body(fd);
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}

function index(bytes: Buffer): Map<string, string> {
  return withFile(bytes, (fd) => {
    const members: Map<string, TarMember> = indexTar(fd, bytes.length, "test.tar");
    return new Map(
      [...members].map(([name, { offset, sizeBytes }]) => {
        const content = Buffer.alloc(sizeBytes);
        readSync(fd, content, 0, sizeBytes, offset);
        return [name, content.toString()];
      }),
    );
  });
}

function written(path: string, content: string): Buffer {
  const data = Buffer.from(content);
  const header = tarHeader({
    path: Buffer.from(path),
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: data.length,
    mtimeSeconds: 0,
  });
  return Buffer.concat([header, data, tarPadding(data.length)]);
}

test("names of every length come back", (t) => {
  for (const length of [1, 99, 100, 101, 154, 155, 156, 255, 256, 257, 300, 1000]) {
    for (const path of ["n".repeat(length), "d/".repeat(length / 2) + "x", `${"ő".repeat(length / 2)}y`]) {
      const found = index(Buffer.concat([written(path, "one"), written("after", "two"), TAR_END]));
      t.deepEqual(
        [...found],
        [
          [path, "one"],
          ["after", "two"],
        ],
      );
    }
  }
});

test("headers are the same bytes for the same input, and plain ustar when that is enough", (t) => {
  const one = written("a/b", "x");
  t.true(one.equals(written("a/b", "x")));
  t.is(one.length, 1024);
  t.is(one.toString("latin1", 257, 263), "ustar\0");
  t.is(one[156], 0x30);
  t.is(written("ő", "x")[156], 0x78, "what is not ASCII goes into a pax header");
});

test("cleaned names", (t) => {
  t.is(cleanName("./a//b/./c/../d"), "a/b/d");
  t.is(cleanName("/a"), "a");
  t.is(cleanName("../../x"), "../../x");
  t.is(cleanName("a/../../x"), "../x");
  t.is(cleanName("./"), "");
});

test("links to members are followed, loops are not", (t) => {
  const found = index(
    tar([
      { name: "one/layer.tar", data: "layer" },
      { name: "two/layer.tar", type: "2", link: "../one/layer.tar" },
      { name: "three/layer.tar", type: "2", link: "../two/layer.tar" },
      { name: "hard", type: "1", link: "one/layer.tar" },
      { name: "loop", type: "2", link: "loop" },
      { name: "out", type: "2", link: "/etc/passwd" },
    ]),
  );
  t.deepEqual([...found.keys()].sort(), ["hard", "one/layer.tar", "three/layer.tar", "two/layer.tar"]);
  t.is(found.get("three/layer.tar"), "layer");
});

const refuse = (t: ExecutionContext, bytes: Buffer): string => t.throws(() => index(bytes), { instanceOf: GlassboxError }).code;

test("broken archives", (t) => {
  const good = tar([{ name: "a", data: "x".repeat(2000) }]);
  t.is(refuse(t, good.subarray(0, 1500)), "archive-truncated");
  t.is(refuse(t, Buffer.from("x".repeat(600))), "archive-corrupt");
  t.is(refuse(t, tar([{ name: "a", edit: (h) => h.fill(0xff, 124, 136) }])), "archive-corrupt");
  t.is(refuse(t, tar([{ name: "a", edit: (h) => h.write("9", 124) }])), "archive-corrupt");
  t.is(refuse(t, tar([{ name: "a", keepChecksum: true }])), "archive-corrupt");
});

test("mutated archives give an index or a GlassboxError, quickly", (t) => {
  const good = tar([
    { name: "a", data: "x" },
    { name: "b", via: "pax", data: "y" },
    { name: "c", via: "gnu", data: "z" },
    { name: "l", type: "2", link: "a" },
  ]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(good.length), (edits, cut) => {
      const bytes = Buffer.from(good.subarray(0, cut % 3 === 0 ? cut : good.length));
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
      try {
        index(bytes);
      } catch (error) {
        if (!(error instanceof GlassboxError)) throw error;
      }
    }),
    { numRuns: 500, seed: 7 },
  );
  t.pass();
});
