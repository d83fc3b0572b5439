/**
 * The names behind the numbers of the system calls that a container start makes. Order within a table is the order in
 * which strace prints the names, so that both texts can be compared line by line.
 */

/** Bit value → constant name, in printing order. */
export type FlagTable = readonly (readonly [bigint, string])[];

const table = (entries: [number | bigint, string][]): FlagTable => entries.map(([value, name]) => [BigInt(value), name] as const);

export const MOUNT_FLAGS = table([
  [0x1, "MS_RDONLY"],
  [0x2, "MS_NOSUID"],
  [0x4, "MS_NODEV"],
  [0x8, "MS_NOEXEC"],
  [0x10, "MS_SYNCHRONOUS"],
  [0x20, "MS_REMOUNT"],
  [0x40, "MS_MANDLOCK"],
  [0x80, "MS_DIRSYNC"],
  [0x100, "MS_NOSYMFOLLOW"],
  [0x400, "MS_NOATIME"],
  [0x800, "MS_NODIRATIME"],
  [0x1000, "MS_BIND"],
  [0x2000, "MS_MOVE"],
  [0x4000, "MS_REC"],
  [0x8000, "MS_SILENT"],
  [0x10000, "MS_POSIXACL"],
  [0x20000, "MS_UNBINDABLE"],
  [0x40000, "MS_PRIVATE"],
  [0x80000, "MS_SLAVE"],
  [0x100000, "MS_SHARED"],
  [0x200000, "MS_RELATIME"],
  [0x400000, "MS_KERNMOUNT"],
  [0x800000, "MS_I_VERSION"],
  [0x1000000, "MS_STRICTATIME"],
  [0x2000000, "MS_LAZYTIME"],
  [0x40000000, "MS_ACTIVE"],
]);

export const UMOUNT_FLAGS = table([
  [1, "MNT_FORCE"],
  [2, "MNT_DETACH"],
  [4, "MNT_EXPIRE"],
  [8, "UMOUNT_NOFOLLOW"],
]);

export const CLONE_FLAGS = table([
  [0x80, "CLONE_NEWTIME"],
  [0x100, "CLONE_VM"],
  [0x200, "CLONE_FS"],
  [0x400, "CLONE_FILES"],
  [0x800, "CLONE_SIGHAND"],
  [0x1000, "CLONE_PIDFD"],
  [0x2000, "CLONE_PTRACE"],
  [0x4000, "CLONE_VFORK"],
  [0x8000, "CLONE_PARENT"],
  [0x10000, "CLONE_THREAD"],
  [0x20000, "CLONE_NEWNS"],
  [0x40000, "CLONE_SYSVSEM"],
  [0x80000, "CLONE_SETTLS"],
  [0x100000, "CLONE_PARENT_SETTID"],
  [0x200000, "CLONE_CHILD_CLEARTID"],
  [0x800000, "CLONE_UNTRACED"],
  [0x1000000, "CLONE_CHILD_SETTID"],
  [0x2000000, "CLONE_NEWCGROUP"],
  [0x4000000, "CLONE_NEWUTS"],
  [0x8000000, "CLONE_NEWIPC"],
  [0x10000000, "CLONE_NEWUSER"],
  [0x20000000, "CLONE_NEWPID"],
  [0x40000000, "CLONE_NEWNET"],
  [0x80000000, "CLONE_IO"],
  [0x100000000n, "CLONE_CLEAR_SIGHAND"],
  [0x200000000n, "CLONE_INTO_CGROUP"],
]);

const OPEN_FLAGS_X64 = table([
  [0o100, "O_CREAT"],
  [0o200, "O_EXCL"],
  [0o400, "O_NOCTTY"],
  [0o1000, "O_TRUNC"],
  [0o2000, "O_APPEND"],
  [0o4000, "O_NONBLOCK"],
  [0o4010000, "O_SYNC"],
  [0o20000, "O_ASYNC"],
  [0o10000, "O_DSYNC"],
  [0o40000, "O_DIRECT"],
  [0o100000, "O_LARGEFILE"],
  [0o400000, "O_NOFOLLOW"],
  [0o1000000, "O_NOATIME"],
  [0o2000000, "O_CLOEXEC"],
  [0o10000000, "O_PATH"],
  [0o20200000, "O_TMPFILE"],
  [0o200000, "O_DIRECTORY"],
]);

/** arm64 numbers four of them differently (asm-generic keeps arm's history). */
const ARM64_OPEN: Readonly<Record<string, bigint>> = {
  O_DIRECT: 0o200000n,
  O_LARGEFILE: 0o400000n,
  O_NOFOLLOW: 0o100000n,
  O_TMPFILE: 0o20040000n,
  O_DIRECTORY: 0o40000n,
};

const OPEN_FLAGS_ARM64: FlagTable = OPEN_FLAGS_X64.map(([value, name]) => [ARM64_OPEN[name] ?? value, name] as const);

/** open(2) flags without the access mode; `arch` in node's words ("x64", "arm64"). */
export function openFlags(arch: string): FlagTable {
  return arch === "arm64" || arch === "arm" ? OPEN_FLAGS_ARM64 : OPEN_FLAGS_X64;
}

export const RESOLVE_FLAGS = table([
  [0x1, "RESOLVE_NO_XDEV"],
  [0x2, "RESOLVE_NO_MAGICLINKS"],
  [0x4, "RESOLVE_NO_SYMLINKS"],
  [0x8, "RESOLVE_BENEATH"],
  [0x10, "RESOLVE_IN_ROOT"],
  [0x20, "RESOLVE_CACHED"],
]);

