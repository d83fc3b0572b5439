/** Who the program is and what it may do: user, capabilities, limits. The order matters, each step uses what a later one gives up. */

import { capabilityNames } from "../../base/capabilities";
import { lines } from "./entry";
import type { Catalogue } from "./entry";

const list = (mask: bigint, none: string): string => {
  const names = capabilityNames(mask);
  return names.length === 0 ? none : names.join(" ");
};

/** Kinds that take power away. */
export const power: Pick<Catalogue, "bound-capabilities" | "set-capabilities" | "set-user" | "set-rlimit" | "set-oom-score"> = {
  "bound-capabilities": {
    act: "confine",
    title: (step) => {
      const count = capabilityNames(step.keep).length;
      return {
        en: `lower the ceiling to ${count} of ${step.lastCap + 1} capabilities`,
        zh: `把能力的上限降到 ${step.lastCap + 1} 项中的 ${count} 项`,
      };
    },
    why: (step) => ({
      en: `Capabilities are root's power cut into pieces. What is dropped from the bounding set cannot come back, not even through a set-user-id program. This needs CAP_SETPCAP, so it precedes the change of user. Kept: ${list(step.keep, "none")}.`,
      zh: `能力（capability）是把 root 的权力切成的小块。从上限集里去掉的就再也拿不回来，通过 set-user-ID 程序也不行。这一步要用 CAP_SETPCAP，所以排在换用户之前。留下：${list(step.keep, "一项不留")}。`,
    }),
    without: {
      en: "Root inside could load kernel modules, set the machine's clock and undo every read-only mount: root outside, in other words.",
      zh: "里面的 root 能装内核模块、改机器的时钟、撤掉每一个只读挂载，跟外面的 root 没有两样。",
    },
    observe: (step) => ({
      where: "inside",
      command: "grep CapBnd /proc/self/status",
      shows: {
        en: `${step.keep.toString(16).padStart(16, "0")}, one bit for each that was kept`,
        zh: `${step.keep.toString(16).padStart(16, "0")}，留下的每项占一位`,
      },
    }),
    syscalls: ["prctl"],
    man: ["capabilities(7)"],
  },

  "set-capabilities": {
    act: "confine",
    title: (step) => {
      const count = capabilityNames(step.effective).length;
      return { en: `keep ${count} capabilities in force`, zh: `生效的能力保留 ${count} 项` };
    },
    why: (step) => ({
      en: `The ceiling says what may be had; these sets say what is had now. They are set exactly, after the change of user, which alters them by itself. Effective: ${list(step.effective, "none")}.`,
      zh: `上限说的是最多能有什么，这几个集合说的是现在有什么。换用户会自动改动它们，所以换完之后再逐位设定。生效：${list(step.effective, "没有")}。`,
    }),
    without: {
      en: "The program would start with whatever the change of user happened to leave.",
      zh: "换用户碰巧剩下什么，程序就带着什么启动。",
    },
    observe: (step) => ({
      where: "inside",
      command: "grep CapEff /proc/self/status",
      shows: {
        en: `${step.effective.toString(16).padStart(16, "0")} for a program run by root`,
        zh: `root 运行的程序是 ${step.effective.toString(16).padStart(16, "0")}`,
      },
    }),
    syscalls: ["capset", "prctl"],
    man: ["capset(2)", "capabilities(7)", "CVE-2022-24769"],
  },

  "set-user": {
    act: "confine",
    title: (step) => ({
      en: `become user ${step.uid}, group ${step.gid}${step.groups.length > 0 ? `, also in ${step.groups.join(", ")}` : ""}`,
      zh: `变成用户 ${step.uid}、组 ${step.gid}${step.groups.length > 0 ? `，附加组 ${step.groups.join("、")}` : ""}`,
    }),
    why: (step) =>
      lines(
        {
          en: "Supplementary groups, then group, then user: whoever has given up user 0 may no longer change groups. The numbers come from --user and the image's /etc/passwd and /etc/group.",
          zh: "顺序是附加组、组、用户：一旦不再是 0 号用户，就无权改组了。号码来自 --user 和镜像里的 /etc/passwd、/etc/group。",
        },
        step.setGroups
          ? undefined
          : {
              en: "The list of groups stays as it is: setgroups is forbidden in this user namespace.",
              zh: "附加组不动：这个用户命名空间里禁止 setgroups。",
            },
        step.keepCapabilities
          ? {
              en: "PR_SET_KEEPCAPS holds the capabilities over the change, so that the next steps can set them exactly.",
              zh: "PR_SET_KEEPCAPS 让能力在换用户时先留着，好让后面的步骤逐位设定。",
            }
          : undefined,
      ),
    without: {
      en: "The program would keep the identity and the groups of whoever started glassbox.",
      zh: "谁启动的 glassbox，程序就带着谁的身份和组。",
    },
    observe: {
      where: "inside",
      command: "id",
      shows: {
        en: "exactly these numbers and no further group",
        zh: "正好是这些号码，没有多余的组",
      },
    },
    syscalls: ["prctl", "setgroups", "setresgid", "setresuid"],
    man: ["setresuid(2)", "setgroups(2)", "CVE-2022-36109"],
  },

  "set-rlimit": {
    act: "confine",
    title: (step) => {
      const en = (value: number): string => (value === -1 ? "unlimited" : value.toString());
      const zh = (value: number): string => (value === -1 ? "无限" : ` ${value}`);
      return {
        en: `set ${step.resource}: soft ${en(step.soft)}, hard ${en(step.hard)}`,
        zh: `设置 ${step.resource}：软限制${zh(step.soft)}，硬限制${zh(step.hard)}`,
      };
    },
    why: {
      en: "Resource limits are per process and inherited. Node, in which the parent runs, raises its own; the container gets the values that were asked for or the defaults instead.",
      zh: "资源限制跟着进程走，子进程照样继承。父进程跑在 Node 里，Node 会抬高自己的限制；容器拿到的是用户要求的值，没有要求就用默认值。",
    },
    without: {
      en: "The same container would have other limits depending on the terminal it was started from.",
      zh: "同一个容器，从不同的终端启动，限制就不一样。",
    },
    observe: {
      where: "inside",
      command: "cat /proc/self/limits",
      shows: { en: "the line of this resource", zh: "这项资源的那一行" },
    },
    syscalls: ["prlimit64", "setrlimit"],
    man: ["getrlimit(2)"],
  },

  "set-oom-score": {
    act: "confine",
    title: (step) => ({
      en: `set the out-of-memory score to ${step.value}`,
      zh: `把内存不足时的评分设为 ${step.value}`,
    }),
    why: {
      en: "When the host runs out of memory, the kernel kills the process with the highest score. This number, from -1000 to 1000, is added to the container's; it is written while the host's /proc is still in sight.",
      zh: "宿主机内存耗尽时，内核先杀评分最高的进程。这个数（-1000 到 1000）会加到容器的评分上；要趁宿主机的 /proc 还看得见时写。",
    },
    without: {
      en: "The container would inherit the score of whoever started it, and with a protected parent would never be chosen.",
      zh: "容器会继承启动者的评分；启动者要是受保护，内核就永远轮不到杀它。",
    },
    observe: {
      where: "inside",
      command: "cat /proc/self/oom_score_adj",
      shows: { en: "the number of this step", zh: "这一步设置的数" },
    },
    syscalls: ["openat", "write", "close"],
    man: ["proc(5)"],
  },
};
