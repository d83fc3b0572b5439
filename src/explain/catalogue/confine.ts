/** After the three acts: closing what the new view still leaves open, in files, descriptors and system calls. */

import type { Bilingual } from "../../base/lang";
import { shown } from "./entry";
import type { Catalogue } from "./entry";

/** What each covered path would tell or allow. */
const MASKED: Readonly<Record<string, Bilingual>> = {
  "/proc/acpi": { en: "power switches of the machine", zh: "机器的电源开关" },
  "/proc/asound": { en: "the sound hardware", zh: "声卡" },
  "/proc/interrupts": {
    en: "interrupt counts, which betray when keys are pressed",
    zh: "中断计数，能看出什么时候有人敲键",
  },
  "/proc/kcore": { en: "the machine's memory as a file", zh: "整台机器的内存，当作文件来读" },
  "/proc/keys": { en: "the names of other people's keys", zh: "别人的密钥名" },
  "/proc/latency_stats": { en: "what all processes wait for", zh: "所有进程都在等什么" },
  "/proc/timer_list": { en: "timers of all processes", zh: "所有进程的定时器" },
  "/proc/timer_stats": { en: "which programs set timers", zh: "哪些程序设了定时器" },
  "/proc/sched_debug": { en: "the scheduler's view of all processes", zh: "调度器眼中的所有进程" },
  "/proc/scsi": { en: "disks, which a write here can detach", zh: "磁盘，往这里写就能把它摘掉" },
  "/sys/firmware": { en: "tables of the firmware", zh: "固件里的各种表" },
  "/sys/devices/virtual/powercap": {
    en: "the energy meter, fine enough to spy on computations",
    zh: "电量计，精细到能窥探别人在算什么",
  },
};

const READONLY: Readonly<Record<string, Bilingual>> = {
  "/proc/bus": { en: "settings of PCI cards", zh: "PCI 设备的设置" },
  "/proc/fs": { en: "settings of file systems", zh: "文件系统的设置" },
  "/proc/irq": { en: "which processor serves which interrupt", zh: "哪个处理器响应哪个中断" },
  "/proc/sys": {
    en: "kernel settings; most are the whole machine's",
    zh: "内核参数，多数是全机共用的",
  },
  "/proc/sysrq-trigger": { en: "one letter reboots the machine", zh: "写一个字母就能重启机器" },
};

/** Kinds that close what the view still leaves open. */
export const confine: Pick<
  Catalogue,
  "set-sysctl" | "make-readonly" | "mask-path" | "close-descriptors" | "install-seccomp" | "no-new-privileges"
