/**
 * From the OCI resources to the steps that make a container's cgroups: pure. (The table of limits for readers, LIMITS, stands in
 * cgroup-limits.ts, which a start does not load.) Knows three kinds of host (v1, v2, both) and answers for
 * each controller which hierarchy has it.
 *
 * Which v1 hierarchies a container gets. Each costs a mkdir, a join by `tasks` and a rmdir; medians of 60 on an otherwise idle 6.18:
 *
 *   hierarchy   mkdir  join  rmdir   µs        made
 *   memory         34    39     20   always: OOM kills and usage are counted there
 *   pids           10    30      7   always: pids.max and pids.current
 *   devices        11    44      8   always: what may be opened
 *   freezer        13    47      9   only without a v2 tree, which has cgroup.freeze
 *   unified (v2)   14     -     10   always: cgroup.kill, cgroup.freeze; joined by clone3 itself
 *   cpu            17    38     10   when asked for
 *   cpuset         12    12     10   when asked for
 *   cpuacct, blkio, named            never
 *
 * so a container on such a host pays about 0.24 ms, and 0.15 ms are saved by what is left out.
 */

import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { CgroupFacts } from "../base/host-facts";
import { badFlag, type Wish, wishes } from "./cgroup-wishes";
import type { OciResources } from "./oci";
import type { CreateCgroup, JoinCgroup, LimitDevices, SetCgroupLimit } from "./steps";

export interface CgroupRequest {
  facts: CgroupFacts;
  /** Below each hierarchy's root: "/glassbox/<id>". */
  cgroupsPath: string;
  resources: OciResources;
  /** BPF_PROG_TYPE_CGROUP_DEVICE instructions, for hosts whose device control is v2's. */
  deviceProgram?: Uint8Array | undefined;
  /** "c 1:3 rwm" lines: what may be opened. undefined: no device control (privileged). */
  deviceLines?: string[] | undefined;
  /** When limits of an existing cgroup change: what it has (bytes, Infinity for none), for the order of v1's two memory files. */
  current?: { memory: number; memorySwap: number } | undefined;
}

/** A cgroup of the container, as state and clean-up need it. */
export interface CgroupPath {
  /** "unified" or the v1 controllers joined by commas. */
  hierarchy: string;
  path: string;
}

export interface CgroupSteps {
  /** Parent lane, in order. A create-cgroup step makes missing parents too. */
  prepare: (CreateCgroup | SetCgroupLimit | LimitDevices)[];
  /** Child lane: v1 hierarchies, by their `tasks` file. */
  join: JoinCgroup[];
  /** Directory for CLONE_INTO_CGROUP. */
  unifiedPath?: string;
  paths: CgroupPath[];
}

/** Where a controller lives on this host. */
type Home = { version: "v1"; mountpoint: string; hierarchy: string } | { version: "v2"; mountpoint: string };

function homeOf(facts: CgroupFacts, controller: string): Home | undefined {
  for (const { controllers, mountpoint } of facts.v1) {
    if (controllers.includes(controller)) return { version: "v1", mountpoint, hierarchy: controllers.join(",") };
  }
  // Device control of v2 is a BPF program on the directory, not a controller, so no file lists it.
  if (facts.v2 && (controller === "devices" || facts.v2.controllers.includes(controller))) {
    return { version: "v2", mountpoint: facts.v2.mountpoint };
  }
  return undefined;
}

const MODE_WORDS: Record<CgroupFacts["mode"], Bilingual> = {
  unified: { en: "cgroup v2 only", zh: "只有 cgroup v2" },
  legacy: { en: "cgroup v1 only", zh: "只有 cgroup v1" },
  hybrid: { en: "cgroup v1 with a v2 tree (hybrid)", zh: "cgroup v1 与一棵 v2 树并存" },
  none: { en: "no cgroup file system mounted", zh: "没有挂载 cgroup 文件系统" },
};

function noController(facts: CgroupFacts, flag: string, controller: string): GlassboxError {
  const have = new Set([...facts.v1.flatMap((hierarchy) => hierarchy.controllers), ...(facts.v2?.controllers ?? [])]);
  const list = [...have].filter((name) => !name.startsWith("name=")).join(" ") || "none";
  const command = `mkdir -p /sys/fs/cgroup/${controller} && mount -t cgroup -o ${controller} ${controller} /sys/fs/cgroup/${controller}`;
  const mount =
    facts.mode === "unified"
      ? {
          en: `the v2 root's cgroup.controllers does not list it: boot without cgroup_no_v1 or cgroup_disable=${controller}, or use a kernel built with it`,
          zh: `v2 树根的 cgroup.controllers 没有列出它：启动时去掉 cgroup_no_v1 或 cgroup_disable=${controller}，或换用编译了它的内核`,
        }
      : { en: `mount it: ${command}`, zh: `挂载它：${command}` };
  return new GlassboxError({
    code: "no-cgroup-controller",
    what: `${flag} needs the cgroup controller ${controller}`,
    why: {
      en: `this host has ${MODE_WORDS[facts.mode].en}, with the controllers: ${list}`,
      zh: `本机${MODE_WORDS[facts.mode].zh}，控制器有：${list}`,
    },
    hint:
      controller === "devices"
        ? {
            en: `${mount.en}; or give the protection up with --unsafe devices=host`,
            zh: `${mount.zh}；或用 --unsafe devices=host 放弃这层保护`,
          }
        : { en: `${mount.en}; or leave ${flag} out`, zh: `${mount.zh}；或去掉 ${flag}` },
  });
}

