/**
 * OCI runtime config + facts about the host → plan. Pure: the same input gives the same plan, on any machine, without root.
 * The order, and the reason for each place, is in order.ts.
 */

import { capabilityMask } from "../base/capabilities";
import { GlassboxError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import { cgroupSteps, type CgroupPath, type CgroupSteps } from "./cgroup";
import { compileMount, takeMounts } from "./mounts";
import type { OciConfig, OciDevice, OciNamespaceType } from "./oci";
import type { MountOverlay, Plan, Step } from "./steps";

export interface OverlayPaths {
  /** Top-most first: "l/ABC…" relative to `cwd`, or absolute. */
  lowerdirs: string[];
  upperdir: string;
  workdir: string;
  merged: string;
  cwd: string;
  /** Nobody will read the writable layer later (--rm): unmounting need not wait for the disk. overlayfs, "Volatile mount". */
  volatile: boolean;
}

/** What a plan needs that an OCI config has no place for. */
export interface CompileContext {
  containerId: string;
  /** undefined: the root is ready at config.root.path (a bundle). */
  overlay?: OverlayPaths | undefined;
  changeRoot: "pivot_root" | "chroot";
  /** "none" leaves the caller's propagation as it is: mounts may show on the host. */
  propagation: "slave" | "none";
  /** sock_filter[] bytes compiled from config.linux.seccomp; undefined: no filter. */
  seccompProgram?: Uint8Array | undefined;
  deviceProgram?: Uint8Array | undefined;
  /** v1 "c 1:3 rwm" lines; undefined: no device control. */
  deviceLines?: string[] | undefined;
  /** Stay as PID 1 and reap (`--init`). */
  reaper: boolean;
  /** Stop before the payload until told to go on (create, then start). */
  awaitStart: boolean;
}

export interface CompiledPlan {
  plan: Plan;
  /** For limits' read-back and clean-up. */
  cgroups: CgroupPath[];
}

const NAMESPACE_FLAG: Readonly<Record<OciNamespaceType, string>> = {
  mount: "CLONE_NEWNS",
  uts: "CLONE_NEWUTS",
  ipc: "CLONE_NEWIPC",
  pid: "CLONE_NEWPID",
  network: "CLONE_NEWNET",
  user: "CLONE_NEWUSER",
  cgroup: "CLONE_NEWCGROUP",
};

/** Links that programs expect in /dev: runtime-spec, "Dev symbolic links". /dev/core is left out: what it leads to is masked. */
const DEV_LINKS: readonly (readonly [string, string])[] = [
  ["/proc/self/fd", "/dev/fd"],
  ["/proc/self/fd/0", "/dev/stdin"],
  ["/proc/self/fd/1", "/dev/stdout"],
  ["/proc/self/fd/2", "/dev/stderr"],
  ["pts/ptmx", "/dev/ptmx"],
];

const SIGKILL = 9;

/**
 * Compiles the start of a container. Throws GlassboxError ("no-cgroup-controller", "bad-config") for what this host or this config
 * cannot give.
 */
export function compile(config: OciConfig, facts: HostFacts, context: CompileContext): CompiledPlan {
  const namespaces = new Map(config.linux.namespaces.map((namespace) => [namespace.type, namespace.path]));
  const isNew = (type: OciNamespaceType): boolean => namespaces.has(type) && namespaces.get(type) === undefined;
  const cgroups = cgroupPart(config, facts, context);
  const overlay = overlayStep(config, context, facts);

  const steps: Step[] = [
    ...(overlay?.lane === "parent" ? [overlay] : []),
    ...cgroups.prepare,
    cloneStep(config, cgroups),
    ...idMapSteps(config),
    ...(config.process.rlimits ?? []).map(({ type, soft, hard }): Step => ({
      id: `set-rlimit-${type}`,
      kind: "set-rlimit",
      lane: "parent",
      phase: "attach",
      resource: type,
      soft,
      hard,
    })),
    { id: "release", kind: "synchronize", lane: "parent", phase: "attach", point: "release" },
    { id: "await-release", kind: "synchronize", lane: "child", phase: "attach", point: "release" },
    ...attachSteps(config, cgroups, isNew),
    ...takeMounts(config.mounts),
    ...(context.propagation === "none" ? [] : [propagationStep()]),
    ...(overlay?.lane === "child" ? [overlay] : []),
    { id: "open-root", kind: "open-root", lane: "child", phase: "rootfs", path: config.root.path },
    ...rootfsSteps(config, facts, cgroups.paths),
    {
      id: "change-root",
      kind: "change-root",
      lane: "child",
      phase: "rootfs",
      method: context.changeRoot,
      path: config.root.path,
    },
    ...settingSteps(config, isNew),
    ...confineSteps(config),
    ...identitySteps(config, facts, context),
    ...handoffSteps(config, context),
  ];
  return { plan: { version: 1, steps }, cgroups: cgroups.paths };
}

function cgroupPart(config: OciConfig, facts: HostFacts, context: CompileContext): CgroupSteps {
  if (config.linux.cgroupsPath === undefined) return { prepare: [], join: [], paths: [] };
  return cgroupSteps({
    facts: facts.cgroup,
    cgroupsPath: config.linux.cgroupsPath,
    resources: config.linux.resources ?? {},
    deviceProgram: context.deviceProgram,
    deviceLines: context.deviceLines,
  });
}

function overlayStep(config: OciConfig, context: CompileContext, facts: HostFacts): MountOverlay | undefined {
  const { overlay } = context;
  if (overlay === undefined) return undefined;
  const asRoot = facts.euid === 0;
  return {
    id: "mount-overlay",
    kind: "mount-overlay",
    // On the host, so that `mount` and `inspect` agree and commit can read it; without root only the child may mount.
    lane: asRoot ? "parent" : "child",
    phase: asRoot ? "prepare" : "rootfs",
    lowerdirs: overlay.lowerdirs,
    upperdir: overlay.upperdir,
    workdir: overlay.workdir,
    target: config.root.path,
    cwd: overlay.cwd,
    options: [...(asRoot ? [] : ["userxattr"]), ...(overlay.volatile ? ["volatile"] : [])],
    ...(context.propagation === "none" ? { shared: true as const } : {}),
  };
}

function cloneStep(config: OciConfig, cgroups: CgroupSteps): Step {
  // The cgroup namespace is not cloned but unshared later, when the child has joined its cgroups.
  const flags = config.linux.namespaces
    .filter(({ type, path }) => type !== "cgroup" && path === undefined)
    .map(({ type }) => NAMESPACE_FLAG[type]);
  return {
    id: "clone",
    kind: "clone",
    lane: "parent",
    phase: "clone",
    flags,
    ...(cgroups.unifiedPath === undefined ? {} : { cgroupSlot: "cgroup-unified", cgroupPath: cgroups.unifiedPath }),
  };
}

function idMapSteps(config: OciConfig): Step[] {
  const { uidMappings, gidMappings } = config.linux;
  if (uidMappings === undefined || gidMappings === undefined) return [];
  const lines = (mappings: typeof uidMappings): string =>
    mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}`).join("\n");
  const step = (file: "setgroups" | "uid_map" | "gid_map", value: string): Step => ({
    id: `write-${file}`,
    kind: "write-id-map",
    lane: "parent",
    phase: "attach",
    file,
    value,
  });
  const single = gidMappings.length === 1 && gidMappings[0]!.size === 1;
  // Whoever maps only itself may do so only after giving up setgroups (CVE-2014-8989).
  return [
    ...(single ? [step("setgroups", "deny")] : []),
    step("uid_map", lines(uidMappings)),
    step("gid_map", lines(gidMappings)),
  ];
}

function attachSteps(config: OciConfig, cgroups: CgroupSteps, isNew: (type: OciNamespaceType) => boolean): Step[] {
  const steps: Step[] = [];
  if (isNew("user")) {
    steps.push({
      id: "become-root",
      kind: "set-user",
      lane: "child",
      phase: "attach",
      uid: 0,
      gid: 0,
      groups: [],
      setGroups: config.linux.gidMappings?.some(({ size }) => size > 1) ?? false,
      keepCapabilities: false,
    });
  }
  steps.push(
    { id: "parent-death-early", kind: "set-parent-death-signal", lane: "child", phase: "attach", signal: SIGKILL },
    { id: "new-session", kind: "new-session", lane: "child", phase: "attach" },
    ...cgroups.join,
  );
  if (isNew("cgroup")) {
    steps.push({ id: "new-cgroup-namespace", kind: "new-cgroup-namespace", lane: "child", phase: "attach" });
  }
  steps.push({ id: "new-keyring", kind: "new-keyring", lane: "child", phase: "attach", name: "_ses.glassbox" });
  const { oomScoreAdj } = config.process;
  if (oomScoreAdj !== undefined) {
    steps.push({ id: "set-oom-score", kind: "set-oom-score", lane: "child", phase: "attach", value: oomScoreAdj });
  }
  return steps;
}

function propagationStep(): Step {
  return {
    id: "set-propagation",
    kind: "set-propagation",
    lane: "child",
    phase: "rootfs",
    target: "/",
    flags: ["MS_REC", "MS_SLAVE"],
  };
}

function rootfsSteps(config: OciConfig, facts: HostFacts, cgroups: readonly CgroupPath[]): Step[] {
  const steps: Step[] = [];
  for (const mount of config.mounts) {
    steps.push(...compileMount(mount, facts, cgroups, config.mounts));
    // Nodes right after their tmpfs: what is mounted below /dev later finds its directory there.
    if (mount.destination === "/dev" && mount.type === "tmpfs") steps.push(...deviceSteps(config));
  }
  return steps;
}

function deviceSteps(config: OciConfig): Step[] {
  const bind = config.linux.namespaces.some(({ type }) => type === "user");
  const node = (device: OciDevice): Step => ({
    id: `create-device-${device.path}`,
    kind: "create-device",
    lane: "child",
    phase: "rootfs",
    how: bind ? "bind" : "mknod",
    path: device.path,
    type: device.type,
    major: device.major,
    minor: device.minor,
    mode: device.fileMode ?? 0o666,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
  });
  return [
    ...(config.linux.devices ?? []).map(node),
    ...DEV_LINKS.map(([target, path]): Step => ({
      id: `create-symlink-${path}`,
      kind: "create-symlink",
      lane: "child",
      phase: "rootfs",
      target,
      path,
    })),
  ];
}

/** Names and kernel settings that are seen only from inside: after the root has changed. */
function settingSteps(config: OciConfig, isNew: (type: OciNamespaceType) => boolean): Step[] {
  const steps: Step[] = [];
  const base = { lane: "child", phase: "confine" } as const;
  if (isNew("uts") && config.hostname !== undefined) {
    steps.push({ id: "set-hostname", kind: "set-hostname", ...base, hostname: config.hostname });
  }
  if (isNew("uts") && config.domainname !== undefined) {
    steps.push({ id: "set-domainname", kind: "set-domainname", ...base, domainname: config.domainname });
  }
  if (isNew("network")) steps.push({ id: "bring-up-loopback", kind: "bring-up-loopback", ...base });
  for (const [key, value] of Object.entries(config.linux.sysctl ?? {})) {
    steps.push({ id: `set-sysctl-${key}`, kind: "set-sysctl", ...base, key, value });
  }
  return steps;
}

function confineSteps(config: OciConfig): Step[] {
  const base = { lane: "child", phase: "confine" } as const;
  const steps: Step[] = [
    ...(config.linux.readonlyPaths ?? []).map((path): Step => ({
      id: `make-readonly-${path}`,
      kind: "make-readonly",
      ...base,
      path,
    })),
    ...(config.linux.maskedPaths ?? []).map((path): Step => ({ id: `mask-${path}`, kind: "mask-path", ...base, path })),
  ];
  const { terminal, consoleSize, cwd, user } = config.process;
  if (terminal) {
    steps.push({
      id: "open-console",
      kind: "open-console",
      ...base,
      rows: consoleSize?.height ?? 24,
      columns: consoleSize?.width ?? 80,
      uid: user.uid,
    });
  }
  steps.push({ id: "change-directory", kind: "change-directory", ...base, path: cwd, create: true, ignore: [] });
  if (config.root.readonly) steps.push({ id: "make-readonly-/", kind: "make-readonly", ...base, path: "/" });
  steps.push(
    { id: "close-descriptors", kind: "close-descriptors", ...base },
    { id: "set-umask", kind: "set-umask", ...base, mask: user.umask ?? 0o022 },
  );
  return steps;
}

function identitySteps(config: OciConfig, facts: HostFacts, context: CompileContext): Step[] {
  const { capabilities, user, noNewPrivileges } = config.process;
  const base = { lane: "child", phase: "identity" } as const;
  const seccomp: Step[] =
    context.seccompProgram === undefined
      ? []
      : [{ id: "install-seccomp", kind: "install-seccomp", ...base, program: context.seccompProgram }];
  const mapped = config.linux.gidMappings;
  const steps: Step[] = [
    // Without no_new_privs a filter needs CAP_SYS_ADMIN, which is about to go.
    ...(noNewPrivileges ? [] : seccomp),
    {
      id: "bound-capabilities",
      kind: "bound-capabilities",
      ...base,
      keep: capabilityMask(capabilities.bounding),
      lastCap: facts.lastCap,
    },
    {
      id: "set-user",
      kind: "set-user",
      ...base,
      uid: user.uid,
      gid: user.gid,
      groups: user.additionalGids ?? [],
      setGroups: mapped === undefined || mapped.some(({ size }) => size > 1),
      keepCapabilities: true,
    },
    {
      id: "set-capabilities",
      kind: "set-capabilities",
      ...base,
      effective: capabilityMask(capabilities.effective),
      permitted: capabilityMask(capabilities.permitted),
      inheritable: capabilityMask(capabilities.inheritable),
      ambient: capabilityMask(capabilities.ambient),
    },
  ];
  if (noNewPrivileges) steps.push({ id: "no-new-privileges", kind: "no-new-privileges", ...base });
  steps.push(
    { id: "restore-signals", kind: "restore-signals", ...base },
    // Changing the uid has cleared the one from before.
    { id: "parent-death", kind: "set-parent-death-signal", ...base, signal: SIGKILL },
    ...(noNewPrivileges ? seccomp : []),
  );
  return steps;
}

function handoffSteps(config: OciConfig, context: CompileContext): Step[] {
  const { args, env, cwd } = config.process;
  const steps: Step[] = [];
  if (context.awaitStart) {
    steps.push(
      { id: "start", kind: "synchronize", lane: "parent", phase: "handoff", point: "start" },
      { id: "await-start", kind: "synchronize", lane: "child", phase: "handoff", point: "start" },
    );
  }
  steps.push({
    id: "execute",
    kind: "execute",
    lane: "child",
    phase: "handoff",
    candidates: execCandidates(args[0], env, cwd),
    argv: args,
    env,
    reaper: context.reaper,
  });
  return steps;
}

/** What execvp would try: a name with a slash as it is (against `cwd`), else each directory of the container's PATH. */
export function execCandidates(name: string | undefined, env: readonly string[], cwd: string): string[] {
  if (name === undefined || name === "") {
    throw new GlassboxError({
      code: "no-command",
      what: "no command specified",
      hint: { en: "the image has no CMD or ENTRYPOINT: name a command", zh: "镜像里没有 CMD 和 ENTRYPOINT：请写出命令" },
    });
  }
  if (name.startsWith("/")) return [name];
  if (name.includes("/")) return [`${cwd === "/" ? "" : cwd}/${name}`];
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice(5) ?? "";
  const directories = path.split(":").map((directory) => (directory === "" ? cwd : directory));
  return [...new Set(directories)].map((directory) => `${directory === "/" ? "" : directory}/${name}`);
}
