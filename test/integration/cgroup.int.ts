import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import test, { type ExecutionContext } from "ava";
import {
  createCgroup,
  freeze,
  hierarchiesOf,
  listContainerCgroups,
  oomKills,
  readBackLimit,
  readLimits,
  readUsage,
  removeCgroups,
  thaw,
  writeLimit,
} from "../../src/host/cgroupfs";
import { killProcesses } from "../../src/host/cgroup-remove";
import { readStatus } from "../../src/host/proc";
import { explainErrno } from "../../src/host/causes";
import { probeHost } from "../../src/host/facts";
import { SyscallError } from "../../src/base/errors";
import { type CgroupSteps, cgroupSteps } from "../../src/plan/cgroup";
import { LIMITS, normaliseLimit } from "../../src/plan/cgroup-limits";
import type { OciResources } from "../../src/plan/oci";
import { privileged } from "../helpers/privileged";

const facts = probeHost();
const parent = `/glassbox-test-${process.pid}`;
let next = 0;

/** Applies the parent's steps as the executor does, and checks every value by reading it back. */
function apply(t: ExecutionContext, steps: CgroupSteps): void {
  for (const step of steps.prepare) {
    if (step.kind === "create-cgroup") {
      createCgroup(step.path);
    } else if (step.kind === "set-cgroup-limit") {
      writeLimit(step.file, step.value);
      t.true(readBackLimit(step).ok, `${step.file}: ${readBackLimit(step).observed}`);
    } else if (step.how === "v1") {
      writeLimit(`${step.path}/devices.deny`, "a");
      for (const line of step.allow) writeLimit(`${step.path}/devices.allow`, line);
    }
  }
}

function make(t: ExecutionContext, resources: OciResources, deviceLines?: string[]): CgroupSteps {
  const request = { facts: facts.cgroup, cgroupsPath: `${parent}/c${next++}`, resources, deviceLines };
  const steps = cgroupSteps({ ...request, deviceProgram: new Uint8Array() });
  t.teardown(() => {
    removeCgroups(steps.paths);
  });
  apply(t, steps);
  return steps;
}

/** A shell that joins the cgroups as the child does (by tasks, and cgroup.procs of v2), then runs the script. */
function runInside(steps: CgroupSteps, script: string) {
  const joins = steps.join.map(({ file }) => `echo 0 > ${file}`);
  if (steps.unifiedPath) joins.push(`echo 0 > ${steps.unifiedPath}/cgroup.procs`);
  return spawn("sh", ["-c", `${joins.join(" && ")} && { ${script}; }`], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Waits for something to become true, on a machine that may be busy. */
async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
}

const exit = (child: ReturnType<typeof spawn>) =>
  new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal })),
  );

test.after.always(() => {
  // The parents are ours alone; an empty one goes with rmdir, a full one shows as a failed test below.
  for (const { mountpoint } of hierarchiesOf(facts.cgroup)) {
    if (existsSync(`${mountpoint}${parent}`)) rmdirSync(`${mountpoint}${parent}`);
  }
});

const root = privileged(test);
const hasController = (name: string) =>
  facts.cgroup.v1.some(({ controllers }) => controllers.includes(name)) || facts.cgroup.v2?.controllers.includes(name) === true;

root("every limit that was asked for is what the kernel says", (t) => {
  const steps = make(t, {
    memory: { limit: 64 * 2 ** 20 + 100, swap: 96 * 2 ** 20, reservation: 32 * 2 ** 20 },
    cpu: { shares: 2048, quota: 50000, period: 100000, cpus: "0" },
    pids: { limit: 32 },
  });
  const read = new Map(readLimits(steps.paths, LIMITS, normaliseLimit).map((reading) => [reading.name, reading]));
  t.is(read.get("memory.max")?.limit.value, 64 * 2 ** 20, "rounded down to a page");
  t.is(read.get("memory.swap.max")?.limit.value, 32 * 2 ** 20);
  t.is(read.get("memory.low")?.limit.value, 32 * 2 ** 20);
  t.is(read.get("cpu.weight")?.limit.text, "174");
  t.is(read.get("cpu.max")?.limit.text, "50000 100000");
  t.is(read.get("cpuset.cpus")?.limit.text, "0");
  t.is(read.get("pids.max")?.limit.text, "32");
  for (const { raw } of read.values()) for (const { file, value } of raw) t.is(readFileSync(file, "utf8").trim(), value);
});

root("a process joins by tasks, is counted, and the pids limit holds", async (t) => {
  const steps = make(t, { pids: { limit: 3 } });
  const child = runInside(steps, "sleep 60");
  await until(() => readUsage(steps.paths).pids === 2);
  t.is(readUsage(steps.paths).pids, 2, "sh and sleep");
  t.true(readUsage(steps.paths).memoryBytes! > 0);
  const forks = runInside(steps, "(sleep 5 & sleep 5 & sleep 5 & wait)");
  t.not((await exit(forks)).code, 0);
  const result = removeCgroups(steps.paths);
  t.deepEqual(result.left, []);
  t.is((await exit(child)).signal, "SIGKILL", "what still ran was killed");
  for (const { path } of steps.paths) t.false(existsSync(path));
});

root("an empty cpuset cannot be joined and the cause is found; a filled one can", async (t) => {
  const cpuset = facts.cgroup.v1.find(({ controllers }) => controllers.includes("cpuset"))?.mountpoint;
  if (!cpuset) return void t.pass("no v1 cpuset here");
  const path = `${cpuset}${parent}-empty`;
  mkdirSync(path);
  t.teardown(() => rmdirSync(path));
  const error = t.throws(() => writeLimit(`${path}/tasks`, "0"), { instanceOf: SyscallError });
  t.is(error?.errno, "ENOSPC");
  t.is(explainErrno({ syscall: "write", errno: "ENOSPC", params: { path: `${path}/tasks`, value: "0" } })?.id, "cpuset-empty");
  const steps = make(t, { cpu: { cpus: "0" } });
  const child = runInside(steps, "grep -q '^Cpus_allowed_list:.0$' /proc/self/status");
  t.is((await exit(child)).code, 0);
});

