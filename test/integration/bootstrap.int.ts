import test from "ava";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { GlassboxError } from "../../src/base/errors";
import { loadKernel } from "../../src/binding";
import { bootstrapImage, createImageFromClosure } from "../../src/bootstrap/bootstrap";
import { fetchPackage } from "../../src/bootstrap/packages";
import { canBootstrap, type RecipeResult } from "../../src/bootstrap/recipes";
import { findProgram } from "../../src/bootstrap/run-program";
import { closureOf } from "../../src/elf/closure";
import { DirectoryReader } from "../../src/elf/root-reader";
import { openStore } from "../../src/store/store";
import { privileged } from "../helpers/privileged";

const CHROOT = findProgram("chroot") ?? "chroot";

interface Made {
  root: string;
  result: RecipeResult;
  log: string[];
}

async function make(t: { teardown(fn: () => void): void }, reference: string): Promise<Made> {
  const base = mkdtempSync(join(tmpdir(), "glassbox-bootstrap-"));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const match = canBootstrap(reference);
  if (match === undefined) throw new Error(`no recipe for ${reference}`);
  const rootDirectory = join(base, "root");
  const workDirectory = join(base, "work");
  mkdirSync(rootDirectory, { mode: 0o700 });
  mkdirSync(workDirectory, { mode: 0o700 });
  const log: string[] = [];
  const result = await match.recipe.make({
    rootDirectory,
    workDirectory,
    tag: match.tag,
    lang: "en",
    log: (line) => log.push(line),
  });
  return { root: rootDirectory, result, log };
}

/** One line for each file: what an image digest would depend on. */
function listing(root: string, path = ""): string[] {
  const here = join(root, path);
  const stat = lstatSync(here);
  const line = `${path} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${stat.isDirectory() ? 0 : stat.size} ${stat.mtimeMs}`;
  return stat.isDirectory()
    ? [
        line,
        ...readdirSync(here)
          .toSorted()
          .flatMap((name) => listing(root, join(path, name))),
      ]
    : [line];
}

privileged(test)("busybox runs in a chroot, has its commands and accounts", async (t) => {
  const { root, result } = await make(t, "busybox");
  t.deepEqual(result.cmd, ["sh"]);
  t.not(result.standin, "");
  const script = "id -un; ls / | tr '\\n' ' '; cat /etc/group | grep -c :; env -i /usr/bin/env true; echo $?";
  const run = spawnSync(CHROOT, [root, "/bin/sh", "-c", script], { encoding: "utf8", env: { PATH: "/bin" } });
  t.is(run.stdout, "root\nbin dev etc home proc root sys tmp usr var 15\n0\n", run.stderr);
  t.is(lstatSync(join(root, "tmp")).mode & 0o7777, 0o1777);
  t.true(readdirSync(join(root, "bin")).length > 200);
  const inNamespaces = spawnSync(
    "unshare",
    ["--mount", "--pid", "--fork", "--root", root, "/bin/sh", "-c", "mount -t proc proc /proc && cat /proc/self/comm && echo $$"],
    { encoding: "utf8" },
  );
  t.is(inNamespaces.stdout, "cat\n1\n", inNamespaces.stderr);
});

privileged(test)("busybox is the same twice", async (t) => {
  const first = await make(t, "busybox");
  const second = await make(t, "busybox");
  t.deepEqual(first.result, second.result);
  t.deepEqual(listing(first.root), listing(second.root));
});

privileged(test)("two stores get the same busybox image, and nothing is left in staging", async (t) => {
  const images = [];
  for (let index = 0; index < 2; index++) {
    const base = mkdtempSync(join(tmpdir(), "glassbox-store-"));
    t.teardown(() => rmSync(base, { recursive: true, force: true }));
    const store = openStore(join(base, "store"), loadKernel());
    const image = await bootstrapImage("busybox", { store, lang: "en", log: () => {} });
    t.deepEqual(readdirSync(store.paths.staging), []);
    images.push(image);
    const unknown = await t.throwsAsync<GlassboxError>(bootstrapImage("scratch", { store, lang: "zh", log: () => {} }));
    t.is(unknown?.code, "bootstrap-unknown");
    const reader = new DirectoryReader("/");
    const tools = await createImageFromClosure(closureOf(reader, ["/bin/bash"]), reader, { store, reference: "tools" });
    t.not(tools.id, image.id);
  }
  t.deepEqual(
    images[0]?.layers.map((layer) => layer.diffId),
    images[1]?.layers.map((layer) => layer.diffId),
  );
  t.is(images[0]?.id, images[1]?.id);
});

/** Half a minute and a mirror: only when asked for. */
const slow =
  process.env["GLASSBOX_SLOW_TESTS"] === undefined && process.env["CI"] === undefined
    ? (title: string) => test.skip(`${title} (set GLASSBOX_SLOW_TESTS)`, () => {})
    : privileged(test);

slow("the package gives the same busybox image as the host's own", async (t) => {
  const base = mkdtempSync(join(tmpdir(), "glassbox-apt-"));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const context = { rootDirectory: base, workDirectory: base, tag: "latest", lang: "en" as const, log: () => {} };
  const fetched = await fetchPackage("busybox-static", context);
  t.deepEqual(readFileSync(join(fetched.directory, "bin/busybox")), readFileSync("/bin/busybox"));
  t.is(Math.floor(lstatSync(join(fetched.directory, "bin/busybox")).mtimeMs), Math.floor(lstatSync("/bin/busybox").mtimeMs));
});

slow("debian has bash and apt, nothing of this host, and is the same twice", async (t) => {
  const first = await make(t, "debian");
  t.regex(first.result.standin, /^Debian \d/);
  for (const name of ["etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/log/bootstrap.log"]) {
    t.false(existsSync(join(first.root, name)), name);
  }
  t.deepEqual(readdirSync(join(first.root, "dev")), []);
  const before = listing(first.root);
  const run = spawnSync(CHROOT, [first.root, "/bin/bash", "-c", "apt-get --version | head -1; dpkg --audit; echo $?"], {
    encoding: "utf8",
  });
  t.regex(run.stdout, /^apt [\d.]+.*\n0\n$/);
  const second = await make(t, "debian");
  t.deepEqual(before, listing(second.root));
});
