/** The end of the start: waiting for the parent's word, the last settings that programs inherit, and the program itself. */

import type { Bilingual } from "../../base/lang";
import type { Lane, Synchronize } from "../../plan/steps";
import { SIGNALS } from "../calls/names";
import { lines, shown } from "./entry";
import type { Catalogue } from "./entry";

const POINTS: Readonly<Record<Synchronize["point"], { title: Record<Lane, Bilingual>; why: Bilingual; without: Bilingual }>> = {
  release: {
    title: {
      parent: { en: "tell the child to go on", zh: "通知子进程：可以往下走了" },
      child: { en: "wait until the parent has done its part", zh: "等父进程做完它那一份" },
    },
    why: {
      en: "Some things can be done to the child only from outside: its id maps, its cgroups, its limits. Until they are done it stands still here, reading from a socket.",
      zh: "有些事只能从外面替子进程做：写 id 对照表、放进 cgroup、设限额。做完之前，它就停在这里，等着从套接字里读到一个字节。",
    },
    without: {
      en: "The child would run ahead: without its limits, and in a user namespace without an identity.",
      zh: "子进程会抢先跑起来：限额还没生效，在用户命名空间里连身份都没有。",
    },
  },
  start: {
    title: {
      parent: { en: "give the word to start the program", zh: "发话：启动程序" },
      child: { en: "report ready, and wait for the word to start", zh: "报告就绪，等待启动" },
    },
    why: {
      en: 'All preparation is done and has succeeded; the container is now in the state "created". glassbox create leaves it here, glassbox start gives the word, glassbox run does both.',
      zh: "准备工作已全部成功，容器此刻的状态是 created。glassbox create 停在这里，glassbox start 来发话，glassbox run 则一气呵成。",
    },
    without: {
      en: "create and start could not be two commands, and a program might run before the container is on record.",
      zh: "create 和 start 就没法分成两条命令，程序还可能在容器登记之前就跑起来。",
    },
  },
};

/** Kinds of the last act. */
export const run: Pick<
  Catalogue,
  "synchronize" | "set-parent-death-signal" | "set-umask" | "change-directory" | "restore-signals" | "execute"