root("memory: a hog is killed and counted", async (t) => {
  if (!hasController("memory")) return void t.pass("no memory controller here");
  const limit = 24 * 2 ** 20;
  const steps = make(t, { memory: { limit, swap: limit } });
  t.is(oomKills(steps.paths).kills, 0);
  const child = runInside(steps, "head -c 200M /dev/zero | tail -c 200M | wc -c");
  await exit(child);
  const report = oomKills(steps.paths);
  t.is(report.kills, 1);
  t.true(report.limitHits >= 0);
  t.true(readUsage(steps.paths).memoryPeakBytes! <= limit);
});

root("devices of v1: the listed one opens, another does not", async (t) => {
  if (!facts.cgroup.v1.some(({ controllers }) => controllers.includes("devices"))) return void t.pass("no v1 devices here");
  const steps = make(t, {}, ["c 1:3 rwm"]);
  t.is((await exit(runInside(steps, "true < /dev/null"))).code, 0);
  t.not((await exit(runInside(steps, "true < /dev/zero"))).code, 0);
});

root("freeze stops the processes, thaw lets them go on", async (t) => {
  const steps = make(t, {});
  const child = runInside(steps, "while :; do :; done");
  await new Promise((resolve) => setTimeout(resolve, 100));
  freeze(steps.paths);
  const before = readUsage(steps.paths).cpuNs;
  await new Promise((resolve) => setTimeout(resolve, 100));
  if (before !== undefined) t.is(readUsage(steps.paths).cpuNs, before);
  thaw(steps.paths);
  await new Promise((resolve) => setTimeout(resolve, 100));
  if (before !== undefined) t.true(readUsage(steps.paths).cpuNs! > before);
  t.deepEqual(removeCgroups(steps.paths).left, []);
  await exit(child);
});

root("the v1 freezer alone also freezes, and kills without cgroup.kill", async (t) => {
  const v1 = facts.cgroup.v1.filter(({ controllers }) => ["pids", "freezer"].includes(controllers[0]!));
  if (v1.length < 2) return void t.pass("no v1 freezer here");
  const steps = cgroupSteps({ facts: { mode: "legacy", v1, v2: undefined }, cgroupsPath: `${parent}/legacy`, resources: {} });
  t.teardown(() => {
    removeCgroups(steps.paths);
  });
  apply(t, steps);
  const child = runInside(steps, "sleep 60 & sleep 60 & wait");
  await until(() => readUsage(steps.paths).pids === 3);
  freeze(steps.paths);
  t.is(readUsage(steps.paths).pids, 3);
  t.deepEqual(removeCgroups(steps.paths).left, [], "also while frozen");
  t.is((await exit(child)).signal, "SIGKILL");
});

root("sub-cgroups that the container made go too, and left-overs are listed until then", async (t) => {
  const steps = make(t, {});
  for (const { path } of steps.paths) {
    mkdirSync(`${path}/inner`);
    mkdirSync(`${path}/inner/most`);
  }
  const found = listContainerCgroups(hierarchiesOf(facts.cgroup), parent).map(({ path }) => path);
  for (const { path } of steps.paths) t.true(found.includes(path));
  t.deepEqual(removeCgroups(steps.paths), { removed: steps.paths.map(({ path }) => path), left: [] });
  t.deepEqual(removeCgroups(steps.paths).left, [], "a second time is no error");
});

root("a parent that disappears in between is made again; one that exists is EEXIST", (t) => {
  const { mountpoint } = hierarchiesOf(facts.cgroup)[0]!;
  const path = `${mountpoint}${parent}/x/y`;
  createCgroup(path);
  t.is(t.throws(() => createCgroup(path), { instanceOf: SyscallError })?.errno, "EEXIST");
  rmdirSync(path);
  rmdirSync(`${mountpoint}${parent}/x`);
});

test("what looks like the root of a hierarchy is left alone, with all that is in and below it", (t) => {
  // A directory that only looks like one: were the guard missing, the real root would cost the machine.
  const path = mkdtempSync(`${tmpdir()}/glassbox-root-`);
  const child = spawn("sleep", ["60"]);
  t.teardown(() => {
    child.kill();
    rmSync(path, { recursive: true });
  });
  mkdirSync(`${path}/other`);
  writeFileSync(`${path}/release_agent`, "");
  writeFileSync(`${path}/cgroup.procs`, `${child.pid}\n`);
  const paths = [{ hierarchy: "pids", path }];
  killProcesses(paths);
  t.deepEqual(removeCgroups(paths, { timeoutMs: 5 }).removed, []);
  t.true(existsSync(`${path}/other`));
  t.is(readStatus(child.pid!).state === "Z", false);
  t.false(child.killed);
});

root("a file of the other version is ENOENT with its cause, not EACCES", (t) => {
  const memory = facts.cgroup.v1.find(({ controllers }) => controllers.includes("memory"))?.mountpoint;
  const file = memory ? `${memory}/memory.max` : `${facts.cgroup.v2?.mountpoint}/memory.limit_in_bytes`;
  const error = t.throws(() => writeLimit(file, "1"), { instanceOf: SyscallError });
  t.is(error?.errno, "ENOENT");
  t.is(explainErrno({ syscall: "open", errno: "ENOENT", params: { path: file } })?.id, "cgroup-other-version");
  t.throws(() => writeFileSync(file, "1"), { code: "EACCES" }, "what O_CREAT would have said");
});
