/**
 * The cgroup trees as files: make, read back, measure, freeze, list. `cgroup-remove.ts` takes them away.
 * Every value that is shown comes with the file that it was read from.
 */

import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { SyscallError } from "../base/errors";
import type { RemoveResult } from "./cgroup-remove";
import { writeKernelFile } from "./kernel-file";

/** A container's cgroup in one hierarchy: "unified" or the v1 controllers joined by commas. */
export interface CgroupPath {
  hierarchy: string;
  path: string;
}

/** What `readLimits` needs to know of a limit; the table stands in plan/cgroup-limits. */
export interface LimitSource<Name extends string> {
  name: Name;
  controller: string;
  flag: string;
  unit: string;
  v1: readonly string[];
}

export interface LimitReading<Name extends string, Value> {
  name: Name;
  flag: string;
  unit: string;
  version: "v1" | "v2";
  /** In the one vocabulary. */
  limit: Value;
  /** The files that were read, and what they said. */
  raw: { file: string; value: string }[];
}

function readTrimmed(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** The directory among `paths` that has the controller, v1 before v2; undefined when none can. */
function directoryOf(paths: readonly CgroupPath[], controller: string): { version: "v1" | "v2"; path: string } | undefined {
  const v1 = paths.find(({ hierarchy }) => hierarchy.split(",").includes(controller));
  if (v1) return { version: "v1", path: v1.path };
  const v2 = paths.find(({ hierarchy }) => hierarchy === "unified");
  return v2 && { version: "v2", path: v2.path };
}

/**
 * Reads every limit of a container back from the kernel. `limits` is the table of limits and `normalise` its reader (plan/cgroup-limits).
 * A limit whose file does not exist (controller not used by this container) is left out.
 */
export function readLimits<Name extends string, Value>(
  paths: readonly CgroupPath[],
  limits: readonly LimitSource<Name>[],
  normalise: (name: Name, version: "v1" | "v2", raw: readonly string[]) => Value,
): LimitReading<Name, Value>[] {
  const readings: LimitReading<Name, Value>[] = [];
  for (const { name, controller, flag, unit, v1 } of limits) {
    const directory = directoryOf(paths, controller);
    if (!directory) continue;
    const files = (directory.version === "v1" ? v1 : [name]).map((file) => `${directory.path}/${file}`);
    const values = files.map(readTrimmed);
    if (values.some((value) => value === undefined)) continue;
    const raw = files.map((file, index) => ({ file, value: values[index]! }));
    const limit = normalise(name, directory.version, values as string[]);
    readings.push({ name, flag, unit, version: directory.version, limit, raw });
  }
  return readings;
}

/** Largest page size of a supported kernel (arm64 with 64 KiB): memory limits are rounded down to a page. */
const MAX_PAGE = 65536;

/**
 * Does the file hold what was written? "number" allows the kernel's rounding to pages and its large number for "no limit";
 * "none" is not read. Gives what the file says, for the error message.
 */
export function readBackLimit(step: { file: string; value: string; readBack: "exact" | "number" | "none" }): {
  ok: boolean;
  observed: string | undefined;
} {
  if (step.readBack === "none") return { ok: true, observed: undefined };
  const observed = readTrimmed(step.file);
  if (observed === undefined) return { ok: false, observed };
  if (observed === step.value) return { ok: true, observed };
  if (step.readBack === "exact") return { ok: false, observed };
  const [asked, got] = [Number(step.value), Number(observed)];
  if (asked === -1 || step.value === "max") return { ok: observed === "max" || got >= 2 ** 62, observed };
  return { ok: got <= asked && asked - got < MAX_PAGE, observed };
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "EIO";
}

/**
 * Makes a cgroup directory, and the ones above it that are missing. Another container's clean-up may take an empty parent away in
 * between, so a missing parent is made again a few times. Throws SyscallError (EEXIST when the cgroup is there already).
 */
export function createCgroup(path: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(path, 0o755);
      return;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== "ENOENT" || attempt === 8) {
        throw new SyscallError({ syscall: "mkdir", errno, what: `mkdir ${path}: ${errno}`, cause: error });
      }
    }
    try {
      createCgroup(dirname(path));
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== "EEXIST") throw error;
    }
  }
}

export interface Usage {
  memoryBytes?: number;
  /** Highest since the cgroup was made. */
  memoryPeakBytes?: number;
  pids?: number;
  /** CPU time of all processes. */
  cpuNs?: bigint;
  /** Time in which it could have run and was held back by cpu.max. */
  throttledNs?: bigint;
  /** The files that were read. */
  files: string[];
}

function flatKeyed(file: string): Record<string, string> | undefined {
  const text = readTrimmed(file);
  if (text === undefined) return undefined;
  return Object.fromEntries(text.split("\n").map((line) => line.split(" ", 2) as [string, string]));
}

