/**
 * What a user can ask of a container, after parsing: units are resolved, paths absolute, nothing is text that needs a second look.
 * The CLI fills this in; programs that use the library write it by hand. Defaults are Docker's where not said otherwise.
 */

export interface BindOption {
  kind: "bind";
  /** Absolute host path. */
  source: string;
  /** Absolute path inside. */
  target: string;
  readonly: boolean;
  /** Sub-mounts of the source come along (default) … */
  recursive: boolean;
  /** … and become read-only too when the mount is (default). */
  recursiveReadonly: boolean;
  propagation: "rprivate" | "private" | "rslave" | "slave" | "rshared" | "shared";
  /** -v makes a missing source directory, --mount refuses. */
  createSource: boolean;
}

export interface TmpfsOption {
  kind: "tmpfs";
  target: string;
  sizeBytes?: number;
  /** e.g. 0o1777 */
  mode?: number;
  /** Further mount options as written: ["noexec","ro"]. */
  options: string[];
}

export type MountOption = BindOption | TmpfsOption;

export interface DeviceOption {
  source: string;
  target: string;
  /** Subset of "rwm". */
  access: string;
}

export interface UlimitOption {
  /** "nofile" */
  name: string;
  /** -1 unlimited */
  soft: number;
  hard: number;
}

/** The protections that can be taken off on purpose, to see what each one holds. */
export interface UnsafeOptions {
  root?: "chroot";
  private?: "off";
  pidns?: "off";
  proc?: "host";
  nnp?: "off";
  caps?: "all";
  seccomp?: "off";
  initlayer?: "off";
  devices?: "host";
  sysfs?: "rw";
  cgroup?: "off";
}

export interface RunOptions {
  /** Reference or ID prefix. */
  image: string;
  /** COMMAND [ARG…]; empty takes the image's CMD. */
  args: string[];
  /** undefined: the image's; []: reset by --entrypoint "". */
  entrypoint?: string[];
  interactive: boolean;
  tty: boolean;
  remove: boolean;
  name?: string;
  /** "K=V" in order; later wins. Names without value were already looked up. */
  env: string[];
  workdir?: string;
  /** As written: "1000", "ava", "1000:1000", "ava:staff". */
  user?: string;
  groupAdd: string[];
  hostname?: string;
  domainname?: string;
  mounts: MountOption[];
  readonlyRootfs: boolean;
  labels: Record<string, string>;

  memoryBytes?: number;
  /** Memory plus swap, bytes; -1 unlimited. */
  memorySwapBytes?: number;
  memoryReservationBytes?: number;
  /** CPUs as a number, 1.5. */
  cpus?: number;
  cpuShares?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  /** -1 or 0 unlimited; undefined: the default of 2048. */
  pidsLimit?: number;
  ulimits: UlimitOption[];
  shmSizeBytes?: number;
  oomScoreAdj?: number;

  capAdd: string[];
  capDrop: string[];
  noNewPrivileges: boolean;
  /** undefined: default profile; "unconfined"; or a profile file's absolute path. */
  seccomp?: string;
  privileged: boolean;
  devices: DeviceOption[];
  sysctls: Record<string, string>;

  init: boolean;
  network: "none" | "host" | "default";
  pid: "private" | "host";
  ipc: "private" | "host" | "none";
  uts: "private" | "host";
  userns: "host" | "private";
  cgroupns: "private" | "host";

  /** Signal number or name, as the image's STOPSIGNAL. */
  stopSignal?: string;
  cidfile?: string;
  pull: "missing" | "always" | "never";
  /** "linux/amd64" */
  platform?: string;
  quiet: boolean;
  unsafe: UnsafeOptions;
}

/** Everything at its default: spread it and override. */
export const DEFAULT_RUN_OPTIONS: Omit<RunOptions, "image"> = {
  args: [],
  interactive: false,
  tty: false,
  remove: false,
  env: [],
  groupAdd: [],
  mounts: [],
  readonlyRootfs: false,
  labels: {},
  ulimits: [],
  capAdd: [],
  capDrop: [],
  noNewPrivileges: false,
  privileged: false,
  devices: [],
  sysctls: {},
  init: false,
  network: "default",
  pid: "private",
  ipc: "private",
  uts: "private",
  userns: "host",
  cgroupns: "private",
  pull: "missing",
  quiet: false,
  unsafe: {},
};
