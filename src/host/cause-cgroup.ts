/** Cgroup directories and files: a v1 file on a v2 host, an empty cpuset, a controller that cannot be enabled. cgroups(7). */

import { basename, dirname } from "node:path";
import type { Cause, CauseContext } from "./causes";
import { mountOf, parseMountinfo } from "./mountinfo";

/** The same idea under both names; v1 first. */
const PAIRS: readonly [v1: string, v2: string][] = [
  ["memory.limit_in_bytes", "memory.max"],
  ["memory.memsw.limit_in_bytes", "memory.swap.max"],
  ["memory.soft_limit_in_bytes", "memory.low"],
  ["memory.usage_in_bytes", "memory.current"],
  ["memory.oom_control", "memory.events"],
  ["cpu.cfs_quota_us", "cpu.max"],
  ["cpu.cfs_period_us", "cpu.max"],
  ["cpu.shares", "cpu.weight"],
  ["cpuacct.usage", "cpu.stat"],
  ["blkio.weight", "io.weight"],
  ["blkio.throttle.read_bps_device", "io.max"],
  ["freezer.state", "cgroup.freeze"],
  ["tasks", "cgroup.procs"],
];

function missingFile(path: string, version: "v1" | "v2", probe: CauseContext["probe"]): Cause | undefined {
  const directory = dirname(path);
  const file = basename(path);
  if (probe.kind(directory) !== "directory") {
    return {
      id: "cgroup-gone",
      why: { en: `the cgroup ${directory} does not exist`, zh: `cgroup ${directory} 不存在` },
      hint: { en: "it was removed, or not yet made with mkdir", zh: "它已被删除，或尚未用 mkdir 创建" },
    };
  }
  const pair = PAIRS.find(([v1, v2]) => (version === "v2" ? v1 : v2) === file && v1 !== v2);
  if (pair) {
    const other = version === "v2" ? pair[1] : pair[0];
    return {
      id: "cgroup-other-version",
      why: {
        en: `${file} is a file of cgroup ${version === "v2" ? "v1" : "v2"}, and ${directory} is cgroup ${version}`,
        zh: `${file} 是 cgroup ${version === "v2" ? "v1" : "v2"} 的文件，而 ${directory} 属于 cgroup ${version}`,
      },
      hint: { en: `the same limit is called ${other} here`, zh: `同一限制在这里叫 ${other}` },
    };
  }
  if (file.startsWith("memory.memsw.")) {
    return {
      id: "cgroup-no-swap-accounting",
      why: {
        en: "this kernel does not account swap: there is no memory.memsw file",
        zh: "当前内核不统计 swap：没有 memory.memsw 文件",
      },
      hint: { en: "boot with swapaccount=1, or leave --memory-swap out", zh: "以 swapaccount=1 启动，或去掉 --memory-swap" },
    };
  }
  const controller = file.split(".")[0]!;
  if (version === "v2" && controller !== "cgroup") {
    const enabled = probe.read(`${directory}/cgroup.controllers`)?.trim() ?? "";
    if (enabled.split(" ").includes(controller)) return undefined;
    return {
      id: "cgroup-controller-not-enabled",
      why: {
        en: `the controller ${controller} is not enabled here: ${directory}/cgroup.controllers says "${enabled}"`,
        zh: `这里没有启用 ${controller} 控制器：${directory}/cgroup.controllers 的内容是“${enabled}”`,
      },
      hint: {
        en: `echo +${controller} > ${dirname(directory)}/cgroup.subtree_control, from the top of the tree down`,
        zh: `自上而下逐级执行：echo +${controller} > ${dirname(directory)}/cgroup.subtree_control`,
      },
    };
  }
  return undefined;
}

