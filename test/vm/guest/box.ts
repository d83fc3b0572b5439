/** What the guest's tests share: the built command line as a program, and containers that wait while they are looked at. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One test in the guest: a title, unique among all, and what to do. */
export interface GuestTest {
  title: string;
  /** Looks at the whole machine, so nothing else may run meanwhile. */
  alone?: boolean;
  body(): Promise<void>;
}

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** dist/test/vm/guest → the project in the guest. */
const PROJECT = join(__dirname, "..", "..", "..", "..");
/** What package.json installs as `glassbox`. */
export const CLI: string = join(
  PROJECT,
  (JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { bin: { glassbox: string } }).bin.glassbox,
);
/** The static program of probe.c. */
export const PROBE: string = join(PROJECT, "probe");
export const CGROUP = "/sys/fs/cgroup";
/** Far above what anything takes here, but a test that hangs must not take the others' time. */
const TIMEOUT_MS = 60_000;

/** Runs a program to its end with `stdin` as its input. Rejects when it takes a minute. */
export function program(argv: readonly string[], stdin = ""): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { stdio: "pipe" });
    const outcome: Outcome = { code: null, stdout: "", stderr: "" };
    child.stdout.on("data", (part: Buffer) => (outcome.stdout += part.toString()));
    child.stderr.on("data", (part: Buffer) => (outcome.stderr += part.toString()));
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${argv.join(" ")} did not end\n${outcome.stdout}\n${outcome.stderr}`));
    }, TIMEOUT_MS);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ ...outcome, code });
    });
  });
}

/** `glassbox …`. */
export function glassbox(args: readonly string[], stdin = ""): Promise<Outcome> {
  return program([process.execPath, CLI, ...args], stdin);
}

/** `glassbox run --rm --network none FLAGS busybox ARGV`, with the probe at /probe. */
export function run(flags: readonly string[], argv: readonly string[]): Promise<Outcome> {
  return glassbox(["run", "--rm", "--network", "none", "-v", `${PROBE}:/probe:ro`, ...flags, "busybox", ...argv]);
}

/** Like `run`, with protections taken off. */
export function runUnsafe(off: readonly string[], flags: readonly string[], argv: readonly string[]): Promise<Outcome> {
  return run([...off.flatMap((one) => ["--unsafe", one]), "--yes-unsafe", ...flags], argv);
}

/** The standard output of a run that must succeed. */
export async function outputOf(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout, stderr } = await outcome;
  assert.equal(code, 0, `exit code ${code}\nstdout: ${stdout}\nstderr: ${stderr}`);
  return stdout;
}

/** A container that has said "ready" and waits. */
export class Held {
  private static readonly waiting = new Set<Held>();

  private constructor(
    readonly id: string,
    /** Its directory in the v2 tree. */
    readonly cgroup: string,
    /** What it printed before "ready". */
    readonly output: string,
    /** PID of the command line. */
    readonly pid: number,
    private readonly say: (line: string) => void,
    private readonly ended: Promise<Outcome>,
  ) {}

  /** Runs the shell commands `before`, waits until the test calls `finish`, and then runs `after`. */
  static async start(flags: readonly string[], before: string, after = "true"): Promise<Held> {
    const idFile = join(mkdtempSync("/tmp/held-"), "id");
    const script = `${before}\necho ready\nread line\n${after}`;
    const argv = ["run", "--rm", "-i", "--network", "none", "--cidfile", idFile, "-v", `${PROBE}:/probe:ro`];
    const child = spawn(process.execPath, [CLI, ...argv, ...flags, "busybox", "sh", "-c", script], { stdio: "pipe" });
    const outcome: Outcome = { code: null, stdout: "", stderr: "" };
    child.stderr.on("data", (part: Buffer) => (outcome.stderr += part.toString()));
    child.stdin.on("error", () => undefined);
    const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
    const ended = new Promise<Outcome>((resolve) => {
      child.on("close", (code) => {
        clearTimeout(timer);
        resolve({ ...outcome, code });
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.on("data", (part: Buffer) => {
        outcome.stdout += part.toString();
        if (/^ready$/m.test(outcome.stdout)) resolve();
      });
      void ended.then(({ code, stdout, stderr }) => reject(new Error(`ended early with ${code}\n${stdout}\n${stderr}`)));
    });
    const id = readFileSync(idFile, "utf8");
    const output = outcome.stdout.slice(0, outcome.stdout.indexOf("ready\n"));
    const held = new Held(id, `${CGROUP}/glassbox/${id}`, output, child.pid!, (line) => child.stdin.end(line), ended);
    Held.waiting.add(held);
    void ended.then(() => Held.waiting.delete(held));
    return held;
  }

  /** A file of its cgroup, seen from the host. */
  read(file: string): string {
    return readFileSync(join(this.cgroup, file), "utf8").trim();
  }

  /** Lets it go on, and gives what it printed after "ready". Its cgroup must be gone then. */
  async finish(): Promise<string> {
    this.say("go on\n");
    const { code, stdout, stderr } = await this.ended;
    assert.equal(code, 0, `exit code ${code}\nstdout: ${stdout}\nstderr: ${stderr}`);
    assert.ok(!existsSync(this.cgroup), `${this.cgroup} is still there`);
    return stdout.slice(stdout.indexOf("ready\n") + "ready\n".length);
  }

  /** Lets those go on whose tests failed, so that they are not held against other tests. */
  static async finishAll(): Promise<void> {
    for (const held of Held.waiting) held.say("\n");
    await Promise.all([...Held.waiting].map(({ ended }) => ended));
  }

  /** Waits for a container that ends for another reason. */
  end(): Promise<Outcome> {
    return this.ended;
  }
}

/** Mount points of a mountinfo that hold `part`. */
export function mountPoints(mountinfo: string, part: string): string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.includes(part));
}

export function hostMounts(): string {
  return readFileSync("/proc/self/mountinfo", "utf8");
}

/** Waits until `condition` holds, for a few seconds. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
