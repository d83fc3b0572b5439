/**
 * What `info` shows: Docker's labels where Docker has them, every value read from the kernel or the store.
 */

import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import type { HostFacts } from "../base/host-facts";
import { probeHost } from "./facts";
import { filesystemName } from "./filesystems";
import { host, type HostProbe } from "./probe";

export interface Counts {
  containers: number;
  running: number;
  paused: number;
  stopped: number;
  images: number;
}

/** Field names are those of `docker info --format '{{json .}}'`, but for the root directory. */
export interface HostInfo {
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  ServerVersion: string;
  Driver: string;
  DriverStatus: [label: string, value: string][];
  LoggingDriver: string;
  CgroupDriver: string;
  /** "1" or "2", as Docker has it: the version that keeps the limits. */
  CgroupVersion: string;
  /** Ours: "unified", "legacy", "hybrid" or "none". */
  CgroupMode: string;
  SecurityOptions: string[];
  KernelVersion: string;
  OperatingSystem: string;
  OSType: string;
  Architecture: string;
  NCPU: number;
  MemTotal: number;
  Name: string;
  GlassboxRootDir: string;
  Warnings: string[];
}

export interface InfoOptions {
  /** Of the package. */
  version?: string;
  counts?: Counts;
  /** Storage driver in use. */
  driver?: string;
  facts?: HostFacts;
  probe?: HostProbe;
}

