/**
 * The vocabulary of a container's start. A kind is an idea that a lesson can name, not one system call;
 * `explain/` must have an entry for each, or it does not compile.
 */

export type Lane = "parent" | "child";

/** In the order in which they happen; `order.ts` holds the rules and their reasons. */
export type Phase = "prepare" | "clone" | "attach" | "rootfs" | "confine" | "identity" | "handoff";

/** Name of a descriptor that exists only at run time; the executor fills in its number. */
export type Slot = string;

interface Base {
  /** Unique in its plan, stable between runs with the same options: "mount-/proc", "join-cgroup-pids". */
  id: string;
  lane: Lane;
  phase: Phase;
}

/** mkdir of the container's cgroup in one hierarchy. */
export interface CreateCgroup extends Base {
  kind: "create-cgroup";
  /** Absolute, below the hierarchy's mountpoint. */
  path: string;
  /** "unified" or the v1 controllers joined by commas. */
  hierarchy: string;
}

/** One value into one cgroup file, read back afterwards. */
export interface SetCgroupLimit extends Base {
  kind: "set-cgroup-limit";
  /** Absolute path of the cgroup file. */
  file: string;
  value: string;
  /** The kernel may round (memory pages); "exact" wants the same text back, "number" the same number, "none" cannot be read. */
  readBack: "exact" | "number" | "none";
}

/** Deny all devices, then allow a list: v1 files, or an eBPF program on the v2 cgroup. */
export interface LimitDevices extends Base {
  kind: "limit-devices";
  how: "v1" | "ebpf";
  /** The cgroup directory. */
  path: string;
  /** v1: "c 1:3 rwm" lines for devices.allow; both: for the narrator. */
  allow: string[];
  /** ebpf: encoded BPF_PROG_TYPE_CGROUP_DEVICE instructions, 8 bytes each. */
  program?: Uint8Array;
}

/** The union mount of image layers, init layer and writable layer. */
export interface MountOverlay extends Base {
  kind: "mount-overlay";
  /** Top-most first, as overlayfs reads them. */
  lowerdirs: string[];
  upperdir: string;
  workdir: string;
  target: string;
  /** Directory against which relative lowerdirs are resolved (options must fit one page). */
  cwd: string;
  /** Further options, e.g. "userxattr". */
  options: string[];
  /** Parent lane: leave the mount as shared as what it lies on, so that mounts made in the container show on the host. */
  shared?: true;
}

export interface Clone extends Base {
  kind: "clone";
  /** Kernel spelling: "CLONE_NEWNS", … */
  flags: string[];
  /** Open directory of the v2 cgroup to be born into (CLONE_INTO_CGROUP). */
  cgroupSlot?: Slot;
  cgroupPath?: string;
}

export interface WriteIdMap extends Base {
  kind: "write-id-map";
  file: "setgroups" | "uid_map" | "gid_map";
  value: string;
}

export interface SetRlimit extends Base {
  kind: "set-rlimit";
  /** "RLIMIT_NOFILE" */
  resource: string;
  /** -1 is RLIM_INFINITY. */
  soft: number;
  hard: number;
}

/**
 * A rendezvous. "release": the parent has attached what only it can (id maps, cgroups, limits), the child may go on.
 * "start": the child is ready to execute and waits for the word.
 */
export interface Synchronize extends Base {
  kind: "synchronize";
  point: "release" | "start";
}

/** setsid(2): no controlling terminal of the caller's. */
export interface NewSession extends Base {
  kind: "new-session";
}

/** Own session keyring, so that the caller's keys are not possessed. */
export interface NewKeyring extends Base {
  kind: "new-keyring";
  name: string;
}

/** The kernel kills the child when the thread that cloned it dies. */
export interface SetParentDeathSignal extends Base {
  kind: "set-parent-death-signal";
  signal: number;
}

