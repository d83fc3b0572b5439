/**
 * The facts that a plan is compiled against. This lies on the path of every start, so it reads a handful of small kernel files once each,
 * starts nothing, and looks only at the lines it needs: measured 0.75 ms in a fresh
 * process (of which 0.3 ms are the reads, the rest is code running for the first time) and 0.13 ms in a warm one.
 * Whatever costs more is doctor's business.
 */

import { existsSync, readFileSync } from "node:fs";
import type { CgroupFacts, CgroupV1Hierarchy, HostFacts } from "../base/host-facts";

/** Kernel files as text; undefined when a file cannot be read. Tests pass another. */
export type ReadText = (path: string) => string | undefined;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Super options of a v1 mount that are not controllers: cgroups(7), kernel/cgroup/cgroup-v1.c. */
const V1_FLAGS = ",rw,ro,seclabel,xattr,noprefix,clone_children,cpuset_v2_mode,favordynmods,nofavordynmods,";

/** The few characters that a mount point can hold escaped. */
function unescapeMountpoint(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/**
 * Which cgroup hierarchies are mounted where, from the text of mountinfo. A hierarchy that is mounted twice counts once: the mount
 * of its whole tree wins over a bind of a part, then the shorter path. Written as one loop over the few cgroup lines: in a fresh
 * process every function, closure, iterator and regular expression costs 20 to 60 µs at its first use, more than reading the file.
 */
export function cgroupMounts(mountinfo: string): { v1: CgroupV1Hierarchy[]; v2: string | undefined } {
  const v1: CgroupV1Hierarchy[] = [];
  const keys: string[] = [];
  const ranks: number[] = [];
  let v2: string | undefined;
  let v2Rank = Infinity;
  for (let at = mountinfo.indexOf(" - cgroup"); at !== -1; at = mountinfo.indexOf(" - cgroup", at + 9)) {
    const left = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, at).split(" ");
    const end = mountinfo.indexOf("\n", at);
    const right = mountinfo.slice(at + 3, end === -1 ? undefined : end).split(" ");
    const path = left[4]!;
    const mountpoint = path.includes("\\") ? unescapeMountpoint(path) : path;
    const rank = (left[3] === "/" ? 0 : 1e6) + mountpoint.length;
    if (right[0] === "cgroup2") {
      if (rank < v2Rank) [v2, v2Rank] = [mountpoint, rank];
      continue;
    }
    if (right[0] !== "cgroup") continue;
    const options = right[2]!.split(",");
    const controllers: string[] = [];
    for (let index = 0; index < options.length; index++) {
      const option = options[index]!;
      if (!V1_FLAGS.includes("," + option + ",") && !option.startsWith("release_agent=")) controllers.push(option);
    }
    const key = controllers.join();
    const known = keys.indexOf(key);
    if (known !== -1 && ranks[known]! <= rank) continue;
    const place = known === -1 ? v1.length : known;
    v1[place] = { controllers, mountpoint };
    keys[place] = key;
    ranks[place] = rank;
  }
  return { v1, v2 };
}

function readCpuset(facts: CgroupFacts, read: ReadText, cpusFile: string, memsFile: string): void {
  const cpus = read(cpusFile)?.trim();
  const mems = read(memsFile)?.trim();
  if (cpus && mems) facts.cpuset = { cpus, mems };
}

/** Cgroup facts from the text of mountinfo and a reader for the few files below the mount points. */
export function cgroupFacts(mountinfo: string, read: ReadText = readText): CgroupFacts {
  const { v1, v2 } = cgroupMounts(mountinfo);
  const facts: CgroupFacts = {
    mode: v2 === undefined ? (v1.length === 0 ? "none" : "legacy") : v1.length === 0 ? "unified" : "hybrid",
    v1,
    v2: undefined,
  };
  if (v2 !== undefined) {
    const controllers = (read(`${v2}/cgroup.controllers`) ?? "").trim().split(" ").filter(Boolean);
    facts.v2 = { mountpoint: v2, controllers };
    if (controllers.includes("cpuset")) readCpuset(facts, read, `${v2}/cpuset.cpus.effective`, `${v2}/cpuset.mems.effective`);
  }
  for (const { controllers, mountpoint } of v1) {
    if (controllers.includes("cpuset")) readCpuset(facts, read, `${mountpoint}/cpuset.cpus`, `${mountpoint}/cpuset.mems`);
    if (controllers.includes("memory")) facts.swapLimit = read(`${mountpoint}/memory.memsw.limit_in_bytes`) !== undefined;
  }
  return facts;
}

/** Does the topmost mount on "/" have shared propagation, in the text of mountinfo? */
function rootIsShared(mountinfo: string): boolean {
  let shared = false;
  for (let at = mountinfo.indexOf(" / / "); at !== -1; at = mountinfo.indexOf(" / / ", at + 1)) {
    const end = mountinfo.indexOf(" - ", at);
    shared = mountinfo.slice(at, end === -1 ? undefined : end).includes(" shared:");
  }
  return shared;
}

function statusField(status: string, name: string): string | undefined {
  const at = status.startsWith(`${name}:`) ? 0 : status.indexOf(`\n${name}:`);
  if (at === -1) return undefined;
  const colon = status.indexOf(":", at);
  const end = status.indexOf("\n", colon);
  return status.slice(colon + 1, end === -1 ? undefined : end).trim();
}

/** Index of the highest bit set: what cap_last_cap would be, were no capability dropped from the bounding set. */
function highestBit(mask: bigint): number {
  return mask === 0n ? 0 : mask.toString(2).length - 1;
}

/**
 * Probes the host, cheaply and without starting anything. A file that is missing reads as a feature that is missing.
 * `read` is for tests.
 */
export function probeHost(read: ReadText = readText): HostFacts {
  const mountinfo = read("/proc/self/mountinfo") ?? "";
  const filesystems = read("/proc/filesystems") ?? "";
  const status = read("/proc/self/status") ?? "";
  // Not os.release(): loading node:os for it costs ten times the read.
  const kernelRelease = (read("/proc/sys/kernel/osrelease") ?? "").trim();
  const capBounding = BigInt(`0x${statusField(status, "CapBnd") ?? "0"}`);
  return {
    arch: process.arch,
    kernelRelease,
    euid: process.geteuid?.() ?? -1,
    egid: process.getegid?.() ?? -1,
    cgroup: cgroupFacts(mountinfo, read),
    overlay: filesystems.includes("\toverlay\n") || existsSync(`/lib/modules/${kernelRelease}/kernel/fs/overlayfs`),
    mqueue: filesystems.includes("\tmqueue\n"),
    rootShared: rootIsShared(mountinfo),
    capBounding,
    lastCap: Number(read("/proc/sys/kernel/cap_last_cap")?.trim() ?? highestBit(capBounding)),
    seccomp: statusField(status, "Seccomp") !== undefined,
    appArmor: existsSync("/sys/kernel/security/apparmor"),
    selinux: filesystems.includes("\tselinuxfs\n"),
  };
}
