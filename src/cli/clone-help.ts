/** The help of `clone`. */

import type { VerbHelp } from "./verb";

export const CLONE_HELP: VerbHelp = {
  usage: "[OPTIONS] [--] [COMMAND] [ARG...]",
  summary: { en: "Run a command in new namespaces, without an image", zh: "不用镜像，在新的命名空间里运行一条命令" },
  description: {
    en: "One clone(2) and nothing else: the files, the user and the limits stay the host's. Without a command it starts your shell.",
    zh: "只做一次 clone(2)：文件、用户和限制都还是宿主机的。不给命令就启动你的 shell。",
  },
  aliases: [],
  flags: [
    {
      name: "as",
      text: { en: "Print the same as a program instead of running it ('c')", zh: "不运行，而是打印做同样事情的程序（'c'）" },
    },
    {
      name: "explain",
      text: { en: "Tell every step; 'calls' tells every system call", zh: "讲解每一步；'calls' 列出每个系统调用" },
    },
    {
      name: "mount",
      text: {
        en: "Mount a new file system in the new mount namespace, TYPE:PATH (tmpfs, proc, sysfs, mqueue)",
        zh: "在新的挂载命名空间里挂载文件系统，类型:路径（tmpfs、proc、sysfs、mqueue）",
      },
    },
    {
      name: "ns",
      text: {
        en: "New namespaces: mnt, pid, uts, ipc, net, user, cgroup",
        zh: "新的命名空间：mnt、pid、uts、ipc、net、user、cgroup",
      },
    },
    {
      name: "quiet",
      text: {
        en: 'Leave out the lines "Parent - …" and "Container - …", which the C program prints too',
        zh: '不打印 "Parent - …"、"Container - …" 这几行（C 程序也打印它们）',
      },
    },
    {
      name: "shared",
      text: {
        en: "Leave the mount propagation of / as it is: where it is shared, mounts appear on the host too",
        zh: "不改 / 的挂载传播：若它是 shared，挂载也会出现在宿主机上",
      },
    },
  ],
  examples: [
    {
      command: "glassbox clone --ns mnt --mount tmpfs:/tmp -- ls /tmp",
      text: { en: "An empty /tmp that only this command sees", zh: "一个只有这条命令看得见的空 /tmp" },
    },
    {
      command: "glassbox clone --ns pid,mnt --mount proc:/proc -- ps",
      text: { en: "A process that is number 1", zh: "一个编号为 1 的进程" },
    },
    {
      command: "glassbox clone --ns mnt --mount tmpfs:/tmp --as c -- /bin/bash > ns.c",
      text: { en: "The C program that does it", zh: "做同样事情的 C 程序" },
    },
  ],
};
