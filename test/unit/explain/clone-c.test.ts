import test from "ava";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloneProgramC } from "../../../src/explain/clone-c";
import type { CloneProgram } from "../../../src/explain/clone-c";
import { privileged } from "../../helpers/privileged";

const ALL = ["mnt", "pid", "uts", "ipc", "net", "user", "cgroup"];
const PROGRAMS: readonly CloneProgram[] = [
  { namespaces: ["mnt"], mounts: [{ fstype: "tmpfs", target: "/tmp" }], shared: false, command: ["/bin/bash"] },
  { namespaces: ["mnt"], mounts: [], shared: true, command: ["sh", "-c", 'echo "??/ \\ 容器\n1"'] },
  { namespaces: ALL, mounts: [{ fstype: "proc", target: "/proc" }], shared: false, command: ["/bin/true"] },
  { namespaces: ["user"], mounts: [], shared: false, command: ["true"] },
  { namespaces: [], mounts: [], shared: false, command: ["true"] },
];

const gcc = spawnSync("gcc", ["--version"]).status === 0;
const withGcc = gcc ? test : test.skip;

function build(directory: string, program: CloneProgram, lang: "en" | "zh"): string {
  const binary = join(directory, "ns");
  const flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-x", "c", "-", "-o", binary];
  const { status, stderr } = spawnSync("gcc", flags, { input: cloneProgramC(program, lang), encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return binary;
}

function inDirectory<T>(body: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "glassbox-clone-c-"));
  try {
    return body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

withGcc("every form compiles without a warning, in both languages", (t) => {
  inDirectory((directory) => {
    for (const program of PROGRAMS) {
      for (const lang of ["en", "zh"] as const)
        t.notThrows(() => build(directory, program, lang), `${program.namespaces} ${lang}`);
    }
  });
});

test("both languages give the same program but for comments", (t) => {
  const bare = (lang: "en" | "zh", program: CloneProgram): string =>
    cloneProgramC(program, lang).replace(/\/\*[\s\S]*?\*\//g, "");
  for (const program of PROGRAMS) t.is(bare("zh", program), bare("en", program));
  t.regex(cloneProgramC(PROGRAMS[0]!, "zh"), /自己的挂载表/);
});

test("private unless shared; mounts in order; execv for a path, execvp for a name", (t) => {
  const first = cloneProgramC(PROGRAMS[0]!, "en");
  t.true(first.indexOf("MS_REC | MS_PRIVATE") > 0);
  t.true(first.indexOf("MS_REC | MS_PRIVATE") < first.indexOf('mount("none", "/tmp", "tmpfs", 0, "")'));
  t.regex(first, /CLONE_NEWNS \| SIGCHLD/);
  t.regex(first, / execv\(container_args/);
  const second = cloneProgramC(PROGRAMS[1]!, "en");
  t.notRegex(second, /MS_PRIVATE, NULL/);
  t.regex(second, / execvp\(container_args/);
});

test("an unknown namespace is refused", (t) => {
  t.throws(() => cloneProgramC({ namespaces: ["nope"], mounts: [], shared: false, command: ["true"] }, "en"), {
    instanceOf: RangeError,
  });
});

withGcc("nothing in an argument can leave its string or comment", (t) => {
  const target = '/x*/"); system("x\\';
  inDirectory((directory) => {
    t.notThrows(() =>
      build(
        directory,
        { namespaces: ["mnt"], mounts: [{ fstype: "tmpfs", target }], shared: false, command: [target, "%s\n\u00041"] },
        "en",
      ),
    );
  });
});

privileged(test)("it runs: the article's three lines, an empty /tmp inside, the exit status", (t) => {
  if (!gcc) return void t.pass("no gcc");
  inDirectory((directory) => {
    const command = ["/bin/sh", "-c", "ls -A /tmp | wc -l; echo $$; exit 7"];
    const mounts = [{ fstype: "tmpfs", target: "/tmp" }];
    const binary = build(directory, { namespaces: ["mnt", "pid"], mounts, shared: false, command }, "en");
    const { status, stdout } = spawnSync(binary, { encoding: "utf8" });
    t.deepEqual(stdout.split("\n").slice(0, 5), [
      "Parent - start a container!",
      "Container - inside the container!",
      "0",
      "1",
      "Parent - container stopped!",
    ]);
    t.is(status, 7);
    const user = build(directory, { namespaces: ["user", "uts"], mounts: [], shared: false, command: ["id", "-u"] }, "zh");
    t.regex(spawnSync(user, { encoding: "utf8" }).stdout, /inside the container!\n0\nParent/);
  });
});
