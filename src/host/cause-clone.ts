/** clone3(2), unshare(2), setns(2): namespaces that may not be made, or no more of them, and processes that may not be made. */

import type { Cause, CauseContext } from "./causes";
import { parseMountinfo } from "./mountinfo";
import { parseCgroup, parseStatus } from "./proc";

/** Each flag with its name in /proc/self/ns and its limit in /proc/sys/user. */
export const NAMESPACES: readonly { flag: string; ns: string; limit: string }[] = [
  { flag: "CLONE_NEWNS", ns: "mnt", limit: "max_mnt_namespaces" },
  { flag: "CLONE_NEWPID", ns: "pid", limit: "max_pid_namespaces" },
  { flag: "CLONE_NEWUTS", ns: "uts", limit: "max_uts_namespaces" },
  { flag: "CLONE_NEWIPC", ns: "ipc", limit: "max_ipc_namespaces" },
  { flag: "CLONE_NEWNET", ns: "net", limit: "max_net_namespaces" },
  { flag: "CLONE_NEWUSER", ns: "user", limit: "max_user_namespaces" },
  { flag: "CLONE_NEWCGROUP", ns: "cgroup", limit: "max_cgroup_namespaces" },
  { flag: "CLONE_NEWTIME", ns: "time", limit: "max_time_namespaces" },
];

type Probe = CauseContext["probe"];

function sysctl(probe: Probe, path: string): number | undefined {
  const text = probe.read(path)?.trim();
  return text === undefined || text === "" ? undefined : Number(text);
}

function wanted(flags: readonly string[]) {
  return NAMESPACES.filter(({ flag }) => flags.includes(flag));
}

/** ENOSPC: a limit of /proc/sys/user is used up, or the copy of the mount table would pass fs.mount-max. */
function exhausted(flags: readonly string[], mountinfo: string, probe: Probe): Cause | undefined {
  for (const { flag, limit } of wanted(flags)) {
    const max = sysctl(probe, `/proc/sys/user/${limit}`);
    if (max !== 0) continue;
    return {
      id: "namespaces-forbidden",
      why: {
        en: `user.${limit} is 0: no namespace of the kind ${flag} may be made`,
        zh: `user.${limit} 为 0：不允许创建 ${flag} 类命名空间`,
      },
      hint: { en: `sysctl -w user.${limit}=15000`, zh: `sysctl -w user.${limit}=15000` },
    };
  }
  const mountMax = sysctl(probe, "/proc/sys/fs/mount-max");
  const mounts = parseMountinfo(mountinfo).length;
  if (flags.includes("CLONE_NEWNS") && mountMax !== undefined && mounts > mountMax) return mountMaxCause(mounts, mountMax);
  const limits = wanted(flags).map(({ limit }) => ({ limit, max: sysctl(probe, `/proc/sys/user/${limit}`) ?? Infinity }));
  const tightest = limits.sort((a, b) => a.max - b.max)[0];
  if (!tightest || tightest.max === Infinity) return undefined;
  return {
    id: "namespaces-exhausted",
    why: {
      en: `as many namespaces as allowed exist, or they are nested 32 deep; the tightest of the limits concerned is user.${tightest.limit} = ${tightest.max}`,
      zh: `命名空间数量已到上限，或嵌套已达 32 层；相关限制中最紧的是 user.${tightest.limit} = ${tightest.max}`,
    },
    hint: {
      en: `remove containers (lsns shows all namespaces), or sysctl -w user.${tightest.limit}=${tightest.max * 2}`,
      zh: `删除一些容器（lsns 可列出所有命名空间），或 sysctl -w user.${tightest.limit}=${tightest.max * 2}`,
    },
  };
}

/** The mount table is full: fs.mount-max counts per mount namespace. */
export function mountMaxCause(mounts: number, mountMax: number): Cause {
  return {
    id: "mount-max",
    why: {
      en: `this mount namespace has ${mounts} mounts and fs.mount-max is ${mountMax}`,
      zh: `当前挂载命名空间已有 ${mounts} 个挂载，而 fs.mount-max 是 ${mountMax}`,
    },
    hint: {
      en: `unmount what was left behind, or sysctl -w fs.mount-max=${mountMax * 2}`,
      zh: `卸载遗留的挂载，或 sysctl -w fs.mount-max=${mountMax * 2}`,
    },
  };
}

