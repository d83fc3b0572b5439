/** What each argument of each system call means, by position: the signatures of the man pages' section 2. */

import * as f from "./flags";
import {
  dirfd,
  decimal,
  device,
  fd,
  flagSet,
  flags,
  flagsOf,
  hexadecimal,
  named,
  nodeMode,
  octal,
  openMode,
  path,
  plain,
  socketType,
  unsignedDecimal,
} from "./format";
import type { FormatContext, Formatter } from "./format";
import * as n from "./names";
import { capData, capHeader, cloneArgs, filterProgram, idList, mountAttr, openHow, rlimit } from "./structs";

const open: Formatter = (argument, context) =>
  argument.type === "int" ? openMode(argument.value, f.openFlags(context.arch)) : plain(argument, context);
const openSet = flagsOf((context: FormatContext) => f.openFlags(context.arch));
const access: Formatter = (argument, context) =>
  argument.type === "int" ? flagSet(argument.value, f.ACCESS_MODES, "F_OK") : plain(argument, context);
const at = flags(f.AT_FLAGS);

/** By man page name. Arguments beyond the list are printed plainly. */
export const SHAPES: Readonly<Record<string, readonly Formatter[]>> = {
  access: [path, access],
  capget: [capHeader, capData],
  capset: [capHeader, capData],
  chdir: [path],
  chown: [path, decimal, decimal],
  chroot: [path],
  clone3: [cloneArgs, decimal],
  close: [fd],
  close_range: [decimal, unsignedDecimal, flags(f.CLOSE_RANGE_FLAGS)],
  creat: [path, octal],
  dup: [fd],
  dup2: [fd, fd],
  dup3: [fd, fd, openSet],
  execve: [path],
  faccessat: [dirfd, path, access],
  faccessat2: [dirfd, path, access, flags(f.ACCESS_AT_FLAGS)],
  fchdir: [fd],
  fchmod: [fd, octal],
  fchmodat: [dirfd, path, octal],
  fchown: [fd, decimal, decimal],
  fchownat: [dirfd, path, decimal, decimal, at],
  flock: [fd, flags(f.LOCK_FLAGS)],
  fsconfig: [fd, named(n.FSCONFIG_COMMANDS), plain, plain, dirfd],
  fsmount: [fd, flags(f.FSMOUNT_FLAGS), flags(f.MOUNT_ATTRS)],
  fsopen: [plain, flags(f.FSOPEN_FLAGS)],
  fspick: [dirfd, path, flags(f.FSPICK_FLAGS)],
  fstat: [fd],
  fstatfs: [fd],
  kill: [decimal, named(n.SIGNALS)],
  lchown: [path, decimal, decimal],
  link: [path, path],
  linkat: [dirfd, path, dirfd, path, at],
  memfd_create: [plain, flags(f.MEMFD_FLAGS)],
  mkdir: [path, octal],
  mkdirat: [dirfd, path, octal],
  mknod: [path, nodeMode, device],
  mknodat: [dirfd, path, nodeMode, device],
  mount: [plain, path, plain, flags(f.MOUNT_FLAGS), plain],
  mount_setattr: [dirfd, path, at, mountAttr, decimal],
  move_mount: [fd, path, dirfd, path, flags(f.MOVE_MOUNT_FLAGS)],
  newfstatat: [dirfd, path, plain, at],
  open: [path, open, octal],
  open_tree: [dirfd, path, flags(f.OPEN_TREE_FLAGS)],
  openat: [dirfd, path, open, octal],
  openat2: [dirfd, path, openHow, decimal],
  pidfd_open: [decimal, openSet],
  pidfd_send_signal: [fd, named(n.SIGNALS)],
  pipe2: [plain, openSet],
  pivot_root: [path, path],
  pread64: [fd],
  prlimit64: [decimal, named(n.RLIMITS), rlimit, rlimit],
  read: [fd],
  readlinkat: [dirfd, path],
  recvmsg: [fd],
  rename: [path, path],
  renameat2: [dirfd, path, dirfd, path, flags(f.RENAME_FLAGS)],
  rmdir: [path],
  rt_sigaction: [named(n.SIGNALS)],
  rt_sigprocmask: [named(n.SIGMASK_HOW)],
  seccomp: [named(n.SECCOMP_OPERATIONS), flags(f.SECCOMP_FILTER_FLAGS), filterProgram],
  sendmsg: [fd],
  setgroups: [decimal, idList],
  setns: [fd, flags(f.CLONE_FLAGS)],
  setresgid: [decimal, decimal, decimal],
  setresuid: [decimal, decimal, decimal],
  setrlimit: [named(n.RLIMITS), rlimit],
  socketpair: [named(n.ADDRESS_FAMILIES), socketType, decimal],
  statfs: [path],
  statx: [dirfd, path, at],
  symlink: [path, path],
  symlinkat: [path, dirfd, path],
  umask: [umaskMode()],
  umount2: [path, flags(f.UMOUNT_FLAGS)],
  unlink: [path],
  unlinkat: [dirfd, path, at],
  unshare: [flags(f.CLONE_FLAGS)],
  wait4: [decimal, plain, flags(f.WAIT_FLAGS)],
  waitid: [named(n.WAITID_TYPES), decimal, plain, flags(f.WAIT_FLAGS)],
  write: [fd],
  personality: [hexadecimal],
};

/** umask(2) always shows three digits: 022, 000. */
function umaskMode(): Formatter {
  return (argument, context) =>
    argument.type === "int" ? argument.value.toString(8).padStart(3, "0") : plain(argument, context);
}
