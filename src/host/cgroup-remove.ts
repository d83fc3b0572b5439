/**
 * Taking a container's cgroups away: nothing may be left, whoever died first.
 */

import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { writeKernelFile } from "./kernel-file";

type Paths = readonly { hierarchy: string; path: string }[];

export interface RemoveResult {
  removed: string[];
  /** What could not be removed in time, why, and which processes are in it. */
  left: { path: string; errno: string; pids: number[] }[];
}

/** PIDs in a cgroup and all cgroups below it; empty when it is gone. A PID of 0 is a process outside our PID namespace and left out. */
export function listProcesses(path: string): number[] {
  const pids: number[] = [];
  for (const directory of depthFirst(path)) {
    try {
      for (const line of readFileSync(`${directory}/cgroup.procs`, "utf8").split("\n")) {
        const pid = Number(line);
        if (pid > 0) pids.push(pid);
      }
    } catch {
      // Gone in the meantime, or a threaded v2 cgroup, whose processes its domain above lists.
    }
  }
  return pids;
}

/** The cgroup directories at and below a path, deepest first, so that each can be removed when its turn comes. */
function depthFirst(path: string): string[] {
  const list: string[] = [];
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return list;
  }
  for (const entry of entries) if (entry.isDirectory()) list.push(...depthFirst(`${path}/${entry.name}`));
  list.push(path);
  return list;
}

function tryWrite(file: string, value: string): boolean {
  try {
    writeKernelFile(file, value);
    return true;
  } catch {
    return false;
  }
}

/** The root of a hierarchy holds the whole machine, and is the one directory with this file (v1) or without that (v2). */
function isHierarchyRoot(path: string): boolean {
  return (
    existsSync(`${path}/release_agent`) || (existsSync(`${path}/cgroup.controllers`) && !existsSync(`${path}/cgroup.events`))
  );
}

function killListed(path: string): void {
  for (const pid of listProcesses(path)) {
    // Never ourselves, should a caller pass a cgroup that we are in.
    if (pid === process.pid) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // ESRCH: it has just ended.
    }
  }
}

/**
 * Kills what runs in the cgroups. cgroup.kill (v2, Linux 5.14) takes the whole tree at once, forks included. Without it the freezer
 * holds them still, so that no PID in the list can end and be given to somebody else before the signal arrives; without a freezer
 * either, the list is read and shot at in one go and the caller comes again. A hierarchy's root is left alone.
 */
export function killProcesses(paths: Paths): void {
  if (paths.some(({ path }) => isHierarchyRoot(path))) return;
  const unified = paths.find(({ hierarchy }) => hierarchy === "unified");
  if (unified && tryWrite(`${unified.path}/cgroup.kill`, "1")) {
    // A process may have been moved out of the v2 cgroup and still sit in a v1 one.
    for (const { path } of paths) if (path !== unified.path) killListed(path);
    return;
  }
  const freezer = paths.find(({ hierarchy }) => hierarchy.split(",").includes("freezer"));
  if (freezer) tryWrite(`${freezer.path}/freezer.state`, "FROZEN");
  if (unified) tryWrite(`${unified.path}/cgroup.freeze`, "1");
  for (const { path } of paths) killListed(path);
  if (unified) tryWrite(`${unified.path}/cgroup.freeze`, "0");
  if (freezer) tryWrite(`${freezer.path}/freezer.state`, "THAWED");
}

/** Blocks this thread for some milliseconds; only for loops that have nothing else to do. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** rmdir; undefined when it is gone, else the errno. */
function tryRmdir(path: string): string | undefined {
  try {
    rmdirSync(path);
    return undefined;
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? "EIO";
    return errno === "ENOENT" ? undefined : errno;
  }
}

/**
 * Removes a container's cgroups in all hierarchies: at once when they are empty, else sub-cgroups first and after killing what still runs
 * there, with growing pauses until `timeoutMs` (default 2000). Does not throw: what stays is in `left`. A parent named "glassbox" goes
 * with its last child, so that the host is as it was.
 */
export function removeCgroups(paths: Paths, options: { timeoutMs?: number } = {}): RemoveResult {
  const end = Date.now() + (options.timeoutMs ?? 2000);
  const errnos = new Map<string, string>();
  let pending = paths.map(({ path }) => path);
  const sweep = () => {
    pending = pending.filter((path) => {
      const errno = tryRmdir(path);
      if (errno !== undefined) errnos.set(path, errno);
      return errno !== undefined;
    });
  };
  sweep();
  for (let delayMs = 1; pending.length > 0; delayMs = Math.min(delayMs * 2, 100)) {
    // A root, given by mistake, would take every empty cgroup of the machine with it.
    if (pending.some(isHierarchyRoot)) break;
    killProcesses(paths.filter(({ path }) => pending.includes(path)));
    for (const path of pending) for (const below of depthFirst(path).slice(0, -1)) tryRmdir(below);
    sweep();
    if (pending.length === 0 || Date.now() > end) break;
    // Killed processes leave their cgroup when they exit, a moment after the signal.
    pause(delayMs);
  }
  for (const parent of new Set(paths.map(({ path }) => dirname(path)))) {
    if (parent.endsWith("/glassbox")) tryRmdir(parent);
  }
  return {
    removed: paths.map(({ path }) => path).filter((path) => !pending.includes(path)),
    left: pending.map((path) => ({ path, errno: errnos.get(path) ?? "EBUSY", pids: listProcesses(path) })),
  };
}
