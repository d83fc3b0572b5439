import test from "ava";
import { quote, renderCall } from "../../../src/explain/calls";
import { flagSet } from "../../../src/explain/calls/format";
import { CLONE_FLAGS, MOUNT_FLAGS } from "../../../src/explain/calls/flags";
import type { CallArgument, CallRecord } from "../../../src/plan/trace";

/** Numbers are ints, strings strings, null is null, [n] a buffer of n bytes. */
type Shorthand = bigint | number | string | null | [number];

function argument(value: Shorthand): CallArgument {
  if (value === null) return { type: "null" };
  if (typeof value === "string") return { type: "string", value };
  if (Array.isArray(value)) return { type: "bytes", length: value[0] };
  return { type: "int", value: BigInt(value) };
}

function call(syscall: string, args: Shorthand[], result: number | string = 0): CallRecord {
  const base = { stepId: "s", lane: "child", syscall, args: args.map(argument), startNs: 0n, durationNs: 0n } as const;
  return typeof result === "string" ? { ...base, result: -1n, errno: result } : { ...base, result: BigInt(result) };
}

/** Right-hand sides are what strace 6.1 printed on x86-64 for these very arguments. */
const STRACE: readonly [CallRecord, string][] = [
  [call("unshare", [0x4020000]), "unshare(CLONE_NEWNS|CLONE_NEWUTS) = 0"],
  [call("unshare", [0x2000000]), "unshare(CLONE_NEWCGROUP) = 0"],
  [
    call("unshare", [0x6e020600]),
    "unshare(CLONE_FS|CLONE_FILES|CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWPID|CLONE_NEWNET) = 0",
  ],
  [call("unshare", [0]), "unshare(0) = 0"],
  [call("mount", ["", "/", null, 0x84000, null]), 'mount("", "/", NULL, MS_REC|MS_SLAVE, NULL) = 0'],
  [call("mount", ["none", "/tmp", "tmpfs", 0, ""]), 'mount("none", "/tmp", "tmpfs", 0, "") = 0'],
  [call("mount", ["proc", "/proc", "proc", 14, null]), 'mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL) = 0'],
  [
    call("mount", ["/a", "/b", null, 0x5000, null], "ENOENT"),
    'mount("/a", "/b", NULL, MS_BIND|MS_REC, NULL) = -1 ENOENT (No such file or directory)',
  ],
  [
    call("mount", [null, "/b", null, 0x120142f, null], "ENOENT"),
    'mount(NULL, "/b", NULL, MS_RDONLY|MS_NOSUID|MS_NODEV|MS_NOEXEC|MS_REMOUNT|MS_NOATIME|MS_BIND|MS_RELATIME|MS_STRICTATIME, NULL) = -1 ENOENT (No such file or directory)',
  ],
  [
    call("mount", ["overlay", "/x", "overlay", 0, `lowerdir=/${"a".repeat(60)},upperdir=b`], "ENOENT"),
    `mount("overlay", "/x", "overlay", 0, "lowerdir=/${"a".repeat(22)}"...) = -1 ENOENT (No such file or directory)`,
  ],
  [
    call("umount2", ["/a", 15], "ENOENT"),
    'umount2("/a", MNT_FORCE|MNT_DETACH|MNT_EXPIRE|UMOUNT_NOFOLLOW) = -1 ENOENT (No such file or directory)',
  ],
  [call("umount2", ["/mnt", 0]), 'umount2("/mnt", 0) = 0'],
  [call("pivot_root", [".", "."], "EBUSY"), 'pivot_root(".", ".") = -1 EBUSY (Device or resource busy)'],
  [call("setns", [-1, 0x20000], "EBADF"), "setns(-1, CLONE_NEWNS) = -1 EBADF (Bad file descriptor)"],
  [call("setns", [99, 0], "EBADF"), "setns(99, 0) = -1 EBADF (Bad file descriptor)"],
  [
    call("openat", [-100, "/nono/f", 0o2402000 | 0o1000 | 0o301, 0o644], "ENOENT"),
    'openat(AT_FDCWD, "/nono/f", O_WRONLY|O_CREAT|O_EXCL|O_TRUNC|O_APPEND|O_NOFOLLOW|O_CLOEXEC, 0644) = -1 ENOENT (No such file or directory)',
  ],
  [
    call("openat", [77, "f", 0o12600000], "EBADF"),
    'openat(77, "f", O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_PATH|O_DIRECTORY) = -1 EBADF (Bad file descriptor)',
  ],
  [
    call("openat", [77, "f", 0o5054402 | 0o4010000], "EBADF"),
    'openat(77, "f", O_RDWR|O_NOCTTY|O_NONBLOCK|O_SYNC|O_DIRECT|O_NOATIME) = -1 EBADF (Bad file descriptor)',
  ],
  [
    call("openat", [77, "f", 0o20200002, 0o600], "EBADF"),
    'openat(77, "f", O_RDWR|O_TMPFILE, 0600) = -1 EBADF (Bad file descriptor)',
  ],
  [
    call("openat2", [77, "proc", 0o12200000, 0, 0x3f, 24], "EINVAL"),
    'openat2(77, "proc", {flags=O_RDONLY|O_CLOEXEC|O_PATH|O_DIRECTORY, resolve=RESOLVE_NO_XDEV|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH|RESOLVE_IN_ROOT|RESOLVE_CACHED}, 24) = -1 EINVAL (Invalid argument)',
  ],
  [
    call("openat2", [77, "proc", 0o101, 0o755, 0x10, 24], "EBADF"),
    'openat2(77, "proc", {flags=O_WRONLY|O_CREAT, mode=0755, resolve=RESOLVE_IN_ROOT}, 24) = -1 EBADF (Bad file descriptor)',
  ],
  [call("prctl", [38, 1, 0, 0, 0]), "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) = 0"],
  [call("prctl", [1, 9]), "prctl(PR_SET_PDEATHSIG, SIGKILL) = 0"],
  [call("prctl", [4, 0]), "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE) = 0"],
  [call("prctl", [8, 1, 0, 0, 0]), "prctl(PR_SET_KEEPCAPS, 1) = 0"],
  [call("prctl", [24, 21, 0, 0, 0]), "prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) = 0"],
  [
    call("prctl", [47, 2, 0, 0, 0], "EPERM"),
    "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) = -1 EPERM (Operation not permitted)",
  ],
  [call("prctl", [47, 4, 0, 0, 0]), "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) = 0"],
  [
    call("prctl", [28, 0x2f]),
    "prctl(PR_SET_SECUREBITS, SECBIT_NOROOT|SECBIT_NOROOT_LOCKED|SECBIT_NO_SETUID_FIXUP|SECBIT_NO_SETUID_FIXUP_LOCKED|SECBIT_KEEP_CAPS_LOCKED) = 0",
  ],
  [call("prctl", [15, "glassbox-init", 0, 0, 0]), 'prctl(PR_SET_NAME, "glassbox-init") = 0'],
  [call("prlimit64", [0, 4, 1024, 65536]), "prlimit64(0, RLIMIT_CORE, {rlim_cur=1024, rlim_max=64*1024}, NULL) = 0"],
  [
    call("prlimit64", [0, 7, 1024, -1], "EPERM"),
    "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}, NULL) = -1 EPERM (Operation not permitted)",
  ],
  [
    call("mknodat", [77, "null", 0o20666, 0x103], "EBADF"),
    'mknodat(77, "null", S_IFCHR|0666, makedev(0x1, 0x3)) = -1 EBADF (Bad file descriptor)',
  ],
  [
    call("mknodat", [-100, "/nono/fifo", 0o10600, 0], "ENOENT"),
    'mknodat(AT_FDCWD, "/nono/fifo", S_IFIFO|0600) = -1 ENOENT (No such file or directory)',
  ],
  [
    call("mknodat", [-100, "/nono/f", 0o64600, 0x801], "ENOENT"),
    'mknodat(AT_FDCWD, "/nono/f", S_IFBLK|S_ISUID|0600, makedev(0x8, 0x1)) = -1 ENOENT (No such file or directory)',
  ],
  [call("fsopen", ["tmpfs", 1], "EPERM"), 'fsopen("tmpfs", FSOPEN_CLOEXEC) = -1 EPERM (Operation not permitted)'],
  [
    call("fsconfig", [-1, 1, "mode", "755", 0], "EINVAL"),
    'fsconfig(-1, FSCONFIG_SET_STRING, "mode", "755", 0) = -1 EINVAL (Invalid argument)',
  ],
  [
    call("fsconfig", [-1, 6, null, null, 0], "EINVAL"),
    "fsconfig(-1, FSCONFIG_CMD_CREATE, NULL, NULL, 0) = -1 EINVAL (Invalid argument)",
  ],
  [
    call("fsmount", [-1, 1, 15], "EPERM"),
    "fsmount(-1, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) = -1 EPERM (Operation not permitted)",
  ],
  [
    call("move_mount", [-1, "", 77, "", 0x54], "EPERM"),
    'move_mount(-1, "", 77, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_SYMLINKS|MOVE_MOUNT_T_EMPTY_PATH) = -1 EPERM (Operation not permitted)',
  ],
  [
    call("open_tree", [-100, "/tmp", 0x88001], "EPERM"),
    'open_tree(AT_FDCWD, "/tmp", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) = -1 EPERM (Operation not permitted)',
  ],
  [
    call("open_tree", [77, "", 0x81100], "EBADF"),
    'open_tree(77, "", OPEN_TREE_CLOEXEC|AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH) = -1 EBADF (Bad file descriptor)',
  ],
  [
    call("mount_setattr", [-100, "/nono", 0x8000, 3, 0, 0x80000, 0, 32], "EPERM"),
    'mount_setattr(AT_FDCWD, "/nono", AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID, attr_clr=0, propagation=MS_SLAVE, userns_fd=0}, 32) = -1 EPERM (Operation not permitted)',
  ],
  [
    call("ioctl", [77, 0x5414, 24, 80], "EBADF"),
    "ioctl(77, TIOCSWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = -1 EBADF (Bad file descriptor)",
  ],
  [call("ioctl", [0, 0x540e, 0], "ENOTTY"), "ioctl(0, TIOCSCTTY, 0) = -1 ENOTTY (Inappropriate ioctl for device)"],
  [call("ioctl", [77, 0x40045431, 0], "EBADF"), "ioctl(77, TIOCSPTLCK, [0]) = -1 EBADF (Bad file descriptor)"],
  [call("keyctl", [1, "glassbox"], 721787411), 'keyctl(KEYCTL_JOIN_SESSION_KEYRING, "glassbox") = 721787411'],
  [call("keyctl", [1, null], 1), "keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL) = 1"],
  [call("close_range", [3, 0xffffffff, 4]), "close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC) = 0"],
  [call("close_range", [3, 0xffffffff, 6]), "close_range(3, 4294967295, CLOSE_RANGE_UNSHARE|CLOSE_RANGE_CLOEXEC) = 0"],
  [
    call("fchmodat", [-100, "/nono", 0o1777], "ENOENT"),
    'fchmodat(AT_FDCWD, "/nono", 01777) = -1 ENOENT (No such file or directory)',
  ],
  [call("umask", [0o22], 0o22), "umask(022) = 022"],
  [call("umask", [0], 0o22), "umask(000) = 022"],
  [
    call("fchownat", [77, "null", 0, 5, 0x100], "EBADF"),
    'fchownat(77, "null", 0, 5, AT_SYMLINK_NOFOLLOW) = -1 EBADF (Bad file descriptor)',
  ],
  [call("fchown", [77, 0, 0xffffffff], "EBADF"), "fchown(77, 0, -1) = -1 EBADF (Bad file descriptor)"],
  [call("mkdir", ["/nono/a", 0o700], "ENOENT"), 'mkdir("/nono/a", 0700) = -1 ENOENT (No such file or directory)'],
  [
    call("symlinkat", ["/proc/self/fd", 77, "fd"], "EBADF"),
    'symlinkat("/proc/self/fd", 77, "fd") = -1 EBADF (Bad file descriptor)',
  ],
  [call("unlinkat", [77, "x", 0x200], "EBADF"), 'unlinkat(77, "x", AT_REMOVEDIR) = -1 EBADF (Bad file descriptor)'],
  [
    call("faccessat", [-100, "/nono", 5], "ENOENT"),
    'faccessat(AT_FDCWD, "/nono", R_OK|X_OK) = -1 ENOENT (No such file or directory)',
  ],
  [call("sethostname", ["glassbox", 8], "EPERM"), 'sethostname("glassbox", 8) = -1 EPERM (Operation not permitted)'],
  [call("write", [77, "c 1:3 rwm\n", 10], "EBADF"), 'write(77, "c 1:3 rwm\\n", 10) = -1 EBADF (Bad file descriptor)'],
  [call("dup3", [77, 9, 0o2000000], "EBADF"), "dup3(77, 9, O_CLOEXEC) = -1 EBADF (Bad file descriptor)"],
  [call("fcntl", [77, 3, 0], "EBADF"), "fcntl(77, F_GETFL) = -1 EBADF (Bad file descriptor)"],
  [call("fcntl", [77, 4, 0o4002], "EBADF"), "fcntl(77, F_SETFL, O_RDWR|O_NONBLOCK) = -1 EBADF (Bad file descriptor)"],
  [call("fcntl", [77, 1030, 3], "EBADF"), "fcntl(77, F_DUPFD_CLOEXEC, 3) = -1 EBADF (Bad file descriptor)"],
  [
    call("fcntl", [77, 1033, 15], "EBADF"),
    "fcntl(77, F_ADD_SEALS, F_SEAL_SEAL|F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE) = -1 EBADF (Bad file descriptor)",
  ],
  [call("memfd_create", ["x", 3], 3), 'memfd_create("x", MFD_CLOEXEC|MFD_ALLOW_SEALING) = 3'],
  [call("mknodat", [4, "tty", 0o20666, 0x500]), 'mknodat(4, "tty", S_IFCHR|0666, makedev(0x5, 0)) = 0'],
  [call("setsid", [], 4), "setsid() = 4"],
  [call("setgroups", [0, null]), "setgroups(0, NULL) = 0"],
  [call("rt_sigaction", [13, null, null, 8]), "rt_sigaction(SIGPIPE, NULL, NULL, 8) = 0"],
  [call("socket", [2, 0o2000002, 0], 5), "socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 5"],
  [call("socket", [16, 0o2000003, 0], 6), "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 6"],
  [call("socket", [1, 0o4001, 0], 7), "socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK, 0) = 7"],
  [
    call("pidfd_send_signal", [77, 15, null, 0], "EBADF"),
    "pidfd_send_signal(77, SIGTERM, NULL, 0) = -1 EBADF (Bad file descriptor)",
  ],
  [call("waitid", [3, 77, null, 4, null], "EBADF"), "waitid(P_PIDFD, 77, NULL, WEXITED, NULL) = -1 EBADF (Bad file descriptor)"],
  [call("flock", [77, 6], "EBADF"), "flock(77, LOCK_EX|LOCK_NB) = -1 EBADF (Bad file descriptor)"],
  [
    call("clone", [0x20011, 0x1000, 0, 0, 0], "EPERM"),
    "clone(child_stack=0x1000, flags=CLONE_NEWNS|SIGCHLD) = -1 EPERM (Operation not permitted)",
  ],
  [call("exit_group", [0]), "exit_group(0) = ?"],
];

