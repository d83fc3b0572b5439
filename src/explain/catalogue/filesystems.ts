/** The file systems that a container gets fresh: what each one is, and why it is not the host's. */

import type { Bilingual } from "../../base/lang";
import type { MountFilesystem } from "../../plan/steps";
import { lines, shown } from "./entry";
import type { Catalogue, Observe } from "./entry";

interface Variant {
  why: Bilingual;
  /** Said when the mount is read-only. */
  readonly?: Bilingual;
  without: Bilingual;
  observe: Observe;
  man: string;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  proc: {
    why: {
      en: "proc shows the processes of the pid namespace of whoever mounts it. So the child mounts it, from inside its new one.",
      zh: "谁来挂载 proc，它显示的就是谁那个 pid 命名空间里的进程。所以要由子进程在新的命名空间里挂载。",
    },
    without: {
      en: "/proc would be empty, and ps, top and every program that opens /proc/self would fail; with the host's proc they would list the host's processes.",
      zh: "/proc 是空的，ps、top 和所有要打开 /proc/self 的程序都会失败；换成宿主机的 proc，它们列出的就是宿主机的进程。",
    },
    observe: {
      where: "inside",
      command: "ls /proc | grep '^[0-9]'",
      shows: {
        en: "the container's few processes, beginning with 1",
        zh: "只有容器自己的几个进程，从 1 号开始",
      },
    },
    man: "proc(5)",
  },
  sysfs: {
    why: {
      en: "sysfs describes the machine's hardware; of all it shows, the network cards alone follow the namespace of whoever mounts it.",
      zh: "sysfs 描述机器的硬件。它显示的东西里，只有网卡跟着挂载者的命名空间走。",
    },
    readonly: {
      en: "The rest is the host's, hence read-only.",
      zh: "其余都是宿主机的，所以只读。",
    },
    without: {
      en: "Programs that ask /sys how many processors or which network cards there are would find nothing; writable, /sys would let root inside reconfigure the host's hardware.",
      zh: "程序到 /sys 里查处理器个数、查网卡，什么也查不到；要是可写，里面的 root 就能改动宿主机的硬件设置。",
    },
    observe: {
      where: "inside",
      command: "ls /sys/class/net",
      shows: { en: "the container's interfaces only", zh: "只有容器自己的网卡" },
    },
    man: "sysfs(5)",
  },
  devpts: {
    why: {
      en: "devpts holds the terminals. A new instance starts at /dev/pts/0 and contains the container's own alone.",
      zh: "devpts 里放的是终端。新的实例从 /dev/pts/0 数起，只有容器自己的终端。",
    },
    without: {
      en: "No terminal could be opened inside; with the host's instance, root inside could read what is typed on the host's terminals.",
      zh: "里面打不开终端；用宿主机的那个实例，里面的 root 就能读到宿主机终端上敲的字。",
    },
    observe: {
      where: "inside",
      command: "ls /dev/pts",
      shows: {
        en: "ptmx and the container's terminals; the host's list is another",
        zh: "ptmx 和容器自己的终端，与宿主机上看到的不同",
      },
    },
    man: "pts(4)",
  },
  mqueue: {
    why: {
      en: "POSIX message queues shown as files, those of the IPC namespace made by clone.",
      zh: "以文件形式显示 POSIX 消息队列，属于 clone 时新建的那个 IPC 命名空间。",
    },
    without: {
      en: "mq_open would still work, but nobody could list or remove the queues.",
      zh: "mq_open 照样能用，只是没法列出和删除这些队列。",
    },
    observe: {
      where: "inside",
      command: "ls /dev/mqueue",
      shows: { en: "empty, whatever queues the host has", zh: "是空的，不管宿主机上有多少队列" },
    },
    man: "mq_overview(7)",
  },
  cgroup: {
    why: {
      en: "The container's own cgroup, seen from inside: a program can read its limits there and adapt to them.",
      zh: "让容器看到自己的 cgroup：程序可以读到限额，据此调整自己。",
    },
    readonly: {
      en: "Read-only: it may know them, not change them.",
      zh: "只读：可以知道，不可以改。",
    },
    without: {
      en: "Run-times such as Java's or Go's would size themselves for the whole machine; writable, root inside could lift its own limits.",
      zh: "Java、Go 这样的运行时会按整台机器的规模来分配资源；要是可写，里面的 root 就能自己解除限额。",
    },
    observe: {
      where: "inside",
      command: "grep cgroup /proc/self/mountinfo",
      shows: { en: "the cgroup mounts, marked ro", zh: "cgroup 的各个挂载，都带 ro" },
    },
    man: "cgroups(7)",
  },
  "tmpfs:/dev": {
    why: {
      en: "A fresh /dev in memory instead of the image's: what an image put there could be a link or a node that leads to the host.",
      zh: "在内存里另起一个 /dev，不用镜像里的：镜像放在那儿的，可能是通向宿主机的链接或节点。",
    },
    without: {
      en: "The device nodes of the next steps would be written into the image's own directory, or through whatever it holds.",
      zh: "接下来的设备节点会写进镜像自己的目录，或者顺着里面的东西写到别处。",
    },
    observe: {
      where: "inside",
      command: "ls -l /dev",
      shows: {
        en: "a handful of nodes; the host has many more",
        zh: "寥寥几个节点，宿主机上则多得多",
      },
    },
    man: "tmpfs(5)",
  },
  "tmpfs:/dev/shm": {
    why: {
      en: "Shared memory between programs (shm_open) lies here as files; its size is limited, because it is memory.",
      zh: "程序之间的共享内存（shm_open）以文件形式放在这里；它占的是内存，所以限制大小。",
    },
    without: {
      en: "shm_open would fail, and with it databases and browsers; without a size, half of the machine's memory could be filled from here.",
      zh: "shm_open 会失败，数据库和浏览器跟着跑不起来；不限大小，从这里就能填掉机器一半的内存。",
    },
    observe: {
      where: "inside",
      command: "df /dev/shm",
      shows: { en: "a tmpfs with the size of this step", zh: "一个 tmpfs，大小就是这一步给的" },
    },
    man: "shm_overview(7)",
  },
  "tmpfs:/sys/fs/cgroup": {
    why: {
      en: "cgroup v1 has one tree per controller. This small file system only holds the directories on which they are mounted.",
      zh: "cgroup v1 的每个控制器各有一棵树。这个小文件系统只用来放它们的挂载点目录。",
    },
    without: {
      en: "The trees would have nowhere to be mounted: /sys itself takes no new directories.",
      zh: "这些树没有地方挂：/sys 里不能新建目录。",
    },
    observe: {
      where: "inside",
      command: "ls /sys/fs/cgroup",
      shows: { en: "one directory per controller", zh: "每个控制器一个目录" },
    },
    man: "cgroups(7)",
  },
  tmpfs: {
    why: {
      en: "A file system in memory: empty at the start, gone at the end, never part of the image.",
      zh: "放在内存里的文件系统：启动时是空的，容器一停就消失，从不进入镜像。",
    },
    without: {
      en: "What is written there would land in the container's writable layer on disk, and be kept by commit.",
      zh: "写到那里的内容会落到磁盘上容器的可写层里，commit 时也会被保存下来。",
    },
    observe: {
      where: "inside",
      command: "grep tmpfs /proc/self/mountinfo",
      shows: {
        en: "the mount is listed here, and not on the host",
        zh: "里面能看到这个挂载，宿主机上看不到",
      },
    },
    man: "tmpfs(5)",
  },
};

