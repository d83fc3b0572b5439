/** Third act: a root of its own, built from the image and entered for good. */

import type { Bilingual } from "../../base/lang";
import type { BindMount, SetPropagation } from "../../plan/steps";
import { brief, lines, shown } from "./entry";
import type { Catalogue } from "./entry";

/** What the standard devices are for. */
const DEVICES: Readonly<Record<string, Bilingual>> = {
  "/dev/null": { en: "takes everything, gives nothing", zh: "写什么都丢掉，读什么都没有" },
  "/dev/zero": { en: "endless zeros", zh: "读不完的零" },
  "/dev/full": { en: "always out of space", zh: "永远没有空间" },
  "/dev/random": { en: "random numbers", zh: "随机数" },
  "/dev/urandom": { en: "random numbers, never waiting", zh: "随机数，从不等待" },
  "/dev/tty": { en: "the process's own terminal", zh: "进程自己的终端" },
};

function propagationWhy(step: SetPropagation): Bilingual {
  const base: Bilingual = {
    en: "Mounts can be shared between namespaces: what is mounted in one then appears in the other. systemd makes the host's / shared, and the new namespace has inherited that. Hence this comes before any mount of ours.",
    zh: "挂载可以在命名空间之间共享：这边一挂，那边就出现。systemd 把宿主机的 / 设成共享，新的命名空间也照样继承。所以这一步要赶在我们的任何挂载之前。",
  };
  const mode: Bilingual | undefined = step.flags.includes("MS_SLAVE")
    ? {
        en: "Slave: the host's later mounts still come in, ours do not go out.",
        zh: "slave（从属）：宿主机以后的挂载还能传进来，我们的传不出去。",
      }
    : step.flags.includes("MS_PRIVATE")
      ? {
          en: "Private: nothing passes in either direction.",
          zh: "private（私有）：两个方向都不再传递。",
        }
      : step.flags.includes("MS_SHARED")
        ? {
            en: "Shared: this was asked for, and mounts pass both ways.",
            zh: "shared（共享）：这是用户要求的，两个方向都传递。",
          }
        : undefined;
  return lines(
    base,
    mode,
    step.flags.includes("MS_REC")
      ? {
          en: "MS_REC: for every mount below it as well.",
          zh: "MS_REC：下面的每个挂载也一并照办。",
        }
      : undefined,
  );
}

const isReadonly = (step: BindMount): boolean => step.attributes.includes("MOUNT_ATTR_RDONLY");

/** Kinds of the third act that are not a fresh file system. */
export const root: Pick<
  Catalogue,
  | "mount-overlay"
  | "set-propagation"
  | "open-root"
  | "take-mount"
  | "bind-mount"
  | "create-device"
  | "create-symlink"
  | "open-console"
  | "change-root"
