/** What each `--unsafe` switch takes off, and what that lets in. */

import type { Bilingual, Lang } from "../base/lang";

/** Every key=value that `--unsafe` knows. */
export type UnsafeSwitch =
  | "root=chroot"
  | "private=off"
  | "pidns=off"
  | "proc=host"
  | "nnp=off"
  | "caps=all"
  | "seccomp=off"
  | "initlayer=off"
  | "devices=host"
  | "sysfs=rw"
  | "cgroup=off";

export const UNSAFE_WARNINGS: Readonly<Record<UnsafeSwitch, Bilingual>> = {
  "root=chroot": {
    en: "The root is changed with chroot instead of pivot_root, so the host's mounts stay in the container's namespace. A root process inside can climb out with a second chroot and read and write the host's files.",
    zh: "换根用 chroot，不用 pivot_root，宿主机的挂载仍留在容器的命名空间里。里面的 root 进程再做一次 chroot 就能走出去，读写宿主机的文件。",
  },
  "private=off": {
    en: "Mounts of the container stay shared with the host: on a host with a shared / each of them appears there too, covers what was there, and may remain after the container is gone.",
    zh: "容器的挂载仍与宿主机共享：宿主机的 / 若是共享的，容器里的每个挂载都会出现在宿主机上，盖住原来的内容，容器没了也可能还在。",
  },
  "pidns=off": {
    en: "There is no pid namespace: processes inside see all processes of the host, and root inside can kill them. When the program ends, the kernel does not end its children; glassbox then kills those that are still in the container's cgroup, and with --unsafe cgroup=off nobody does.",
    zh: "没有 pid 命名空间：里面的进程看得见宿主机的所有进程，root 还能杀掉它们。程序结束时，内核不会连带结束它的子进程；由 glassbox 随后杀掉还在容器 cgroup 里的那些，再加上 --unsafe cgroup=off 就没人管了。",
  },
  "proc=host": {
    en: "The host's /proc is shown inside, with nothing covered and nothing read-only: the command lines of all its processes can be read, and root inside can set core_pattern, the program that the kernel runs on the host as root when a process crashes.",
    zh: "里面看到的是宿主机的 /proc，不遮盖，也不设只读：宿主机所有进程的命令行都能读到，里面的 root 还能改 core_pattern，也就是进程崩溃时内核在宿主机上以 root 身份运行的那个程序。",
  },
  "nnp=off": {
    en: "The no_new_privs switch is not set: set-user-id programs and file capabilities work, so an ordinary user inside can become root of the container through one of them.",
    zh: "不设 no_new_privs：set-user-ID 程序和文件能力都有效，里面的普通用户借助其中一个就能变成容器里的 root。",
  },
  "caps=all": {
    en: "Root inside keeps every capability: it can unmount what covers /proc and /sys, set the machine's clock and load kernel modules. Little is left between it and root on the host.",
    zh: "里面的 root 保留全部能力：能卸掉盖在 /proc、/sys 上的东西，能改机器的时钟，能装内核模块。它和宿主机的 root 之间，已经没剩多少阻隔。",
  },
  "seccomp=off": {
    en: "No system call is filtered: every call of the shared kernel can be tried, also those that let programs break out through a kernel bug.",
    zh: "不过滤系统调用：共用内核的每个系统调用都可以去试，包括那些会因内核漏洞而被突破的。",
  },
  "initlayer=off": {
    en: "There is no init layer: /etc/hosts, /etc/hostname and /etc/resolv.conf of this one container lie in its writable layer, and commit carries them into the new image.",
    zh: "不建 init 层：/etc/hosts、/etc/hostname、/etc/resolv.conf 这些只属于这个容器的文件落在可写层里，commit 会把它们一并带进新镜像。",
  },
  "devices=host": {
    en: "The host's /dev is shown inside and no device is forbidden: root inside can read and overwrite the host's disks.",
    zh: "里面看到的是宿主机的 /dev，任何设备都不禁用：里面的 root 能读写宿主机的磁盘。",
  },
  "sysfs=rw": {
    en: "/sys and /proc/sys are writable. There is one kernel for all: what root inside changes there holds for the host and for every other container, and stays after this one is gone.",
    zh: "/sys 和 /proc/sys 可写。内核只有一个，大家共用：里面的 root 在那里改了什么，宿主机和别的容器都跟着变，容器没了也不会复原。",
  },
  "cgroup=off": {
    en: "The container gets no cgroup of its own: nothing limits its memory, processor time and number of processes, and no device is forbidden to it. A fork bomb inside takes the host down.",
    zh: "容器没有自己的 cgroup：内存、CPU 时间和进程数都不受限制，设备也一概不禁。里面一颗 fork 炸弹就能拖垮宿主机。",
  },
};

const RED = "\u001b[1;31m";
const PLAIN = "\u001b[0m";

/**
 * Warning lines for the switches that are on, one for each, in the order given: `--unsafe root=chroot: …`.
 * Red when `colour`. Switches without a text are not possible: the record is exhaustive.
 */
export function unsafeWarnings(switches: readonly UnsafeSwitch[], lang: Lang, colour: boolean): string[] {
  return switches.map((one) => {
    const text = `--unsafe ${one}${lang === "zh" ? "：" : ": "}${UNSAFE_WARNINGS[one][lang]}`;
    return colour ? `${RED}${text}${PLAIN}` : text;
  });
}

/** Is this "key=value" one that `--unsafe` knows? */
export function isUnsafeSwitch(text: string): text is UnsafeSwitch {
  return Object.hasOwn(UNSAFE_WARNINGS, text);
}
