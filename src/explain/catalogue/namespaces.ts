/** First act: namespaces, the process's own view of the machine, and the few things around it that have none. */

import type { Bilingual } from "../../base/lang";
import type { Clone, JoinNamespace, WriteIdMap } from "../../plan/steps";
import { brief, lines, shown } from "./entry";
import type { Catalogue } from "./entry";

/** What each flag gives, as one line. */
export const NAMESPACE_LINES: Readonly<Record<string, Bilingual>> = {
  CLONE_NEWNS: {
    en: "CLONE_NEWNS: its own list of mounts. It starts as a copy, so nothing looks different until something is mounted.",
    zh: "CLONE_NEWNS：自己的挂载表。一开始是一份拷贝，所以在挂载新东西之前看不出任何变化。",
  },
  CLONE_NEWPID: {
    en: "CLONE_NEWPID: its own process numbers. This process is number 1 inside and cannot address any process outside.",
    zh: "CLONE_NEWPID：自己的进程号。这个进程在里面是 1 号，外面的进程它一个也够不着。",
  },
  CLONE_NEWUTS: {
    en: "CLONE_NEWUTS: its own host name and domain name.",
    zh: "CLONE_NEWUTS：自己的主机名和域名。",
  },
  CLONE_NEWIPC: {
    en: "CLONE_NEWIPC: its own message queues, semaphores and System V shared memory.",
    zh: "CLONE_NEWIPC：自己的消息队列、信号量和 System V 共享内存。",
  },
  CLONE_NEWNET: {
    en: "CLONE_NEWNET: its own network: interfaces, addresses, routes, ports, firewall. It starts with lo alone, switched off.",
    zh: "CLONE_NEWNET：自己的网络，包括网卡、地址、路由、端口和防火墙。一开始只有一块没有启用的 lo。",
  },
  CLONE_NEWUSER: {
    en: "CLONE_NEWUSER: its own user numbers. User 0 inside can be an ordinary user outside.",
    zh: "CLONE_NEWUSER：自己的用户号。里面的 0 号用户，在外面可以只是个普通用户。",
  },
  CLONE_NEWCGROUP: {
    en: "CLONE_NEWCGROUP: its own view of the cgroup tree, in which the cgroup it is in now is the top.",
    zh: "CLONE_NEWCGROUP：自己眼中的 cgroup 树，它此刻所在的 cgroup 就是树根。",
  },
  CLONE_NEWTIME: {
    en: "CLONE_NEWTIME: its own zero point for the clocks that count since boot.",
    zh: "CLONE_NEWTIME：从开机算起的那些时钟，有了自己的零点。",
  },
};

const newNamespaces = (step: Clone): string[] => step.flags.filter((flag) => flag.startsWith("CLONE_NEW"));

function cloneWhy(step: Clone): Bilingual {
  const flags = newNamespaces(step);
  return lines(
    flags.length === 0
      ? {
          en: "No namespace is asked for: the child sees what its parent sees.",
          zh: "没有要求新的命名空间：父进程看到什么，子进程就看到什么。",
        }
      : {
          en: "A namespace gives a process its own copy of something that is otherwise one for the whole machine. One call makes the process and all of them, so it never runs without them:",
          zh: "有些东西本来全机只有一份，命名空间让进程拿到自己的一份。一次调用同时造出进程和这些命名空间，进程一出生就在里面：",
        },
    ...flags.map((flag) => NAMESPACE_LINES[flag]),
    step.cgroupPath === undefined
      ? undefined
      : {
          en: `It is born inside the cgroup ${brief(step.cgroupPath)} (CLONE_INTO_CGROUP) and need not be moved there later.`,
          zh: `它直接生在 cgroup ${brief(step.cgroupPath)} 里（CLONE_INTO_CGROUP），用不着事后再搬进去。`,
        },
  );
}

