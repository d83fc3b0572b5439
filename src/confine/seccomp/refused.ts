/**
 * The default seccomp policy, second half: what a container may call only with a capability or with certain arguments,
 * and what never; each with its reason. Rules are written so that no two of one call overlap: they then mean the same
 * to a reader in order (ours) and to libseccomp, whose tree has no order, when the profile goes into a config.json.
 */

import type { OciSeccompArg } from "../../plan/oci";
import type { Text } from "../capability-texts";

/** Linux's numbers, the same on x86-64, i386 and aarch64. */
export const EPERM = 1;
export const EINVAL = 22;
export const ENOSYS = 38;
export const EAFNOSUPPORT = 97;

export interface ArgumentRule {
  /** "allow" or the errno that is answered. */
  result: "allow" | number;
  /** All must hold. */
  args: OciSeccompArg[];
  /** The rule is left out when one of these capabilities is present. */
  unless?: readonly string[];
  /** The rule is there only when one of these capabilities is present. */
  onlyWith?: readonly string[];
}

export interface Refusal {
  /** Separated by blanks. */
  names: string;
  /** What a refused call answers; with `rules`, what a call answers that no rule matches is ENOSYS. */
  errno: number;
  reason: Text;
  /** Any one of these lifts the refusal. */
  unlockedBy?: readonly string[];
  rules?: readonly ArgumentRule[];
}

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}; CLONE_NEWTIME lies in clone's signal byte and cannot be asked for by clone. */
export const CLONE_NEW_MASK = 0x7e020000;
const CLONE_NEW_FLAGS = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000];

const AF_NETLINK = 16;
const AF_ALG = 38;
const NETLINK_AUDIT = 9;
const AUDIT_WRITE = ["CAP_AUDIT_WRITE"];

const equal = (index: number, value: number): OciSeccompArg => ({ index, value, op: "SCMP_CMP_EQ" });
const notEqual = (index: number, value: number): OciSeccompArg => ({ index, value, op: "SCMP_CMP_NE" });
const below = (index: number, value: number): OciSeccompArg => ({ index, value, op: "SCMP_CMP_LT" });
const atLeast = (index: number, value: number): OciSeccompArg => ({ index, value, op: "SCMP_CMP_GE" });
const masked = (index: number, mask: number, value: number): OciSeccompArg => ({
  index,
  value: mask,
  valueTwo: value,
  op: "SCMP_CMP_MASKED_EQ",
});

/**
 * Families below AF_ALG. The comparison is of 64 bits while the kernel reads an int, so a family with a bit beyond 32 must
 * fall on the refused side: hence "38 and above" and no list of holes. Protocol 9 is told apart from the others because
 * "netlink and audit" would overlap "any family below 38"; other families have no use for it and get ENOSYS. (A protocol
 * with a bit beyond 32 slips past that one rule, which spares login programs an error and guards nothing: audit messages need
 * the capability, as the kernel checks.) The order is libseccomp's liking: it refuses some others with EEXIST.
 */
const SOCKET_RULES: readonly ArgumentRule[] = [
  { result: EAFNOSUPPORT, args: [atLeast(0, AF_ALG)] },
  { result: EINVAL, args: [equal(0, AF_NETLINK), equal(2, NETLINK_AUDIT)], unless: AUDIT_WRITE },
  { result: "allow", args: [below(0, AF_ALG), notEqual(2, NETLINK_AUDIT)] },
  { result: "allow", args: [below(0, AF_ALG), equal(2, NETLINK_AUDIT)], onlyWith: AUDIT_WRITE },
];

