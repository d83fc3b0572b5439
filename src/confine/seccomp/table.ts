/**
 * The default seccomp policy, first half: what every container may call, by purpose. What it may not, or only under a
 * condition, is in refused.ts. A call in neither is unknown and answers ENOSYS, as an older kernel would.
 */

import type { Text } from "../capability-texts";

export interface AllowedGroup {
  id: string;
  reason: Text;
  /** Separated by blanks. */
  names: string;
}

export const ALLOWED_GROUPS: readonly AllowedGroup[] = [
  {
    id: "files",
    reason: {
      en: "works on files that the mount namespace shows; permissions are checked per file",
      zh: "只能操作挂载命名空间里看得见的文件，权限由内核逐个检查",
    },
    names: `
      open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2
      lseek _llseek dup dup2 dup3 fcntl fcntl64 ioctl flock truncate truncate64 ftruncate ftruncate64 fallocate fadvise64
      fadvise64_64 readahead cachestat copy_file_range sendfile sendfile64 splice tee pipe pipe2 sync fsync fdatasync syncfs
      sync_file_range stat fstat lstat stat64 fstat64 lstat64 fstatat64 newfstatat statx statfs fstatfs statfs64 fstatfs64
      access faccessat faccessat2 readlink readlinkat getdents getdents64 readdir getcwd chdir fchdir mkdir mkdirat rmdir
      link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 umask name_to_handle_at file_getattr
      file_setattr`,
  },
  {
    id: "file-ownership",
    reason: {
      en: "changes modes, owners, times and attributes; the kernel asks for CAP_CHOWN, CAP_FOWNER or CAP_MKNOD where due",
      zh: "修改权限、属主、时间和扩展属性；该查 CAP_CHOWN、CAP_FOWNER、CAP_MKNOD 的地方内核自会检查",
    },
    names: `
      chmod fchmod fchmodat fchmodat2 chown fchown lchown chown32 fchown32 lchown32 fchownat utime utimes futimesat
      utimensat utimensat_time64 mknod mknodat setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr
      llistxattr flistxattr removexattr lremovexattr fremovexattr setxattrat getxattrat listxattrat removexattrat`,
  },
  {
    id: "waiting",
    reason: {
      en: "waits for descriptors, files and counters of the caller's own",
      zh: "等待自己打开的描述符、文件或计数器上的事件",
    },
    names: `
      select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl epoll_wait
      epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 inotify_init inotify_init1 inotify_add_watch
      inotify_rm_watch fanotify_mark`,
  },
  {
    id: "asynchronous-io",
    reason: {
      en: "reads and writes in the background through the old interface, which databases use",
      zh: "用旧接口做后台读写，数据库常用",
    },
    names: "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64",
  },
  {
    id: "memory",
    reason: {
      en: "shapes the caller's own address space; the memory cgroup and rlimits bound it",
      zh: "调整自己的地址空间，总量由内存 cgroup 和 rlimit 限定",
    },
    names: `
      brk mmap mmap2 munmap mremap mprotect mseal madvise mincore msync mlock mlock2 mlockall munlock munlockall
      remap_file_pages pkey_alloc pkey_free pkey_mprotect map_shadow_stack memfd_create memfd_secret membarrier
      process_mrelease`,
  },
  {
    id: "memory-placement",
    reason: {
      en: "prefers memory nodes for the caller's own pages, within its cpuset; databases and virtual machines of languages use it",
      zh: "在 cpuset 允许的范围内，为自己的内存页选择节点，数据库和语言虚拟机会用到",
    },
    names: "mbind get_mempolicy set_mempolicy set_mempolicy_home_node",
  },
  {
    id: "processes",
    reason: {
      en: "makes, runs, awaits and ends processes of the container; the pid namespace hides all others",
      zh: "创建、执行、等待、结束容器内的进程，其他进程被 PID 命名空间挡在外面",
    },
    names: `
      fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp setpgid getsid
      setsid pidfd_open pidfd_send_signal prctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
  },
  {
    id: "processor-state",
    reason: {
      en: "sets thread-local storage and other state of the calling thread's processor",
      zh: "设置线程局部存储等本线程的处理器状态",
    },
    names: "arch_prctl modify_ldt set_thread_area get_thread_area",
  },
  {
    id: "threads",
    reason: {
      en: "synchronises threads of the caller",
      zh: "用于自己各线程之间的同步",
    },
    names: `
      futex futex_time64 futex_waitv futex_wake futex_wait futex_requeue set_robust_list get_robust_list set_tid_address
      rseq restart_syscall`,
  },
  {
    id: "tracing",
    reason: {
      en: "debugs processes of the container; since Linux 4.8 the filter also sees what a tracer changed",
      zh: "调试容器内的进程；Linux 4.8 起，跟踪者改过的调用也要再过一遍过滤器",
    },
    names: "ptrace process_vm_readv process_vm_writev",
  },
  {
    id: "probes",
    reason: {
      en: "is entered only from code that the host's tracer put there; refusing it would kill the traced process",
      zh: "只会从宿主机跟踪器植入的代码进入，拒绝它会让被跟踪的进程崩溃",
    },
    names: "uretprobe uprobe",
  },
  {
    id: "signals",
    reason: {
      en: "sends and handles signals within the pid namespace",
      zh: "在 PID 命名空间内收发信号",
    },
    names: `
      kill tkill tgkill signal sigaction sigpending sigprocmask sigreturn sigsuspend sigaltstack rt_sigaction rt_sigpending
      rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
      pause alarm`,
  },
  {
    id: "identity",
    reason: {
      en: "reads or changes user, groups and capabilities; raising them takes the capability",
      zh: "读取或切换用户、组和能力，要提权先得有相应能力",
    },
    names: `
      getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32
      getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32
      setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32 capget capset`,
  },
  {
    id: "scheduling",
    reason: {
      en: "chooses priority and processors; raising a priority takes CAP_SYS_NICE",
      zh: "选择优先级和 CPU，提高优先级需要 CAP_SYS_NICE",
    },
    names: `
      sched_yield sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr sched_setattr
      sched_getaffinity sched_setaffinity sched_get_priority_max sched_get_priority_min sched_rr_get_interval
      sched_rr_get_interval_time64 getpriority setpriority nice ioprio_get ioprio_set getcpu`,
  },
  {
    id: "limits",
    reason: {
      en: "reads usage and limits; raising a hard limit takes CAP_SYS_RESOURCE",
      zh: "读取用量和限制，提高硬限制需要 CAP_SYS_RESOURCE",
    },
    names: "getrlimit setrlimit ugetrlimit prlimit64 getrusage times sysinfo uname",
  },
  {
    id: "time",
    reason: {
      en: "reads clocks and sets the caller's own timers",
      zh: "读取时钟，设置自己的定时器",
    },
    names: `
      time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 nanosleep clock_nanosleep
      clock_nanosleep_time64 getitimer setitimer timer_create timer_settime timer_settime64 timer_gettime timer_gettime64
      timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_settime64 timerfd_gettime timerfd_gettime64
      getrandom`,
  },
  {
    id: "clock-reading",
    reason: {
      en: "reads the clock's discipline; changing it takes CAP_SYS_TIME, which the kernel checks",
      zh: "读取时钟校准状态，要修改须有 CAP_SYS_TIME，内核会检查",
    },
    names: "adjtimex clock_adjtime clock_adjtime64",
  },
  {
    id: "sockets",
    reason: {
      en: "uses sockets that it already has; the family was judged when the socket was made",
      zh: "使用已有的套接字，协议族在创建时就审查过了",
    },
    names: `
      bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown sendto recvfrom
      sendmsg recvmsg sendmmsg recvmmsg recvmmsg_time64`,
  },
  {
    id: "ipc",
    reason: {
      en: "uses shared memory, semaphores and message queues of the container's own ipc namespace",
      zh: "使用容器自己 IPC 命名空间里的共享内存、信号量和消息队列",
    },
    names: `
      ipc shmget shmat shmdt shmctl semget semop semtimedop semtimedop_time64 semctl msgget msgsnd msgrcv msgctl mq_open
      mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 mq_notify mq_getsetattr`,
  },
];
