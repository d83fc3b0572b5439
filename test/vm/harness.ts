/**
 * A virtual machine with another kernel, pure cgroup v2 and a shared root: qemu without KVM, booted once for all guest tests.
 * What it boots from is made once and kept (guest-image.sh); the project travels in as a tar on a disk, the results come back the same way.
 */

import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GuestResult } from "./guest/main";

/** dist/test/vm → the package. */
const PACKAGE_ROOT = join(__dirname, "..", "..", "..");
/** Scripts and C are not compiled, so they stay beside the source. */
const SOURCES = join(PACKAGE_ROOT, "test", "vm");
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Far above the usual half minute: two other suites may share the processors. */
const VM_SECONDS = 240;

/** Debian packages that name the newest kernel of a series. */
export const KERNELS = {
  "6.1": "linux-image-cloud-amd64",
  "6.12": "linux-image-6.12-cloud-amd64",
} as const;

export type Series = keyof typeof KERNELS;

export interface VmReport {
  /** "6.1.0-56-cloud-amd64" */
  version: string;
  results: Map<string, GuestResult>;
  /** From power-on to the first line of our init, in the guest's time. */
  bootSeconds: number;
  /** Preparing (with a warm cache: packing), and the machine's whole life. */
  prepareMs: number;
  vmMs: number;
  /** The serial line and all results; kept when something failed, else gone. */
  directory: string;
}

function has(program: string): boolean {
  return PATH.split(":").some((directory) => existsSync(join(directory, program)));
}

/** Why no machine can be started here; undefined when one can. */
export function whyNoVm(series: Series): string | undefined {
  if (process.arch !== "x64") return "the guest is x86-64";
  if (process.geteuid?.() !== 0) return "needs root: the guest's files are made with their owners";
  const needed = ["qemu-system-x86_64", "depmod", "cpio", "xz", "mke2fs", "busybox", "gcc", "flock", "script"];
  const missing = needed.filter((program) => !has(program));
  if (missing.length > 0) return `not installed: ${missing.join(" ")}`;
  const known = spawnSync("apt-cache", ["show", KERNELS[series]], { encoding: "utf8", env: { PATH } });
  return known.status === 0 ? undefined : `apt knows no package ${KERNELS[series]}`;
}

/** Runs a helper program; throws with its standard error. */
function helper(argv: readonly string[]): string {
  const result = spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8", env: { PATH, LC_ALL: "C" }, timeout: 180_000 });
  if (result.status === 0) return result.stdout.trim();
  throw new Error(`${argv.join(" ")}: ${result.error?.message ?? `exit code ${result.status}`}\n${result.stderr}`);
}

