/**
 * Run options + image config → OCI runtime config. No I/O: what has to be looked up (users, devices, the kind of a bind's source) was
 * looked up by prepare.ts and comes in as `Lookups`.
 */

import { GlassboxError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import { resolveCapabilities } from "../confine/capabilities";
import { DEFAULT_DEVICE_RULES } from "../confine/devices";
import { DEFAULT_READONLY_PATHS, defaultMaskedPaths } from "../confine/masked";
import type { OciConfig, OciDevice, OciDeviceRule, OciMount, OciNamespace, OciResources, OciRlimit } from "../plan/oci";
import type { BindOption, RunOptions, TmpfsOption } from "./run-options";
import type { ResolvedUser } from "./user";

/** The part of an image's config that a start needs (image-spec, "Image Configuration"). */
export interface ImageProcessConfig {
  Env?: string[] | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | null;
  User?: string;
  WorkingDir?: string;
  StopSignal?: string;
  Volumes?: Record<string, unknown> | null;
}

export interface Lookups {
  user: ResolvedUser;
  /** Host devices named by --device, as nodes; all of /dev with --privileged. */
  devices: { node: OciDevice; access: string }[];
  /** Bind sources that are not directories: their targets are made as files. */
  fileSources: ReadonlySet<string>;
  /** Numbers of CPUs with a thermal_throttle directory. */
  throttledCpus: readonly number[];
  /** The host's own name, for containers that share it. */
  hostname: string;
  terminalSize: { rows: number; columns: number } | undefined;
  /** RLIMIT_NOFILE's hard limit of this process; -1 unlimited. */
  maxOpenFiles: number;
}

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
export const DEFAULT_PIDS_LIMIT = 2048;
export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

const STANDARD_NODES: readonly OciDevice[] = (
  [
    ["/dev/null", 1, 3],
    ["/dev/zero", 1, 5],
    ["/dev/full", 1, 7],
    ["/dev/random", 1, 8],
    ["/dev/urandom", 1, 9],
    ["/dev/tty", 5, 0],
  ] as const
).map(([path, major, minor]) => ({ path, type: "c", major, minor, fileMode: 0o666, uid: 0, gid: 0 }));

/** What the image and the command line make of argv: ENTRYPOINT then CMD or the user's words. Throws "no-command". */
export function commandOf(options: Pick<RunOptions, "args" | "entrypoint" | "image">, image: ImageProcessConfig): string[] {
  const entrypoint = options.entrypoint ?? image.Entrypoint ?? [];
  // A new entry point drops the image's CMD, which was meant for the old one.
  const command = options.args.length > 0 ? options.args : options.entrypoint === undefined ? (image.Cmd ?? []) : [];
  const argv = [...entrypoint, ...command];
  if (argv.length > 0 && argv[0] !== "") return argv;
  if (argv.length > 0)
    throw new GlassboxError({
      code: "no-command",
      what: "no command specified",
      why: { en: "the command is an empty text", zh: "命令是空字符串" },
    });
  throw new GlassboxError({
    code: "no-command",
    what: "no command specified",
    why: {
      en: `image ${options.image} has neither CMD nor ENTRYPOINT`,
      zh: `镜像 ${options.image} 既没有 CMD 也没有 ENTRYPOINT`,
    },
    hint: { en: `name one: glassbox run ${options.image} COMMAND`, zh: `请写出命令：glassbox run ${options.image} COMMAND` },
  });
}

/** PATH and HOSTNAME first, then the image, then the user's: a later value of a name replaces the earlier in place. */
export function environmentOf(options: RunOptions, image: ImageProcessConfig, hostname: string, home: string): string[] {
  const byName = new Map<string, string>();
  const put = (entry: string): void => {
    const equals = entry.indexOf("=");
    byName.set(equals < 0 ? entry : entry.slice(0, equals), entry);
  };
  put(`PATH=${DEFAULT_PATH}`);
  put(`HOSTNAME=${hostname}`);
  if (options.tty) put("TERM=xterm");
  (image.Env ?? []).forEach(put);
  options.env.forEach(put);
  if (!byName.has("HOME")) put(`HOME=${home}`);
  return [...byName.values()];
}

/** Builds the runtime config of one container. Throws GlassboxError for options that contradict each other or the host. */
export function buildSpec(
  options: RunOptions,
  image: ImageProcessConfig,
  facts: HostFacts,
  lookups: Lookups,
  ids: { containerId: string; rootPath: string },
): OciConfig {
  const { unsafe, privileged } = options;
  const hostname = options.uts === "host" ? lookups.hostname : (options.hostname ?? ids.containerId.slice(0, 12));
  const cwd = options.workdir ?? (image.WorkingDir || "/");
  const open = privileged || unsafe.sysfs === "rw";
  return {
    ociVersion: "1.0.2",
    ...(options.uts === "host" ? {} : { hostname }),
    ...(options.domainname === undefined ? {} : { domainname: options.domainname }),
    root: { path: ids.rootPath, readonly: options.readonlyRootfs },
    process: {
      terminal: options.tty,
      ...(options.tty && lookups.terminalSize !== undefined
        ? { consoleSize: { height: lookups.terminalSize.rows, width: lookups.terminalSize.columns } }
        : {}),
      user: { uid: lookups.user.uid, gid: lookups.user.gid, umask: 0o022, additionalGids: lookups.user.additionalGids },
      args: commandOf(options, image),
      env: environmentOf(options, image, hostname, lookups.user.home),
      cwd,
      capabilities: capabilitySets(options, facts, lookups.user.uid),
      rlimits: rlimitsOf(options, lookups.maxOpenFiles),
      noNewPrivileges: options.noNewPrivileges && unsafe.nnp !== "off",
      ...(options.oomScoreAdj === undefined ? {} : { oomScoreAdj: options.oomScoreAdj }),
    },
    mounts: mountsOf(options, lookups),
    linux: {
      namespaces: namespacesOf(options),
      ...(options.userns === "private" ? idMappings(facts) : {}),
      devices: [...STANDARD_NODES, ...lookups.devices.map(({ node }) => node)],
      ...(unsafe.cgroup === "off"
        ? {}
        : { cgroupsPath: `/glassbox/${ids.containerId}`, resources: resourcesOf(options, facts, lookups) }),
      rootfsPropagation: "slave",
      maskedPaths: privileged || unsafe.proc === "host" ? [] : defaultMaskedPaths(lookups.throttledCpus),
      readonlyPaths: open || unsafe.proc === "host" ? [] : [...DEFAULT_READONLY_PATHS],
      sysctl: { ...defaultSysctls(options), ...options.sysctls },
    },
    annotations: { "io.glassbox.container": ids.containerId },
  };
}

/** Root inside is the caller outside, and nobody else is there. */
function idMappings(facts: HostFacts): Pick<OciConfig["linux"], "uidMappings" | "gidMappings"> {
  return {
    uidMappings: [{ containerID: 0, hostID: facts.euid, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: facts.egid, size: 1 }],
  };
}

/** Ports below 1024 and ping are the container's own affair in its own network namespace, as Docker has it since 20.10. */
function defaultSysctls(options: RunOptions): Record<string, string> {
  if (options.network === "host") return {};
  const ports = { "net.ipv4.ip_unprivileged_port_start": "0" };
  // Group numbers are those of the user namespace; one with few of them refuses the whole range.
  return options.userns === "private" ? ports : { ...ports, "net.ipv4.ping_group_range": "0 2147483647" };
}

function namespacesOf(options: RunOptions): OciNamespace[] {
  const namespaces: OciNamespace[] = [{ type: "mount" }];
  if (options.uts !== "host") namespaces.push({ type: "uts" });
  if (options.ipc !== "host") namespaces.push({ type: "ipc" });
  if (options.pid !== "host" && options.unsafe.pidns !== "off") namespaces.push({ type: "pid" });
  if (options.network !== "host") namespaces.push({ type: "network" });
  if (options.userns === "private") namespaces.push({ type: "user" });
  if (options.cgroupns !== "host" && options.unsafe.cgroup !== "off") namespaces.push({ type: "cgroup" });
  return namespaces;
}

function capabilitySets(options: RunOptions, facts: HostFacts, uid: number): OciConfig["process"]["capabilities"] {
  const all = options.privileged || options.unsafe.caps === "all";
  const { names } = resolveCapabilities({
    add: options.capAdd,
    drop: options.capDrop,
    privileged: all,
    bounding: facts.capBounding,
    lastCap: facts.lastCap,
  });
  // A program of another user has none until a set-uid or file-capability program gives it some: capabilities(7). Inheritable and
  // ambient stay empty (CVE-2022-24769).
  const active = uid === 0 ? names : [];
  return { bounding: names, effective: active, permitted: active, inheritable: [], ambient: [] };
}

/** Names in the bounding set, for the seccomp profile's conditions. */
export function boundingCapabilities(config: OciConfig): string[] {
  return config.process.capabilities.bounding;
}

function rlimitsOf(options: RunOptions, maxOpenFiles: number): OciRlimit[] {
  const limits = options.ulimits.map(({ name, soft, hard }) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard }));
  if (limits.some(({ type }) => type === "RLIMIT_NOFILE")) return limits;
  // Node raises its own soft limit to the hard one; a payload gets what a login shell has.
  const hard = maxOpenFiles < 0 ? 524288 : maxOpenFiles;
  return [...limits, { type: "RLIMIT_NOFILE", soft: Math.min(1024, hard), hard }];
}

