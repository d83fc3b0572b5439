/**
 * Build step: joins the files that a `run` loads into dist/launch/glassbox.js, then runs a start on a make-believe kernel, so that V8's code cache
 * (glassbox.cache) holds the functions that a start needs.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { Script } from "node:vm";

import type { Kernel } from "../binding";
import type { RunContext } from "../runtime/run";
import { type JoinedModules, register } from "./joined";

const SOURCES = resolve(__dirname, "..");
const TARGET = resolve(SOURCES, "..", "launch");

/** What a `run` requires on its way; what these import at their top comes along. */
const ENTRIES = ["cli/main", "cli/run", "cli/execute", "runtime/run"];

/** Names of the modules that loading `entries` loads, in the order of first import. */
function closure(entries: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (id: string): void => {
    if (found.has(id)) return;
    found.add(id);
    const file = join(SOURCES, `${id}.js`);
    // Compiled imports stand at the start of a line; a lazy require is indented.
    for (const [, specifier] of readFileSync(file, "utf8").matchAll(/^\S.*\brequire\("(\.[^"]+)"\)/gm)) {
      visit(relative(SOURCES, require.resolve(resolve(dirname(file), specifier!))).replace(/\.js$/, ""));
    }
  };
  entries.forEach(visit);
  return [...found];
}

function joinModules(ids: readonly string[]): string {
  // In parentheses: V8 then compiles the body at once instead of looking over it first.
  const bodies = ids.map(
    (id) => `${JSON.stringify(id)}: (function (exports, require, module, __filename, __dirname) {\n${read(id)}\n}),\n`,
  );
  return `({\n${bodies.join("")}})\n`;
}

/** Comments that fill whole lines go: a quarter of the bytes. */
function read(id: string): string {
  return readFileSync(join(SOURCES, `${id}.js`), "utf8")
    .replace(/^#!.*\n/, "")
    .replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, "")
    .replace(/^\s*\/\/.*\n/gm, "");
}

/** The real kernel, but nothing is mounted or cloned. */
function makeBelieve(kernel: Kernel): Kernel {
  return {
    ...kernel,
    mount: () => undefined,
    umount: () => undefined,
    prlimit: () => undefined,
    sendByte: () => undefined,
    readSome: () => new Uint8Array(),
    spawn: () => ({ pid: process.pid, pidfd: kernel.open("/dev/null", ["O_RDONLY"]), flags: 0n, startNs: 0n, durationNs: 0n }),
    wait: () => Promise.resolve({ code: 0, signal: 0 }),
  };
}

/** One start with everything but the kernel's part. As another user than root it ends early; then the cache holds less. */
async function warmUp(load: (id: string) => unknown): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "glassbox-launch-"));
  try {
    const { loadKernel } = load("binding/index") as typeof import("../binding");
    const { openStore } = load("store/store") as typeof import("../store/store");
    const { runContainer } = load("runtime/run") as typeof import("../runtime/run");
    const { createImageFromDirectory } = require("../image/import-rootfs") as typeof import("../image/import-rootfs");
    mkdirSync(join(root, "image", "etc"), { recursive: true });
    writeFileSync(join(root, "image", "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    const storeRoot = join(root, "store");
    await createImageFromDirectory(openStore(storeRoot, loadKernel()), join(root, "image"), { reference: "warm", createdBy: "" });
    const { run } = load("cli/run") as typeof import("../cli/run");
    const { toRunRequest } = load("cli/run-flags") as typeof import("../cli/run-flags");
    const { parseFlags } = load("cli/flags") as typeof import("../cli/flags");
    const { flagContext } = load("cli/flag-context") as typeof import("../cli/flag-context");
    const context: RunContext = { storeRoot, lang: "en", onNotice: () => undefined, kernel: makeBelieve(loadKernel()) };
    for (const argv of [
      ["--rm", "warm", "true"],
      ["--rm", "-e", "A=b", "-v", "/tmp:/tmp", "-m", "64m", "-w", "/x", "warm", "sh", "-c", ":"],
    ]) {
      const { options } = toRunRequest(parseFlags(argv, run.flags, run.stopAtOperand, "en"), flagContext("en"));
      await runContainer({ ...options, unsafe: { cgroup: "off" } }, context).catch(() => undefined);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function build(): Promise<void> {
  const source = joinModules(closure(ENTRIES));
  const script = new Script(source, { filename: join(TARGET, "glassbox.js") });
  const load = register(script.runInThisContext() as JoinedModules, SOURCES);
  await warmUp(load);
  mkdirSync(TARGET, { recursive: true });
  // The cache first: main.ts takes the pair only when the source is there.
  writeFileSync(join(TARGET, "glassbox.cache"), script.createCachedData());
  writeFileSync(join(TARGET, "glassbox.js"), source);
}

void build();