function busySubtree(path: string, probe: CauseContext["probe"]): Cause | undefined {
  const pids = (probe.read(`${dirname(path)}/cgroup.procs`) ?? "").split("\n").filter(Boolean);
  if (pids.length === 0) return undefined;
  const some = pids.slice(0, 5).join(" ");
  return {
    id: "cgroup-internal-processes",
    why: {
      en: `${dirname(path)} holds ${pids.length} processes itself (${some}${pids.length > 5 ? " …" : ""}): on v2 a cgroup has either processes or controllers for its children`,
      zh: `${dirname(path)} 自身含有 ${pids.length} 个进程（${some}${pids.length > 5 ? " …" : ""}）：v2 规定一个 cgroup 要么放进程，要么给子组启用控制器`,
    },
    hint: {
      en: `move them to a child first: mkdir ${dirname(path)}/init, then write each PID to its cgroup.procs`,
      zh: `先把它们移到子组：mkdir ${dirname(path)}/init，再把各 PID 写入其 cgroup.procs`,
    },
  };
}

function emptyCpuset(path: string, probe: CauseContext["probe"]): Cause | undefined {
  for (const name of ["cpuset.cpus", "cpuset.mems"]) {
    const file = `${dirname(path)}/${name}`;
    if (probe.read(file)?.trim() !== "") continue;
    return {
      id: "cpuset-empty",
      why: {
        en: `${file} is empty, and a v1 cpuset takes no process before it has both CPUs and memory nodes`,
        zh: `${file} 为空；v1 的 cpuset 在 CPU 和内存节点都填好之前不接受进程`,
      },
      hint: {
        en: `write the value of ${dirname(dirname(path))}/${name} to it`,
        zh: `把 ${dirname(dirname(path))}/${name} 的值写进去`,
      },
    };
  }
  return undefined;
}

function writeCause(path: string, { errno, params, probe }: CauseContext, version: "v1" | "v2"): Cause | undefined {
  const file = basename(path);
  if (file === "cgroup.subtree_control") {
    if (errno === "EBUSY") return busySubtree(path, probe);
    if (errno === "ENOENT") {
      return {
        id: "cgroup-controller-not-available",
        why: {
          en: `"${params.value ?? ""}" is not among the controllers of ${dirname(path)}: ${probe.read(`${dirname(path)}/cgroup.controllers`)?.trim() || "none"}`,
          zh: `${dirname(path)} 没有“${params.value ?? ""}”，可用的控制器：${probe.read(`${dirname(path)}/cgroup.controllers`)?.trim() || "无"}`,
        },
        hint: {
          en: "enable it one level up first; a controller that v1 has mounted is not in v2",
          zh: "先在上一级启用；已被 v1 挂载的控制器不会出现在 v2 里",
        },
      };
    }
  }
  if (errno === "ENOSPC" && (file === "tasks" || file === "cgroup.procs")) return emptyCpuset(path, probe);
  if (errno === "EBUSY" && (file === "memory.limit_in_bytes" || file === "memory.memsw.limit_in_bytes")) {
    const usage = probe.read(`${dirname(path)}/${file.replace("limit", "usage")}`)?.trim();
    return {
      id: "memory-in-use",
      why: {
        en: `${usage ?? "more"} bytes are in use and could not be reclaimed`,
        zh: `已占用 ${usage ?? "更多"} 字节，且无法回收`,
      },
      hint: { en: "choose a larger limit", zh: "请选择更大的上限" },
    };
  }
  if (errno === "EINVAL" && version === "v1" && /^memory\.(memsw\.)?limit_in_bytes$/.test(file)) {
    const memory = probe.read(`${dirname(path)}/memory.limit_in_bytes`)?.trim();
    const both = probe.read(`${dirname(path)}/memory.memsw.limit_in_bytes`)?.trim();
    return {
      id: "memory-order",
      why: {
        en: `memory (now ${memory}) may not be more than memory plus swap (now ${both}) at any moment`,
        zh: `任何时刻内存上限（现为 ${memory}）都不能大于内存加 swap 的上限（现为 ${both}）`,
      },
      hint: {
        en: "raise memory.memsw.limit_in_bytes first, lower it last",
        zh: "调高时先改 memory.memsw.limit_in_bytes，调低时最后改它",
      },
    };
  }
  return undefined;
}