/** Value of a key in os-release text, without its quotes: os-release(5). */
export function osReleaseField(text: string, key: string): string | undefined {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${key}=`));
  return line
    ?.slice(key.length + 1)
    .trim()
    .replace(/^(["'])(.*)\1$/, "$2");
}

/** Bytes as Docker writes memory: four significant digits, binary units without a space ("23.54GiB"). */
export function binarySize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}

/** The nearest directory of a path that exists: a store that was not made yet will lie there. */
export function existingParent(path: string, probe: HostProbe): string {
  let at = path;
  while (at !== "/" && probe.kind(at) === "missing") at = at.slice(0, at.lastIndexOf("/")) || "/";
  return at;
}

/**
 * Does readdir give file types there? overlayfs needs it to hide whiteouts. Only xfs made with ftype=0 (before 2015) does
 * not; xfs_info tells. undefined: xfs, and no xfs_info here.
 */
export function supportsDType(filesystem: string, path: string): boolean | undefined {
  if (filesystem !== "xfs") return true;
  const result = spawnSync("xfs_info", [path], { encoding: "utf8", timeout: 5000 });
  const match = /ftype=(\d)/.exec(result.stdout ?? "");
  return match ? match[1] === "1" : undefined;
}

/** On overlay, does a diff equal the upper directory? Not when the module redirects directories or copies only metadata. */
function nativeDiff(probe: HostProbe): boolean {
  const isOff = (name: string) => (probe.read(`/sys/module/overlay/parameters/${name}`)?.trim() ?? "N") === "N";
  return isOff("redirect_dir") && isOff("metacopy");
}

function securityOptions(facts: HostFacts, probe: HostProbe): string[] {
  const options: string[] = [];
  if (probe.read("/sys/module/apparmor/parameters/enabled")?.trim() === "Y") options.push("name=apparmor");
  if (facts.seccomp) options.push("name=seccomp,profile=default");
  if (facts.selinux) options.push("name=selinux");
  if (facts.euid !== 0) options.push("name=rootless");
  if (facts.cgroup.mode !== "none") options.push("name=cgroupns");
  return options;
}

/** Docker's warning lines, in its words where it has them. */
function warnings(facts: HostFacts, probe: HostProbe, filesystem: string): string[] {
  const has = (controller: string) =>
    facts.cgroup.v1.some(({ controllers }) => controllers.includes(controller)) ||
    facts.cgroup.v2?.controllers.includes(controller) === true;
  const lines: string[] = [];
  const cpuV1 = facts.cgroup.v1.find(({ controllers }) => controllers.includes("cpu"))?.mountpoint;
  if (!has("memory")) lines.push("No memory limit support");
  if (!has("memory") || facts.cgroup.swapLimit === false) lines.push("No swap limit support");
  if (!has("cpu") || (cpuV1 !== undefined && probe.kind(`${cpuV1}/cpu.cfs_quota_us`) === "missing"))
    lines.push("No cpu cfs quota support");
  if (!has("cpu")) lines.push("No cpu shares support");
  if (!has("cpuset")) lines.push("No cpuset support");
  if (!has("pids")) lines.push("No pids limit support");
  if (!facts.seccomp) lines.push("No seccomp support");
  if (probe.read("/proc/sys/net/ipv4/ip_forward")?.trim() === "0") lines.push("IPv4 forwarding is disabled");
  if (filesystem === "overlayfs") lines.push("the store lies on an overlay, which cannot hold another's upper directory");
  return lines.map((line) => `WARNING: ${line}`);
}

const ARCHITECTURES: Record<string, string> = { x64: "x86_64", arm64: "aarch64", arm: "armv7l", ia32: "i686" };

/** Collects what `info` shows about the host and the store at `storeRoot` (which need not exist yet). */
export function hostInfo(storeRoot: string, options: InfoOptions = {}): HostInfo {
  const probe = options.probe ?? host;
  const facts = options.facts ?? probeHost();
  const there = existingParent(storeRoot, probe);
  const space = probe.space(there);
  const filesystem = space ? filesystemName(space.type) : "unknown";
  const memory = /^MemTotal:\s+(\d+) kB/m.exec(probe.read("/proc/meminfo") ?? "");
  const cpus = (probe.read("/proc/cpuinfo") ?? "").match(/^processor\s*:/gm)?.length ?? 0;
  const release = probe.read("/etc/os-release") ?? probe.read("/usr/lib/os-release") ?? "";
  const counts = options.counts ?? { containers: 0, running: 0, paused: 0, stopped: 0, images: 0 };
  const modes = { unified: "2", legacy: "1", hybrid: "1", none: "none" } as const;
  return {
    Containers: counts.containers,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: counts.images,
    ServerVersion: options.version ?? "",
    Driver: options.driver ?? "overlay2",
    DriverStatus: [
      ["Backing Filesystem", filesystem],
      ["Supports d_type", String(supportsDType(filesystem, there) ?? "unknown")],
      ["Native Overlay Diff", String(nativeDiff(probe))],
      ["userxattr", String(facts.euid !== 0)],
    ],
    LoggingDriver: "json-file",
    CgroupDriver: facts.cgroup.mode === "none" ? "none" : "cgroupfs",
    CgroupVersion: modes[facts.cgroup.mode],
    CgroupMode: facts.cgroup.mode,
    SecurityOptions: securityOptions(facts, probe),
    KernelVersion: facts.kernelRelease,
    OperatingSystem: osReleaseField(release, "PRETTY_NAME") ?? "Linux",
    OSType: "linux",
    Architecture: ARCHITECTURES[facts.arch] ?? facts.arch,
    NCPU: cpus || 1,
    MemTotal: Number(memory?.[1] ?? 0) * 1024,
    Name: hostname(),
    GlassboxRootDir: storeRoot,
    Warnings: warnings(facts, probe, filesystem),
  };
}

/** One security option as Docker indents it: the name, and its properties one deeper. */
function securityLines(option: string): string[] {
  const [name = "", ...rest] = option.split(",").map((part) => part.split("=", 2) as [string, string]);
  const label = (key: string) => key.charAt(0).toUpperCase() + key.slice(1);
  return [`  ${name[1]}`, ...rest.map(([key, value]) => `   ${label(key)}: ${value}`)];
}

/**
 * The lines of `info` in Docker's layout: one leading blank, details one deeper. Labels stay English in every language, as they are what people grep for.
 * Warnings are not among them: Docker prints those to standard error.
 */
export function renderInfo(info: HostInfo): string[] {
  return [
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ` Server Version: ${info.ServerVersion}`,
    ` Storage Driver: ${info.Driver}`,
    ...info.DriverStatus.map(([label, value]) => `  ${label}: ${value}`),
    ` Logging Driver: ${info.LoggingDriver}`,
    ` Cgroup Driver: ${info.CgroupDriver}`,
    ` Cgroup Version: ${info.CgroupVersion}`,
    ` Cgroup Mode: ${info.CgroupMode}`,
    ` Security Options:`,
    ...info.SecurityOptions.flatMap(securityLines),
    ` Kernel Version: ${info.KernelVersion}`,
    ` Operating System: ${info.OperatingSystem}`,
    ` OSType: ${info.OSType}`,
    ` Architecture: ${info.Architecture}`,
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${binarySize(info.MemTotal)}`,
    ` Name: ${info.Name}`,
    ` Glassbox Root Dir: ${info.GlassboxRootDir}`,
  ];
}

const WARNING_ZH: Record<string, string> = {
  "No memory limit support": "不支持内存上限",
  "No swap limit support": "不支持 swap 上限",
  "No cpu cfs quota support": "不支持 CPU 配额（cfs quota）",
  "No cpu shares support": "不支持 CPU 权重（shares）",
  "No cpuset support": "不支持 cpuset",
  "No pids limit support": "不支持进程数上限",
  "No seccomp support": "不支持 seccomp",
  "IPv4 forwarding is disabled": "IPv4 转发未开启",
  "the store lies on an overlay, which cannot hold another's upper directory":
    "存储位于 overlay 上，它不能再作另一个 overlay 的上层目录",
};

/** Warning lines in one language; English is as collected. */
export function renderWarnings(info: HostInfo, lang: "en" | "zh" = "en"): string[] {
  if (lang === "en") return info.Warnings;
  return info.Warnings.map((line) => {
    const text = line.replace(/^WARNING: /, "");
    return `WARNING: ${WARNING_ZH[text] ?? text}`;
  });
}