function resourcesOf(options: RunOptions, facts: HostFacts, lookups: Lookups): OciResources {
  const resources: OciResources = { devices: deviceRules(options, lookups) };
  const { memoryBytes, memorySwapBytes, memoryReservationBytes } = options;
  if (memoryBytes !== undefined || memorySwapBytes !== undefined || memoryReservationBytes !== undefined) {
    resources.memory = {
      ...(memoryBytes === undefined ? {} : { limit: memoryBytes }),
      // Docker's default: as much swap again as memory, where the kernel counts swap.
      ...(memorySwapBytes !== undefined
        ? { swap: memorySwapBytes }
        : memoryBytes !== undefined && facts.cgroup.swapLimit !== false
          ? { swap: memoryBytes * 2 }
          : {}),
      ...(memoryReservationBytes === undefined ? {} : { reservation: memoryReservationBytes }),
    };
  }
  const { cpus, cpuShares, cpusetCpus, cpusetMems } = options;
  if (cpus !== undefined || cpuShares !== undefined || cpusetCpus !== undefined || cpusetMems !== undefined) {
    resources.cpu = {
      ...(cpus === undefined ? {} : { period: 100000, quota: Math.round(cpus * 100000) }),
      ...(cpuShares === undefined ? {} : { shares: cpuShares }),
      ...(cpusetCpus === undefined ? {} : { cpus: cpusetCpus }),
      ...(cpusetMems === undefined ? {} : { mems: cpusetMems }),
    };
  }
  const pids = options.pidsLimit ?? DEFAULT_PIDS_LIMIT;
  resources.pids = { limit: pids <= 0 ? -1 : pids };
  return resources;
}

