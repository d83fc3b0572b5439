import test from "ava";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { closureOf } from "../../src/elf/closure";
import { copyClosure } from "../../src/elf/copy-closure";
import { explainMissingLibraries } from "../../src/elf/diagnose";
import { DirectoryReader } from "../../src/elf/root-reader";
import { privileged } from "../helpers/privileged";

const host = new DirectoryReader("/");

/** What ld.so itself says it would map: LD_TRACE_LOADED_OBJECTS makes it list and leave before the program starts. */
function loaderList(program: string): { found: Set<string>; missing: string[] } {
  const run = spawnSync(program, [], { env: { LD_TRACE_LOADED_OBJECTS: "1" }, encoding: "utf8" });
  const found = [...run.stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => realpathSync(match[1] as string));
  return { found: new Set(found), missing: [...run.stdout.matchAll(/(\S+) => not found/g)].map((match) => match[1] as string) };
}

function hostPrograms(): string[] {
  const programs: string[] = [];
  for (const directory of ["/usr/bin", "/usr/sbin"]) {
    for (const name of existsSync(directory) ? readdirSync(directory) : []) {
      const path = join(directory, name);
      // A dangling link is no program.
      if (!existsSync(path)) continue;
      const stat = host.stat(realpathSync.native(path));
      if (stat === undefined || (stat.mode & 0o6111) !== 0o111) continue;
      if (host.readHead(realpathSync(path), 4)?.toString() !== "127,69,76,70") continue;
      const closure = closureOf(host, [path]);
      const description = closure.programs[0]?.description;
      if (description?.kind === "elf" && description.linkage === "dynamic") programs.push(path);
    }
  }
  // Thirty, spread over the alphabet; all when asked for.
  const every = process.env["GLASSBOX_ALL_PROGRAMS"] === undefined ? Math.max(1, Math.floor(programs.length / 30)) : 1;
  return programs.filter((_, index) => index % every === 0);
}

test("the closure is what ld.so lists, program by program", (t) => {
  const programs = hostPrograms();
  t.true(programs.length >= 10);
  for (const program of programs) {
    const closure = closureOf(host, [program]);
    const { found, missing } = loaderList(program);
    const ours = new Set(closure.files.filter((file) => file.role !== "program").map((file) => file.realPath));
    t.deepEqual([...ours].toSorted(), [...found].toSorted(), program);
    t.deepEqual(closure.missing.map((file) => file.name).toSorted(), missing.toSorted(), program);
  }
});

function temporary(t: { teardown(fn: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), "glassbox-closure-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

privileged(test)("bash and id, copied into an empty directory, run there", (t) => {
  const into = join(temporary(t), "root");
  const closure = closureOf(host, ["/bin/bash", "/usr/bin/id"], { extras: ["nss"] });
  t.deepEqual(closure.missing, []);
  copyClosure(closure, host, into);
  const run = spawnSync("chroot", [into, "/bin/bash", "-c", "echo $((6 * 7)); /usr/bin/id -u"], { encoding: "utf8" });
  t.is(run.stdout, "42\n0\n", run.stderr);
  copyClosure(closure, host, into);
  t.is(spawnSync("chroot", [into, "/bin/bash", "-c", "exit 7"]).status, 7);
});

privileged(test)("libraries that only a cache can find are found in the copy by our small cache", (t) => {
  const base = temporary(t);
  const place = join(base, "odd");
  mkdirSync(place);
  for (const name of ["one", "two", "ten"]) {
    writeFileSync(join(base, `${name}.c`), `int ${name}(void) { return 10; }`);
    execFileSync("cc", ["-shared", "-o", join(place, `lib${name}.so.1`), `-Wl,-soname,lib${name}.so.1`, join(base, `${name}.c`)]);
  }
  writeFileSync(join(base, "main.c"), "int one(void), two(void), ten(void); int main(void) { return one() + two() + ten(); }");
  const program = join(base, "main");
  const libraries = ["one", "two", "ten"].map((name) => join(place, `lib${name}.so.1`));
  execFileSync("cc", ["-o", program, join(base, "main.c"), ...libraries]);
  const without = closureOf(host, [program]);
  t.is(without.missing.length, 3);
  t.is(explainMissingLibraries({ path: program, reader: host, lang: "en" })?.code, "exec-library-missing");
  const closure = closureOf(host, [program], { libraryPath: place });
  t.deepEqual(closure.missing, []);
  const into = join(base, "root");
  copyClosure(closure, host, into);
  const run = spawnSync("chroot", [into, program], { encoding: "utf8" });
  t.is(run.status, 30, run.stderr);
});