/** v1: the (single-threaded) child writes "0" to `tasks`, which spares the RCU wait of cgroup.procs. */
export interface JoinCgroup extends Base {
  kind: "join-cgroup";
  hierarchy: string;
  /** Path of the file, for the narrator; the child writes through the slot. */
  file: string;
  slot: Slot;
}

/** setns(2) into a namespace of another process. */
export interface JoinNamespace extends Base {
  kind: "join-namespace";
  namespace: string;
  /** CLONE_NEW… constant name that is verified by setns. */
  flag: string;
  path: string;
  slot: Slot;
}

/** unshare(2) after joining cgroups, so that the container's cgroup is its root. */
export interface NewCgroupNamespace extends Base {
  kind: "new-cgroup-namespace";
}

export interface SetPropagation extends Base {
  kind: "set-propagation";
  target: string;
  /** e.g. ["MS_REC","MS_SLAVE"] */
  flags: string[];
}

/** A new file system instance (proc, tmpfs, sysfs, devpts, mqueue, cgroup …) at a path inside the root. */
export interface MountFilesystem extends Base {
  kind: "mount-filesystem";
  fstype: string;
  source: string;
  /** Inside the container's root: "/proc". Resolved without following symlinks out of it. */
  target: string;
  /** MS_… names */
  flags: string[];
  /** Data string for the file system, e.g. "mode=755,size=65536k". */
  data: string;
  /** Make the target directory (and parents) when missing. */
  createTarget: boolean;
  /** Fail when the target is a symlink (always true for /proc, /sys and /dev). */
  noSymlinks: boolean;
  /** errnos that do not fail the start, e.g. ["ENODEV"] for mqueue. */
  ignore: string[];
}

/** A tree of the host, seen inside: pinned by descriptor, optionally read-only with all below it. */
export interface BindMount extends Base {
  kind: "bind-mount";
  /** Host path. */
  source: string;
  /** Inside the container's root. */
  target: string;
  recursive: boolean;
  /** MOUNT_ATTR_… names set, on sub-mounts too when `recursive`, unless `attributesOnTop`. */
  attributes: string[];
  /** Sub-mounts come along as they are: read-only outside, writable below (--mount …,bind-recursive=writable). */
  attributesOnTop?: boolean;
  /** "MS_PRIVATE" | "MS_SLAVE" | "MS_SHARED" of the new mount. */
  propagation: string;
  /** What to make when the target is missing. */
  createTarget: "directory" | "file" | "none";
  /** Filled by an earlier take-mount step; without it the source is taken now. */
  slot?: number;
}

/**
 * The source of a bind whose mounts shall also go from the container to the host ("rshared"): taken while the host's mounts are still shared, put
 * in its place by the bind-mount step with the same slot.
 */
export interface TakeMount extends Base {
  kind: "take-mount";
  /** Host path. */
  source: string;
  recursive: boolean;
  /** 0 to 15. */
  slot: number;
}

/** A device node on the container's own /dev: mknod, or a bind of the host's node where mknod is not allowed. */
export interface CreateDevice extends Base {
  kind: "create-device";
  how: "mknod" | "bind";
  path: string;
  type: "c" | "b" | "p";
  major: number;
  minor: number;
  mode: number;
  uid: number;
  gid: number;
}

export interface CreateSymlink extends Base {
  kind: "create-symlink";
  target: string;
  path: string;
}

/** Container's own pty: opened from its own devpts, slave bound to /dev/console, master sent to the parent. */
export interface OpenConsole extends Base {
  kind: "open-console";
  rows: number;
  columns: number;
  /** Owner of the slave. */
  uid: number;
}

export interface ChangeRoot extends Base {
  kind: "change-root";
  method: "pivot_root" | "chroot";
  /** New root on the host. */
  path: string;
}

/** Everything later that has a path below the root is done through a descriptor of it: opened here. */
export interface OpenRoot extends Base {
  kind: "open-root";
  path: string;
}

export interface SetHostname extends Base {
  kind: "set-hostname";
  hostname: string;
}

export interface SetDomainname extends Base {
  kind: "set-domainname";
  domainname: string;
}

