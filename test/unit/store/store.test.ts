import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { GlassboxError } from "../../../src/base/errors";
import type { Kernel } from "../../../src/binding/kernel";
import { replaceFile } from "../../../src/store/atomic";
import { nextChainId, readLayer, shortNameOf } from "../../../src/store/layerdb";
import { withLock } from "../../../src/store/locks";
import { readRepositories, referencesOf, updateRepositories } from "../../../src/store/repositories";
import { openStore, type Store } from "../../../src/store/store";

function fakeStore(t: { teardown(body: () => void): void }, flock: Kernel["flock"] = () => true): Store {
  const root = mkdtempSync(join(tmpdir(), "glassbox-test-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  return openStore(join(root, "store"), { flock } as unknown as Kernel);
}

test("opening makes the tree once, closed to others", (t) => {
  const store = fakeStore(t);
  t.is(statSync(store.root).mode & 0o777, 0o700);
  for (const path of Object.values(store.paths)) t.is(existsSync(path), path !== store.paths.repositories, path);
  rmSync(store.paths.cache, { recursive: true });
  openStore(store.root, store.kernel);
  t.false(existsSync(store.paths.cache), "a store that is there is not built again");
});

test("names are written in Docker's shape and read back", (t) => {
  const store = fakeStore(t);
  const [a, b] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];
  t.is(readRepositories(store).size, 0);
  updateRepositories(store, (all) =>
    all.set(
      "busybox",
      new Map([
        ["busybox:latest", a],
        ["busybox:1", a],
      ]),
    ),
  );
  updateRepositories(store, (all) => all.set("__proto__", new Map([["__proto__:x", b]])).set("empty", new Map()));
  const parsed = JSON.parse(readFileSync(store.paths.repositories, "utf8"));
  t.deepEqual(parsed.Repositories.busybox, { "busybox:1": a, "busybox:latest": a });
  t.deepEqual([...readRepositories(store).keys()], ["__proto__", "busybox"]);
  t.deepEqual(referencesOf(readRepositories(store), a), ["busybox:1", "busybox:latest"]);
  t.false(existsSync(`${store.paths.repositories}.new`));
});

test("a damaged names file is one clear error", (t) => {
  const store = fakeStore(t);
  for (const text of ["", "{", "null", "{}", '{"Repositories":{"a":{"a:1":"../x"}}}', '{"Repositories":{"a":null}}']) {
    writeFileSync(store.paths.repositories, text);
    t.is(t.throws(() => readRepositories(store), { instanceOf: GlassboxError }).code, "store-damaged", text);
  }
});

test("a lock that stays taken ends in an error that names it, one that comes free is waited for", (t) => {
  const held = fakeStore(t, () => false);
  const error = t.throws(() => withLock(held, "images", "exclusive", () => 1, 30), { instanceOf: GlassboxError });
  t.is(error.code, "store-locked");
  t.true(error.what.includes("images.lock"));
  let tries = 0;
  t.is(
    withLock(
      fakeStore(t, () => ++tries > 3),
      "images",
      "shared",
      () => "in",
      5000,
    ),
    "in",
  );
});

test("a file is replaced whole", (t) => {
  const store = fakeStore(t);
  const path = join(store.root, "x");
  writeFileSync(`${path}.new`, "left over from a crash, and longer than what follows");
  replaceFile(path, "one");
  replaceFile(path, Buffer.from("two"));
  t.is(readFileSync(path, "utf8"), "two");
});

test("chain ids are the image-spec's, short names Docker's", (t) => {
  const [a, b] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];
  t.is(nextChainId(undefined, a), a);
  t.is(nextChainId(a, b), "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
  t.regex(shortNameOf(Buffer.alloc(16, 255)), /^[A-Z2-7]{26}$/);
  t.is(shortNameOf(Buffer.from("foobarfoobarfoob")), "MZXW6YTBOJTG633CMFZGM33PMI");
});

test("a layer without all its files is damage, one without entry is not there", (t) => {
  const store = fakeStore(t);
  const chainId = `sha256:${"c".repeat(64)}`;
  t.is(readLayer(store, chainId), undefined);
  mkdirSync(join(store.paths.layers, "c".repeat(64)));
  writeFileSync(join(store.paths.layers, "c".repeat(64), "cache-id"), "x");
  t.is(t.throws(() => readLayer(store, chainId), { instanceOf: GlassboxError }).code, "store-damaged");
});
