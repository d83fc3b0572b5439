#!/usr/bin/env node
/** The `glassbox` command. Cheap answers stay cheap; everything else starts from the joined file when the build has made one. */

import { readFileSync, statSync } from "node:fs";

import type { JoinedModules, register } from "./joined";

/** dist/src and dist/launch. */
const SOURCES = __dirname.slice(0, __dirname.lastIndexOf("/"));
const JOINED = `${SOURCES.slice(0, SOURCES.lastIndexOf("/"))}/launch/glassbox`;

const argv = process.argv.slice(2);

if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-v")) {
  (require("../cli/version") as typeof import("../cli/version")).printShort();
} else {
  const load = loader();
  (load("cli/main") as typeof import("../cli/main")).main(argv);
}

function loader(): (id: string) => unknown {
  const separate = (id: string): unknown => require(`../${id}`);
  let source: string;
  let cachedData: Buffer;
  try {
    // Whoever compiled again without joining again gets what was compiled.
    if (statSync(`${JOINED}.js`).mtimeMs < statSync(`${SOURCES}/cli/main.js`).mtimeMs) return separate;
    source = readFileSync(`${JOINED}.js`, "utf8");
    cachedData = readFileSync(`${JOINED}.cache`);
  } catch {
    return separate;
  }
  const { Script } = require("node:vm") as typeof import("node:vm");
  // V8 checks the cache against itself and the source, and compiles when it does not fit (another Node).
  const modules = new Script(source, { filename: `${JOINED}.js`, cachedData }).runInThisContext() as JoinedModules;
  return (require("./joined") as { register: typeof register }).register(modules, SOURCES);
}
