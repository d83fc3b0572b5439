/**
 * From options to a compiled plan: everything is looked up here, once, and nothing is made yet. `run` and `run --dry-run` share it, so what is
 * printed is what would run.
 */

import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";

import { GlassboxError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import type { Lang } from "../base/lang";
import { compileDeviceProgram } from "../confine/device-program";
import { deviceRuleLines } from "../confine/devices";
import { probeHost } from "../host/facts";
import { viewOfLayers } from "../image/layer-view";
import { type ImageRecord, resolveImage } from "../image/resolve";
import { compile, type CompiledPlan, type OverlayPaths } from "../plan/compile";
import type { OciConfig, OciDevice } from "../plan/oci";
import type { Store } from "../store/store";
import type { DeviceOption, RunOptions } from "./run-options";
import { seccompProgram } from "./seccomp-program";
import { boundingCapabilities, buildSpec, type ImageProcessConfig, type Lookups } from "./spec";
import { resolveUser } from "./user";

export interface Prepared {
  containerId: string;
  image: ImageRecord;
  facts: HostFacts;
  config: OciConfig;
  seccomp: Uint8Array | undefined;
}

export interface PrepareContext {
  store: Store;
  lang: Lang;
  /** A terminal's size, when the payload gets one. */
  terminalSize?: { rows: number; columns: number } | undefined;
  /** Makes an image that is not in the store; undefined when there is no recipe for it. */
  bootstrap?: ((reference: string) => Promise<ImageRecord | undefined>) | undefined;
}

const MAX_PASSWD_BYTES = 1024 * 1024;

/** Resolves image, user, devices, sources and limits, and builds the runtime config. Throws GlassboxError for all that cannot be. */
export async function prepare(asked: RunOptions, context: PrepareContext): Promise<Prepared> {
  const { store } = context;
  const facts = probeHost();
  requireHost(facts);
  refuseUserNamespace(asked, facts);
  const options = facts.euid === 0 ? asked : withoutRoot(asked, facts);
  const image = await findOrMakeImage(options, context);
  requirePlatform(options, image, facts);
  const view = viewOfLayers(image.layers, store);
  const imageConfig: ImageProcessConfig = image.config.config ?? {};
  const containerId = store.kernel.randomBytes(32).toString("hex");
  const lookups: Lookups = {
    user: resolveUser(options.user ?? imageConfig.User ?? "", options.groupAdd, (path) =>
      view.readFile(path, MAX_PASSWD_BYTES)?.toString("utf8"),
    ),
    devices: options.privileged && facts.euid === 0 ? hostDevices("/dev") : options.devices.flatMap(deviceNodes),
    fileSources: fileSources(options),
    throttledCpus: throttledCpus(),
    hostname: hostname(),
    terminalSize: context.terminalSize,
    maxOpenFiles: maxOpenFiles(),
  };
  if (facts.euid !== 0) requireMapped(lookups.user.uid, lookups.user.gid);
  const config = buildSpec(options, imageConfig, facts, lookups, {
    containerId,
    rootPath: `${store.paths.overlay}/${containerId}/merged`,
  });
  const seccomp = seccompFor(options, facts, config, store);
  return { containerId, image, facts, config, seccomp };
}

/** Compiles for layers that exist, or (dry run) would. */
export function compilePrepared(
  prepared: Prepared,
  options: RunOptions,
  overlay: OverlayPaths,
  awaitStart: boolean,
): CompiledPlan {
  const { config, facts } = prepared;
  const rules = config.linux.resources?.devices;
  const onV1 = facts.cgroup.v1.some(({ controllers }) => controllers.includes("devices"));
  return compile(config, facts, {
    containerId: prepared.containerId,
    overlay,
    changeRoot: options.unsafe.root === "chroot" ? "chroot" : "pivot_root",
    propagation: options.unsafe.private === "off" ? "none" : "slave",
    seccompProgram: prepared.seccomp,
    deviceLines: rules === undefined ? undefined : deviceRuleLines(rules),
    deviceProgram: rules === undefined || onV1 ? undefined : compileDeviceProgram(rules),
    reaper: options.init,
    awaitStart,
  });
}

function refusals(): typeof import("./prepare-errors") {
  return require("./prepare-errors") as typeof import("./prepare-errors");
}

function requireHost(facts: HostFacts): void {
  if (!facts.overlay) throw refusals().noOverlay();
}

/** The layers of the store belong to the host's ids; without a view of them in the container's ids its root would own nothing. */
function refuseUserNamespace(options: RunOptions, facts: HostFacts): void {
  if (options.userns === "host" || facts.euid !== 0) return;
  throw refusals().noUserNamespace();
}

/** Flags whose limits are kept by cgroups, which belong to root unless somebody delegated some. */
const LIMIT_FLAGS: readonly (readonly [keyof RunOptions, string])[] = [
  ["memoryBytes", "--memory"],
  ["memorySwapBytes", "--memory-swap"],
  ["memoryReservationBytes", "--memory-reservation"],
  ["cpus", "--cpus"],
  ["cpuShares", "--cpu-shares"],
  ["cpusetCpus", "--cpuset-cpus"],
  ["cpusetMems", "--cpuset-mems"],
  ["pidsLimit", "--pids-limit"],
];

/** An ordinary user gets a user namespace, in which it is root, and no cgroup. What it cannot have is refused, not left out. */
function withoutRoot(options: RunOptions, facts: HostFacts): RunOptions {
  const flag = LIMIT_FLAGS.find(([key]) => options[key] !== undefined)?.[1];
  if (flag !== undefined) throw refusals().limitNeedsRoot(flag, facts);
  return { ...options, userns: "private", unsafe: { ...options.unsafe, cgroup: "off" } };
}

/** One id is mapped: the caller's own, which is root inside. */
function requireMapped(uid: number, gid: number): void {
  if (uid !== 0 || gid !== 0) throw refusals().userNeedsRoot(uid, gid);
}

async function findOrMakeImage(options: RunOptions, context: PrepareContext): Promise<ImageRecord> {
  if (options.pull === "always") throw refusals().noRegistryClient();
  try {
    return resolveImage(context.store, options.image);
  } catch (error) {
    if (!(error instanceof GlassboxError) || error.code !== "image-not-found" || options.pull === "never") throw error;
    const made = await context.bootstrap?.(options.image);
    if (made === undefined) throw error;
    return made;
  }
}

/** A program for another machine would fail later, as "exec format error". */
function requirePlatform(options: RunOptions, image: ImageRecord, facts: HostFacts): void {
  const { os, architecture } = image.config;
  const [wantedOs, wantedArch = architecture] = options.platform?.split("/") ?? ["linux"];
  if (wantedOs !== os || wantedArch !== architecture) throw refusals().wrongPlatform(options, image, facts);
}

function seccompFor(options: RunOptions, facts: HostFacts, config: OciConfig, store: Store): Uint8Array | undefined {
  if (options.privileged || options.unsafe.seccomp === "off" || options.seccomp === "unconfined") return undefined;
  if (!facts.seccomp) throw refusals().noSeccomp("this kernel has no seccomp filters");
  return seccompProgram({ store, facts, capabilities: boundingCapabilities(config), profilePath: options.seccomp });
}

// --- lookups -----------------------------------------------------------------------------------------------------------

function fileSources(options: RunOptions): ReadonlySet<string> {
  const files = new Set<string>();
  for (const mount of options.mounts) {
    if (mount.kind !== "bind") continue;
    const stat = statSync(mount.source, { throwIfNoEntry: false });
    if (stat === undefined) {
      if (!mount.createSource) throw refusals().bindSourceMissing(mount.source);
      mkdirSync(mount.source, { recursive: true });
    } else if (!stat.isDirectory()) {
      files.add(mount.source);
    }
  }
  return files;
}

function deviceNodes(option: DeviceOption): { node: OciDevice; access: string }[] {
  const stat = statSync(option.source, { throwIfNoEntry: false });
  if (stat === undefined) throw refusals().badDevice(option.source, "no such file or directory");
  if (stat.isDirectory()) {
    return hostDevices(option.source).map(({ node }) => ({
      node: { ...node, path: option.target + node.path.slice(option.source.length) },
      access: option.access,
    }));
  }
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) throw refusals().badDevice(option.source, "not a device node");
  return [{ node: nodeOf(option.target, stat), access: option.access }];
}

