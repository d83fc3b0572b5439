/**
 * What the addon offers, as one interface: the domains above receive it as a value, and unit tests pass a recorder instead.
 * All calls are synchronous and throw SyscallError unless they say otherwise. Descriptors are plain numbers, always O_CLOEXEC;
 * whoever opens one closes it with `close`.
 */

export interface SpawnRequest {
  /** Sealed memfd (or file) of glassbox-init. */
  initFd: number;
  /** argv of glassbox-init; argv[1] is the role. */
  argv: string[];
  /** Kernel spelling: ["CLONE_NEWNS", …]; empty makes a plain child. */
  flags: string[];
  /** Descriptors that become 0, 1, 2. */
  stdio: [number, number, number];
  /** Descriptors that stay open, under their own numbers, across the exec of glassbox-init. */
  keep: number[];
  /** O_PATH or O_RDONLY descriptor of a v2 cgroup directory: CLONE_INTO_CGROUP. */
  cgroupFd?: number;
}

export interface Spawned {
  pid: number;
  pidfd: number;
  /** All flags that clone3 was given, those of `SpawnRequest` among them. */
  flags: bigint;
  startNs: bigint;
  durationNs: bigint;
}

export interface ExitStatus {
  /** Exit code, or 0 when killed by a signal. */
  code: number;
  /** Signal number, 0 when it exited. */
  signal: number;
}

export interface FileStat {
  /** st_mode with the type bits. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  dev: bigint;
  ino: bigint;
  nlink: number;
  rdevMajor: number;
  rdevMinor: number;
  mtimeNs: bigint;
}

/** RESOLVE_… flags of openat2(2). */
export interface ResolveOptions {
  /** RESOLVE_NO_SYMLINKS */
  noSymlinks?: boolean;
  /** Mode of a file that O_CREAT makes. */
  mode?: number;
}

export interface RelayPair {
  from: number;
  to: number;
  /** Shut `to` down when `from` ends (close it). */
  closeTo: boolean;
}

export interface Kernel {
  // --- processes -----------------------------------------------------------------------------------------------------
  spawn(request: SpawnRequest): Spawned;
  /** Waits on a dedicated thread (waitid P_PIDFD) and reaps. */
  wait(pidfd: number): Promise<ExitStatus>;
  pidfdOpen(pid: number): number;
  pidfdSendSignal(pidfd: number, signal: number): void;
  /** prlimit(2); -1 is RLIM_INFINITY. resource: "RLIMIT_NOFILE". */
  prlimit(pid: number, resource: string, soft: number, hard: number): void;

  // --- descriptors ---------------------------------------------------------------------------------------------------
  /** memfd_create, filled, sealed (write, grow, shrink, seal). */
  sealedMemfd(name: string, content: Uint8Array, executable: boolean): number;
  /** What is wrong with an encoded plan; undefined when it is sound. */
  validatePlan(plan: Uint8Array): string | undefined;
  pipe(): [number, number];
  /** Stream socket pair. */
  socketpair(): [number, number];
  /** One message with one descriptor (SCM_RIGHTS); undefined on end of file. Blocks. */
  receiveDescriptor(socket: number): { fd: number; byte: number } | undefined;
  /** Write one byte. */
  sendByte(fd: number, byte: number): void;
  /** Blocking read of at most `max` bytes; empty at end of file. */
  readSome(fd: number, max: number): Uint8Array;
  /** open(2), flags in kernel spelling: ["O_PATH","O_DIRECTORY"]; O_CLOEXEC is added. */
  open(path: string, flags: string[], mode?: number): number;
  close(fd: number): void;
  /**
   * openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS below the directory descriptor `rootFd`: symlinks,
   * "..", absolute paths all stay inside.
   */
  openInRoot(rootFd: number, path: string, flags: string[], options?: ResolveOptions): number;
  fstat(fd: number): FileStat;
  readlinkFd(fd: number): string;
  dup(fd: number): number;
  isatty(fd: number): boolean;
  /** flock(2). false when it would block and `nonBlocking`. */
  flock(fd: number, mode: "shared" | "exclusive" | "unlock", nonBlocking: boolean): boolean;
  /** syncfs(2) of the file system that holds fd. */
  syncfs(fd: number): void;

  // --- mounts --------------------------------------------------------------------------------------------------------
  /** mount(2); `cwd` is the directory for relative option paths (done in a thread of its own). */
  mount(source: string, target: string, fstype: string | null, flags: string[], data: string | null, cwd?: string): void;
  /** umount2(2), e.g. ["MNT_DETACH"]. */
  umount(target: string, flags: string[]): void;

  /** getrandom(2): at most 256 bytes, in one piece. */
  randomBytes(count: number): Buffer;

  // --- files ---------------------------------------------------------------------------------------------------------
  /** open O_WRONLY without O_CREAT, one write, close: for cgroup and proc files. */
  writeKernelFile(path: string, value: string): void;
  mknod(path: string, type: "c" | "b" | "p" | "s", mode: number, major: number, minor: number): void;
  lchown(path: string, uid: number, gid: number): void;
  /** Names of extended attributes, not following symlinks. */
  llistxattr(path: string): string[];
  lgetxattr(path: string, name: string): Uint8Array | undefined;
  lsetxattr(path: string, name: string, value: Uint8Array): void;

  // --- terminal ------------------------------------------------------------------------------------------------------
  getWindowSize(fd: number): { rows: number; columns: number };
  setWindowSize(fd: number, rows: number, columns: number): void;
  /** tcgetattr as opaque bytes. */
  getTermios(fd: number): Uint8Array;
  setTermios(fd: number, termios: Uint8Array): void;
  /** cfmakeraw on the descriptor; returns what it was. */
  makeRaw(fd: number): Uint8Array;
  /** Copies bytes on a dedicated thread until every source has ended; returns a promise and a stop function. */
  relay(pairs: RelayPair[]): { done: Promise<void>; stop(): void };

  // --- bpf -----------------------------------------------------------------------------------------------------------
  /** Loads BPF_PROG_TYPE_CGROUP_DEVICE and attaches it to the cgroup directory. */
  attachDeviceProgram(cgroupPath: string, program: Uint8Array): void;

  /** Names of CLONE_NEW… etc. are looked up natively; unknown names throw a TypeError. */
  errnoName(errno: number): string;
}
