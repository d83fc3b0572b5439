/** `doctor --fs`: which file systems this kernel has, and what the missing ones mean. */

import type { Check, DoctorContext } from "./doctor";
import { parseFilesystems } from "./filesystems";

const WANTED: readonly { name: string; need: "fail" | "warn"; en: string; zh: string }[] = [
  { name: "overlay", need: "fail", en: "joins image layers and the writable layer", zh: "把镜像层与可写层合成一个根" },
  { name: "proc", need: "fail", en: "/proc of each container", zh: "每个容器的 /proc" },
  { name: "sysfs", need: "fail", en: "/sys, read-only", zh: "只读的 /sys" },
  { name: "tmpfs", need: "fail", en: "/dev, /dev/shm and --tmpfs", zh: "/dev、/dev/shm 与 --tmpfs" },
  { name: "devpts", need: "fail", en: "the container's own terminals", zh: "容器自己的终端" },
  { name: "mqueue", need: "warn", en: "/dev/mqueue: POSIX message queues", zh: "/dev/mqueue：POSIX 消息队列" },
  { name: "cgroup2", need: "warn", en: "limits, version 2", zh: "资源限制第 2 版" },
  {
    name: "fuse",
    need: "warn",
    en: "fuse-overlayfs, for hosts where overlay is not allowed",
    zh: "fuse-overlayfs，用于不允许 overlay 的宿主机",
  },
];

/** One check per file system that containers use, and one about aufs, which older articles ask for. */
export function filesystemChecks({ probe, facts }: DoctorContext): Check[] {
  const have = parseFilesystems(probe.read("/proc/filesystems") ?? "");
  const checks: Check[] = WANTED.map(({ name, need, en, zh }) => {
    const listed = have.includes(name);
    const loadable = !listed && name === "overlay" && facts.overlay;
    const check: Check = {
      id: `filesystem-${name}`,
      status: listed || loadable ? "ok" : need,
      title: { en: name, zh: name },
      observed: {
        en: `${listed ? "in the kernel" : loadable ? "a module, loaded at the first mount" : "not in the kernel"} (${en})`,
        zh: `${listed ? "内核已有" : loadable ? "是内核模块，首次挂载时载入" : "内核没有"}（${zh}）`,
      },
      where: `grep -w ${name} /proc/filesystems`,
    };
    if (check.status !== "ok") {
      check.remedy = { en: `modprobe ${name}, or a kernel built with it`, zh: `modprobe ${name}，或换用编译了它的内核` };
    }
    return check;
  });
  const aufs = have.includes("aufs");
  checks.push({
    id: "filesystem-aufs",
    status: "ok",
    title: { en: "aufs", zh: "aufs" },
    observed: aufs
      ? {
          en: "in the kernel (a patched one); glassbox uses overlay all the same",
          zh: "内核已有（打过补丁的内核）；glassbox 仍然使用 overlay",
        }
      : {
          en: "not in the kernel, as on nearly every machine today: it never became part of Linux, and Docker removed its driver in version 24. overlay has taken its place and shows the same ideas (read-only layers, one writable layer, whiteouts)",
          zh: "内核没有，今天几乎所有机器都如此：aufs 从未并入 Linux 主线，Docker 也在 24 版删除了它的驱动。overlay 取而代之，思想相同（多个只读层、一个可写层、whiteout）",
        },
    where: "grep aufs /proc/filesystems",
  });
  return checks;
}
