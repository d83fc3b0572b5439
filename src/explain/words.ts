/** The narrator's own words: names of lanes, phases and acts, headings and totals. */

import type { Bilingual } from "../base/lang";
import type { Lane, Phase } from "../plan/steps";
import type { Act } from "./catalogue/entry";

export const LANES: Readonly<Record<Lane, Bilingual>> = {
  parent: { en: "parent", zh: "父" },
  child: { en: "child", zh: "子" },
};

export const ACTS: Readonly<Record<Act, Bilingual>> = {
  namespaces: { en: "namespaces", zh: "命名空间" },
  cgroups: { en: "cgroups", zh: "cgroup" },
  root: { en: "root", zh: "根目录" },
  confine: { en: "confine", zh: "收权" },
  run: { en: "run", zh: "运行" },
};

/** The three acts that make a container, in the order in which they are usually told, then the two that follow. */
export const ACT_ORDER: readonly Act[] = ["namespaces", "cgroups", "root", "confine", "run"];

export const ACT_MEANING: Readonly<Record<Act, Bilingual>> = {
  namespaces: { en: "1st: what the process sees", zh: "第一件事：进程看得见什么" },
  cgroups: { en: "2nd: how much it may use", zh: "第二件事：它能用多少" },
  root: { en: "3rd: which files it lives in", zh: "第三件事：它住在哪套文件里" },
  confine: { en: "then: what it may not do", zh: "然后：它不许做什么" },
  run: { en: "and: the program itself", zh: "最后：程序本身" },
};

export const PHASES: Readonly<Record<Phase, { name: Bilingual; sentence: Bilingual }>> = {
  prepare: {
    name: { en: "Prepare", zh: "准备" },
    sentence: {
      en: "The container's process does not exist yet; the parent gets ready what only the host can make.",
      zh: "容器的进程还没有出现，只有宿主机才能准备的东西，由父进程先备好。",
    },
  },
  clone: {
    name: { en: "Clone", zh: "克隆" },
    sentence: {
      en: "One system call makes the process and its namespaces. From here on there are two lanes: parent and child.",
      zh: "一次系统调用，造出进程和它的命名空间。从这里起分成两路：父进程和子进程。",
    },
  },
  attach: {
    name: { en: "Attach", zh: "安置" },
    sentence: {
      en: "The child stands still while its surroundings are put in place.",
      zh: "周围的一切安排妥当之前，子进程原地等候。",
    },
  },
  rootfs: {
    name: { en: "Root file system", zh: "根文件系统" },
    sentence: {
      en: "Inside its own mount namespace the child builds the file tree of the container and moves into it.",
      zh: "子进程在自己的挂载命名空间里搭好容器的目录树，然后搬进去。",
    },
  },
  confine: {
    name: { en: "Confine", zh: "收紧" },
    sentence: {
      en: "The view is complete; now its edges are closed.",
      zh: "该有的都有了，现在把漏风的地方堵上。",
    },
  },
  identity: {
    name: { en: "Identity", zh: "身份" },
    sentence: {
      en: "The child becomes the user it is to be and gives up every power it no longer needs.",
      zh: "子进程换成该用的用户，交出所有用不着的权力。",
    },
  },
  handoff: {
    name: { en: "Hand over", zh: "交接" },
    sentence: {
      en: "All is ready. At the word of the parent the child turns into the program.",
      zh: "一切就绪。父进程一声令下，子进程变成目标程序。",
    },
  },
};

export const WORDS = {
  opening: (steps: number): Bilingual => ({
    en: `A container start in ${steps} steps. "parent" is glassbox on the host, "child" the new process that becomes the container. Times are those of the calls themselves.`,
    zh: `启动一个容器，共 ${steps} 步。“父”是宿主机上的 glassbox，“子”是将要变成容器的新进程。时间只算系统调用本身。`,
  }),
  notRecorded: { en: "(no call recorded)", zh: "（没有记录到系统调用）" },
  rendezvous: {
    en: "(a rendezvous of one byte, not recorded)",
    zh: "（双方交接一个字节，没有记录）",
  },
  notReached: (first: number, last: number): Bilingual => ({
    en: first === last ? `Step ${first} was not reached.` : `Steps ${first} to ${last} were not reached.`,
    zh: first === last ? `没有走到第 ${first} 步。` : `没有走到第 ${first} 至 ${last} 步。`,
  }),
  noReturn: {
    en: "(no record: a successful execve does not return)",
    zh: "（没有记录：execve 一旦成功就不再返回）",
  },
  alike: (count: number): Bilingual => ({
    en: `… ${count} more like these`,
    zh: `……同样的调用还有 ${count} 次`,
  }),
  further: (text: string): Bilingual => ({ en: `and ${text}`, zh: `另有 ${text}` }),
  tolerated: { en: "  (may fail here)", zh: "  （这里失败也无妨）" },
  elsewhere: { en: "Calls outside the plan", zh: "计划之外的调用" },
  totals: { en: "Totals", zh: "合计" },
  wall: { en: "first call to last", zh: "首次调用到末次调用" },
  count: (steps: number, calls: number): Bilingual => ({
    en: `${steps} step${steps === 1 ? "" : "s"}, ${calls} call${calls === 1 ? "" : "s"}`,
    zh: `${steps} 步，${calls} 次调用`,
  }),
  failed: (calls: number): Bilingual => ({
    en: `${calls} call${calls === 1 ? "" : "s"} failed where failing is allowed for`,
    zh: `有 ${calls} 次调用失败，但都在意料之中`,
  }),
  without: { en: "Without it: ", zh: "没有这一步：" },
  see: { en: "See for yourself", zh: "亲眼看看" },
  inside: { en: "inside", zh: "容器里" },
  outside: { en: "on the host", zh: "宿主机上" },
  read: { en: "Read: ", zh: "查阅：" },
  colon: { en: ": ", zh: "：" },
  plan: (steps: number): Bilingual => ({
    en: `Plan of ${steps} steps. Nothing has been done yet.`,
    zh: `计划共 ${steps} 步，尚未执行。`,
  }),
} as const;