function mkdirCause(path: string, errno: string, probe: CauseContext["probe"]): Cause | undefined {
  if (errno === "EAGAIN") {
    for (let at = dirname(path); at.length > 1; at = dirname(at)) {
      const max = probe.read(`${at}/cgroup.max.descendants`)?.trim();
      const depth = probe.read(`${at}/cgroup.max.depth`)?.trim();
      const limit =
        max !== undefined && max !== "max"
          ? `cgroup.max.descendants is ${max}`
          : depth !== undefined && depth !== "max"
            ? `cgroup.max.depth is ${depth}`
            : undefined;
      if (!limit) continue;
      return {
        id: "cgroup-max-descendants",
        why: { en: `${at}: ${limit}`, zh: `${at}：${limit.replace(" is ", " 为 ")}` },
        hint: { en: "raise it, or remove cgroups that are left over", zh: "提高它，或删除遗留的 cgroup" },
      };
    }
  }
  if (errno === "ENOSPC" || errno === "ENOMEM") {
    const line = /^memory\s+\d+\s+(\d+)/m.exec(probe.read("/proc/cgroups") ?? "");
    return {
      id: "cgroup-ids-exhausted",
      why: {
        en: `no more cgroups can be made; ${line?.[1] ?? "?"} memory cgroups exist (removed ones count until their pages are freed), and the kernel has 65535 ids`,
        zh: `无法再创建 cgroup；现有 ${line?.[1] ?? "?"} 个 memory cgroup（已删除但页面未释放的也算），内核只有 65535 个编号`,
      },
      hint: {
        en: "remove cgroups that are left over; echo 3 > /proc/sys/vm/drop_caches frees removed ones",
        zh: "删除遗留的 cgroup；echo 3 > /proc/sys/vm/drop_caches 可释放已删除者",
      },
    };
  }
  return undefined;
}

/** Cause of a failed mkdir, open, write or clone on params.path (params.cgroupPath for clone) when that lies in a cgroup tree. */
export function cgroupCause(context: CauseContext): Cause | undefined {
  const { syscall, errno, params, mountinfo, probe } = context;
  const path = params.path;
  if (path === undefined) return undefined;
  const mount = mountOf(parseMountinfo(mountinfo), path);
  if (mount?.fstype !== "cgroup" && mount?.fstype !== "cgroup2") {
    if (!path.startsWith("/sys/fs/cgroup")) return undefined;
    return {
      id: "cgroup-not-mounted",
      why: { en: `no cgroup file system is mounted at ${path}`, zh: `${path} 处没有挂载 cgroup 文件系统` },
      hint: {
        en: "mount -t cgroup2 none /sys/fs/cgroup, or see glassbox doctor",
        zh: "mount -t cgroup2 none /sys/fs/cgroup，或运行 glassbox doctor",
      },
    };
  }
  const version = mount.fstype === "cgroup2" ? "v2" : "v1";
  if (
    (errno === "EROFS" || errno === "EACCES" || errno === "EPERM") &&
    (mount.options.includes("ro") || mount.superOptions.includes("ro"))
  ) {
    return {
      id: "cgroup-read-only",
      why: {
        en: `${mount.mountpoint} is mounted read-only, as in a container`,
        zh: `${mount.mountpoint} 是只读挂载，容器里通常如此`,
      },
      hint: {
        en: "run on the host, or start the outer container with --privileged",
        zh: "在宿主机上运行，或外层容器加 --privileged",
      },
    };
  }
  if (syscall === "mkdir" || syscall === "mkdirat") return mkdirCause(path, errno, probe);
  const special = writeCause(path, context, version);
  if (special) return special;
  return errno === "ENOENT" ? missingFile(path, version, probe) : undefined;
}