const AT_COMMON: [number, string][] = [
  [0x100, "AT_SYMLINK_NOFOLLOW"],
  [0x200, "AT_REMOVEDIR"],
  [0x400, "AT_SYMLINK_FOLLOW"],
  [0x800, "AT_NO_AUTOMOUNT"],
  [0x1000, "AT_EMPTY_PATH"],
  [0x8000, "AT_RECURSIVE"],
];

export const AT_FLAGS = table(AT_COMMON);

/** 0x200 has another name for faccessat2(2). */
export const ACCESS_AT_FLAGS = table([
  [0x100, "AT_SYMLINK_NOFOLLOW"],
  [0x200, "AT_EACCESS"],
  [0x1000, "AT_EMPTY_PATH"],
]);

export const ACCESS_MODES = table([
  [4, "R_OK"],
  [2, "W_OK"],
  [1, "X_OK"],
]);

export const OPEN_TREE_FLAGS = table([[1, "OPEN_TREE_CLONE"], [0x80000, "OPEN_TREE_CLOEXEC"], ...AT_COMMON]);

export const MOVE_MOUNT_FLAGS = table([
  [0x1, "MOVE_MOUNT_F_SYMLINKS"],
  [0x2, "MOVE_MOUNT_F_AUTOMOUNTS"],
  [0x4, "MOVE_MOUNT_F_EMPTY_PATH"],
  [0x10, "MOVE_MOUNT_T_SYMLINKS"],
  [0x20, "MOVE_MOUNT_T_AUTOMOUNTS"],
  [0x40, "MOVE_MOUNT_T_EMPTY_PATH"],
  [0x100, "MOVE_MOUNT_SET_GROUP"],
  [0x200, "MOVE_MOUNT_BENEATH"],
]);

export const MOUNT_ATTRS = table([
  [0x1, "MOUNT_ATTR_RDONLY"],
  [0x2, "MOUNT_ATTR_NOSUID"],
  [0x4, "MOUNT_ATTR_NODEV"],
  [0x8, "MOUNT_ATTR_NOEXEC"],
  [0x10, "MOUNT_ATTR_NOATIME"],
  [0x20, "MOUNT_ATTR_STRICTATIME"],
  [0x80, "MOUNT_ATTR_NODIRATIME"],
  [0x100000, "MOUNT_ATTR_IDMAP"],
  [0x200000, "MOUNT_ATTR_NOSYMFOLLOW"],
]);

export const FSOPEN_FLAGS = table([[1, "FSOPEN_CLOEXEC"]]);
export const FSMOUNT_FLAGS = table([[1, "FSMOUNT_CLOEXEC"]]);
export const FSPICK_FLAGS = table([
  [1, "FSPICK_CLOEXEC"],
  [2, "FSPICK_SYMLINK_NOFOLLOW"],
  [4, "FSPICK_NO_AUTOMOUNT"],
  [8, "FSPICK_EMPTY_PATH"],
]);
export const CLOSE_RANGE_FLAGS = table([
  [2, "CLOSE_RANGE_UNSHARE"],
  [4, "CLOSE_RANGE_CLOEXEC"],
]);
export const MEMFD_FLAGS = table([
  [1, "MFD_CLOEXEC"],
  [2, "MFD_ALLOW_SEALING"],
  [4, "MFD_HUGETLB"],
  [8, "MFD_NOEXEC_SEAL"],
  [0x10, "MFD_EXEC"],
]);
export const SEALS = table([
  [1, "F_SEAL_SEAL"],
  [2, "F_SEAL_SHRINK"],
  [4, "F_SEAL_GROW"],
  [8, "F_SEAL_WRITE"],
  [0x10, "F_SEAL_FUTURE_WRITE"],
  [0x20, "F_SEAL_EXEC"],
]);
export const FD_FLAGS = table([[1, "FD_CLOEXEC"]]);
export const RENAME_FLAGS = table([
  [1, "RENAME_NOREPLACE"],
  [2, "RENAME_EXCHANGE"],
  [4, "RENAME_WHITEOUT"],
]);
export const LOCK_FLAGS = table([
  [1, "LOCK_SH"],
  [2, "LOCK_EX"],
  [4, "LOCK_NB"],
  [8, "LOCK_UN"],
]);
export const WAIT_FLAGS = table([
  [1, "WNOHANG"],
  [2, "WSTOPPED"],
  [4, "WEXITED"],
  [8, "WCONTINUED"],
  [0x1000000, "WNOWAIT"],
]);
export const SOCKET_FLAGS = table([
  [0o2000000, "SOCK_CLOEXEC"],
  [0o4000, "SOCK_NONBLOCK"],
]);
export const SECCOMP_FILTER_FLAGS = table([
  [1, "SECCOMP_FILTER_FLAG_TSYNC"],
  [2, "SECCOMP_FILTER_FLAG_LOG"],
  [4, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
  [8, "SECCOMP_FILTER_FLAG_NEW_LISTENER"],
]);
export const SECURE_BITS = table([
  [0x1, "SECBIT_NOROOT"],
  [0x2, "SECBIT_NOROOT_LOCKED"],
  [0x4, "SECBIT_NO_SETUID_FIXUP"],
  [0x8, "SECBIT_NO_SETUID_FIXUP_LOCKED"],
  [0x10, "SECBIT_KEEP_CAPS"],
  [0x20, "SECBIT_KEEP_CAPS_LOCKED"],
  [0x40, "SECBIT_NO_CAP_AMBIENT_RAISE"],
  [0x80, "SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED"],
]);
export const INTERFACE_FLAGS = table([
  [0x1, "IFF_UP"],
  [0x2, "IFF_BROADCAST"],
  [0x8, "IFF_LOOPBACK"],
  [0x40, "IFF_RUNNING"],
]);
export const SPECIAL_MODE_BITS = table([
  [0o4000, "S_ISUID"],
  [0o2000, "S_ISGID"],
  [0o1000, "S_ISVTX"],
]);