for (const [record, expected] of STRACE) {
  test(`as strace: ${expected.slice(0, 90)}`, (t) => {
    t.is(renderCall(record, { arch: "x64" }), expected);
  });
}

test("buffers are named, and decoded when their bytes were recorded", (t) => {
  t.is(renderCall(call("openat2", [4, "/proc", [24], 24], 8)), 'openat2(4, "/proc", {open_how: 24 bytes}, 24) = 8');
  t.is(renderCall(call("capset", [[8], [24]])), "capset({cap_user_header: 8 bytes}, {cap_user_data: 24 bytes}) = 0");
  t.is(renderCall(call("seccomp", [1, 0, [16]])), "seccomp(SECCOMP_SET_MODE_FILTER, 0, {sock_fprog: 16 bytes}) = 0");
  t.is(renderCall(call("setgroups", [3, [12]])), "setgroups(3, [3 ids]) = 0");

  const withData = (data: number[], size: 4 | 8): CallArgument => {
    const bytes = new Uint8Array(data.length * size);
    const view = new DataView(bytes.buffer);
    data.forEach((value, i) => (size === 8 ? view.setBigUint64(i * 8, BigInt(value), true) : view.setUint32(i * 4, value, true)));
    return { type: "bytes", length: bytes.length, data: bytes } as CallArgument;
  };
  const how = { ...call("openat2", [4, "/proc", null, 24], 8) };
  how.args[2] = withData([0o12200000, 0, 0x12], 8);
  t.is(
    renderCall(how, { arch: "x64" }),
    'openat2(4, "/proc", {flags=O_RDONLY|O_CLOEXEC|O_PATH|O_DIRECTORY, resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT}, 24) = 8',
  );
  const caps = { ...call("capset", [null, null]) };
  caps.args[0] = withData([0x20080522, 0], 4);
  caps.args[1] = withData([3, 3, 0, 0, 0, 0], 4);
  t.is(
    renderCall(caps),
    "capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=1<<CAP_CHOWN|1<<CAP_DAC_OVERRIDE, permitted=1<<CAP_CHOWN|1<<CAP_DAC_OVERRIDE, inheritable=0}) = 0",
  );
  const groups = { ...call("setgroups", [3, null]) };
  groups.args[1] = withData([1, 2, 3], 4);
  t.is(renderCall(groups), "setgroups(3, [1, 2, 3]) = 0");
});

