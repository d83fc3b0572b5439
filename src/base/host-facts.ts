/**
 * What the host offers, as read from the kernel. Pure data: `host/` probes it, `plan/` compiles against it,
 * tests write it by hand.
 */

/** One mounted cgroup v1 hierarchy. */
export interface CgroupV1Hierarchy {
  /** Controllers bound to it, e.g. ["cpu","cpuacct"]; a named hierarchy has ["name=systemd"]. */
  controllers: string[];
  /** Where it is mounted, e.g. "/sys/fs/cgroup/memory". */
  mountpoint: string;
}

export interface CgroupFacts {
  /** unified: only v2. legacy: only v1. hybrid: v1 controllers plus a v2 tree. none: nothing mounted. */
  mode: "unified" | "legacy" | "hybrid" | "none";
  v1: CgroupV1Hierarchy[];
  /** The v2 tree, with what its root's cgroup.controllers lists. */
  v2: { mountpoint: string; controllers: string[] } | undefined;
  /** What the host has. A new v1 cpuset is empty and must be filled with it before a process may join; a v2 one silently takes more than it. */
  cpuset?: { cpus: string; mems: string };
  /** v1 memory only: false when the kernel does not account swap, and memory.memsw.* do not exist. */
  swapLimit?: boolean;
}

export interface HostFacts {
  /** node's process.arch words: "x64", "arm64". */
  arch: string;
  kernelRelease: string;
  /** Effective uid of this process, 0 for root. */
  euid: number;
  egid: number;
  cgroup: CgroupFacts;
  /** Can an overlay be mounted: in /proc/filesystems (or loadable). */
  overlay: boolean;
  /** mqueue in /proc/filesystems. */
  mqueue: boolean;
  /** Does "/" have shared propagation (systemd's default)? */
  rootShared: boolean;
  /** CapBnd of this process as a bit mask: what a container can be given at most. */
  capBounding: bigint;
  /** kernel.cap_last_cap */
  lastCap: number;
  seccomp: boolean;
  appArmor: boolean;
  selinux: boolean;
}
