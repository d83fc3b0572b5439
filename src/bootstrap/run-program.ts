/** Runs a tool of the host: fixed arguments, no shell, a small environment, output collected line by line. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

export interface ProgramResult {
  /** undefined when it could not be started. */
  code: number | undefined;
  stdout: string;
  /** The last lines of stderr (and of stdout when `onLine` reads it). */
  tail: string[];
}

export interface ProgramOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Called for each line of stdout and stderr. */
  onLine?: (line: string) => void;
  timeoutMs?: number;
}

const STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const PASSED_ON = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
const MAX_OUTPUT_CHARS = 4 << 20;
const TAIL_LINES = 20;

/** The absolute path of a tool in the standard directories, whatever the caller's PATH says. */
export function findProgram(name: string): string | undefined {
  return STANDARD_PATH.split(":")
    .map((directory) => `${directory}/${name}`)
    .find((path) => existsSync(path));
}

/** Runs `path` with `args` and waits. Never throws: a program that cannot be started has code undefined and says why in `tail`. */
export function runProgram(path: string, args: string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const env: Record<string, string> = { PATH: STANDARD_PATH, LC_ALL: "C", HOME: "/root", DEBIAN_FRONTEND: "noninteractive" };
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return new Promise((resolve) => {
    const child = spawn(path, args, {
      cwd: options.cwd ?? "/",
      env: { ...env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    const tail: string[] = [];
    const takeLine = (line: string): void => {
      if (line === "") return;
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      options.onLine?.(line);
    };
    const out = lineSplitter(takeLine);
    const err = lineSplitter(takeLine);
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      if (stdout.length < MAX_OUTPUT_CHARS) stdout += chunk;
      if (options.onLine !== undefined) out(chunk);
    });
    child.stderr.setEncoding("utf8").on("data", err);
    child.on("error", (error) => resolve({ code: undefined, stdout, tail: [...tail, error.message] }));
    child.on("close", (code) => {
      out("\n");
      err("\n");
      resolve({ code: code ?? undefined, stdout, tail });
    });
  });
}

function lineSplitter(take: (line: string) => void): (chunk: string) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split(/[\r\n]+/);
    rest = (lines.pop() ?? "").slice(-4096);
    for (const line of lines) take(line);
  };
}