> = {
  "mount-overlay": {
    act: "root",
    title: (step) => ({
      en: `stack ${step.lowerdirs.length} read-only layers and 1 writable layer at ${brief(step.target)}`,
      zh: `把 ${step.lowerdirs.length} 个只读层和 1 个可写层叠到 ${brief(step.target)}`,
    }),
    why: (step) =>
      lines(
        {
          en: "overlayfs shows several directories as one. Reading looks through them from the top down; writing goes to the top one alone, where a changed file is first copied. So any number of containers share one copy of the image and none can change it.",
          zh: "overlayfs 把几个目录显示成一个。读，从上往下逐层找；写，只写最上面一层，要改下层的文件就先拷上来。所以多少个容器都能共用一份镜像，谁也改不了它。",
        },
        step.lane === "parent" && step.shared !== true
          ? {
              en: "MS_PRIVATE: what is mounted below it later, on the host or inside, stays on its own side.",
              zh: "MS_PRIVATE：以后谁再在它下面挂载，不管是宿主机还是容器，都只留在自己那一边。",
            }
          : undefined,
      ),
    without: {
      en: "Each container would need a full copy of the image, or would write into the image itself.",
      zh: "要么每个容器都拷一份完整的镜像，要么直接把镜像本身写坏。",
    },
    observe: (step) => ({
      where: "outside",
      command: `ls -A ${shown(step.upperdir)}`,
      shows: {
        en: "nothing at first, later just the files that this container has changed",
        zh: "开始是空的，后来只有这个容器改动过的文件",
      },
    }),
    syscalls: ["mount", "chdir", "fchdir", "mkdir", "mkdirat", "openat", "close"],
    man: ["mount(2)", "mount(8)"],
  },

  "set-propagation": {
    act: "root",
    title: (step) =>
      step.flags.includes("MS_SHARED")
        ? {
            en: `let mounts under ${shown(step.target)} pass both ways (${step.flags.join("|")})`,
            zh: `让 ${shown(step.target)} 下的挂载双向传递（${step.flags.join("|")}）`,
          }
        : {
            en: `stop mounts under ${shown(step.target)} from reaching the host (${step.flags.join("|")})`,
            zh: `不让 ${shown(step.target)} 下的挂载传到宿主机（${step.flags.join("|")}）`,
          },
    why: propagationWhy,
    without: {
      en: "On a host with a shared /, every mount below would show up there too, and would stay after the container is gone.",
      zh: "如果宿主机的 / 是共享的，下面的每个挂载都会出现在宿主机上，容器没了也还留着。",
    },
    observe: {
      where: "outside",
      command: "findmnt -o TARGET,PROPAGATION /",
      shows: {
        en: "shared on most hosts; inside, mountinfo has no shared: tag",
        zh: "多数宿主机上是 shared；容器里的 mountinfo 则没有 shared: 字样",
      },
    },
    syscalls: ["mount"],
    man: ["mount_namespaces(7)"],
  },

  "open-root": {
    act: "root",
    title: (step) => ({
      en: `hold the new root ${brief(step.path)} by a descriptor`,
      zh: `打开新的根目录 ${brief(step.path)}，握住它的描述符`,
    }),
    why: {
      en: "All later paths are looked up from this descriptor with openat2(RESOLVE_IN_ROOT): symlinks, .. and absolute paths then end inside the image, whatever it contains.",
      zh: "后面的路径都从这个描述符出发，用 openat2(RESOLVE_IN_ROOT) 查找：不管镜像里有什么，符号链接、.. 和绝对路径都走不出去。",
    },
    without: {
      en: "An image in which /proc is a symlink to /etc would make the runtime mount over the host's /etc.",
      zh: "镜像里只要把 /proc 做成指向 /etc 的符号链接，运行时就会挂到宿主机的 /etc 上。",
    },
    observe: {
      where: "outside",
      command: "strace -f -e trace=openat2 glassbox run IMAGE true",
      shows: {
        en: "the same first number in every openat2",
        zh: "每个 openat2 的第一个参数都是同一个描述符",
      },
    },
    syscalls: ["openat"],
    man: ["openat2(2)", "CVE-2021-30465"],
  },

  "take-mount": {
    act: "root",
    title: (step) => ({
      en: `take the host's ${brief(step.source)} with its propagation`,
      zh: `连同传播关系一起取下宿主机的 ${brief(step.source)}`,
    }),
    why: {
      en: "rshared asks that mounts made inside appear on the host too. A copy is a peer of the original only if it is made while the original is shared: so now, before the next step cuts the ties, and put in place later.",
      zh: "rshared 要求容器里的挂载在宿主机上也看得见。只有趁原挂载还是共享的时候复制，副本才与它互通：所以要赶在下一步切断联系之前取下来，稍后再安放。",
    },
    without: {
      en: "The copy would be a slave: mounts would arrive from the host, but none would go back.",
      zh: "副本就成了从属的：宿主机的挂载传得进来，容器里的却传不出去。",
    },
    observe: {
      where: "inside",
      command: "grep shared: /proc/self/mountinfo",
      shows: { en: "the mount, in one peer group with the host's", zh: "这个挂载，与宿主机上的同属一个对等组" },
    },
    syscalls: ["open_tree"],
    man: ["open_tree(2)", "mount_namespaces(7)"],
  },

  "bind-mount": {
    act: "root",
    title: (step) => ({
      en: `show the host's ${brief(step.source)} at ${shown(step.target)}${isReadonly(step) ? ", read-only" : ""}`,
      zh: `把宿主机的 ${brief(step.source)} ${isReadonly(step) ? "只读地" : ""}映到 ${shown(step.target)}`,
    }),
    why: (step) =>
      lines(
        {
          en: "A bind mount makes files that exist elsewhere appear here: the same files, not a copy. The source is taken by descriptor first (open_tree), so that it cannot be swapped while its target is looked up.",
          zh: "bind 挂载让别处的文件出现在这里：是同一份文件，不是拷贝。先用 open_tree 拿住源目录的描述符，查找目标期间就没人能把它调包。",
        },
        isReadonly(step)
          ? {
              en: "mount_setattr makes it read-only with every mount below it, before it becomes visible; a plain remount would leave the lower ones writable.",
              zh: "在它露面之前，mount_setattr 把它连同下面的挂载一起设成只读；普通的 remount 管不到下面那些。",
            }
          : undefined,
      ),
    without: (step) => ({
      en: `The program would see what the image has at ${shown(step.target)}, and what it writes there would not reach the host.`,
      zh: `程序看到的是镜像里的 ${shown(step.target)}，写在那里的东西也到不了宿主机。`,
    }),
    observe: (step) => ({
      where: "inside",
      command: `grep ' ${shown(step.target)} ' /proc/self/mountinfo`,
      shows: {
        en: "the 4th field is the path on the source's file system",
        zh: "第 4 列是它在原文件系统上的路径",
      },
    }),
    syscalls: ["open_tree", "mount_setattr", "move_mount", "openat", "openat2", "mkdirat", "fstatfs", "fstat", "close"],
    man: ["open_tree(2)", "mount_setattr(2)", "move_mount(2)"],
  },

  "create-device": {
    act: "root",
    title: (step) => {
      const what = DEVICES[step.path];
      const number = `${step.type} ${step.major}:${step.minor}`;
      return {
        en: `make the device ${shown(step.path)} (${number}${what ? `: ${what.en}` : ""})`,
        zh: `创建设备 ${shown(step.path)}（${number}${what ? `，${what.zh}` : ""}）`,
      };
    },
    why: (step) =>
      lines(
        {
          en: "A device node is only a name with two numbers; the kernel finds the driver by the numbers. The few that programs expect, and those given with --device, are made one by one; no others exist.",
          zh: "设备节点只是一个名字加两个号码，内核凭号码找驱动。程序离不开的那几个，加上 --device 指定的，逐一创建，除此之外一个也没有。",
        },
        step.how === "bind"
          ? {
              en: "In a user namespace mknod is refused, so the host's node is shown at this place instead.",
              zh: "用户命名空间里不许 mknod，所以把宿主机的节点映到这里。",
            }
          : undefined,
      ),
    without: (step) => ({
      en: `Opening ${shown(step.path)} would fail with ENOENT, or create an ordinary file under that name.`,
      zh: `打开 ${shown(step.path)} 会得到 ENOENT，或者建出一个同名的普通文件。`,
    }),
    observe: (step) => ({
      where: "inside",
      command: `ls -l ${shown(step.path)}`,
      shows: {
        en: `${step.type} at the start of the line, ${step.major}, ${step.minor} in place of a size`,
        zh: `行首是 ${step.type}，本该写大小的地方是 ${step.major}, ${step.minor}`,
      },
    }),
    syscalls: [
      "mknodat",
      "fchmodat",
      "fchownat",
      "openat",
      "openat2",
      "open_tree",
      "mount_setattr",
      "move_mount",
      "mkdirat",
      "close",
    ],
    man: ["mknod(2)", "null(4)"],
  },

  "create-symlink": {
    act: "root",
    title: (step) => ({
      en: `link ${shown(step.path)} to ${shown(step.target)}`,
      zh: `建符号链接 ${shown(step.path)} → ${shown(step.target)}`,
    }),
    why: {
      en: "Shells and programs expect these names: /dev/stdin, for example, leads to the reader's own descriptor 0 by way of /proc.",
      zh: "shell 和程序都要用到这些名字：比如 /dev/stdin 经由 /proc 通到读它的进程自己的 0 号描述符。",
    },
    without: (step) => ({
      en: `Whatever relies on ${shown(step.path)} (for /dev/fd: the shell's <(command)) would not work.`,
      zh: `用到 ${shown(step.path)} 的地方都会失败：比如 shell 的 <(命令) 就要靠 /dev/fd。`,
    }),
    observe: (step) => ({
      where: "inside",
      command: `readlink ${shown(step.path)}`,
      shows: { en: shown(step.target), zh: shown(step.target) },
    }),
    syscalls: ["symlinkat", "openat2", "mkdirat", "close"],
    man: ["symlink(2)"],
  },

  "open-console": {
    act: "root",
    title: (step) => {
      // 0 by 0: the caller has no terminal of its own to copy the size from.
      const size = step.rows > 0 && step.columns > 0;
      return {
        en: `open the container's own terminal${size ? `, ${step.rows} rows by ${step.columns} columns` : ""}`,
        zh: `打开容器自己的终端${size ? `，${step.rows} 行 ${step.columns} 列` : ""}`,
      };
    },
    why: {
      en: "A pseudo-terminal has two ends. The program gets the inner one as its descriptors 0, 1 and 2 and as its controlling terminal; the outer one is sent to the parent, which carries the bytes to your terminal and back. It is opened by descriptor (TIOCGPTPEER), never by a name that the image could fake.",
      zh: "伪终端有两头。里面那头给程序当 0、1、2 号描述符，也当它的控制终端；外面那头交给父进程，由它在你的终端之间来回搬运字节。打开时用描述符（TIOCGPTPEER），不用名字，镜像就没法冒充。",
    },
    without: {
      en: "A shell inside would have no prompt, no Ctrl-C and no job control; on the caller's terminal it could read what is typed to other programs.",
      zh: "里面的 shell 没有提示符，Ctrl-C 和作业控制也不管用；直接用调用者的终端，又会读到敲给别的程序的字。",
    },
    observe: {
      where: "inside",
      command: "tty",
      shows: {
        en: "/dev/pts/0: the first terminal of the container's own devpts",
        zh: "/dev/pts/0：容器自己的 devpts 里的第一个终端",
      },
    },
    syscalls: ["openat2", "ioctl", "fchown", "open_tree", "mount_setattr", "move_mount", "dup3", "sendmsg", "mkdirat", "close"],
    man: ["pty(7)", "ioctl_tty(2)", "CVE-2025-52565"],
  },

  "change-root": {
    act: "root",
    title: (step) =>
      step.method === "pivot_root"
        ? {
            en: `make ${brief(step.path)} the root, and let go of the host's`,
            zh: `把 ${brief(step.path)} 换成根目录，卸掉宿主机的根`,
          }
        : {
            en: `make ${brief(step.path)} the root of this process only (chroot)`,
            zh: `只把这个进程的根改成 ${brief(step.path)}（chroot）`,
          },
    why: (step) =>
      step.method === "pivot_root"
        ? {
            en: 'pivot_root exchanges the root of the whole mount namespace. With "." twice the old root ends up on top of the new one, so the image needs no directory for it; then it is unmounted with all that hangs on it. After that the host\'s files have no name in here at all.',
            zh: 'pivot_root 换掉整个挂载命名空间的根。两个参数都写 "."，旧根就叠在新根上面，镜像里不必为它准备目录；随后把旧根连同挂在上面的一切卸掉。从此在这里，宿主机的文件连个名字都没有。',
          }
        : {
            en: "chroot only changes where this process starts to look up paths. The host's mounts stay in the namespace. A process with CAP_SYS_CHROOT gets back to them: it moves its root to a subdirectory while standing above it, and nothing stops cd .. any more.",
            zh: "chroot 只改这个进程查找路径的起点。宿主机的挂载都还在命名空间里。进程只要有 CAP_SYS_CHROOT 就能回去：把根再移到一个子目录，自己站在它上面，cd .. 就再也没人拦了。",
          },
    without: {
      en: "The program would work in the host's file tree: namespaces and limits around it, and your home directory in front of it.",
      zh: "程序就在宿主机的目录树里干活：外面套着命名空间和限额，眼前却是你的主目录。",
    },
    observe: {
      where: "inside",
      command: "head -1 /proc/self/mountinfo",
      shows: {
        en: "the overlay is mounted on /, and no line names the host's disk as root",
        zh: "挂在 / 上的是 overlay，没有一行以宿主机的磁盘为根",
      },
    },
    syscalls: ["pivot_root", "chroot", "openat", "fchdir", "mount", "umount2", "chdir", "close"],
    man: (step) => (step.method === "pivot_root" ? ["pivot_root(2)"] : ["chroot(2)"]),
  },
};
