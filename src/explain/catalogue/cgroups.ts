/** Second act: cgroups, how much of the machine the process may use. */

import type { Bilingual } from "../../base/lang";
import type { LimitDevices } from "../../plan/steps";
import { brief, lines, shown } from "./entry";
import type { Catalogue } from "./entry";

interface Family {
  files: RegExp;
  why: Bilingual;
  without: Bilingual;
}

/** What a cgroup file limits; v1 and v2 names side by side. The first match counts. */
const FAMILIES: readonly Family[] = [
  {
    files: /^memory\.(memsw\.limit_in_bytes|swap\.max)$/,
    why: {
      en: "Swap: how far memory may spill to disk. v1 counts memory and swap together, v2 swap alone.",
      zh: "交换空间：内存可以往磁盘上挪多少。v1 把内存和交换合起来算，v2 只算交换。",
    },
    without: {
      en: "A container at its memory limit would go on by filling the host's swap, and slow everybody down.",
      zh: "容器内存到顶之后会接着占宿主机的交换空间，把所有人拖慢。",
    },
  },
  {
    files: /^memory\./,
    why: {
      en: "Memory: at the limit the kernel first drops cached pages, then kills a process of this container, and of no other.",
      zh: "内存：用到上限时，内核先回收缓存，还不够就杀进程，而且只杀这个容器里的。",
    },
    without: {
      en: "One greedy container would make the kernel look for victims on the whole host.",
      zh: "一个容器贪吃，内核就会在整台宿主机上找进程来杀。",
    },
  },
  {
    files: /^cpu\.(max|cfs_quota_us|cfs_period_us)$/,
    why: {
      en: "CPU time: so many microseconds per period; whoever has used them up waits for the next period.",
      zh: "CPU 时间：每个周期只给这么多微秒，用完了就等下一个周期。",
    },
    without: {
      en: "A busy loop inside would take every processor the host can spare.",
      zh: "里面跑一个死循环，就能占满宿主机腾得出来的所有处理器。",
    },
  },
  {
    files: /^cpu\.(weight|shares)/,
    why: {
      en: "CPU weight: the container's share when several compete; with idle processors it limits nothing.",
      zh: "CPU 权重：几方争抢时按它分配；处理器有空闲时，它不起限制作用。",
    },
    without: {
      en: "In competition all cgroups would count the same, however important they are.",
      zh: "争抢时所有 cgroup 一律平分，不分轻重。",
    },
  },
  {
    files: /^cpuset\./,
    why: {
      en: "Which processors and memory nodes may be used. In v1 both files must be filled before a process can join.",
      zh: "允许使用哪些处理器和内存节点。在 v1 里，这两个文件都填好了，进程才进得来。",
    },
    without: {
      en: "The scheduler would place the container on any processor; in v1, joining an empty cpuset gives ENOSPC.",
      zh: "调度器可以把容器放到任何处理器上；在 v1 里，加入没填好的 cpuset 会得到 ENOSPC。",
    },
  },
  {
    files: /^pids\./,
    why: {
      en: "Processes and threads together: one more than this, and fork answers EAGAIN.",
      zh: "进程和线程合计的个数：再多一个，fork 就返回 EAGAIN。",
    },
    without: {
      en: "A fork bomb inside (a program that only copies itself) would use up the process numbers of the host.",
      zh: "里面放一颗 fork 炸弹（只顾复制自己的程序），就能耗尽宿主机的进程号。",
    },
  },
];

const OTHER: Family = {
  files: /^/,
  why: {
    en: "This setting was asked for; the kernel takes each setting of a cgroup as text in a file of its own.",
    zh: "这是用户要求的设置；cgroup 的每一项设置都是一个文件，写进去的是文本。",
  },
  without: {
    en: "The cgroup would keep the kernel's default for this file.",
    zh: "这个文件保持内核的默认值。",
  },
};

const nameOf = (file: string): string => file.slice(file.lastIndexOf("/") + 1);
const familyOf = (file: string): Family => FAMILIES.find(({ files }) => files.test(nameOf(file))) ?? OTHER;

const WRITTEN_EMPTY: Bilingual = {
  en: "Limits are written while the cgroup is still empty: the program's first instruction already runs under them.",
  zh: "限额趁 cgroup 还空着的时候写好，目标程序的第一条指令就已经受它约束。",
};

const READ_BACK: Bilingual = {
  en: "Each value is read back, because the kernel may round it (memory to whole pages).",
  zh: "写完再读回来核对，因为内核可能取整（内存按整页算）。",
};

/** "a *:* rwm" is the v1 word for everything. */
const allowsAll = (step: LimitDevices): boolean => step.allow.some((line) => line.startsWith("a"));

/** Rules that let a device be read or written; the others only let its node be made. */
const openable = (step: LimitDevices): string[] => step.allow.filter((line) => /[rw]+m?$/.test(line));

