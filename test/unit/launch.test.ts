import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";

import test from "ava";

import { register } from "../../src/launch/joined";

const DIST = join(__dirname, "..", "..");

test("joined modules are loaded once, in one cache with Node's own", (t) => {
  const loaded: string[] = [];
  const root = join(DIST, "src");
  const load = register(
    {
      "base/one": (exports, require) => {
        loaded.push("one");
        Object.assign(exports as object, { two: require("./two"), errors: require("./errors") });
      },
      "base/two": (exports) => {
        loaded.push("two");
        Object.assign(exports as object, { name: "two" });
      },
    },
    root,
  );
  t.teardown(() => {
    for (const id of ["one", "two"]) delete require.cache[`${root}/base/${id}.js`];
  });
  const one = load("base/one") as { two: object; errors: object };
  t.is(load("base/one"), one);
  t.deepEqual(loaded, ["one", "two"]);
  // A module that is not joined comes from its own file, and is the same for everybody.
  t.is(one.errors, require("../../src/base/errors"));
});

test("the build joins what a run loads, and the command works from it", (t) => {
  const joined = join(DIST, "launch", "glassbox.js");
  t.true(existsSync(joined), "npm run build:ts makes it");
  const text = readFileSync(joined, "utf8");
  for (const id of ["cli/main", "runtime/run", "plan/compile", "binding/index"])
    t.true(text.includes(`${JSON.stringify(id)}: (function`), id);
  const { stdout, status } = spawnSync(process.execPath, [join(DIST, "src", "launch", "main.js"), "run", "--help"], {
    encoding: "utf8",
  });
  t.is(status, 0);
  t.regex(stdout, /glassbox run/);
});
