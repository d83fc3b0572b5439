/** Which cgroup controllers there are, and in which version: the question that teaching examples stumble over. */

import { mkdirSync, rmdirSync } from "node:fs";
import type { Check, DoctorContext } from "./doctor";
import { parseMountinfo } from "./mountinfo";

const MODES = {
  unified: { en: "v2 only", zh: "只有 v2" },
  legacy: { en: "v1 only", zh: "只有 v1" },
  hybrid: { en: "hybrid: v1 controllers beside a v2 tree", zh: "混合：v1 控制器与 v2 树并存" },
  none: { en: "nothing mounted", zh: "没有挂载" },
} as const;

function modeCheck({ facts }: DoctorContext): Check {
  const { mode, v1, v2 } = facts.cgroup;
  const places = v1.map(({ controllers, mountpoint }) => `${controllers.join(",")} → ${mountpoint}`);
  if (v2) places.push(`v2 [${v2.controllers.join(" ")}] → ${v2.mountpoint}`);
  const check: Check = {
    id: "cgroup-mode",
    status: mode === "none" ? "fail" : "ok",
    title: { en: "cgroups", zh: "cgroup" },
    observed: { en: `${MODES[mode].en}; ${places.join("; ")}`, zh: `${MODES[mode].zh};${places.join(";")}` },
    where: "grep cgroup /proc/self/mountinfo; cat /proc/cgroups",
  };
  if (mode === "none") check.remedy = { en: "mount -t cgroup2 none /sys/fs/cgroup", zh: "mount -t cgroup2 none /sys/fs/cgroup" };
  return check;
}

const CONTROLLERS: readonly { name: string; flags: string }[] = [
  { name: "memory", flags: "-m" },
  { name: "pids", flags: "--pids-limit" },
  { name: "cpu", flags: "--cpus, --cpu-shares" },
  { name: "cpuset", flags: "--cpuset-cpus" },
  { name: "devices", flags: "--device" },
  { name: "freezer", flags: "pause" },
];

function controllerChecks({ facts, probe }: DoctorContext): Check[] {
  const { v1, v2 } = facts.cgroup;
  return CONTROLLERS.map(({ name, flags }) => {
    const old = v1.find(({ controllers }) => controllers.includes(name));
    // On v2, devices are decided by a BPF program and freezing is a file of every cgroup.
    const inV2 = v2 !== undefined && (name === "devices" || name === "freezer" || v2.controllers.includes(name));
    const inKernel = new RegExp(`^${name}\\s`, "m").test(probe.read("/proc/cgroups") ?? "");
    const found = old
      ? { en: `v1, ${old.mountpoint}`, zh: `v1,${old.mountpoint}` }
      : inV2
        ? { en: `v2, ${v2.mountpoint}`, zh: `v2,${v2.mountpoint}` }
        : undefined;
    const check: Check = {
      id: `cgroup-${name}`,
      status: found ? "ok" : "warn",
      title: { en: `cgroup ${name} (${flags})`, zh: `cgroup ${name}(${flags})` },
      observed: found ?? {
        en: inKernel ? "in the kernel, mounted nowhere" : "not in the kernel",
        zh: inKernel ? "内核支持，但没有挂载" : "内核不支持",
      },
      where: old ? `ls ${old.mountpoint}` : v2 ? `cat ${v2.mountpoint}/cgroup.controllers` : "cat /proc/cgroups",
    };
    if (!found) {
      check.remedy = inKernel
        ? {
            en: `mkdir -p /sys/fs/cgroup/${name} && mount -t cgroup -o ${name} ${name} /sys/fs/cgroup/${name}`,
            zh: `mkdir -p /sys/fs/cgroup/${name} && mount -t cgroup -o ${name} ${name} /sys/fs/cgroup/${name}`,
          }
        : {
            en: `without it ${flags} is refused; use a kernel built with it`,
            zh: `没有它，${flags} 会被拒绝；请换用编译了它的内核`,
          };
    }
    return check;
  });
}