> = {
  synchronize: {
    act: "run",
    title: (step) => POINTS[step.point].title[step.lane],
    why: (step) => POINTS[step.point].why,
    without: (step) => POINTS[step.point].without,
    observe: (step) => ({
      where: "outside",
      command: "strace -f -e trace=read,write,recvmsg,sendmsg glassbox run IMAGE true",
      shows: {
        en:
          step.point === "release"
            ? "the child's first read ends when the parent writes one byte"
            : "the child's last read before execve",
        zh: step.point === "release" ? "父进程写入一个字节，子进程的第一次 read 才返回" : "子进程在 execve 之前的最后一次 read",
      },
    }),
    syscalls: ["read", "write", "recvmsg", "sendmsg", "recvfrom", "sendto"],
    man: ["socketpair(2)", "unix(7)"],
  },

  "set-parent-death-signal": {
    act: "run",
    title: (step) => {
      const name = SIGNALS[step.signal] ?? step.signal.toString();
      return {
        en: `ask for ${name} should the parent die`,
        zh: `约定：父进程一死，就收到 ${name}`,
      };
    },
    why: {
      en: "A container that nobody watches any more would have no one to collect its exit status or clean up after it. The kernel watches over that: it sends the signal when the thread that made the child ends.",
      zh: "没人看管的容器，退出状态没人收，残局也没人收拾。这件事交给内核：创建子进程的那个线程一结束，内核就发出信号。",
    },
    without: {
      en: "After kill -9 of glassbox the half-made container would stay behind.",
      zh: "对 glassbox 执行 kill -9 之后，做到一半的容器就留在那里了。",
    },
    observe: {
      where: "outside",
      command: "kill -9 $(pgrep -nf 'glassbox run'); ps -e",
      shows: { en: "the container's processes are gone as well", zh: "容器的进程也跟着没了" },
    },
    syscalls: ["prctl", "getppid"],
    man: ["prctl(2)"],
  },

  "set-umask": {
    act: "run",
    title: (step) => {
      const mask = step.mask.toString(8).padStart(3, "0");
      return { en: `set the umask to ${mask}`, zh: `把 umask 设为 ${mask}` };
    },
    why: {
      en: "The umask names the permissions that new files do not get. Like everything a process inherits it came from the caller; now it is a fixed value.",
      zh: "umask 规定新建的文件不给哪些权限。它和其他继承来的设置一样出自调用者，现在换成一个固定的值。",
    },
    without: {
      en: "Files made inside would have other permissions from one caller to the next.",
      zh: "调用者不同，里面新建的文件权限就不同。",
    },
    observe: {
      where: "inside",
      command: "sh -c umask",
      shows: { en: "the value of this step", zh: "这一步设置的值" },
    },
    syscalls: ["umask"],
    man: ["umask(2)"],
  },

  "change-directory": {
    act: "run",
    title: (step) => ({
      en: `go to the working directory ${shown(step.path)}`,
      zh: `进入工作目录 ${shown(step.path)}`,
    }),
    why: (step) =>
      lines(
        {
          en: "The directory is opened inside the root and then entered by its descriptor. getcwd has the last word: a directory outside the root would have no path, or one that starts with (unreachable).",
          zh: "先在根目录之内打开它，再凭描述符进去。最后由 getcwd 把关：根目录以外的目录要么没有路径，要么以 (unreachable) 开头。",
        },
        step.create
          ? {
              en: "A missing WORKDIR is made, as Docker does.",
              zh: "WORKDIR 不存在就新建，与 Docker 一致。",
            }
          : undefined,
        step.ignore.length > 0
          ? {
              en: "Should it be missing or closed to the program, the program starts in /.",
              zh: "目录不在或不让进，程序就从 / 启动。",
            }
          : undefined,
      ),
    without: {
      en: "The program would start in /, and relative paths in its command would miss their files.",
      zh: "程序会从 / 启动，命令里的相对路径就找不到文件。",
    },
    observe: {
      where: "inside",
      command: "pwd",
      shows: { en: "the directory of this step", zh: "这一步进入的目录" },
    },
    syscalls: ["openat2", "mkdirat", "fchdir", "chdir", "getcwd", "close"],
    man: ["chdir(2)", "getcwd(2)", "CVE-2024-21626"],
  },

  "restore-signals": {
    act: "run",
    title: () => ({ en: "put all signals back to their defaults", zh: "把所有信号恢复成默认处理" }),
    why: {
      en: "An ignored signal stays ignored across exec. Node ignores SIGPIPE, nohup ignores SIGHUP; the program should find neither that nor a blocked signal.",
      zh: "被忽略的信号，exec 之后照样被忽略。Node 忽略 SIGPIPE，nohup 忽略 SIGHUP；程序不该碰上这些，也不该碰上被阻塞的信号。",
    },
    without: {
      en: "yes | head -1 inside would end with error messages, because yes would never be told that nobody reads any more.",
      zh: "在里面运行 yes | head -1 会报错：已经没人读了，yes 却收不到通知。",
    },
    observe: {
      where: "inside",
      command: "grep -E 'SigIgn|SigBlk' /proc/self/status",
      shows: { en: "zeros in both lines", zh: "两行都是零" },
    },
    syscalls: ["rt_sigaction", "rt_sigprocmask"],
    man: ["signal(7)", "execve(2)"],
  },

  execute: {
    act: "run",
    title: (step) => ({
      en: `run ${step.argv.map(shown).join(" ")}${step.reaper ? ", with a small init as process 1" : ""}`,
      zh: `运行 ${step.argv.map(shown).join(" ")}${step.reaper ? "，由一个小 init 担任 1 号进程" : ""}`,
    }),
    why: (step) =>
      lines(
        step.reaper
          ? {
              en: "One more clone makes process 2, and execve replaces that one with the program; this process stays as number 1.",
              zh: "再 clone 一次得到 2 号进程，execve 把它换成目标程序；本进程留作 1 号。",
            }
          : {
              en: "execve replaces this process with the program: same process number, same namespaces, and nothing left of the set-up.",
              zh: "execve 把这个进程换成目标程序：进程号不变，命名空间不变，准备阶段的代码一点不剩。",
            },
        step.candidates.length > 1
          ? {
              en: "A name without a slash is tried in each directory of PATH, in order.",
              zh: "命令里没有斜杠，就按 PATH 里的目录逐个去试。",
            }
          : undefined,
        step.reaper
          ? {
              en: "The init passes signals on and collects the exit status of orphans, which otherwise stay as zombies.",
              zh: "init 负责转发信号、给孤儿进程收尸，不然它们会变成僵尸进程。",
            }
          : undefined,
      ),
    without: {
      en: "There would be a perfect container with nobody in it.",
      zh: "容器样样齐备，里面却没有人。",
    },
    observe: {
      where: "inside",
      command: "tr '\\0' ' ' < /proc/1/cmdline",
      shows: { en: "the program is process 1", zh: "1 号进程就是这个程序" },
    },
    syscalls: ["execve", "execveat", "clone", "close", "wait4", "setpgid", "ioctl", "rt_sigprocmask", "getpid"],
    man: ["execve(2)", "pid_namespaces(7)"],
  },
};
