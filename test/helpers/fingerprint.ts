/**
 * What a host looks like before and after a security test. Equal means: nothing of the host was changed, nothing was left behind.
 *
 * Tests run side by side, so only that is compared which no other test may change: the test's own canary and runtime copy, what carries its
 * scratch path or its container ids (mounts, cgroups, processes, loop devices, descriptors), and host settings that no test changes at all.
 * Not compared, because tests of networks change it at the same time: net.* sysctls, links and nft tables of container engines (names in
 * ENGINE_NAMES). Not seen: what leaves no trace in files, mounts, cgroups, processes or settings, such as memory that was read.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FingerprintScope {
  /** Everything of this test lies below it. */
  scratch: string;
  /** Trees that nobody may change: compared by content, owner, mode and times. */
  unchanged: readonly string[];
  /** Ids of the containers started so far. */
  containerIds(): readonly string[];
}

/** Part of the host → its state, one text per thing. */
export type Fingerprint = ReadonlyMap<string, readonly string[]>;

const SYSCTLS = [
  "kernel/core_pattern",
  "kernel/hostname",
  "kernel/domainname",
  "kernel/modprobe",
  "kernel/sysrq",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/randomize_va_space",
  "kernel/perf_event_paranoid",
  "kernel/dmesg_restrict",
  "kernel/pid_max",
  "kernel/threads-max",
  "kernel/shmmax",
  "kernel/msgmax",
  "kernel/unprivileged_bpf_disabled",
  "fs/suid_dumpable",
  "fs/protected_hardlinks",
  "fs/protected_symlinks",
  "fs/file-max",
  "fs/pipe-max-size",
  "vm/overcommit_memory",
  "vm/swappiness",
  "vm/panic_on_oom",
  "user/max_user_namespaces",
];
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "console", "kmsg"];
const HOST_FILES = ["passwd", "group", "shadow", "hosts", "hostname", "resolv.conf", "ld.so.cache", "ld.so.conf"].map(
  (name) => `/etc/${name}`,
);
/** Where other tests, and container engines, mount things. */
const SHARED_MOUNTS = [
  realpathSync(tmpdir()),
  "/run/netns",
  "/run/glassbox",
  "/var/lib/glassbox",
  "/var/lib/containers",
  "/run/containers",
  "/run/user",
];
const ENGINE_NAMES = /^(veth|gb|gbx|br-|docker|cni|podman|netavark|glassbox)/;

/** Takes the fingerprint. Needs root; about 50 ms. */
export function fingerprint(scope: FingerprintScope): Fingerprint {
  return new Map<string, readonly string[]>([
    ...scope.unchanged.map((path): [string, string[]] => [`tree ${path}`, treeLines(path)]),
    // The content of an executable cannot change without its ctime.
    ["node", [identity(realpathSync(process.execPath))]],
    [
      "host files",
      HOST_FILES.map((path) => quietly(() => `${path} ${identity(path)} ${digest(readFileSync(path))}`) ?? `${path} -`),
    ],
    ["host devices", DEVICES.map((name) => quietly(() => deviceLine(`/dev/${name}`)) ?? `${name} -`)],
    ["sysctls", SYSCTLS.map((name) => `${name} = ${quietly(() => readFileSync(`/proc/sys/${name}`, "utf8").trim()) ?? "-"}`)],
    ["mounts", mountLines(scope.scratch)],
    ["cgroups", cgroupLines(scope)],
    ["links", names("/sys/class/net").filter((name) => !ENGINE_NAMES.test(name))],
    ["nft tables", nftTables()],
    [
      "network namespaces",
      names("/run/netns").filter((name) => scope.containerIds().some((id) => name.includes(id.slice(0, 12)))),
    ],
    ["loop devices", loopDevices(scope.scratch)],
    ["processes", processLines(scope)],
    ["descriptors", descriptorLines(scope.scratch)],
  ]);
}

/** What differs, one line each: "part: - before" and "part: + after". */
export function differences(before: Fingerprint, after: Fingerprint): string[] {
  const lines: string[] = [];
  for (const [part, was] of before) {
    const is = after.get(part) ?? [];
    const [old, young] = [new Set(was), new Set(is)];
    for (const line of was) if (!young.has(line)) lines.push(`${part}: - ${line}`);
    for (const line of is) if (!old.has(line)) lines.push(`${part}: + ${line}`);
  }
  return lines;
}