/** PER_LINUX, PER_LINUX32, each also with UNAME26, and 0xffffffff which only asks. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

export const REFUSALS: readonly Refusal[] = [
  // --- by argument ---------------------------------------------------------------------------------------------------
  {
    names: "clone",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN"],
    rules: [
      { result: "allow", args: [masked(0, CLONE_NEW_MASK, 0)] },
      ...CLONE_NEW_FLAGS.map((flag) => ({ result: EPERM, args: [masked(0, flag, flag)] })),
    ],
    reason: {
      en: "makes processes and threads freely, but new namespaces only with CAP_SYS_ADMIN: a user namespace would give all capabilities inside it and with them most of the kernel's code to attack",
      zh: "可以随意创建进程和线程，但要新建命名空间须有 CAP_SYS_ADMIN：一个用户命名空间会在其内部给出全部能力，内核的大半代码都会暴露给攻击者",
    },
  },
  {
    names: "clone3",
    errno: ENOSYS,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "passes its flags in memory, where a filter cannot look; ENOSYS makes C libraries fall back to clone, EPERM would break threads",
      zh: "参数放在内存里，过滤器看不到；返回 ENOSYS，C 库会改用 clone，返回 EPERM 则会让线程创建失败",
    },
  },
  {
    names: "socket socketpair",
    errno: EAFNOSUPPORT,
    rules: SOCKET_RULES,
    reason: {
      en: "makes sockets of the families below 38: AF_ALG (38, kernel crypto with a record of holes), AF_VSOCK (40, talks to the hypervisor past the network namespace) and the newer ones are refused; netlink audit answers EINVAL without CAP_AUDIT_WRITE, which login programs take for a kernel without auditing",
      zh: "允许编号小于 38 的协议族：AF_ALG（38，内核加密接口，漏洞不断）、AF_VSOCK（40，绕过网络命名空间直通虚拟机管理程序）以及更新的协议族一律拒绝；没有 CAP_AUDIT_WRITE 时，审计 netlink 返回 EINVAL，登录程序会当作内核没有审计功能",
    },
  },
  {
    names: "socketcall",
    errno: ENOSYS,
    reason: {
      en: "is i386's old single door to all socket calls: its arguments lie in memory, so the socket rules could not be applied; C libraries since 2016 use the direct calls",
      zh: "是 i386 上所有套接字调用的旧总入口，参数放在内存里，套接字规则无从检查；2016 年以后的 C 库都用单独的调用",
    },
  },
  {
    names: "personality",
    errno: ENOSYS,
    rules: PERSONALITIES.map((value) => ({ result: "allow" as const, args: [equal(0, value)] })),
    reason: {
      en: "chooses 32 or 64 bit and the 2.6 version name, or only asks; the others switch off protections (address randomisation, the zero page)",
      zh: "只能在 32 位与 64 位、是否报告 2.6 版本号之间选择，或仅作查询；其余取值会关掉地址随机化、零页保护等防线",
    },
  },

  // --- by capability -------------------------------------------------------------------------------------------------
  {
    names: "mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick pivot_root",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "rearranges the tree of files: masked paths could be uncovered, read-only ones made writable",
      zh: "会改动文件树：被遮住的路径可能重新露出来，只读的可能变成可写",
    },
  },
  {
    names: "unshare setns",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "makes or enters namespaces, the way to more capabilities and more kernel code",
      zh: "新建或进入命名空间，由此可得到更多能力，触及更多内核代码",
    },
  },
  {
    names: "statmount listmount",
    errno: ENOSYS,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "describes mounts in a new way; ENOSYS makes programs read /proc/self/mountinfo",
      zh: "是查询挂载的新接口；返回 ENOSYS，程序会改读 /proc/self/mountinfo",
    },
  },
  {
    names: "sethostname setdomainname",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "renames the machine; with --uts host it would be the host",
      zh: "会改主机名；用了 --uts host 时改的就是宿主机",
    },
  },
  {
    names: "bpf",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN", "CAP_BPF"],
    reason: {
      en: "loads programs into the kernel; its verifier has failed often",
      zh: "把程序装进内核，而其校验器屡出漏洞",
    },
  },
  {
    names: "perf_event_open",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN", "CAP_PERFMON"],
    reason: {
      en: "watches processors and kernel: leaks addresses and neighbours' activity",
      zh: "可以观察处理器和内核，会泄露内核地址和邻居的活动",
    },
  },
  {
    names: "fanotify_init",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "watches, and can hold up, file access of a whole file system, beyond the container",
      zh: "可以监视甚至阻塞整个文件系统的访问，范围超出容器",
    },
  },
  {
    names: "quotactl quotactl_fd",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "manages disk quotas of file systems shared with the host",
      zh: "管理磁盘配额，而文件系统是与宿主机共用的",
    },
  },
  {
    names: "lookup_dcookie",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN"],
    reason: {
      en: "told profilers the path of a file anywhere on the host; removed in Linux 6.7",
      zh: "曾供性能分析器查询宿主机上任意文件的路径，Linux 6.7 已移除",
    },
  },
  {
    names: "syslog",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_ADMIN", "CAP_SYSLOG"],
    reason: {
      en: "reads and clears the log of the kernel, which all containers share",
      zh: "读取、清空内核日志，而内核是所有容器共用的",
    },
  },
  {
    names: "open_by_handle_at",
    errno: EPERM,
    unlockedBy: ["CAP_DAC_READ_SEARCH"],
    reason: {
      en: "opens any file of a file system by number, outside the root too (the escape known as shocker)",
      zh: "凭编号打开文件系统里的任何文件，包括根目录之外的（即 shocker 逃逸）",
    },
  },
  {
    names: "chroot",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_CHROOT"],
    reason: {
      en: "changes the root directory; the default set has the capability, because package managers need it",
      zh: "更换根目录；默认能力集中有这一项，因为包管理器需要它",
    },
  },
  {
    names: "init_module finit_module delete_module",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_MODULE"],
    reason: { en: "puts code into the kernel or takes it out", zh: "向内核装入或卸下代码" },
  },
  {
    names: "acct",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_PACCT"],
    reason: { en: "writes a record of every process that ends", zh: "为每个结束的进程写一条记录" },
  },
  {
    names: "kcmp pidfd_getfd process_madvise",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_PTRACE"],
    reason: {
      en: "compares, takes or advises on what belongs to another process; debuggers and checkpointing need it",
      zh: "比较、取走别的进程的资源，或替它给内存建议，调试器和检查点工具才需要",
    },
  },
  {
    names: "userfaultfd",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_PTRACE"],
    reason: {
      en: "stops the kernel in the middle of a copy for as long as the caller likes, which makes races in the kernel easy to win",
      zh: "能让内核在复制途中任意停顿，内核里的竞态因此很容易被利用",
    },
  },
  {
    names: "migrate_pages move_pages",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_NICE"],
    reason: {
      en: "moves pages of processes between memory nodes, and tells where they lie",
      zh: "在内存节点之间搬动进程的页面，还会透露页面所在位置",
    },
  },
  {
    names: "iopl ioperm",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_RAWIO"],
    reason: { en: "opens the processor's I/O ports, that is, the hardware", zh: "打开处理器的 I/O 端口，等于直通硬件" },
  },
  {
    names: "settimeofday stime clock_settime clock_settime64",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_TIME"],
    reason: { en: "sets the clock, and there is one for the whole machine", zh: "设置时钟，而整台机器只有一个时钟" },
  },
  {
    names: "vhangup",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_TTY_CONFIG"],
    reason: { en: "cuts everybody off from a terminal", zh: "会让所有人都断开与终端的连接" },
  },
  {
    names: "reboot",
    errno: EPERM,
    unlockedBy: ["CAP_SYS_BOOT"],
    reason: {
      en: "restarts the machine; in a pid namespace it kills the container's init",
      zh: "重启机器；在 PID 命名空间里则会杀掉容器的 init",
    },
  },

  // --- never: --security-opt seccomp=FILE or unconfined ---------------------------------------------------------------
  {
    names: "add_key request_key keyctl",
    errno: EPERM,
    reason: {
      en: "reaches the kernel's key store, which no namespace divides by container",
      zh: "会触及内核密钥库，而密钥库没有按容器划分的命名空间",
    },
  },
  {
    names: "io_uring_setup io_uring_enter io_uring_register",
    errno: EPERM,
    reason: {
      en: "runs operations that no seccomp filter sees, from code with many past holes",
      zh: "其中的操作不经过 seccomp 过滤，代码也曾多次爆出漏洞",
    },
  },
  {
    names: "kexec_load kexec_file_load",
    errno: EPERM,
    reason: { en: "replaces the running kernel, the host's", zh: "会替换正在运行的内核，也就是宿主机的内核" },
  },
  {
    names: "swapon swapoff",
    errno: EPERM,
    reason: { en: "changes the swap space of the whole machine", zh: "会改动整台机器的交换空间" },
  },
  {
    names: "vmsplice",
    errno: EPERM,
    reason: {
      en: "lends pages of memory to a pipe; the sharing has leaked memory between processes (CVE-2020-29374) and hardly anything needs it",
      zh: "把内存页借给管道；这种共享曾在进程之间泄露内存（CVE-2020-29374），而几乎没有程序需要它",
    },
  },
  {
    names: "vm86 vm86old",
    errno: EPERM,
    reason: { en: "runs 16-bit code of the DOS era", zh: "运行 DOS 时代的 16 位代码" },
  },
  {
    names: "uselib ustat sysfs _sysctl bdflush nfsservctl sgetmask ssetmask",
    errno: EPERM,
    reason: {
      en: "is an interface replaced decades ago that living programs do not call",
      zh: "几十年前就已被取代的接口，现在的程序不会调用",
    },
  },
  {
    names: "oldstat oldfstat oldlstat olduname oldolduname",
    errno: EPERM,
    reason: {
      en: "is the form of stat or uname from before 1995",
      zh: "1995 年以前的 stat、uname 旧形式",
    },
  },
  {
    names: "lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
    errno: ENOSYS,
    reason: {
      en: "asks security modules in a new way; ENOSYS makes programs read /proc/self/attr",
      zh: "是查询安全模块的新接口；返回 ENOSYS，程序会改读 /proc/self/attr",
    },
  },
  {
    names:
      "afs_syscall break create_module epoll_ctl_old epoll_wait_old ftime get_kernel_syms getpmsg gtty idle lock mpx prof " +
      "profil putpmsg query_module security stty tuxcall ulimit vserver",
    errno: ENOSYS,
    reason: {
      en: "has a number and nothing behind it: the kernel itself answers ENOSYS",
      zh: "只有编号没有实现，内核自己也返回 ENOSYS",
    },
  },
];