function deviceRules(options: RunOptions, lookups: Lookups): OciDeviceRule[] {
  if (options.privileged || options.unsafe.devices === "host") return [{ allow: true, access: "rwm" }];
  return [
    ...DEFAULT_DEVICE_RULES,
    ...lookups.devices.map(({ node, access }): OciDeviceRule => ({
      allow: true,
      type: node.type === "b" ? "b" : "c",
      major: node.major,
      minor: node.minor,
      access,
    })),
  ];
}

// --- mounts ------------------------------------------------------------------------------------------------------------

function mountsOf(options: RunOptions, lookups: Lookups): OciMount[] {
  const user = options.mounts.map((mount) => (mount.kind === "bind" ? bindMount(mount, lookups.fileSources) : tmpfsMount(mount)));
  const taken = new Set(user.map(({ destination }) => destination));
  const standard = standardMounts(options).filter(({ destination }) => !taken.has(destination));
  refuseKernelTargets(user);
  // Parents before children, whatever the order of flags.
  const depth = ({ destination }: OciMount): number => destination.split("/").length;
  return [
    ...standard,
    ...user
      .map((mount, i) => ({ mount, i }))
      .sort((a, b) => depth(a.mount) - depth(b.mount) || a.i - b.i)
      .map(({ mount }) => mount),
  ];
}

