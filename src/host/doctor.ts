/**
 * The pre-flight list: what this host can do for containers, each line seen by a real look or a real try, with the command that shows
 * the same fact and one remedy per gap.
 */

import { spawnSync } from "node:child_process";
import { cgroupChecks } from "./doctor-cgroup";
import { filesystemChecks } from "./doctor-fs";
import { kernelChecks } from "./doctor-kernel";
import { storeChecks } from "./doctor-store";
import { surroundingChecks } from "./doctor-surroundings";
import type { HostFacts } from "../base/host-facts";
import { probeHost } from "./facts";
import { host, type HostProbe } from "./probe";
import type { Lang, Text } from "./text";

export type CheckStatus = "ok" | "warn" | "fail";

export interface Check {
  /** Stable key: "namespace-mnt". */
  id: string;
  status: CheckStatus;
  title: Text;
  observed: Text;
  /** A command that shows the same fact. */
  where: string;
  /** Present when the status is not "ok". */
  remedy?: Text;
}

export interface CommandResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** The native calls that the checks try for real; `Kernel` of the binding has them. */
export interface TriedCalls {
  open(path: string, flags: string[]): number;
  openInRoot(rootFd: number, path: string, flags: string[]): number;
  pidfdOpen(pid: number): number;
  close(fd: number): void;
}

/** What the checks look at. */
export interface DoctorContext {
  probe: HostProbe;
  facts: HostFacts;
  storeRoot: string;
  env: Readonly<Record<string, string | undefined>>;
  isTerminal: boolean;
  /** Runs a command with a time limit; undefined when there is no such command. */
  run(command: string, args: string[]): CommandResult | undefined;
  /** The native part, when it could be loaded. */
  kernel: TriedCalls | undefined;
}

function run(command: string, args: string[]): CommandResult | undefined {
  const result = spawnSync(command, args, { encoding: "utf8", timeout: 10_000, stdio: ["ignore", "pipe", "pipe"] });
  if (result.error && (result.error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  return { status: result.status, stdout: result.stdout ?? "", stderr: result.stderr ?? "" };
}

export interface DoctorOptions {
  storeRoot: string;
  kernel?: TriedCalls | undefined;
  /** `--fs`: file systems only. */
  onlyFilesystems?: boolean;
}

/** The context of this host. Tests override parts of it. */
export function doctorContext(options: DoctorOptions, overrides: Partial<DoctorContext> = {}): DoctorContext {
  return {
    probe: host,
    facts: probeHost(),
    storeRoot: options.storeRoot,
    env: process.env,
    isTerminal: process.stdin.isTTY === true && process.stdout.isTTY === true,
    run,
    kernel: options.kernel,
    ...overrides,
  };
}

/**
 * Runs the checks, in the order in which a start needs what they look at. Starts short-lived commands (`unshare`, `mount` in a
 * namespace of its own) and leaves nothing behind. Does not throw: a check that cannot be made says so.
 */
export function doctor(options: DoctorOptions, overrides: Partial<DoctorContext> = {}): Check[] {
  const context = doctorContext(options, overrides);
  if (options.onlyFilesystems) return filesystemChecks(context);
  return [kernelChecks, cgroupChecks, storeChecks, surroundingChecks].flatMap((checks) => checks(context));
}

const MARKS: Record<CheckStatus, string> = { ok: "[ok]  ", warn: "[warn]", fail: "[fail]" };

const WORDS = {
  en: { see: "see", remedy: "do", total: (o: number, w: number, f: number) => `${o} ok, ${w} warnings, ${f} failures` },
  zh: { see: "查看", remedy: "处理", total: (o: number, w: number, f: number) => `${o} 项正常，${w} 项警告，${f} 项失败` },
};

/** The list as lines: one per check, two more for what is not in order, and a total. No colours; `verbose` shows every command. */
export function renderDoctor(checks: readonly Check[], lang: Lang = "en", verbose = false): string[] {
  const words = WORDS[lang];
  const lines: string[] = [];
  for (const check of checks) {
    lines.push(`${MARKS[check.status]} ${check.title[lang]}: ${check.observed[lang]}`);
    if (verbose || check.status !== "ok") lines.push(`       ${words.see}: ${check.where}`);
    if (check.remedy && check.status !== "ok") lines.push(`       ${words.remedy}: ${check.remedy[lang]}`);
  }
  const count = (status: CheckStatus) => checks.filter((check) => check.status === status).length;
  lines.push("", words.total(count("ok"), count("warn"), count("fail")));
  return lines;
}

/** The list for `--json`: one language, flat. */
export function doctorJson(checks: readonly Check[], lang: Lang = "en"): Record<string, string>[] {
  return checks.map((check) => ({
    id: check.id,
    status: check.status,
    title: check.title[lang],
    observed: check.observed[lang],
    where: check.where,
    ...(check.remedy ? { remedy: check.remedy[lang] } : {}),
  }));
}
