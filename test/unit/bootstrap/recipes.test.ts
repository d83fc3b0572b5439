import test from "ava";
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { canBootstrap, RECIPES, renderRecipes } from "../../../src/bootstrap/recipes";
import { runProgram } from "../../../src/bootstrap/run-program";
import { settleTimes } from "../../../src/bootstrap/settle";

test("names that can be made are known in every spelling", (t) => {
  for (const reference of [
    "busybox",
    "busybox:latest",
    "library/busybox",
    "docker.io/library/busybox:latest",
    "docker.io/busybox",
  ]) {
    t.is(canBootstrap(reference)?.reference, "busybox:latest", reference);
  }
  t.is(canBootstrap("debian:bookworm")?.reference, "debian:bookworm");
  t.is(canBootstrap("debian")?.recipe.automatic, false);
  t.is(canBootstrap("busybox")?.recipe.automatic, true);
});

test("everything else is not", (t) => {
  for (const reference of [
    "scratch",
    "nginx",
    "busybox:1.36",
    "debian:../../etc",
    "quay.io/busybox",
    "user/busybox",
    "busybox@sha256:0000",
    "BUSYBOX",
    "",
    "busybox:",
    "-busybox",
  ]) {
    t.is(canBootstrap(reference), undefined, reference);
  }
});

test("the table is told in both languages", (t) => {
  for (const lang of ["en", "zh"] as const) {
    const lines = renderRecipes(lang);
    t.is(lines.length, RECIPES.length);
    t.true(lines[0]?.startsWith("busybox"));
  }
});

test("times are settled without following links", (t) => {
  const root = mkdtempSync(join(tmpdir(), "glassbox-settle-"));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "tree"));
  writeFileSync(join(root, "outside"), "x");
  symlinkSync("../outside", join(root, "tree/link"));
  writeFileSync(join(root, "tree/file"), "x");
  const before = lstatSync(join(root, "outside")).mtimeMs;
  settleTimes(join(root, "tree"), 1000, "all");
  t.is(lstatSync(join(root, "tree/link")).mtimeMs, 1_000_000);
  t.is(lstatSync(join(root, "tree")).mtimeMs, 1_000_000);
  t.is(lstatSync(join(root, "outside")).mtimeMs, before);
  settleTimes(join(root, "tree"), 2000, "clamp");
  t.is(lstatSync(join(root, "tree/file")).mtimeMs, 1_000_000);
});

test("a tool that cannot be started is a result, and the caller's environment stays outside", async (t) => {
  t.is((await runProgram("/nonexistent/tool", [])).code, undefined);
  process.env["GLASSBOX_SECRET"] = "1";
  const lines: string[] = [];
  const result = await runProgram("/bin/sh", ["-c", "echo ${GLASSBOX_SECRET-unset}; echo late >&2; exit 3"], {
    onLine: (line) => lines.push(line),
  });
  delete process.env["GLASSBOX_SECRET"];
  t.is(result.code, 3);
  t.is(result.stdout, "unset\n");
  t.deepEqual(lines.toSorted(), ["late", "unset"]);
});
