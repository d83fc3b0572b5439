/**
 * One vocabulary for limits. A limit is called by its cgroup v2 file; the table says which flag asks for it and which files hold it in
 * each version, so that both names can be shown side by side. Sources: cgroup-v2.rst and cgroup-v1/*.rst of the kernel.
 */

import { sharesToWeight } from "./cgroup-wishes";

export type LimitName =
  | "memory.max"
  | "memory.swap.max"
  | "memory.low"
  | "cpu.weight"
  | "cpu.max"
  | "cpuset.cpus"
  | "cpuset.mems"
  | "pids.max";

export interface LimitSpec {
  /** The v2 file, which is also the name of the limit. */
  name: LimitName;
  /** Controller in both versions. */
  controller: "memory" | "cpu" | "cpuset" | "pids";
  /** Docker's flag for it. */
  flag: string;
  /** Of the normalised value: cpu.max is microseconds of CPU time per period. */
  unit: "bytes" | "weight" | "microseconds" | "list" | "count";
  /** The v1 files from which the same value is read; the first is the one that the flag sets. */
  v1: string[];
}

export const LIMITS: readonly LimitSpec[] = [
  { name: "memory.max", controller: "memory", flag: "--memory", unit: "bytes", v1: ["memory.limit_in_bytes"] },
  {
    name: "memory.swap.max",
    controller: "memory",
    flag: "--memory-swap",
    unit: "bytes",
    // v1 counts memory and swap together, v2 (like this table) swap alone.
    v1: ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"],
  },
  { name: "memory.low", controller: "memory", flag: "--memory-reservation", unit: "bytes", v1: ["memory.soft_limit_in_bytes"] },
  { name: "cpu.weight", controller: "cpu", flag: "--cpu-shares", unit: "weight", v1: ["cpu.shares"] },
  { name: "cpu.max", controller: "cpu", flag: "--cpus", unit: "microseconds", v1: ["cpu.cfs_quota_us", "cpu.cfs_period_us"] },
  { name: "cpuset.cpus", controller: "cpuset", flag: "--cpuset-cpus", unit: "list", v1: ["cpuset.cpus"] },
  { name: "cpuset.mems", controller: "cpuset", flag: "--cpuset-mems", unit: "list", v1: ["cpuset.mems"] },
  { name: "pids.max", controller: "pids", flag: "--pids-limit", unit: "count", v1: ["pids.max"] },
];

export interface NormalLimit {
  name: LimitName;
  /** As v2 would write it: "268435456", "max", "50000 100000", "0-1". */
  text: string;
  /** The number in `text`; undefined for a list, and when there is no limit. */
  value: number | undefined;
  unlimited: boolean;
}

/** A memory value at or above this is v1's way to say "no limit": 2^63 - 1 rounded down to a page, whatever the page size. */
const V1_UNLIMITED = 2 ** 62;

function normal(name: LimitName, value: number | undefined, text?: string): NormalLimit {
  const unlimited = value === undefined && text === undefined;
  return { name, value, unlimited, text: text ?? (unlimited ? "max" : String(value)) };
}

/**
 * Brings what a kernel file says into the one vocabulary. `raw` holds the texts of the files in the order of the table's `v1`,
 * or the one v2 file. Unlimited is "max". v1 shares become a weight, memory plus swap becomes swap alone.
 */
export function normaliseLimit(name: LimitName, version: "v1" | "v2", raw: readonly string[]): NormalLimit {
  const first = (raw[0] ?? "").trim();
  const number = first === "max" || first === "-1" || first === "" ? undefined : Number(first);
  switch (name) {
    case "memory.max":
    case "memory.low":
      if (number === undefined || number >= V1_UNLIMITED) {
        return version === "v1" && name === "memory.low" ? normal(name, 0) : normal(name, undefined);
      }
      return normal(name, number);
    case "memory.swap.max": {
      if (number === undefined || number >= V1_UNLIMITED) return normal(name, undefined);
      return normal(name, version === "v1" ? Math.max(0, number - Number(raw[1] ?? 0)) : number);
    }
    case "cpu.weight":
      return normal(name, number === undefined ? undefined : version === "v1" ? sharesToWeight(number) : number);
    case "cpu.max": {
      const [quota = "max", period = "100000"] = version === "v1" ? [first, (raw[1] ?? "").trim()] : first.split(" ");
      if (quota === "max" || quota === "-1") return { ...normal(name, undefined), text: `max ${period}` };
      return normal(name, Number(quota), `${quota} ${period}`);
    }
    case "cpuset.cpus":
    case "cpuset.mems":
      return normal(name, undefined, first);
    case "pids.max":
      return normal(name, number);
  }
}
