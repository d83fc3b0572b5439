import test from "ava";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { diagnoseExec } from "../../src/elf/diagnose";
import { DirectoryReader, type ReaderStat } from "../../src/elf/root-reader";
import { privileged } from "../helpers/privileged";
import { candidatesOf, EXEC_CASES, makeExecRoot } from "../unit/elf/exec-cases";

/** chroot, setuid, execve each candidate as a runtime does; prints the errno number that counts. */
const HELPER = `
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <grp.h>
int main(int argc, char **argv) {
  int uid = atoi(argv[2]), result = ENOENT;
  if (chroot(argv[1]) || chdir("/")) return 90;
  if (uid && (setgroups(0, NULL) || setgid(uid) || setuid(uid))) return 91;
  for (int i = 3; i < argc; i++) {
    char *args[] = { argv[i], NULL }, *env[] = { NULL };
    execve(argv[i], args, env);
    if (errno != ENOENT || i == 3) result = errno;
  }
  printf("%d\\n", result);
  return 92;
}
`;
const NAMES: Record<number, string> = { 2: "ENOENT", 8: "ENOEXEC", 13: "EACCES", 20: "ENOTDIR", 40: "ELOOP", 80: "ELIBBAD" };

const base = mkdtempSync(join(tmpdir(), "glassbox-exec-"));
const root = join(base, "root");
const helper = join(base, "helper");
test.after.always(() => rmSync(base, { recursive: true, force: true }));

test.before(() => {
  mkdirSync(root);
  chmodSync(base, 0o755);
  writeFileSync(`${helper}.c`, HELPER);
  execFileSync("cc", ["-O1", "-o", helper, `${helper}.c`]);
  makeExecRoot(root, "/bin/true");
});

function reallyExecute(argv0: string, uid: number, where = root): string {
  const run = spawnSync(helper, [where, String(uid), ...candidatesOf(argv0)], { encoding: "utf8" });
  if (run.status !== 92) return `exit ${run.status} ${run.stderr}`;
  return NAMES[Number(run.stdout)] ?? run.stdout.trim();
}

const onlyX64 =
  process.arch === "x64" ? privileged(test) : (title: string) => test.skip(`${title} (its files are for x86_64)`, () => {});

for (const item of EXEC_CASES) {
  onlyX64(`execve gives ${item.errno}: ${item.title}`, (t) => {
    t.is(reallyExecute(item.argv0, item.uid ?? 0), item.errno);
  });
}

onlyX64("a noexec mount gives EACCES and is named", (t) => {
  const place = join(root, "noexec");
  mkdirSync(place);
  execFileSync("mount", ["-t", "tmpfs", "-o", "noexec", "tmpfs", place]);
  t.teardown(() => {
    execFileSync("umount", [place]);
  });
  writeFileSync(join(place, "x"), "#!/bin/sh\n");
  chmodSync(join(place, "x"), 0o755);
  t.is(reallyExecute("/noexec/x", 0), "EACCES");
  class WithFlags extends DirectoryReader {
    override stat(path: string): ReaderStat | undefined {
      const stat = super.stat(path);
      return stat === undefined ? undefined : { ...stat, noexec: path.startsWith("/noexec") };
    }
  }
  const found = diagnoseExec({
    argv0: "/noexec/x",
    candidates: ["/noexec/x"],
    errno: "EACCES",
    reader: new WithFlags(root),
    hostArch: process.arch,
    lang: "en",
  });
  t.is(found.code, "exec-noexec");
});