/** Every entry of a tree: type and mode, owner, links, device, size, mtime, content. */
export function treeLines(root: string): string[] {
  const lines: string[] = [];
  const walk = (path: string): void => {
    const stat = lstatSync(path, { bigint: true });
    const content = stat.isFile() ? digest(readFileSync(path)) : stat.isSymbolicLink() ? readlinkSync(path) : "";
    lines.push(`${path} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${stat.nlink} ${stat.rdev} ${stat.mtimeNs} ${content}`);
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) walk(join(path, name));
  };
  walk(root);
  return lines;
}

function identity(path: string): string {
  const { ino, size, mode, uid, gid, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return `${ino} ${size} ${mode.toString(8)} ${uid}:${gid} ${mtimeNs} ${ctimeNs}`;
}

function deviceLine(path: string): string {
  const { mode, uid, gid, rdev } = statSync(path);
  return `${path} ${mode.toString(8)} ${uid}:${gid} ${rdev}`;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function names(directory: string): string[] {
  return quietly(() => readdirSync(directory).sort()) ?? [];
}

/** Ours, and those at places where no test mounts anything. */
function mountLines(scratch: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => {
      const target = line.split(" ")[4] ?? "";
      return line.includes(scratch) || !SHARED_MOUNTS.some((place) => target === place || target.startsWith(`${place}/`));
    })
    .map((line) => line.split(" ").slice(3).join(" "));
}

/** In every hierarchy: what stands at its top beside the engines' own, and all that carries one of our ids. */
function cgroupLines(scope: FingerprintScope): string[] {
  const known = /^(glassbox|libpod_parent|machine|machine\.slice|docker|crun|runc|buildah-)/;
  const mountpoints = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4]!);
  const directories = (path: string): string[] =>
    quietly(() =>
      readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name),
    ) ?? [];
  const ids = scope.containerIds();
  return [...new Set(mountpoints)].flatMap((mountpoint) => [
    ...directories(mountpoint)
      .filter((name) => !known.test(name))
      .map((name) => `${mountpoint}/${name}`),
    ...directories(`${mountpoint}/glassbox`)
      .filter((name) => ids.some((id) => name.includes(id)))
      .map((name) => `${mountpoint}/glassbox/${name}`),
    ...(quietly(() => [`${mountpoint}/release_agent ${readFileSync(`${mountpoint}/release_agent`, "utf8").trim()}`]) ?? []),
  ]);
}

function nftTables(): string[] {
  const list =
    quietly(() => execFileSync("nft", ["list", "tables"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) ?? "";
  return list.split("\n").filter((line) => line !== "" && !ENGINE_NAMES.test(line.split(" ")[2] ?? ""));
}

function loopDevices(scratch: string): string[] {
  return names("/sys/block")
    .filter((name) => name.startsWith("loop"))
    .flatMap((name) => quietly(() => [`${name} ${readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trim()}`]) ?? [])
    .filter((line) => line.includes(scratch));
}

/**
 * Processes that live in one of our containers: by cgroup, by a root below the scratch path (changed by chroot, or mounted on "/"), or by the
 * scratch path as argument. Not by any mention in their mounts: every new mount namespace begins as a copy of the host's, with ours in it.
 */
function processLines(scope: FingerprintScope): string[] {
  const own = quietly(() => readlinkSync("/proc/self/ns/mnt"));
  const rootedHere = new Map<string, boolean>();
  const ids = scope.containerIds();
  const isOurs = (pid: string): boolean => {
    const read = (file: string): string => quietly(() => readFileSync(`/proc/${pid}/${file}`, "utf8")) ?? "";
    const link = (name: string): string => quietly(() => readlinkSync(`/proc/${pid}/${name}`)) ?? "";
    const cgroups = read("cgroup");
    if (ids.some((id) => cgroups.includes(id))) return true;
    if (pid !== String(process.pid) && read("cmdline").includes(scope.scratch)) return true;
    if (link("root").startsWith(scope.scratch)) return true;
    const namespace = link("ns/mnt");
    if (namespace === "" || namespace === own) return false;
    if (!rootedHere.has(namespace))
      rootedHere.set(
        namespace,
        read("mountinfo")
          .split("\n")
          .some((line) => line.split(" ")[4] === "/" && line.includes(scope.scratch)),
      );
    return rootedHere.get(namespace)!;
  };
  return names("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && isOurs(name))
    .map((pid) => `${pid} ${quietly(() => readFileSync(`/proc/${pid}/comm`, "utf8").trim()) ?? ""}`);
}

/** This process's own descriptors on what belongs to the test: the library must close what it opened. */
function descriptorLines(scratch: string): string[] {
  return names("/proc/self/fd")
    .flatMap((fd) => quietly(() => [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`]) ?? [])
    .filter((line) => line.includes(scratch) || line.includes("memfd:"));
}