/** What a container uses now, from whichever hierarchies it has; a number that no file gives is left out. */
export function readUsage(paths: readonly CgroupPath[]): Usage {
  const usage: Usage = { files: [] };
  const number = (controller: string, v1: string, v2: string): number | undefined => {
    const directory = directoryOf(paths, controller);
    if (!directory) return undefined;
    const file = `${directory.path}/${directory.version === "v1" ? v1 : v2}`;
    const text = readTrimmed(file);
    if (text === undefined) return undefined;
    usage.files.push(file);
    return Number(text);
  };
  const memoryBytes = number("memory", "memory.usage_in_bytes", "memory.current");
  if (memoryBytes !== undefined) usage.memoryBytes = memoryBytes;
  const peak = number("memory", "memory.max_usage_in_bytes", "memory.peak");
  if (peak !== undefined) usage.memoryPeakBytes = peak;
  const pids = number("pids", "pids.current", "pids.current");
  if (pids !== undefined) usage.pids = pids;
  // v2 counts CPU time in every cgroup, controller or not, so the v2 tree is asked first.
  const unified = paths.find(({ hierarchy }) => hierarchy === "unified");
  const stat = unified && flatKeyed(`${unified.path}/cpu.stat`);
  if (unified && stat?.usage_usec !== undefined) {
    usage.cpuNs = BigInt(stat.usage_usec) * 1000n;
    usage.files.push(`${unified.path}/cpu.stat`);
  } else {
    const ns = number("cpuacct", "cpuacct.usage", "cpuacct.usage");
    if (ns !== undefined) usage.cpuNs = BigInt(ns);
  }
  const cpu = directoryOf(paths, "cpu");
  const held = cpu?.version === "v1" ? flatKeyed(`${cpu.path}/cpu.stat`)?.throttled_time : undefined;
  if (held !== undefined) usage.throttledNs = BigInt(held);
  else if (stat?.throttled_usec !== undefined) usage.throttledNs = BigInt(stat.throttled_usec) * 1000n;
  return usage;
}

export interface OomReport {
  /** Processes that the kernel killed because the cgroup (or the machine) was out of memory; -1: this kernel does not count them. */
  kills: number;
  /** How often the limit was hit. Linux 6.18 was seen to leave v1's counters at 0, so only `kills` says for sure that nothing happened. */
  limitHits: number;
  file: string | undefined;
}

/**
 * Out-of-memory kills in a container's cgroup: v1 memory.oom_control (oom_kill since Linux 4.13) and the failcnt files, v2 memory.events.
 * Counts belong to the directory: read them before it is removed.
 */
export function oomKills(paths: readonly CgroupPath[]): OomReport {
  const directory = directoryOf(paths, "memory");
  if (!directory) return { kills: 0, limitHits: 0, file: undefined };
  if (directory.version === "v2") {
    const file = `${directory.path}/memory.events`;
    const events = flatKeyed(file);
    if (!events) return { kills: 0, limitHits: 0, file: undefined };
    return { kills: Number(events.oom_kill ?? 0), limitHits: Number(events.max ?? 0), file };
  }
  const file = `${directory.path}/memory.oom_control`;
  const control = flatKeyed(file);
  // With memory and memory plus swap at the same value, it is the second counter that counts.
  const hits = ["memory.failcnt", "memory.memsw.failcnt"].map((name) => Number(readTrimmed(`${directory.path}/${name}`) ?? 0));
  return {
    kills: Number(control?.oom_kill ?? -1),
    limitHits: hits[0]! + hits[1]!,
    file: control && file,
  };
}

/** Stops every process of a container where it stands. Throws "no-cgroup-controller" without a freezer. */
export function freeze(paths: readonly CgroupPath[], timeoutMs = 10_000): void {
  setFrozen(paths, true, timeoutMs);
}

/** Lets a frozen container go on. Throws "no-cgroup-controller" without a freezer. */
export function thaw(paths: readonly CgroupPath[], timeoutMs = 10_000): void {
  setFrozen(paths, false, timeoutMs);
}

function setFrozen(paths: readonly CgroupPath[], frozen: boolean, timeoutMs: number): void {
  // Loaded here: pausing is rare, and this file lies near the start path.
  const { switchFreezer } = require("./freezer") as typeof import("./freezer");
  switchFreezer(paths, frozen, timeoutMs);
}

/**
 * Removes a container's cgroups, killing what still runs in them: `removeCgroups` of cgroup-remove.ts, loaded when the container has ended,
 * and not while it starts.
 */
export function removeCgroups(paths: readonly CgroupPath[], options: { timeoutMs?: number } = {}): RemoveResult {
  return (require("./cgroup-remove") as typeof import("./cgroup-remove")).removeCgroups(paths, options);
}

/** Writes one value into one cgroup file (no O_CREAT, so a missing file is ENOENT). Throws SyscallError. */
export function writeLimit(file: string, value: string): void {
  writeKernelFile(file, value);
}

/**
 * Names of the cgroups below `parent` ("/glassbox") in each mounted hierarchy, for leak detection:
 * what is here and belongs to no known container was left behind.
 */
export function listContainerCgroups(
  hierarchies: readonly { hierarchy: string; mountpoint: string }[],
  parent: string,
): { name: string; hierarchy: string; path: string; processes: number }[] {
  const found: { name: string; hierarchy: string; path: string; processes: number }[] = [];
  for (const { hierarchy, mountpoint } of hierarchies) {
    const above = `${mountpoint}${parent}`;
    let names: string[];
    try {
      names = readdirSync(above);
    } catch {
      continue;
    }
    for (const name of names) {
      const path = `${above}/${name}`;
      try {
        if (!statSync(path).isDirectory()) continue;
      } catch {
        continue;
      }
      const processes = readTrimmed(`${path}/cgroup.procs`)?.split("\n").filter(Boolean).length ?? 0;
      found.push({ name, hierarchy, path, processes });
    }
  }
  return found;
}

/** The mounted hierarchies of cgroup facts, in the form of `listContainerCgroups`. */
export function hierarchiesOf(facts: {
  v1: readonly { controllers: readonly string[]; mountpoint: string }[];
  v2: { mountpoint: string } | undefined;
}): { hierarchy: string; mountpoint: string }[] {
  const list = facts.v1.map(({ controllers, mountpoint }) => ({ hierarchy: controllers.join(","), mountpoint }));
  if (facts.v2) list.push({ hierarchy: "unified", mountpoint: facts.v2.mountpoint });
  return list;
}