/** "cpu,cpuacct" as part of a step id. */
const slug = (hierarchy: string) => hierarchy.replaceAll(",", "-");

function setLimit(id: string, file: string, value: string, readBack: SetCgroupLimit["readBack"]): SetCgroupLimit {
  return { id, kind: "set-cgroup-limit", lane: "parent", phase: "prepare", file, value, readBack };
}

/** The directories above the container's cgroup and below the hierarchy's root: ["/glassbox"] of "/glassbox/<id>". */
function ancestors(cgroupsPath: string): string[] {
  const parts = cgroupsPath.split("/").filter(Boolean);
  return parts.slice(0, -1).map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

/** Expands "0-2,5" to [0,1,2,5]; undefined when it is not such a list. */
export function parseCpuList(list: string): number[] | undefined {
  const numbers: number[] = [];
  for (const part of list.split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (!match) return undefined;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (to < from || to > 8191) return undefined;
    for (let number = from; number <= to; number++) numbers.push(number);
  }
  return numbers;
}

function checkList(flag: string, asked: string, available: string, noun: string): void {
  const wanted = parseCpuList(asked);
  const have = new Set(parseCpuList(available));
  if (wanted && wanted.every((number) => have.has(number))) return;
  throw badFlag(
    `${flag} ${asked}: ${noun} not available`,
    wanted
      ? { en: `this host has ${noun} ${available}`, zh: `本机可用的是 ${available}` }
      : { en: 'it is not a list like "0-2,5"', zh: '它不是 "0-2,5" 这样的列表' },
    { en: `choose from ${available}`, zh: `请从 ${available} 里选` },
  );
}

/** The kernel would answer v1 with a bare EINVAL, and on v2 take any processor that could ever be plugged in and then use all. */
function checkCpuset({ facts, resources }: CgroupRequest): void {
  const { cpus, mems } = resources.cpu ?? {};
  if (!facts.cpuset) return;
  if (cpus) checkList("--cpuset-cpus", cpus, facts.cpuset.cpus, "CPUs");
  if (mems) checkList("--cpuset-mems", mems, facts.cpuset.mems, "memory nodes");
}

/**
 * v1: a new cpuset has no cpus and no mems, and a process that joins it gets ENOSPC; each directory may only have what the
 * one above has. So the ones above are filled with all there is, and the container's with what was asked for or all.
 */
function fillCpuset(request: CgroupRequest, mountpoint: string): SetCgroupLimit[] {
  const { facts, cgroupsPath } = request;
  const { cpus, mems } = request.resources.cpu ?? {};
  if (!facts.cpuset) {
    throw new GlassboxError({
      code: "cpuset-unreadable",
      what: `${mountpoint}/cpuset.cpus: what the host has is not known`,
      why: { en: "a v1 cpuset must be filled from the one above it", zh: "v1 的 cpuset 要照着上一级填" },
      hint: { en: "compile with host facts that have cgroup.cpuset", zh: "编译时给出带 cgroup.cpuset 的宿主机信息" },
    });
  }
  const steps: SetCgroupLimit[] = [];
  for (const above of ancestors(cgroupsPath)) {
    steps.push(
      setLimit(`fill-cpuset.cpus-${above}`, `${mountpoint}${above}/cpuset.cpus`, facts.cpuset.cpus, "none"),
      setLimit(`fill-cpuset.mems-${above}`, `${mountpoint}${above}/cpuset.mems`, facts.cpuset.mems, "none"),
    );
  }
  const own = `${mountpoint}${cgroupsPath}`;
  steps.push(
    setLimit("set-cpuset.cpus", `${own}/cpuset.cpus`, cpus || facts.cpuset.cpus, "none"),
    setLimit("set-cpuset.mems", `${own}/cpuset.mems`, mems || facts.cpuset.mems, "none"),
  );
  return steps;
}

/** Collects hierarchies in the order of first use, so that each is made once. */
class Builder {
  readonly prepare: CgroupSteps["prepare"] = [];
  readonly join: JoinCgroup[] = [];
  readonly paths: CgroupPath[] = [];
  unifiedPath: string | undefined;

  constructor(private readonly request: CgroupRequest) {}

  /** Makes the container's directory in a hierarchy (once) and gives its path. */
  use(home: Home): string {
    const hierarchy = home.version === "v2" ? "unified" : home.hierarchy;
    const path = `${home.mountpoint}${this.request.cgroupsPath}`;
    if (this.paths.some((known) => known.hierarchy === hierarchy)) return path;
    this.paths.push({ hierarchy, path });
    const id = slug(hierarchy);
    this.prepare.push({ id: `create-cgroup-${id}`, kind: "create-cgroup", lane: "parent", phase: "prepare", path, hierarchy });
    if (home.version === "v2") {
      this.unifiedPath = path;
      return path;
    }
    // Also when cpuset only came along with another controller: an empty cpuset cannot be joined.
    if (hierarchy.split(",").includes("cpuset")) this.prepare.push(...fillCpuset(this.request, home.mountpoint));
    const file = `${path}/tasks`;
    this.join.push({
      id: `join-cgroup-${id}`,
      kind: "join-cgroup",
      lane: "child",
      phase: "attach",
      hierarchy,
      file,
      slot: `cgroup-${id}`,
    });
    return path;
  }
}

function homeOrFail(facts: CgroupFacts, wish: Wish): Home {
  const home = homeOf(facts, wish.controller);
  if (!home) throw noController(facts, wish.flag, wish.controller);
  return home;
}

/** v2: a controller's files exist in a directory when the one above enables it, and that one's when the one above it does. */
function enableControllers(request: CgroupRequest, mountpoint: string, controllers: Set<string>): SetCgroupLimit[] {
  if (controllers.size === 0) return [];
  const value = [...controllers].map((controller) => `+${controller}`).join(" ");
  return ["", ...ancestors(request.cgroupsPath)].map((above) =>
    setLimit(`enable-controllers-${above || "/"}`, `${mountpoint}${above}/cgroup.subtree_control`, value, "none"),
  );
}

function deviceStep(request: CgroupRequest, builder: Builder): LimitDevices | undefined {
  if (request.deviceLines === undefined) return undefined;
  const home = homeOf(request.facts, "devices");
  if (!home) throw noController(request.facts, "the list of allowed devices", "devices");
  const path = builder.use(home);
  const base = { id: "limit-devices", kind: "limit-devices", lane: "parent", phase: "prepare", path } as const;
  if (home.version === "v1") return { ...base, how: "v1", allow: request.deviceLines };
  if (!request.deviceProgram) {
    throw new GlassboxError({
      code: "device-program-missing",
      what: `${path}: no device program was given`,
      why: {
        en: "cgroup v2 has no devices files, a BPF program on the directory decides",
        zh: "cgroup v2 没有 devices 文件，由挂在目录上的 BPF 程序裁决",
      },
      hint: { en: "pass deviceProgram", zh: "传入 deviceProgram" },
    });
  }
  return { ...base, how: "ebpf", allow: request.deviceLines, program: request.deviceProgram };
}

/**
 * Compiles OCI resources into cgroup steps for this host: parent steps that make and fill the directories, child steps that join the v1
 * ones, the v2 directory to be born into, and all paths for clean-up.
 * Throws "no-cgroup-controller" when a limit was asked for that nothing here can keep, "bad-flag" for values that contradict each other.
 */
export function cgroupSteps(request: CgroupRequest): CgroupSteps {
  const { facts } = request;
  const builder = new Builder(request);
  checkCpuset(request);
  const always = facts.v2 ? ["memory", "pids"] : ["memory", "pids", "freezer"];
  for (const controller of always) {
    const home = homeOf(facts, controller);
    if (home?.version === "v1") builder.use(home);
  }
  if (facts.v2) builder.use({ version: "v2", mountpoint: facts.v2.mountpoint });

  const enabled = new Set<string>();
  const limits: SetCgroupLimit[] = [];
  for (const wish of wishes(request)) {
    const home = homeOrFail(facts, wish);
    const path = builder.use(home);
    if (home.version === "v1") {
      for (const [file, value, readBack] of wish.v1) limits.push(setLimit(`set-${file}`, `${path}/${file}`, value, readBack));
    } else {
      const [file, value, readBack] = wish.v2;
      enabled.add(wish.controller);
      limits.push(setLimit(`set-${file}`, `${path}/${file}`, value, readBack));
    }
  }
  // Accounting (usage, OOM kills, number of processes) wants these two even without a limit, where they cost nothing to have.
  if (facts.mode === "unified" && enabled.size > 0) {
    for (const controller of ["memory", "pids"]) if (facts.v2?.controllers.includes(controller)) enabled.add(controller);
  }
  const devices = deviceStep(request, builder);
  if (facts.v2) builder.prepare.push(...enableControllers(request, facts.v2.mountpoint, enabled));
  builder.prepare.push(...limits);
  if (devices) builder.prepare.push(devices);
  return {
    prepare: builder.prepare,
    join: builder.join,
    paths: builder.paths,
    ...(builder.unifiedPath === undefined ? {} : { unifiedPath: builder.unifiedPath }),
  };
}
