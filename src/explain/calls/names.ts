/** Single-valued constants (one number, one name) of the calls that a container start makes. */

export type NameTable = Readonly<Record<number, string>>;

export const FILE_TYPES: NameTable = {
  0o010000: "S_IFIFO",
  0o020000: "S_IFCHR",
  0o040000: "S_IFDIR",
  0o060000: "S_IFBLK",
  0o100000: "S_IFREG",
  0o120000: "S_IFLNK",
  0o140000: "S_IFSOCK",
};

export const ACCESS_MODE_NAMES: NameTable = {
  0: "O_RDONLY",
  1: "O_WRONLY",
  2: "O_RDWR",
  3: "O_ACCMODE",
};

const STANDARD_SIGNALS =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG " +
  "XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/** Real-time signals as strace counts them: 32 is SIGRTMIN, 33 SIGRT_1 … */
export const SIGNALS: NameTable = Object.fromEntries([
  ...STANDARD_SIGNALS.split(" ").map((name, index) => [index + 1, `SIG${name}`]),
  [32, "SIGRTMIN"],
  ...Array.from({ length: 32 }, (_, index) => [index + 33, `SIGRT_${index + 1}`]),
]);

export const PRCTL_OPTIONS: NameTable = {
  1: "PR_SET_PDEATHSIG",
  2: "PR_GET_PDEATHSIG",
  3: "PR_GET_DUMPABLE",
  4: "PR_SET_DUMPABLE",
  7: "PR_GET_KEEPCAPS",
  8: "PR_SET_KEEPCAPS",
  15: "PR_SET_NAME",
  16: "PR_GET_NAME",
  21: "PR_GET_SECCOMP",
  22: "PR_SET_SECCOMP",
  23: "PR_CAPBSET_READ",
  24: "PR_CAPBSET_DROP",
  27: "PR_GET_SECUREBITS",
  28: "PR_SET_SECUREBITS",
  36: "PR_SET_CHILD_SUBREAPER",
  37: "PR_GET_CHILD_SUBREAPER",
  38: "PR_SET_NO_NEW_PRIVS",
  39: "PR_GET_NO_NEW_PRIVS",
  47: "PR_CAP_AMBIENT",
};

export const AMBIENT_OPERATIONS: NameTable = {
  1: "PR_CAP_AMBIENT_IS_SET",
  2: "PR_CAP_AMBIENT_RAISE",
  3: "PR_CAP_AMBIENT_LOWER",
  4: "PR_CAP_AMBIENT_CLEAR_ALL",
};

export const DUMPABLE: NameTable = {
  0: "SUID_DUMP_DISABLE",
  1: "SUID_DUMP_USER",
  2: "SUID_DUMP_ROOT",
};

export const SECCOMP_OPERATIONS: NameTable = {
  0: "SECCOMP_SET_MODE_STRICT",
  1: "SECCOMP_SET_MODE_FILTER",
  2: "SECCOMP_GET_ACTION_AVAIL",
  3: "SECCOMP_GET_NOTIF_SIZES",
};

export const SECCOMP_MODES: NameTable = { 1: "SECCOMP_MODE_STRICT", 2: "SECCOMP_MODE_FILTER" };

export const RLIMITS: NameTable = Object.fromEntries(
  "CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME"
    .split(" ")
    .map((name, index) => [index, `RLIMIT_${name}`]),
);

export const FSCONFIG_COMMANDS: NameTable = {
  0: "FSCONFIG_SET_FLAG",
  1: "FSCONFIG_SET_STRING",
  2: "FSCONFIG_SET_BINARY",
  3: "FSCONFIG_SET_PATH",
  4: "FSCONFIG_SET_PATH_EMPTY",
  5: "FSCONFIG_SET_FD",
  6: "FSCONFIG_CMD_CREATE",
  7: "FSCONFIG_CMD_RECONFIGURE",
  8: "FSCONFIG_CMD_CREATE_EXCL",
};

export const IOCTLS: NameTable = {
  0x5401: "TCGETS",
  0x5402: "TCSETS",
  0x5403: "TCSETSW",
  0x5404: "TCSETSF",
  0x540e: "TIOCSCTTY",
  0x5412: "TIOCSTI",
  0x5413: "TIOCGWINSZ",
  0x5414: "TIOCSWINSZ",
  0x5422: "TIOCNOTTY",
  0x5441: "TIOCGPTPEER",
  0x40045431: "TIOCSPTLCK",
  0x80045430: "TIOCGPTN",
  0x8913: "SIOCGIFFLAGS",
  0x8914: "SIOCSIFFLAGS",
  0x8916: "SIOCSIFADDR",
};

export const KEYCTL_OPERATIONS: NameTable = {
  0: "KEYCTL_GET_KEYRING_ID",
  1: "KEYCTL_JOIN_SESSION_KEYRING",
  5: "KEYCTL_SETPERM",
  6: "KEYCTL_DESCRIBE",
};

export const FCNTL_COMMANDS: NameTable = {
  0: "F_DUPFD",
  1: "F_GETFD",
  2: "F_SETFD",
  3: "F_GETFL",
  4: "F_SETFL",
  1030: "F_DUPFD_CLOEXEC",
  1033: "F_ADD_SEALS",
  1034: "F_GET_SEALS",
};

export const SIGMASK_HOW: NameTable = { 0: "SIG_BLOCK", 1: "SIG_UNBLOCK", 2: "SIG_SETMASK" };

export const ADDRESS_FAMILIES: NameTable = {
  1: "AF_UNIX",
  2: "AF_INET",
  10: "AF_INET6",
  16: "AF_NETLINK",
  17: "AF_PACKET",
};

export const SOCKET_TYPES: NameTable = {
  1: "SOCK_STREAM",
  2: "SOCK_DGRAM",
  3: "SOCK_RAW",
  5: "SOCK_SEQPACKET",
};

export const BPF_COMMANDS: NameTable = {
  5: "BPF_PROG_LOAD",
  8: "BPF_PROG_ATTACH",
  9: "BPF_PROG_DETACH",
  28: "BPF_LINK_CREATE",
};

export const WAITID_TYPES: NameTable = { 0: "P_ALL", 1: "P_PID", 2: "P_PGID", 3: "P_PIDFD" };