function swapCheck({ facts, probe }: DoctorContext): Check {
  const v1 = facts.cgroup.v1.some(({ controllers }) => controllers.includes("memory"));
  const accounted = v1 ? facts.cgroup.swapLimit === true : facts.cgroup.v2?.controllers.includes("memory") === true;
  const devices = (probe.read("/proc/swaps") ?? "").trim().split("\n").length - 1;
  const check: Check = {
    id: "swap-accounting",
    status: accounted ? "ok" : "warn",
    title: { en: "swap accounting (--memory-swap)", zh: "swap 统计（--memory-swap）" },
    observed: {
      en: `${accounted ? "the kernel counts swap" : "the kernel does not count swap"}; ${devices} swap devices in use`,
      zh: `${accounted ? "内核统计 swap" : "内核不统计 swap"}；正在使用的 swap 设备 ${devices} 个`,
    },
    where: v1 ? "ls /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes; cat /proc/swaps" : "cat /proc/swaps",
  };
  if (!accounted) check.remedy = { en: "boot with swapaccount=1", zh: "启动参数加 swapaccount=1" };
  return check;
}

function quotaCheck({ facts, probe }: DoctorContext): Check | undefined {
  const v1 = facts.cgroup.v1.find(({ controllers }) => controllers.includes("cpu"));
  if (!v1) return undefined;
  const has = probe.kind(`${v1.mountpoint}/cpu.cfs_quota_us`) !== "missing";
  const check: Check = {
    id: "cpu-quota",
    status: has ? "ok" : "warn",
    title: { en: "CPU quota (--cpus)", zh: "CPU 配额（--cpus）" },
    observed: {
      en: has ? "cpu.cfs_quota_us exists" : "no cpu.cfs_quota_us",
      zh: has ? "有 cpu.cfs_quota_us" : "没有 cpu.cfs_quota_us",
    },
    where: `ls ${v1.mountpoint}/cpu.cfs_quota_us`,
  };
  if (!has) check.remedy = { en: "a kernel with CONFIG_CFS_BANDWIDTH", zh: "换用带 CONFIG_CFS_BANDWIDTH 的内核" };
  return check;
}

/** Makes and removes an empty cgroup in each hierarchy: a read-only or delegated tree shows here and nowhere else. */
function writableCheck({ facts, probe }: DoctorContext): Check {
  const used = CONTROLLERS.map(({ name }) => name);
  const mountpoints = facts.cgroup.v1
    .filter(({ controllers }) => controllers.some((name) => used.includes(name)))
    .map(({ mountpoint }) => mountpoint);
  if (facts.cgroup.v2) mountpoints.push(facts.cgroup.v2.mountpoint);
  const failures: string[] = [];
  for (const mountpoint of mountpoints) {
    const path = `${mountpoint}/glassbox-doctor-${process.pid}`;
    try {
      mkdirSync(path);
      rmdirSync(path);
    } catch (error) {
      failures.push(`${mountpoint}: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
  const mounts = parseMountinfo(probe.read("/proc/self/mountinfo") ?? "");
  const readonly = mounts.some((entry) => entry.fstype.startsWith("cgroup") && entry.options.includes("ro"));
  const check: Check = {
    id: "cgroup-writable",
    status: failures.length === 0 ? "ok" : "fail",
    title: { en: "cgroups can be made", zh: "能否创建 cgroup" },
    observed:
      failures.length === 0
        ? {
            en: `made and removed one in ${mountpoints.length} hierarchies`,
            zh: `在 ${mountpoints.length} 个层级各创建并删除了一个`,
          }
        : { en: failures.join("; "), zh: failures.join(";") },
    where: "mkdir /sys/fs/cgroup/…/probe && rmdir /sys/fs/cgroup/…/probe",
  };
  if (failures.length > 0) {
    check.remedy = readonly
      ? {
          en: "the trees are mounted read-only: start the outer container with --privileged",
          zh: "cgroup 树是只读挂载：外层容器请加 --privileged",
        }
      : { en: "use sudo, or a delegated cgroup", zh: "使用 sudo，或被授权（delegate）的 cgroup" };
  }
  return check;
}

/** Checks of the cgroup trees. */
export function cgroupChecks(context: DoctorContext): Check[] {
  const quota = quotaCheck(context);
  return [
    modeCheck(context),
    ...controllerChecks(context),
    swapCheck(context),
    ...(quota ? [quota] : []),
    writableCheck(context),
  ];
}