test("the parent lane's forms: flags and files as text", (t) => {
  t.is(
    renderCall(call("clone3", [0x20020000, 17, "/sys/fs/cgroup/g"], 42)),
    "clone3({flags=CLONE_NEWNS|CLONE_NEWPID, exit_signal=SIGCHLD, cgroup=</sys/fs/cgroup/g>}, 88) = 42",
  );
  t.is(
    renderCall(call("clone3", [0x20020000, 17], 42)),
    "clone3({flags=CLONE_NEWNS|CLONE_NEWPID, exit_signal=SIGCHLD}, 88) = 42",
  );
  t.is(renderCall(call("write", ["/cg/pids.max", "20", 2], 2)), 'write(</cg/pids.max>, "20", 2) = 2');
  t.is(
    renderCall(call("prlimit64", [42, "RLIMIT_NOFILE", 1024, 4096])),
    "prlimit64(42, RLIMIT_NOFILE, {rlim_cur=1024, rlim_max=4*1024}, NULL) = 0",
  );
});

test("strings: C escapes, octal, cut by bytes, never a control character", (t) => {
  t.is(quote('a\n"b\u00019'), '"a\\n\\"b\\19"');
  t.is(quote("\u00017"), '"\\0017"');
  t.is(quote("/x\t\u001b[0m"), '"/x\\t\\33[0m"');
  t.is(quote("容"), '"\\345\\256\\271"');
  t.is(quote("a".repeat(40), 32), `"${"a".repeat(32)}"...`);
  t.is(quote("ab", 32, true), '"ab"...');
  t.notRegex(renderCall(call("execve", ["/\u001b]0;x\u0007", [8], [8]])), /[\u0000-\u001f\u007f]/);
});