const OTHER: Variant = {
  why: {
    en: "This mount was asked for; it exists in the container's mount namespace alone.",
    zh: "这是用户要求的挂载，只存在于容器的挂载命名空间里。",
  },
  without: {
    en: "The program would find the image's own directory at this place.",
    zh: "程序在这个位置看到的是镜像自己的目录。",
  },
  observe: {
    where: "inside",
    command: "cat /proc/self/mountinfo",
    shows: {
      en: "a line for this target, missing on the host",
      zh: "有这个挂载点的一行，宿主机上没有",
    },
  },
  man: "mount(2)",
};

function variantOf(step: MountFilesystem): Variant {
  if (step.fstype === "cgroup2") return VARIANTS["cgroup"] ?? OTHER;
  return VARIANTS[`${step.fstype}:${step.target}`] ?? VARIANTS[step.fstype] ?? OTHER;
}

const FLAG_LINE: Bilingual = {
  en: "nosuid, nodev, noexec: on this file system set-user-id bits are ignored, device nodes do not open, programs do not start. A container needs none of the three here.",
  zh: "nosuid、nodev、noexec：在这个文件系统上，set-user-ID 位不起作用，设备节点打不开，程序不能运行。这三样容器在这里都用不着。",
};

const BY_DESCRIPTOR: Bilingual = {
  en: 'The target is opened first, inside the root, and then mounted on as ".": nobody can swap the path in between.',
  zh: '先在根目录之内打开目标，再以 "." 的名义挂上去：中间没人能把路径调包。',
};

/** mount(2) of a new file system instance, told by file system and place. */
export const filesystems: Pick<Catalogue, "mount-filesystem"> = {
  "mount-filesystem": {
    act: "root",
    title: (step) => ({
      en: `mount ${shown(step.fstype)} on ${shown(step.target)}`,
      zh: `把 ${shown(step.fstype)} 挂载到 ${shown(step.target)}`,
    }),
    why: (step) =>
      lines(
        variantOf(step).why,
        step.flags.includes("MS_RDONLY") ? variantOf(step).readonly : undefined,
        BY_DESCRIPTOR,
        ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC"].every((flag) => step.flags.includes(flag)) ? FLAG_LINE : undefined,
      ),
    without: (step) => variantOf(step).without,
    observe: (step) => variantOf(step).observe,
    syscalls: ["mount", "openat2", "mkdirat", "fchdir", "close", "fstatfs", "fstat"],
    man: (step) => ["mount(2)", variantOf(step).man],
  },
};
