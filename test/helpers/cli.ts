/** Programs as child processes, above all the built command line with a store of its own. */

import { spawn, type StdioOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** dist/test/helpers → the package. */
export const PACKAGE_ROOT: string = resolve(__dirname, "..", "..", "..");

export interface ProgramOptions {
  /** Text, or a descriptor of this process; /dev/null unless given. */
  stdin?: string | Uint8Array | { fd: number };
  /** A descriptor of this process instead of a pipe that is collected. */
  stdout?: { fd: number };
  stderr?: { fd: number };
  /** Descriptors that the program inherits: its number → ours. */
  fds?: ReadonlyMap<number, number>;
  /** Added to a small fixed environment; undefined takes a name away. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** Then it is killed; 30 s unless given. */
  timeoutMs?: number;
}

export interface ProgramResult {
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
  durationMs: number;
}

export interface CliOptions extends ProgramOptions {
  /** GLASSBOX_ROOT */
  root: string;
  /** Where dist/ and build/ are; this package unless given. */
  runtime?: string;
  /** Words in front of node: ["setpriv", "--groups", "7"]. */
  prefix?: readonly string[];
}

/** Runs a program to its end. Never throws for what the program does; rejects when it cannot be started. */
export function runProgram(file: string, args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const { stdin } = options;
  const asFd = (stream: { fd: number } | undefined): "pipe" | number => stream?.fd ?? "pipe";
  const isText = typeof stdin === "string" || stdin instanceof Uint8Array;
  const stdio: StdioOptions & unknown[] = [
    stdin === undefined ? "ignore" : isText ? "pipe" : stdin.fd,
    asFd(options.stdout),
    asFd(options.stderr),
  ];
  for (const [inside, ours] of options.fds ?? []) {
    while (stdio.length <= inside) stdio.push("ignore");
    stdio[inside] = ours;
  }
  const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", ...options.env };
  const startedAt = process.hrtime.bigint();
  return new Promise((done, fail) => {
    const child = spawn(file, args, { stdio, env, cwd: options.cwd });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout?.on("data", (part: Buffer) => output.stdout.push(part));
    child.stderr?.on("data", (part: Buffer) => output.stderr.push(part));
    // The program may end without reading what it was given.
    child.stdin?.on("error", () => undefined);
    if (isText) child.stdin?.end(stdin);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, options.timeoutMs ?? 30_000);
    child.on("error", fail);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const text = (parts: Buffer[]): string => Buffer.concat(parts).toString("utf8");
      const durationMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
      done({ code, signal, stdout: text(output.stdout), stderr: text(output.stderr), timedOut, durationMs });
    });
  });
}

/** What package.json installs as `glassbox`, relative to the package. */
export const MAIN: string = (
  JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8")) as { bin: { glassbox: string } }
).bin.glassbox;

/** Runs the built `glassbox` with `args` on the store `options.root`. */
export function cli(args: readonly string[], options: CliOptions): Promise<ProgramResult> {
  const main = join(options.runtime ?? PACKAGE_ROOT, MAIN);
  const words = [...(options.prefix ?? []), process.execPath, main, ...args];
  return runProgram(words[0]!, words.slice(1), { ...options, env: { GLASSBOX_ROOT: options.root, ...options.env } });
}