test("paths stay whole, data is cut unless asked for in full", (t) => {
  const long = `/${"p".repeat(50)}`;
  t.is(renderCall(call("chdir", [long])), `chdir("${long}") = 0`);
  const mount = call("mount", ["x", "/", "x", 0, "d".repeat(50)]);
  t.true(renderCall(mount).includes(`"${"d".repeat(32)}"...`));
  t.true(renderCall(mount, { stringLimit: Infinity }).includes(`"${"d".repeat(50)}")`));
});

test("descriptors can be given names, as strace -y does", (t) => {
  t.is(renderCall(call("fchdir", [7]), { fdNames: new Map([[7n, "root"]]) }), "fchdir(7<root>) = 0");
});

test("open flags follow the architecture", (t) => {
  const open = call("openat", [-100, "/", 0o40000], 3);
  t.is(renderCall(open, { arch: "x64" }), 'openat(AT_FDCWD, "/", O_RDONLY|O_DIRECT) = 3');
  t.is(renderCall(open, { arch: "arm64" }), 'openat(AT_FDCWD, "/", O_RDONLY|O_DIRECTORY) = 3');
});

test("unknown calls, bits and errors are shown as they are", (t) => {
  t.is(renderCall(call("futex", [1, null, [4]], "EWHATEVER")), "futex(1, NULL, {4 bytes}) = -1 EWHATEVER");
  t.is(flagSet(0x80000000n | 1n, MOUNT_FLAGS), "MS_RDONLY|0x80000000");
  t.is(renderCall(call("prctl", [999, 5])), "prctl(999, 5) = 0");
});

test("no bit has two names in one table", (t) => {
  for (const table of [MOUNT_FLAGS, CLONE_FLAGS]) t.is(new Set(table.map(([bit]) => bit)).size, table.length);
});