const ID_MAPS: Readonly<Record<WriteIdMap["file"], { why: Bilingual; without: Bilingual }>> = {
  setgroups: {
    why: {
      en: "An unprivileged caller may write gid_map only after setgroups(2) has been given up: some files are closed to one group alone, and a process that could leave that group would get at them.",
      zh: "没有特权的调用者，要先放弃 setgroups(2)，才能写 gid_map：有的文件专门不许某个组访问，进程要是能随意退组，这道限制就落空了。",
    },
    without: {
      en: "The write to gid_map would fail with EPERM.",
      zh: "写 gid_map 会以 EPERM 失败。",
    },
  },
  uid_map: {
    why: {
      en: "Each line reads: first number inside, first number outside, how many. It can be written once; from then on the kernel translates every user number through it.",
      zh: "每行三个数：里面从几号起，对应外面从几号起，一共多少个。内核只许写一次，此后所有用户号都按它换算。",
    },
    without: {
      en: "Every file and process would show as user 65534 (nobody), and the child could not become user 0 of its namespace.",
      zh: "所有文件和进程都显示为 65534（nobody），子进程也当不上自己命名空间里的 0 号用户。",
    },
  },
  gid_map: {
    why: {
      en: "The same table for group numbers. It has to be complete before the child changes its groups.",
      zh: "组号也要有这样一张对照表，子进程改换组身份之前必须写好。",
    },
    without: {
      en: "No group number would mean anything inside, and setgid would fail with EINVAL.",
      zh: "里面没有一个组号是有效的，setgid 会以 EINVAL 失败。",
    },
  },
};

function joinWhy(step: JoinNamespace): Bilingual {
  return lines(
    {
      en: "setns moves the caller into a namespace that exists already. Its file was opened beforehand: once the mounts have changed, the same path means something else.",
      zh: "setns 让调用者走进一个已有的命名空间。那个文件是事先打开的：挂载表一换，同一个路径指的就是别的东西了。",
    },
    step.flag === "CLONE_NEWPID"
      ? {
          en: "A process never changes its own pid namespace: only the children it makes from now on are inside.",
          zh: "进程自己的 pid 命名空间永远不变：从现在起，它生出的子进程才算在里面。",
        }
      : undefined,
  );
}

/** Kinds of the first act. */
export const namespaces: Pick<
  Catalogue,
  | "clone"
  | "write-id-map"
  | "join-namespace"
  | "new-cgroup-namespace"
  | "set-hostname"
  | "set-domainname"
  | "bring-up-loopback"
  | "new-session"
  | "new-keyring"
