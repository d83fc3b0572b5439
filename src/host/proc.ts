/**
 * A process as /proc shows it: proc_pid_status(5), proc_pid_stat(5), proc_pid_cgroup(5), proc_pid_ns(5).
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface FourIds {
  real: number;
  effective: number;
  saved: number;
  filesystem: number;
}

export interface CapabilitySets {
  inheritable: bigint;
  permitted: bigint;
  effective: bigint;
  bounding: bigint;
  ambient: bigint;
}

export interface ProcStatus {
  name: string;
  /** One letter: "R", "S", "Z", … */
  state: string;
  pid: number;
  ppid: number;
  uid: FourIds;
  gid: FourIds;
  groups: number[];
  /** Its PID in each PID namespace, outermost (the reader's) first. */
  nspid: number[];
  threads: number;
  /** Bit masks; bit n is capability number n. */
  capabilities: CapabilitySets;
  noNewPrivs: boolean;
  /** 0 off, 1 strict, 2 filter. -1: the kernel has no seccomp. */
  seccomp: number;
  /** How many filters; undefined before Linux 5.9. */
  seccompFilters?: number;
}

function ids(text: string | undefined): FourIds {
  const [real = -1, effective = -1, saved = -1, filesystem = -1] = (text ?? "").split(/\s+/).map(Number);
  return { real, effective, saved, filesystem };
}

function numbers(text: string | undefined): number[] {
  return (text ?? "").split(/\s+/).filter(Boolean).map(Number);
}

/** Parses the text of a /proc/PID/status file. Fields of later kernels are passed over. */
export function parseStatus(text: string): ProcStatus {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const mask = (key: string) => BigInt(`0x${fields.get(key) ?? "0"}`);
  const status: ProcStatus = {
    name: fields.get("Name") ?? "",
    state: (fields.get("State") ?? "").slice(0, 1),
    pid: Number(fields.get("Pid") ?? -1),
    ppid: Number(fields.get("PPid") ?? -1),
    uid: ids(fields.get("Uid")),
    gid: ids(fields.get("Gid")),
    groups: numbers(fields.get("Groups")),
    nspid: numbers(fields.get("NSpid")),
    threads: Number(fields.get("Threads") ?? 1),
    capabilities: {
      inheritable: mask("CapInh"),
      permitted: mask("CapPrm"),
      effective: mask("CapEff"),
      bounding: mask("CapBnd"),
      ambient: mask("CapAmb"),
    },
    noNewPrivs: fields.get("NoNewPrivs") === "1",
    seccomp: Number(fields.get("Seccomp") ?? -1),
  };
  const filters = fields.get("Seccomp_filters");
  if (filters !== undefined) status.seccompFilters = Number(filters);
  return status;
}

/** Reads /proc/PID/status. Throws node's ENOENT when the process is gone. */
export function readStatus(pid: number | "self" = "self"): ProcStatus {
  return parseStatus(readFileSync(`/proc/${pid}/status`, "utf8"));
}

export interface ProcCgroup {
  /** 0 is the v2 tree. */
  hierarchyId: number;
  /** [] for v2, ["name=systemd"] for a named hierarchy. */
  controllers: string[];
  /** Relative to the hierarchy's root as the reader's cgroup namespace sees it. */
  path: string;
}

/** Parses the text of a /proc/PID/cgroup file: cgroups(7). */
export function parseCgroup(text: string): ProcCgroup[] {
  const entries: ProcCgroup[] = [];
  for (const line of text.split("\n")) {
    const match = /^(\d+):([^:]*):(.*)$/.exec(line);
    if (!match) continue;
    entries.push({
      hierarchyId: Number(match[1]),
      controllers: match[2] === "" ? [] : match[2]!.split(","),
      path: match[3]!,
    });
  }
  return entries;
}

/**
 * Start time out of the text of /proc/PID/stat, in clock ticks since boot. With the PID it names a process for good:
 * a reused PID has another start time. The command name may hold spaces and ")", so fields count from its last ")".
 */
export function parseStartTime(stat: string): bigint {
  const after = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return BigInt(after[19] ?? "0");
}

/** Start time of a process in clock ticks since boot; undefined when it is gone. */
export function startTime(pid: number): bigint | undefined {
  try {
    return parseStartTime(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** The inode that names each namespace of a process: {"mnt": 4026531841n, …}. Throws node's ENOENT or EACCES. */
export function namespaceInodes(pid: number | "self" = "self"): Record<string, bigint> {
  const inodes: Record<string, bigint> = {};
  for (const name of readdirSync(`/proc/${pid}/ns`)) {
    try {
      const match = /\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/${name}`));
      if (match) inodes[name] = BigInt(match[1]!);
    } catch {
      // time_for_children and pid_for_children of a dying process have no target.
    }
  }
  return inodes;
}