/** Whatever covers /proc or /sys would be what the runtime writes its settings into (CVE-2019-16884, CVE-2023-27561). */
function refuseKernelTargets(mounts: readonly OciMount[]): void {
  for (const { destination } of mounts) {
    if (!/^\/(proc|sys|dev)$/.test(destination) && !/^\/(proc|sys)\//.test(destination)) continue;
    throw new GlassboxError({
      code: "mount-target-refused",
      what: `cannot mount over ${destination}`,
      why: {
        en: "the container's own /proc, /sys and /dev carry its isolation: masks, read-only settings, device nodes",
        zh: "容器自己的 /proc、/sys、/dev 承载着隔离：遮盖、只读设置、设备节点",
      },
      hint: {
        en: "choose another target; --unsafe proc=host|devices=host|sysfs=rw show what is protected there",
        zh: "换一个目标；想看它们保护了什么，用 --unsafe proc=host|devices=host|sysfs=rw",
      },
    });
  }
}

function standardMounts(options: RunOptions): OciMount[] {
  const { unsafe, privileged } = options;
  const sysOptions = ["nosuid", "noexec", "nodev", privileged || unsafe.sysfs === "rw" ? "rw" : "ro"];
  const mounts: OciMount[] = [
    // A new proc may be mounted only by the owner of its pid namespace.
    unsafe.proc === "host" || (options.userns === "private" && (options.pid === "host" || unsafe.pidns === "off"))
      ? { destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "rslave"] }
      : { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    unsafe.devices === "host"
      ? { destination: "/dev", type: "bind", source: "/dev", options: ["rbind", "rslave"] }
      : {
          destination: "/dev",
          type: "tmpfs",
          source: "tmpfs",
          options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"],
        },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: [
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        ...(options.userns === "private" ? [] : ["gid=5"]),
      ],
    },
    // A new sysfs may be mounted only by the owner of its network namespace.
    options.userns === "private" && options.network === "host"
      ? { destination: "/sys", type: "bind", source: "/sys", options: ["rbind", ...sysOptions] }
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: sysOptions },
  ];
  if (unsafe.cgroup !== "off") {
    mounts.push({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", privileged ? "rw" : "ro"],
    });
  }
  if (options.ipc === "host") {
    mounts.push(
      { destination: "/dev/mqueue", type: "bind", source: "/dev/mqueue", options: ["rbind", "nosuid", "noexec", "nodev"] },
      { destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind", "nosuid", "noexec", "nodev"] },
    );
    return mounts;
  }
  mounts.push({ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] });
  if (options.ipc !== "none") {
    const size = options.shmSizeBytes ?? DEFAULT_SHM_BYTES;
    mounts.push({
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${Math.ceil(size / 1024)}k`],
    });
  }
  return mounts;
}

function bindMount(bind: BindOption, fileSources: ReadonlySet<string>): OciMount {
  return {
    destination: bind.target,
    type: "bind",
    source: bind.source,
    options: [
      bind.recursive ? "rbind" : "bind",
      bind.readonly ? (bind.recursive && bind.recursiveReadonly ? "rro" : "ro") : "rw",
      bind.propagation,
      ...(fileSources.has(bind.source) ? ["x-glassbox.target=file"] : []),
    ],
  };
}

function tmpfsMount(mount: TmpfsOption): OciMount {
  return {
    destination: mount.target,
    type: "tmpfs",
    source: "tmpfs",
    options: [
      "nosuid",
      "nodev",
      "noexec",
      ...mount.options,
      ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
      ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
    ],
  };
}