function nodeOf(
  path: string,
  stat: { rdev: number; mode: number; uid: number; gid: number; isBlockDevice(): boolean },
): OciDevice {
  return {
    path,
    type: stat.isBlockDevice() ? "b" : "c",
    major: (stat.rdev >> 8) & 0xfff,
    minor: (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00),
    fileMode: stat.mode & 0o777,
    uid: stat.uid,
    gid: stat.gid,
  };
}

/** Mounts of their own in a container, or nodes that it gets anyway. */
const NOT_COPIED = new Set([
  "pts",
  "shm",
  "fd",
  "mqueue",
  "console",
  "null",
  "zero",
  "full",
  "random",
  "urandom",
  "tty",
  "ptmx",
  ".lxc",
  ".udev",
]);

/** All device nodes below a directory of the host. */
function hostDevices(directory: string): { node: OciDevice; access: string }[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (directory === "/dev" && NOT_COPIED.has(entry.name)) return [];
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) return hostDevices(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    return [{ node: nodeOf(path, statSync(path)), access: "rwm" }];
  });
}

/** Looked at only on machines that have the counters at all. */
function throttledCpus(): number[] {
  const base = "/sys/devices/system/cpu";
  const has = (cpu: number): boolean => statSync(`${base}/cpu${cpu}/thermal_throttle`, { throwIfNoEntry: false }) !== undefined;
  if (!has(0)) return [];
  return readdirSync(base)
    .flatMap((name) => /^cpu([0-9]+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter(has);
}

/** Hard limit of open files: Node has raised the soft one to it already. */
function maxOpenFiles(): number {
  const line = readFileSync("/proc/self/limits", "utf8").match(/^Max open files\s+\S+\s+(\S+)/m)?.[1];
  return line === undefined || line === "unlimited" ? -1 : Number(line);
}
