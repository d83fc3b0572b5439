/** The narration cannot lie: what `--explain=calls` tells is what strace sees, call by call. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ExecutionContext } from "ava";
import { asRoot, boxForFile, CLI } from "./box";
import { readNarration, readStrace, type Seen, type Start, TOLD_CALLS } from "./strace";

const file = boxForFile();

const STRACE = ["-f", "-y", "-s", "9000", "-e", `trace=${TOLD_CALLS.join(",")},execve,execveat`];

interface Observed {
  start: Start;
  narration: string;
  told: Seen[];
}

let count = 0;

function observe(t: ExecutionContext, args: string[], terminal = false): Observed {
  const log = file.box.path(`strace-${++count}`);
  const story = file.box.path(`story-${count}`);
  const quoted = ["strace", ...STRACE, "-o", log, process.execPath, CLI, ...args].map((word) => `'${word}'`).join(" ");
  const command = terminal
    ? ["script", "-qec", `${quoted} 2>${story}`, "/dev/null"]
    : ["sh", "-c", `exec ${quoted} 2>${story} </dev/null`];
  const [program, ...rest] = command as [string, ...string[]];
  const { status, stdout } = spawnSync(program, rest, {
    env: file.box.env({ COLUMNS: "6000" }),
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 60_000,
  });
  const narration = readFileSync(story, "utf8");
  t.is(status, 0, `${args.join(" ")}: ${stdout.toString()} ${narration.slice(-2000)}`);
  return { start: readStrace(readFileSync(log, "utf8")), narration, told: readNarration(narration) };
}

function compare(t: ExecutionContext, { start, told, narration }: Observed): void {
  for (const lane of ["parent", "child"] as const) {
    const of = (calls: readonly Seen[]): string[] => calls.filter((one) => one.lane === lane).map(({ call }) => call);
    t.deepEqual(of(told), of(start.seen), `${lane}: told (actual) against seen by strace (expected)`);
  }
  const opaque = /Effective: ([A-Z_ ]+)\./.exec(narration)?.[1]?.split(" ") ?? [];
  t.deepEqual(opaque.sort(), start.capabilities.sort(), "capabilities in the text");
  if (start.filterLength !== undefined) t.regex(narration, new RegExp(`\\(${start.filterLength} BPF instructions\\)`));
}

asRoot("run-explain-strace: S1-C9 S3-C1 a default container: every call told, nothing else", (t) => {
  const observed = observe(t, ["run", "--rm", "--explain=calls", "busybox", "true"]);
  compare(t, observed);
  const calls = observed.start.seen.map(({ call }) => call);
  // Guards the comparison itself: an empty log equals an empty story.
  for (const part of [
    "clone3({",
    "pivot_root(",
    "sethostname(",
    "capset(",
    "seccomp(",
    "move_mount(",
    "/pids.max>",
    "unshare(CLONE_NEWCGROUP)",
  ]) {
    t.true(
      calls.some((call) => call.includes(part)),
      part,
    );
  }
  t.true(observed.start.mountAttributes.every((attributes) => attributes.includes("attr_set=MOUNT_ATTR_RDONLY")));
  t.true(calls.length > 60, `${calls.length} calls`);
});

asRoot("run-explain-strace: S1-C9 read-only root, bind, tmpfs, limits, no-new-privileges, host network", (t) => {
  const shared = file.box.path("shared");
  mkdirSync(shared, { recursive: true });
  writeFileSync(`${shared}/file`, "x");
  const observed = observe(t, [
    ...[
      "run",
      "--rm",
      "--explain=calls",
      "--read-only",
      "-v",
      `${shared}:/mnt:ro`,
      "-v",
      `${shared}/file:/file`,
      "--tmpfs",
      "/tmp:size=1m",
    ],
    ...["-m", "64m", "--cpus", "0.5", "--ulimit", "nofile=100:200", "--ulimit", "core=0", "--security-opt", "no-new-privileges"],
    ...["--network", "host", "--init", "busybox", "true"],
  ]);
  // The story is told when all is ready; the last step comes after it and is announced, not recorded: execve, and with --init one clone before it.
  t.is(observed.start.seen.pop()?.call, "clone3({}) = 2");
  t.regex(observed.narration, /One more clone makes process 2/);
  compare(t, observed);
});

asRoot("run-explain-strace: S1-C9 S4-1 with a terminal", (t) => {
  compare(t, observe(t, ["run", "--rm", "-t", "--explain=calls", "busybox", "true"], true));
});

asRoot("run-explain-strace: S3-1 S3-3 a bare clone", (t) => {
  const observed = observe(t, [
    "clone",
    "--explain=calls",
    "--ns",
    "mnt,pid,uts,ipc,net,cgroup",
    "--mount",
    "tmpfs:/tmp",
    "--",
    "/bin/true",
  ]);
  compare(t, observed);
  t.is(observed.start.seen.filter(({ call }) => call.startsWith("clone3(")).length, 1);
});

asRoot("run-explain-strace: S3-C1 the three acts appear in the totals in the order of the article", async (t) => {
  const { stderr } = await file.box.run("--explain", "busybox", "true");
  const totals = stderr.slice(stderr.indexOf("Totals"));
  const at = ["namespaces", "cgroups", "root"].map((act) => totals.indexOf(`\n${act}`));
  t.true(
    at.every((place) => place > 0),
    totals,
  );
  t.deepEqual(
    [...at].sort((a, b) => a - b),
    at,
  );
});
