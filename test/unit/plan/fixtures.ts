/** Hosts and configs written by hand: a plan must come out the same on every machine. */

import type { HostFacts } from "../../../src/base/host-facts";
import type { CompileContext } from "../../../src/plan/compile";
import { buildSpec, type Lookups } from "../../../src/runtime/spec";
import { DEFAULT_RUN_OPTIONS, type RunOptions } from "../../../src/runtime/run-options";
import type { OciConfig } from "../../../src/plan/oci";

const v1 = (name: string): { controllers: string[]; mountpoint: string } => ({
  controllers: [name],
  mountpoint: `/sys/fs/cgroup/${name}`,
});

export const HYBRID: HostFacts = {
  arch: "x64",
  kernelRelease: "6.1.0",
  euid: 0,
  egid: 0,
  cgroup: {
    mode: "hybrid",
    v1: ["cpu", "cpuset", "memory", "devices", "freezer", "pids"].map(v1),
    v2: { mountpoint: "/sys/fs/cgroup/unified", controllers: [] },
  },
  overlay: true,
  mqueue: true,
  rootShared: false,
  capBounding: (1n << 41n) - 1n,
  lastCap: 40,
  seccomp: true,
  appArmor: false,
  selinux: false,
};

export const UNIFIED: HostFacts = {
  ...HYBRID,
  rootShared: true,
  cgroup: {
    mode: "unified",
    v1: [],
    v2: { mountpoint: "/sys/fs/cgroup", controllers: ["cpuset", "cpu", "io", "memory", "pids"] },
  },
};

export const ID = "0123456789abcdef".repeat(4);

export const LOOKUPS: Lookups = {
  user: { uid: 0, gid: 0, additionalGids: [], home: "/root" },
  devices: [],
  fileSources: new Set(),
  throttledCpus: [],
  hostname: "host",
  terminalSize: { rows: 24, columns: 80 },
  maxOpenFiles: 524288,
};

export function specOf(options: Partial<RunOptions>, facts: HostFacts = HYBRID, lookups: Partial<Lookups> = {}): OciConfig {
  return buildSpec(
    { ...DEFAULT_RUN_OPTIONS, image: "busybox", args: ["sh"], ...options },
    {},
    facts,
    { ...LOOKUPS, ...lookups },
    {
      containerId: ID,
      rootPath: `/store/overlay2/${ID}/merged`,
    },
  );
}

export const CONTEXT: CompileContext = {
  containerId: ID,
  overlay: {
    lowerdirs: ["l/INIT", "l/LAYER"],
    upperdir: `/store/overlay2/${ID}/diff`,
    workdir: `/store/overlay2/${ID}/work`,
    merged: `/store/overlay2/${ID}/merged`,
    cwd: "/store/overlay2",
    volatile: false,
  },
  changeRoot: "pivot_root",
  propagation: "slave",
  seccompProgram: new Uint8Array([6, 0, 0, 0, 0, 0, 255, 127]),
  deviceLines: ["c 1:3 rwm"],
  deviceProgram: new Uint8Array(8),
  reaper: false,
  awaitStart: false,
};