> = {
  clone: {
    act: "namespaces",
    title: (step) => {
      const count = newNamespaces(step).length;
      if (count === 0)
        return {
          en: "create the process, without new namespaces",
          zh: "创建进程，不带新的命名空间",
        };
      return {
        en: `create the container's process in ${count} new namespace${count === 1 ? "" : "s"}`,
        zh: `创建容器进程，同时新建 ${count} 个命名空间`,
      };
    },
    why: cloneWhy,
    without: {
      en: "It would be an ordinary process of the host: every process, mount, network interface and name there is would be in its sight.",
      zh: "那就只是宿主机上的一个普通进程：所有的进程、挂载、网卡和名字，它都看得见。",
    },
    observe: {
      where: "inside",
      command: "ls -l /proc/self/ns",
      shows: {
        en: "one number per namespace; the same command on the host prints other numbers",
        zh: "每个命名空间一个编号；在宿主机上执行同一条命令，编号不同",
      },
    },
    syscalls: ["clone3", "clone", "vfork", "fork", "execveat", "pidfd_open"],
    man: ["clone(2)", "namespaces(7)"],
  },

  "write-id-map": {
    act: "namespaces",
    title: (step) => ({
      en: `write ${step.file} of the user namespace: ${shown(step.value.trim())}`,
      zh: `写用户命名空间的 ${step.file}：${shown(step.value.trim())}`,
    }),
    why: (step) => ID_MAPS[step.file].why,
    without: (step) => ID_MAPS[step.file].without,
    observe: (step) => ({
      where: "inside",
      command: `cat /proc/self/${step.file}`,
      shows: { en: "the line that was written here", zh: "这一步写进去的内容" },
    }),
    syscalls: ["openat", "write", "close"],
    man: ["user_namespaces(7)"],
  },

  "join-namespace": {
    act: "namespaces",
    title: (step) => ({
      en: `enter the ${step.namespace} namespace ${shown(step.path)}`,
      zh: `进入 ${step.namespace} 命名空间 ${shown(step.path)}`,
    }),
    why: joinWhy,
    without: {
      en: "The command would run beside the container instead of in it.",
      zh: "命令会在容器旁边运行，而不是在容器里面。",
    },
    observe: (step) => ({
      where: "inside",
      command: "readlink /proc/self/ns/*",
      shows: {
        en: `the same number as ${shown(step.path)}`,
        zh: `编号与 ${shown(step.path)} 相同`,
      },
    }),
    syscalls: ["setns"],
    man: ["setns(2)", "namespaces(7)"],
  },

  "new-cgroup-namespace": {
    act: "namespaces",
    title: () => ({
      en: "make its cgroup the top of the cgroup tree it sees",
      zh: "让它所在的 cgroup 成为它眼中的树根",
    }),
    why: {
      en: "This namespace takes the cgroup in which the caller is right now as its root. So it is made only after joining, not together with the others in clone.",
      zh: "这种命名空间把调用者此刻所在的 cgroup 当作根。所以不能在 clone 时一并创建，要等加入 cgroup 之后再建。",
    },
    without: {
      en: "/proc/self/cgroup would show where the container sits on the host. With cgroup v1 and CAP_SYS_ADMIN it could also register a program that the kernel runs on the host as root (release_agent).",
      zh: "/proc/self/cgroup 会露出容器在宿主机上的位置。在 cgroup v1 上，容器若有 CAP_SYS_ADMIN，还能登记一个由内核在宿主机上以 root 运行的程序（release_agent）。",
    },
    observe: {
      where: "inside",
      command: "cat /proc/self/cgroup",
      shows: {
        en: "every path is /; on the host the same process has long paths",
        zh: "每一行的路径都是 /；在宿主机上看同一个进程，路径却很长",
      },
    },
    syscalls: ["unshare"],
    man: ["cgroup_namespaces(7)", "CVE-2022-0492"],
  },

  "set-hostname": {
    act: "namespaces",
    title: (step) => ({
      en: `set the host name to ${shown(step.hostname)}`,
      zh: `把主机名设为 ${shown(step.hostname)}`,
    }),
    why: {
      en: "The new UTS namespace starts with a copy of the host's name. This changes the copy; the host keeps its own.",
      zh: "新的 UTS 命名空间里，主机名一开始照抄宿主机。这里改的是抄来的那一份，宿主机的不变。",
    },
    without: {
      en: "Prompts and logs inside would carry the host's name, and one could not tell which machine one is on.",
      zh: "里面的提示符和日志都带着宿主机的名字，分不清自己在哪台机器上。",
    },
    observe: {
      where: "inside",
      command: "cat /proc/sys/kernel/hostname",
      shows: {
        en: "the container's name; on the host, the host's",
        zh: "里面是容器的名字，外面是宿主机的名字",
      },
    },
    syscalls: ["sethostname"],
    man: ["sethostname(2)", "uts_namespaces(7)"],
  },

  "set-domainname": {
    act: "namespaces",
    title: (step) => ({
      en: `set the NIS domain name to ${shown(step.domainname)}`,
      zh: `把 NIS 域名设为 ${shown(step.domainname)}`,
    }),
    why: {
      en: "Beside the host name the UTS namespace holds this second name; it is set only when it was asked for.",
      zh: "UTS 命名空间里除了主机名，还有这样一个名字；有人要求时才设置。",
    },
    without: {
      en: "The container would keep the domain name that it inherited from the host.",
      zh: "容器会沿用从宿主机抄来的域名。",
    },
    observe: {
      where: "inside",
      command: "cat /proc/sys/kernel/domainname",
      shows: { en: "the name that was set here", zh: "这一步设置的名字" },
    },
    syscalls: ["setdomainname"],
    man: ["setdomainname(2)"],
  },

  "bring-up-loopback": {
    act: "namespaces",
    title: () => ({ en: "switch on the loopback interface lo", zh: "启用回环网卡 lo" }),
    why: {
      en: "A fresh network namespace has lo, but switched off. Setting IFF_UP is enough: the kernel adds 127.0.0.1 and ::1 by itself.",
      zh: "新的网络命名空间里有 lo，但没有启用。设上 IFF_UP 就够了，127.0.0.1 和 ::1 由内核自己添上。",
    },
    without: {
      en: "A program could not even talk to itself: connecting to 127.0.0.1 would give ENETUNREACH.",
      zh: "程序连自己都连不上：访问 127.0.0.1 会得到 ENETUNREACH。",
    },
    observe: {
      where: "inside",
      command: "cat /proc/net/if_inet6; ip addr show lo",
      shows: { en: "lo is UP with its addresses", zh: "lo 处于 UP 状态，地址齐全" },
    },
    syscalls: ["socket", "ioctl", "close"],
    man: ["netdevice(7)", "network_namespaces(7)"],
  },

  "new-session": {
    act: "namespaces",
    title: () => ({
      en: "leave the caller's session and its terminal",
      zh: "离开调用者的会话和终端",
    }),
    why: {
      en: "A session is the group of processes that share one controlling terminal. No namespace separates sessions, so the child starts its own: the caller's terminal no longer controls it, and it no longer controls that terminal.",
      zh: "会话是共用一个控制终端的一组进程。没有哪种命名空间能把会话隔开，所以子进程另起一个：调用者的终端管不着它，它也管不着那个终端。",
    },
    without: {
      en: "A program inside could push characters into the terminal it was started from (ioctl TIOCSTI), and the host's shell would run them as if they had been typed.",
      zh: "里面的程序可以往启动它的终端里塞字符（ioctl TIOCSTI），宿主机的 shell 会当成有人在键盘上敲的命令去执行。",
    },
    observe: {
      where: "inside",
      command: "cut -d ' ' -f 6 /proc/1/stat",
      shows: {
        en: "the session of process 1 is 1: it leads its own",
        zh: "1 号进程的会话号是 1：它是自己会话的首领",
      },
    },
    syscalls: ["setsid"],
    man: ["setsid(2)", "CVE-2017-5226"],
  },

  "new-keyring": {
    act: "namespaces",
    title: (step) => ({
      en: `start an empty session keyring, ${shown(step.name)}`,
      zh: `换上一个空的会话钥匙环 ${shown(step.name)}`,
    }),
    why: {
      en: "The kernel keeps keys (of encrypted disks, of Kerberos) on keyrings, and a child inherits its parent's. Neither mounts nor process numbers hide them, so the child puts on an empty one.",
      zh: "内核把密钥（加密磁盘的、Kerberos 的）挂在钥匙环上，子进程会继承父进程的那一串。挂载和进程号的隔离都遮不住它，所以子进程换上一个空的。",
    },
    without: {
      en: "A program inside would possess the keys of whoever started the container.",
      zh: "谁启动了容器，里面的程序就握着谁的密钥。",
    },
    observe: (step) => ({
      where: "outside",
      command: "cat /proc/keys",
      shows: {
        en: `as root: one keyring named ${shown(step.name)} more, while the container runs`,
        zh: `以 root 身份看：容器运行期间，多出一个名为 ${shown(step.name)} 的钥匙环`,
      },
    }),
    syscalls: ["keyctl"],
    man: ["keyctl(2)", "session-keyring(7)"],
  },
};