/** Where images are kept between runs: below a directory that nobody else may have put there. */
function cacheDirectory(): string {
  const path = process.env.GLASSBOX_VM_CACHE ?? join(tmpdir(), `glassbox-vm-${process.geteuid?.()}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  if (!stat.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o022) !== 0) {
    throw new Error(`${path} is not a directory of this user alone`);
  }
  return path;
}

/** What the guest needs of the project, as the tar that becomes its second disk. */
function packProject(work: string): string {
  const project = join(work, "project");
  const copy = (path: string): void =>
    cpSync(join(PACKAGE_ROOT, path), join(project, path), { recursive: true, dereference: true, preserveTimestamps: true });
  const optional = ["dist/launch"].filter((path) => existsSync(join(PACKAGE_ROOT, path)));
  for (const path of [
    ...optional,
    "package.json",
    "dist/src",
    "dist/test/vm",
    "build/Release/glassbox.node",
    "build/Release/glassbox-init",
    "node_modules/commander",
  ]) {
    copy(path);
  }
  helper(["gcc", "-O1", "-static", "-o", join(project, "probe"), join(SOURCES, "probe.c")]);
  const tar = join(work, "project.tar");
  helper(["tar", "-C", project, "-cf", tar, "."]);
  rmSync(project, { recursive: true });
  return tar;
}

function qemuArguments(image: string, work: string): string[] {
  const disk = (file: string, options: string): string[] => ["-drive", `file=${file},if=virtio,format=raw,${options}`];
  return [
    // One host thread for all processors: with a thread for each, a processor may run stale code after the kernel has patched itself
    // (static keys of cpusets and CPU bandwidth), which ends in "Oops: int3". A plain processor model costs a third less than "max".
    ...["-accel", "tcg,thread=single", "-machine", "q35", "-cpu", "Nehalem", "-smp", "2", "-m", "1536"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-serial", `file:${join(work, "serial.log")}`],
    ...["-kernel", join(image, "vmlinuz"), "-initrd", join(image, "initramfs.gz")],
    // The root image is shared by all runs: what the guest writes goes to a file that qemu has already unlinked.
    ...disk(join(image, "root.img"), "snapshot=on,cache=unsafe"),
    ...disk(join(work, "project.tar"), "readonly=on"),
    ...disk(join(work, "results.tar"), "cache=unsafe"),
    ...["-append", "console=ttyS0 panic=-1 quiet cgroup_no_v1=all mitigations=off rcupdate.rcu_expedited=1"],
  ];
}

/** Boots and waits for the end. One machine at a time on a host: flock holds as long as qemu lives, `timeout` ends it even without us. */
function boot(image: string, work: string): Promise<number> {
  const lock = join(cacheDirectory(), "machine.lock");
  const argv = [
    "--no-fork",
    lock,
    "timeout",
    "--kill-after=5",
    String(VM_SECONDS),
    "qemu-system-x86_64",
    ...qemuArguments(image, work),
  ];
  const log = openSync(join(work, "qemu.log"), "w");
  return new Promise((resolve, reject) => {
    let startedAt = Date.now();
    const child = spawn("flock", argv, { stdio: ["ignore", log, log], env: { PATH, TMPDIR: work } });
    // Time spent waiting for the lock is not the machine's: it begins with its serial log.
    const watch = setInterval(() => {
      if (!existsSync(join(work, "serial.log"))) startedAt = Date.now();
    }, 50);
    child.on("error", reject);
    child.on("close", () => {
      clearInterval(watch);
      closeSync(log);
      resolve(Date.now() - startedAt);
    });
  });
}

function tail(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n").slice(-40).join("\n");
  } catch {
    return "";
  }
}

function readResults(work: string): { results: GuestResult[]; bootSeconds: number } {
  try {
    helper(["tar", "-C", work, "-xf", join(work, "results.tar")]);
    const results = JSON.parse(readFileSync(join(work, "results.json"), "utf8")) as GuestResult[];
    return { results, bootSeconds: Number(readFileSync(join(work, "boot-seconds"), "utf8")) };
  } catch (cause) {
    const words = `no results came back; everything is kept in ${work}\n${tail(join(work, "qemu.log"))}\n${tail(join(work, "serial.log"))}`;
    throw new Error(words, { cause });
  }
}

/** Boots a kernel of the series, runs all guest tests in it, and gives their results. Throws when no results come back. */
export async function runGuestTests(series: Series): Promise<VmReport> {
  const startedAt = Date.now();
  const image = helper(["bash", join(SOURCES, "guest-image.sh"), KERNELS[series], cacheDirectory()]);
  const work = mkdtempSync(join(tmpdir(), `glassbox-vm-${series}-`));
  packProject(work);
  writeFileSync(join(work, "results.tar"), "");
  truncateSync(join(work, "results.tar"), 16 * 1024 * 1024);
  const prepareMs = Date.now() - startedAt;
  const vmMs = await boot(image, work);
  const { results, bootSeconds } = readResults(work);
  if (results.every(({ ok }) => ok)) rmSync(work, { recursive: true });
  return {
    version: readFileSync(join(image, "version"), "utf8").trim(),
    results: new Map(results.map((result) => [result.title, result])),
    bootSeconds,
    prepareMs,
    vmMs,
    directory: work,
  };
}