/** Kinds of the second act. */
export const cgroups: Pick<Catalogue, "create-cgroup" | "set-cgroup-limit" | "limit-devices" | "join-cgroup"> = {
  "create-cgroup": {
    act: "cgroups",
    title: (step) => ({
      en: `create the cgroup ${brief(step.path)} (${step.hierarchy})`,
      zh: `创建 cgroup ${brief(step.path)}（${step.hierarchy}）`,
    }),
    why: {
      en: "A cgroup (control group) is a directory in a file system of the kernel's: the processes listed in it are counted and limited together. mkdir is all it takes; the files in it appear by themselves.",
      zh: "cgroup（控制组）是内核文件系统里的一个目录：登记在里面的进程一起计量、一起受限。mkdir 一下就有了，里面的文件由内核自动生成。",
    },
    without: {
      en: "There would be no place to write limits to, and no way to ask how much this container uses.",
      zh: "限额没有地方写，也没法知道这个容器用了多少。",
    },
    observe: (step) => ({
      where: "outside",
      command: `ls ${shown(step.path)}`,
      shows: { en: "one file per limit and per counter", zh: "每项限额、每个计数器各是一个文件" },
    }),
    syscalls: ["mkdir", "mkdirat", "openat", "read", "write", "close", "statfs"],
    man: ["cgroups(7)"],
  },

  "set-cgroup-limit": {
    act: "cgroups",
    title: (step) => ({
      en: `limit: ${shown(nameOf(step.file))} = ${shown(step.value)}`,
      zh: `设限：${shown(nameOf(step.file))} = ${shown(step.value)}`,
    }),
    why: (step) => lines(familyOf(step.file).why, WRITTEN_EMPTY, step.readBack === "none" ? undefined : READ_BACK),
    without: (step) => familyOf(step.file).without,
    observe: (step) => ({
      where: "outside",
      command: `cat ${shown(step.file)}`,
      shows: {
        en: `${shown(step.value)}, or what the kernel rounded it to`,
        zh: `${shown(step.value)}，或内核取整后的值`,
      },
    }),
    syscalls: ["openat", "write", "read", "close"],
    man: ["cgroups(7)"],
  },

  "limit-devices": {
    act: "cgroups",
    title: (step) => {
      if (allowsAll(step)) return { en: "allow all devices", zh: "放行所有设备" };
      const count = openable(step).length;
      const ebpf = step.how === "ebpf";
      return {
        en: `forbid opening any device but ${count} kind${count === 1 ? "" : "s"} (${ebpf ? "eBPF program" : "devices.deny, devices.allow"})`,
        zh: `禁止打开任何设备，只放行 ${count} 种（${ebpf ? "eBPF 程序" : "devices.deny、devices.allow"}）`,
      };
    },
    why: (step) =>
      lines(
        {
          en: "Devices have no namespace: a device node opens the host's hardware wherever it lies.",
          zh: "设备没有命名空间：设备节点不管放在哪里，打开的都是宿主机的硬件。",
        },
        allowsAll(step)
          ? {
              en: "This container was given them all on request.",
              zh: "这个容器按要求拿到了全部设备。",
            }
          : {
              en: "So the cgroup first refuses all, then allows the harmless ones: null, zero, random, terminals. A rule with m alone lets nodes be made, which hurts nobody as long as they do not open.",
              zh: "所以先让 cgroup 全部拒绝，再放行无害的那些：null、zero、random、终端。只带 m 的规则允许创建节点：打不开的节点，建出来也无妨。",
            },
      ),
    without: {
      en: "A node of the host's disk, brought in with an image or made with CAP_MKNOD, could be opened: all of the host, readable and writable.",
      zh: "镜像里带进来的、或者用 CAP_MKNOD 造出来的磁盘节点就能打开：整台宿主机任人读写。",
    },
    observe: (step) =>
      step.how === "v1"
        ? {
            where: "outside",
            command: `cat ${shown(step.path)}/devices.list`,
            shows: { en: "the allowed devices, one per line", zh: "放行的设备，一行一条" },
          }
        : {
            where: "outside",
            command: `bpftool cgroup show ${shown(step.path)}`,
            shows: {
              en: "a program attached as cgroup_device",
              zh: "挂着一个 cgroup_device 类型的程序",
            },
          },
    syscalls: ["openat", "write", "close", "bpf"],
    man: (step) => (step.how === "ebpf" ? ["cgroups(7)", "bpf(2)"] : ["cgroups(7)", "mknod(2)"]),
  },

  "join-cgroup": {
    act: "cgroups",
    title: (step) => ({
      en: `join the cgroup of ${step.hierarchy}`,
      zh: `加入 ${step.hierarchy} 的 cgroup`,
    }),
    why: (step) =>
      lines(
        {
          en: "A 0 written here means: the writer itself. From this call on the limits count for it and for all its children.",
          zh: "往这里写 0，意思是写的人自己。从这次调用起，限额管住它和它的所有后代。",
        },
        nameOf(step.file) === "tasks"
          ? {
              en: "v1 offers two files. cgroup.procs moves a whole process and makes the kernel wait until every processor has passed a safe point, which takes milliseconds; tasks moves one thread at once, and this child has only one.",
              zh: "v1 有两个入口：cgroup.procs 搬整个进程，内核要等所有处理器都经过一个安全点，得花几毫秒；tasks 只搬一个线程，立刻完成，而这个子进程正好只有一个线程。",
            }
          : undefined,
      ),
    without: {
      en: "The limits would be written, and nobody would be under them.",
      zh: "限额写是写了，却没有人受它管。",
    },
    observe: (step) => ({
      where: "outside",
      command: `cat ${shown(step.file)}`,
      shows: {
        en: "the container's process numbers, as the host counts them",
        zh: "容器里各进程在宿主机上的进程号",
      },
    }),
    syscalls: ["openat", "write", "close"],
    man: ["cgroups(7)"],
  },
};
