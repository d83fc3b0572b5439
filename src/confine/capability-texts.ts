/** One sentence per capability: what it allows (capabilities(7)). Loaded only when somebody asks. */

/** The same sentence for English and Chinese readers. */
export interface Text {
  en: string;
  zh: string;
}

/** By name ("CAP_CHOWN"); a test wants all 41. */
export const CAPABILITY_TEXTS: Readonly<Record<string, Text>> = {
  CAP_CHOWN: { en: "gives files to any user or group", zh: "可以把文件改到任意用户、任意组名下" },
  CAP_DAC_OVERRIDE: {
    en: "reads, writes and enters files whatever their permission bits say",
    zh: "读写文件、进入目录时不受权限位约束",
  },
  CAP_DAC_READ_SEARCH: {
    en: "reads any file and opens files by handle, which reaches outside a container's root",
    zh: "可以读任何文件，还能凭文件句柄打开文件，因此能摸到容器根目录之外",
  },
  CAP_FOWNER: {
    en: "acts as the owner of any file: chmod, utime, attributes, sticky directories",
    zh: "对任何文件都当作属主：改权限、改时间、改属性，不受粘滞位限制",
  },
  CAP_FSETID: {
    en: "keeps set-user-id and set-group-id bits when a file is changed",
    zh: "修改文件后仍保留 setuid、setgid 位",
  },
  CAP_KILL: { en: "sends signals to processes of any user", zh: "可以给任何用户的进程发信号" },
  CAP_SETGID: { en: "becomes any group, and sets supplementary groups", zh: "可以切换到任意组，并设置附加组" },
  CAP_SETUID: { en: "becomes any user", zh: "可以切换成任意用户" },
  CAP_SETPCAP: {
    en: "drops capabilities from its bounding set and adds bounded ones to its inheritable set",
    zh: "可以从自己的边界集中删除能力，也可以把边界集内的能力加入可继承集",
  },
  CAP_LINUX_IMMUTABLE: {
    en: "sets and clears the immutable and append-only attributes",
    zh: "可以设置或清除文件的“不可修改”“只能追加”属性",
  },
  CAP_NET_BIND_SERVICE: { en: "listens on ports below 1024", zh: "可以监听 1024 以下的端口" },
  CAP_NET_BROADCAST: {
    en: "is meant for broadcasts; the kernel asks for it nowhere",
    zh: "名义上管广播，内核里其实没有地方检查它",
  },
  CAP_NET_ADMIN: {
    en: "configures the network of its namespace: addresses, routes, firewall, promiscuous mode",
    zh: "可以配置所在网络命名空间：地址、路由、防火墙、混杂模式",
  },
  CAP_NET_RAW: {
    en: "makes raw and packet sockets: it can forge packets on the container's network",
    zh: "可以创建原始套接字，因而能在容器网络里伪造数据包",
  },
  CAP_IPC_LOCK: {
    en: "locks memory and uses huge pages beyond its limit",
    zh: "可以超过限额锁定内存、使用大页",
  },
  CAP_IPC_OWNER: {
    en: "uses System V IPC objects whatever their permissions",
    zh: "使用 System V IPC 对象时不受权限约束",
  },
  CAP_SYS_MODULE: {
    en: "loads code into the kernel, that is, owns the machine",
    zh: "可以往内核里加载代码，等于掌握整台机器",
  },
  CAP_SYS_RAWIO: { en: "uses I/O ports and raw device access", zh: "可以直接操作 I/O 端口和裸设备" },
  CAP_SYS_CHROOT: {
    en: "calls chroot, and enters mount namespaces together with CAP_SYS_ADMIN",
    zh: "可以调用 chroot；与 CAP_SYS_ADMIN 一起才能进入挂载命名空间",
  },
  CAP_SYS_PTRACE: {
    en: "traces and reads the memory of any process that it can see",
    zh: "可以跟踪看得见的任何进程，并读写其内存",
  },
  CAP_SYS_PACCT: { en: "turns process accounting on and off", zh: "可以开关进程记账" },
  CAP_SYS_ADMIN: {
    en: "does most things an administrator does, mount and setns among them: close to full control of the machine",
    zh: "管理员能做的事大半归它，包括挂载和切换命名空间，几乎等于控制整台机器",
  },
  CAP_SYS_BOOT: {
    en: "reboots, and loads another kernel",
    zh: "可以重启系统，也可以加载另一个内核",
  },
  CAP_SYS_NICE: {
    en: "raises priorities, sets real-time scheduling, moves other processes' pages and CPUs",
    zh: "可以提高优先级、设置实时调度，调整别的进程所用的 CPU 和内存节点",
  },
  CAP_SYS_RESOURCE: {
    en: "exceeds quotas and reserved space, and raises hard limits",
    zh: "可以突破配额和预留空间，也可以调高硬限制",
  },
  CAP_SYS_TIME: {
    en: "sets the clock, which belongs to the whole machine",
    zh: "可以修改系统时钟，而时钟是整台机器共用的",
  },
  CAP_SYS_TTY_CONFIG: { en: "hangs up and configures terminals", zh: "可以挂断和配置终端" },
  CAP_MKNOD: { en: "makes device nodes", zh: "可以创建设备节点" },
  CAP_LEASE: { en: "takes leases on files of any user", zh: "可以对任何用户的文件设置租约" },
  CAP_AUDIT_WRITE: { en: "writes records into the kernel's audit log", zh: "可以向内核审计日志写记录" },
  CAP_AUDIT_CONTROL: { en: "configures auditing", zh: "可以配置审计" },
  CAP_SETFCAP: { en: "gives capabilities to files", zh: "可以给文件设置能力" },
  CAP_MAC_OVERRIDE: {
    en: "ignores the mandatory access control of Smack",
    zh: "不受 Smack 强制访问控制约束",
  },
  CAP_MAC_ADMIN: {
    en: "changes the mandatory access control policy",
    zh: "可以修改强制访问控制策略",
  },
  CAP_SYSLOG: {
    en: "reads and clears the kernel log, and sees kernel addresses",
    zh: "可以读取、清空内核日志，并看到内核地址",
  },
  CAP_WAKE_ALARM: { en: "sets timers that wake a sleeping machine", zh: "可以设置能唤醒休眠机器的定时器" },
  CAP_BLOCK_SUSPEND: { en: "keeps the machine from sleeping", zh: "可以阻止机器休眠" },
  CAP_AUDIT_READ: { en: "reads the audit log", zh: "可以读取审计日志" },
  CAP_PERFMON: {
    en: "measures performance of the whole system: counters, traces, kernel addresses",
    zh: "可以做全系统性能监测：计数器、跟踪、内核地址",
  },
  CAP_BPF: { en: "loads programs and maps into the kernel's BPF machine", zh: "可以把程序和映射装入内核的 BPF 虚拟机" },
  CAP_CHECKPOINT_RESTORE: {
    en: "picks process ids and reads process details for checkpoint and restore",
    zh: "可以为检查点与恢复指定进程号、读取进程细节",
  },
};