> = {
  "set-sysctl": {
    act: "confine",
    title: (step) => ({
      en: `set ${shown(step.key)} = ${shown(step.value)}`,
      zh: `设置 ${shown(step.key)} = ${shown(step.value)}`,
    }),
    why: {
      en: "Some kernel settings exist once per network or IPC namespace; those may be set for one container. It happens before /proc/sys becomes read-only, and only after the file was seen to lie in a real procfs.",
      zh: "有些内核参数是每个网络或 IPC 命名空间各一份，可以为单个容器设置。这一步赶在 /proc/sys 变成只读之前，而且先确认文件确实在真正的 procfs 里。",
    },
    without: {
      en: "The container would run with the kernel's default of this setting.",
      zh: "容器就用这个参数的内核默认值。",
    },
    observe: (step) => ({
      where: "inside",
      command: `cat /proc/sys/${shown(step.key.replaceAll(".", "/"))}`,
      shows: {
        en: `${shown(step.value)}; the host's value is unchanged`,
        zh: `${shown(step.value)}；宿主机上的值没有变`,
      },
    }),
    syscalls: ["openat", "openat2", "fstatfs", "write", "close"],
    man: ["sysctl(8)", "proc(5)", "CVE-2025-52881"],
  },

  "make-readonly": {
    act: "confine",
    title: (step) => {
      if (step.path === "/") return { en: "make the root file system read-only", zh: "把根文件系统设为只读" };
      const what = READONLY[step.path];
      return {
        en: `make ${shown(step.path)} read-only${what ? ` (${what.en})` : ""}`,
        zh: `把 ${shown(step.path)} 设为只读${what ? `（${what.zh}）` : ""}`,
      };
    },
    why: (step) =>
      step.path === "/"
        ? {
            en: "This was asked for with --read-only. It comes late, because the steps before had to create files and directories in it; mounts on top, such as /dev and tmpfs, stay writable.",
            zh: "这是 --read-only 的要求。放在后面，是因为前面的步骤要在里面建文件和目录；挂在上面的 /dev、tmpfs 等仍然可写。",
          }
        : step.path.startsWith("/sys/fs/cgroup")
          ? {
              en: "The small tmpfs that carries the cgroup mounts had to be writable until they were in place. Now nothing more is to be made in it.",
              zh: "托着各个 cgroup 挂载的那个小 tmpfs，挂齐之前必须可写。现在里面不该再添东西了。",
            }
          : {
              en: "Programs may read these paths but not change them: what is written there acts on the whole machine, not on this namespace. A read-only mount of the path on itself does it, and holds for root too.",
              zh: "这些路径可以读，不可以改：写进去影响的是整台机器，不是这个命名空间。办法是把路径只读地挂到它自己上面，对 root 一样有效。",
            },
    without: (step) =>
      step.path === "/"
        ? {
            en: "A program that is broken into could replace the very files it runs from.",
            zh: "程序一旦被攻破，连它自己的程序文件都会被换掉。",
          }
        : step.path.startsWith("/sys/fs/cgroup")
          ? {
              en: "Root inside could put directories of its own among the controllers'.",
              zh: "里面的 root 可以在控制器的目录旁边混进自己的目录。",
            }
          : {
              en: "Root inside could change settings of the host's kernel.",
              zh: "里面的 root 能改宿主机内核的设置。",
            },
    observe: (step) => ({
      where: "inside",
      command: step.path === "/" ? "touch /x" : `grep ' ${shown(step.path)} ' /proc/self/mountinfo`,
      shows:
        step.path === "/"
          ? { en: "Read-only file system", zh: "报错 Read-only file system" }
          : { en: "the mount options begin with ro", zh: "挂载选项以 ro 开头" },
    }),
    syscalls: ["openat2", "statx", "open_tree", "mount_setattr", "move_mount", "close"],
    man: ["mount_setattr(2)"],
  },

  "mask-path": {
    act: "confine",
    title: (step) => {
      const what = MASKED[step.path];
      return {
        en: `cover ${shown(step.path)}${what ? ` (${what.en})` : ""}`,
        zh: `遮住 ${shown(step.path)}${what ? `（${what.zh}）` : ""}`,
      };
    },
    why: {
      en: "Parts of /proc and /sys know nothing of namespaces and show the whole machine. A file is covered with /dev/null, a directory with an empty read-only tmpfs. The /dev/null is checked first to be the real one (device 1:3). A path that this kernel does not have is skipped.",
      zh: "/proc 和 /sys 里有些内容不认命名空间，显示的是整台机器。文件用 /dev/null 盖住，目录用一个空的只读 tmpfs 盖住。盖之前先查明 /dev/null 是真的（设备号 1:3）。这个内核没有的路径就跳过。",
    },
    without: (step) => ({
      en: `Anything inside could read ${shown(step.path)} of the host.`,
      zh: `里面的任何程序都能读到宿主机的 ${shown(step.path)}。`,
    }),
    observe: (step) => ({
      where: "inside",
      command: `ls -l ${shown(step.path)}`,
      shows: {
        en: "a character device 1, 3, an empty directory, or no such file",
        zh: "一个字符设备 1, 3，或一个空目录，或者没有这个文件",
      },
    }),
    syscalls: ["openat2", "fstat", "fchdir", "mount", "open_tree", "mount_setattr", "move_mount", "close"],
    man: ["mount(2)", "CVE-2025-31133"],
  },

  "close-descriptors": {
    act: "confine",
    title: () => ({
      en: "see to it that no descriptor but 0, 1 and 2 reaches the program",
      zh: "除了 0、1、2，不让任何描述符传给程序",
    }),
    why: {
      en: "A descriptor opened before the root changed still points to the host. Marking all from 3 up close-on-exec lets the set-up go on using them, and the kernel closes them in the instant the program starts.\nOf 0, 1 and 2, a /dev/null of the host is exchanged for the container's own, and non-blocking mode is switched off.",
      zh: "换根之前打开的描述符，指的仍是宿主机。把 3 号及以上全部标成 close-on-exec：准备工作还能接着用，程序一启动，内核就把它们关掉。\n0、1、2 里如果有宿主机的 /dev/null，就换成容器自己的；非阻塞模式也一并关掉。",
    },
    without: {
      en: "With a working directory such as /proc/self/fd/7 a program could stand in a directory of the host (CVE-2024-21626).",
      zh: "只要把工作目录设成 /proc/self/fd/7 之类，程序就能站到宿主机的目录里去（CVE-2024-21626）。",
    },
    observe: {
      where: "inside",
      command: "ls -l /proc/self/fd",
      shows: {
        en: "0, 1, 2, and the one that ls itself has opened",
        zh: "0、1、2，再加 ls 自己打开的那个",
      },
    },
    syscalls: ["close_range", "fstat", "openat2", "dup3", "close", "fcntl"],
    man: ["close_range(2)", "CVE-2024-21626"],
  },

  "install-seccomp": {
    act: "confine",
    title: (step) => {
      const count = step.program.byteLength / 8;
      return {
        en: `filter system calls (${count} BPF instructions)`,
        zh: `过滤系统调用（${count} 条 BPF 指令）`,
      };
    },
    why: {
      en: "seccomp: from here on the kernel runs a small program before each system call and refuses those that containers do not need, among them many with a history of kernel bugs. Without no_new_privs it needs CAP_SYS_ADMIN and so comes before the capabilities go; with it, it comes last.",
      zh: "seccomp：从这里起，每次系统调用之前，内核先跑一小段程序，凡是容器用不着的就拒绝，其中不少出过内核漏洞。没有 no_new_privs 时它要 CAP_SYS_ADMIN，所以排在放弃能力之前；有了就排在最后。",
    },
    without: {
      en: "All of the several hundred system calls of the shared kernel would be open to attack.",
      zh: "共用的内核有几百个系统调用，个个都可能成为攻击的入口。",
    },
    observe: {
      where: "inside",
      command: "grep Seccomp /proc/self/status",
      shows: { en: "Seccomp: 2, a filter is active", zh: "Seccomp: 2，表示过滤器已生效" },
    },
    syscalls: ["seccomp", "prctl"],
    man: ["seccomp(2)"],
  },

  "no-new-privileges": {
    act: "confine",
    title: () => ({
      en: "rule out gaining privileges by starting programs",
      zh: "禁止靠启动程序来获得特权",
    }),
    why: {
      en: "From this call on set-user-id bits and file capabilities are ignored at exec, for this process and all its descendants. It cannot be undone.",
      zh: "从这次调用起，这个进程和它的所有后代在 exec 时，set-user-ID 位和文件能力一概无效，而且不能反悔。",
    },
    without: {
      en: "An ordinary user inside could become root of the container through su, sudo or a faulty set-user-id program.",
      zh: "里面的普通用户可以借 su、sudo 或有漏洞的 set-user-ID 程序变成容器里的 root。",
    },
    observe: {
      where: "inside",
      command: "grep NoNewPrivs /proc/self/status",
      shows: { en: "NoNewPrivs: 1", zh: "NoNewPrivs: 1" },
    },
    syscalls: ["prctl"],
    man: ["prctl(2)"],
  },
};