function notPermitted(flags: readonly string[], probe: Probe): Cause | undefined {
  const status = parseStatus(probe.read("/proc/self/status") ?? "");
  if (!flags.includes("CLONE_NEWUSER")) return undefined;
  const debian = sysctl(probe, "/proc/sys/kernel/unprivileged_userns_clone");
  if (debian === 0 && status.uid.effective !== 0) {
    return {
      id: "userns-clone-off",
      why: {
        en: "kernel.unprivileged_userns_clone is 0: only root may make user namespaces",
        zh: "kernel.unprivileged_userns_clone 为 0：只有 root 可以创建用户命名空间",
      },
      hint: {
        en: "sysctl -w kernel.unprivileged_userns_clone=1, or run with sudo",
        zh: "sysctl -w kernel.unprivileged_userns_clone=1，或用 sudo 运行",
      },
    };
  }
  if (sysctl(probe, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") === 1 && status.uid.effective !== 0) {
    return {
      id: "userns-apparmor",
      why: {
        en: "kernel.apparmor_restrict_unprivileged_userns is 1 (Ubuntu since 23.10): a user namespace gets no capabilities without an AppArmor profile",
        zh: "kernel.apparmor_restrict_unprivileged_userns 为 1（Ubuntu 23.10 起）：没有 AppArmor 配置的程序，其用户命名空间得不到任何能力",
      },
      hint: {
        en: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run with sudo",
        zh: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0，或用 sudo 运行",
      },
    };
  }
  const mountinfo = probe.read("/proc/self/mountinfo") ?? "";
  if (!parseMountinfo(mountinfo).some((entry) => entry.mountpoint === "/")) {
    return {
      id: "userns-in-chroot",
      why: { en: "a process under chroot may not make a user namespace", zh: "chroot 之下的进程不能创建用户命名空间" },
      hint: { en: "leave the chroot, or make its root a mount point", zh: "离开 chroot，或让它的根成为挂载点" },
    };
  }
  return undefined;
}

/** EAGAIN: which limit on the number of processes. Walks up the pids hierarchy from the own cgroup. */
function processLimit(mountinfo: string, probe: Probe, cgroupPath: string | undefined): Cause | undefined {
  const { cgroupMounts } = require("./facts") as typeof import("./facts");
  const { v1, v2 } = cgroupMounts(mountinfo);
  const v1Mount = v1.find((hierarchy) => hierarchy.controllers.includes("pids"))?.mountpoint;
  const own = parseCgroup(probe.read("/proc/self/cgroup") ?? "");
  const entry = own.find(({ controllers }) => (v1Mount ? controllers.includes("pids") : controllers.length === 0));
  const mountpoint = v1Mount ?? v2;
  const starts = [cgroupPath, mountpoint !== undefined && entry ? `${mountpoint}${entry.path}` : undefined];
  for (const start of mountpoint === undefined ? [] : starts) {
    for (let at = start ?? ""; at.length > mountpoint!.length; at = at.slice(0, at.lastIndexOf("/"))) {
      const max = probe.read(`${at}/pids.max`)?.trim();
      const current = Number(probe.read(`${at}/pids.current`) ?? 0);
      if (max === undefined || max === "max" || current < Number(max)) continue;
      return {
        id: "pids-limit",
        why: {
          en: `${at}/pids.max is ${max}, and ${current} processes and threads exist there`,
          zh: `${at}/pids.max 为 ${max}，那里已有 ${current} 个进程和线程`,
        },
        hint: {
          en: "raise it (--pids-limit for a container), or end processes",
          zh: "提高上限（容器用 --pids-limit），或结束一些进程",
        },
      };
    }
  }
  const running = /\d+\/(\d+)/.exec(probe.read("/proc/loadavg") ?? "")?.[1];
  for (const name of ["threads-max", "pid_max"]) {
    const max = sysctl(probe, `/proc/sys/kernel/${name}`);
    if (max === undefined || running === undefined || Number(running) < max * 0.98) continue;
    return {
      id: "kernel-process-limit",
      why: {
        en: `kernel.${name.replace("-", "_")} is ${max}, and ${running} threads exist`,
        zh: `kernel.${name.replace("-", "_")} 为 ${max}，现有 ${running} 个线程`,
      },
      hint: {
        en: `end processes, or write a larger number to /proc/sys/kernel/${name}`,
        zh: `结束一些进程，或向 /proc/sys/kernel/${name} 写入更大的数`,
      },
    };
  }
  return undefined;
}

/** Cause of a failed clone3, clone, unshare, setns or fork; needs params.flags. */
export function cloneCause({ syscall, errno, params, mountinfo, probe }: CauseContext): Cause | undefined {
  if (!["clone", "clone3", "unshare", "setns", "fork", "vfork"].includes(syscall)) return undefined;
  const flags = params.flags ?? [];
  if (errno === "ENOSPC" || errno === "EUSERS") return exhausted(flags, mountinfo, probe);
  if (errno === "EAGAIN") return processLimit(mountinfo, probe, params.cgroupPath);
  if (errno === "EPERM" || errno === "EACCES") return notPermitted(flags, probe);
  if (errno === "EINVAL") {
    const missing = wanted(flags).find(({ ns }) => !probe.list("/proc/self/ns").includes(ns));
    if (!missing) return undefined;
    return {
      id: "namespace-not-built",
      why: {
        en: `this kernel has no ${missing.ns} namespaces: /proc/self/ns/${missing.ns} is missing`,
        zh: `内核不支持 ${missing.ns} 命名空间：没有 /proc/self/ns/${missing.ns}`,
      },
      hint: { en: "use a kernel that is built with it", zh: "换用编译了该功能的内核" },
    };
  }
  if (errno === "ENOSYS") {
    return {
      id: "syscall-missing",
      why: {
        en: `this kernel (${probe.read("/proc/sys/kernel/osrelease")?.trim() ?? "?"}) has no ${syscall}, or a seccomp filter around us hides it`,
        zh: `当前内核（${probe.read("/proc/sys/kernel/osrelease")?.trim() ?? "?"}）没有 ${syscall}，或外层的 seccomp 过滤器把它藏了起来`,
      },
      hint: { en: "clone3 needs Linux 5.3, CLONE_INTO_CGROUP 5.7", zh: "clone3 需要 Linux 5.3，CLONE_INTO_CGROUP 需要 5.7" },
    };
  }
  return undefined;
}