export interface BringUpLoopback extends Base {
  kind: "bring-up-loopback";
}

export interface SetSysctl extends Base {
  kind: "set-sysctl";
  /** "net.ipv4.ip_forward" */
  key: string;
  value: string;
}

/** Read-only with everything mounted below it (mount_setattr, AT_RECURSIVE). */
export interface MakeReadonly extends Base {
  kind: "make-readonly";
  /** Inside the new root; "/" is the root file system itself, alone. */
  path: string;
}

/** A file is covered by /dev/null (verified to be char 1:3), a directory by an empty read-only tmpfs. */
export interface MaskPath extends Base {
  kind: "mask-path";
  path: string;
}

/** Close-on-exec on everything above 2 (CVE-2024-21626), and O_NONBLOCK off 0 to 2. */
export interface CloseDescriptors extends Base {
  kind: "close-descriptors";
}

export interface SetUmask extends Base {
  kind: "set-umask";
  mask: number;
}

/** chdir inside the root, verified by getcwd to be below it. */
export interface ChangeDirectory extends Base {
  kind: "change-directory";
  path: string;
  /** Make it when missing (Docker makes WORKDIR). */
  create: boolean;
  /** errnos that do not fail the start: the payload stays where it is. */
  ignore: string[];
}

export interface InstallSeccomp extends Base {
  kind: "install-seccomp";
  /** sock_filter[] as bytes, 8 each. */
  program: Uint8Array;
}

/** prctl(PR_CAPBSET_DROP) for everything not listed. */
export interface BoundCapabilities extends Base {
  kind: "bound-capabilities";
  /** Bit mask of the capabilities to keep. */
  keep: bigint;
  lastCap: number;
}

export interface SetUser extends Base {
  kind: "set-user";
  uid: number;
  gid: number;
  groups: number[];
  /** false when setgroups is denied in the user namespace. */
  setGroups: boolean;
  /** PR_SET_KEEPCAPS, so that capset can follow. */
  keepCapabilities: boolean;
}

export interface SetCapabilities extends Base {
  kind: "set-capabilities";
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
  ambient: bigint;
}

export interface NoNewPrivileges extends Base {
  kind: "no-new-privileges";
}

/** Ignored signals back to default (Node ignores SIGPIPE), nothing blocked. */
export interface RestoreSignals extends Base {
  kind: "restore-signals";
}

export interface SetOomScore extends Base {
  kind: "set-oom-score";
  value: number;
}

export interface Execute extends Base {
  kind: "execute";
  /** Absolute paths tried in turn; ENOENT and EACCES go on to the next, as execvp does. */
  candidates: string[];
  argv: string[];
  env: string[];
  /** Fork the payload and stay as PID 1: forward signals, reap zombies (`--init`). */
  reaper: boolean;
}

export type Step =
  | CreateCgroup
  | SetCgroupLimit
  | LimitDevices
  | MountOverlay
  | Clone
  | WriteIdMap
  | SetRlimit
  | Synchronize
  | NewSession
  | NewKeyring
  | SetParentDeathSignal
  | JoinCgroup
  | JoinNamespace
  | NewCgroupNamespace
  | SetPropagation
  | OpenRoot
  | MountFilesystem
  | TakeMount
  | BindMount
  | CreateDevice
  | CreateSymlink
  | OpenConsole
  | ChangeRoot
  | SetHostname
  | SetDomainname
  | BringUpLoopback
  | SetSysctl
  | MakeReadonly
  | MaskPath
  | CloseDescriptors
  | SetUmask
  | ChangeDirectory
  | InstallSeccomp
  | BoundCapabilities
  | SetUser
  | SetCapabilities
  | NoNewPrivileges
  | RestoreSignals
  | SetOomScore
  | Execute;

export type StepKind = Step["kind"];

export type StepOf<K extends StepKind> = Extract<Step, { kind: K }>;

export interface Plan {
  version: 1;
  /** In execution order; parent and child steps interleave as they happen. */
  steps: Step[];
}
