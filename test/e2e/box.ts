/** The built command line with a store of its own for one test file, and what it must not leave behind. */

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext, type TestFn } from "ava";
import { cli, type CliOptions, MAIN, PACKAGE_ROOT, type ProgramResult } from "../helpers/cli";
import { privileged } from "../helpers/privileged";
import { TestStore } from "../helpers/store";

export const CLI = join(PACKAGE_ROOT, MAIN);

/** A privileged test that runs alone in its file: starts beside each other would disturb what is measured and listed. */
export const asRoot = privileged(test.serial as unknown as TestFn);

export interface RunningContainer {
  id: string;
  merged: string;
  cgroups: { hierarchy: string; path: string }[];
}

export class Box {
  private constructor(readonly store: TestStore) {}

  /** A store with busybox in it. */
  static async create(): Promise<Box> {
    const box = new Box(TestStore.create());
    if (process.geteuid?.() === 0) await box.store.addBusybox();
    return box;
  }

  /** An empty store. */
  static empty(): Box {
    return new Box(TestStore.create());
  }

  get root(): string {
    return this.store.root;
  }

  /** A path beside the store. */
  path(name: string): string {
    return join(this.store.scratch, name);
  }

  env(more: Record<string, string> = {}): Record<string, string> {
    const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin" } = process.env;
    return { PATH, HOME: "/root", LC_ALL: "C.UTF-8", GLASSBOX_ROOT: this.root, ...more };
  }

  /** Any command line of glassbox; waits for its end. */
  glassbox(args: readonly string[], options: Omit<CliOptions, "root"> = {}): Promise<ProgramResult> {
    return cli(args, { timeoutMs: 60_000, ...options, root: this.root });
  }

  /** `glassbox run --rm ARGS`. */
  run(...args: string[]): Promise<ProgramResult> {
    return this.glassbox(["run", "--rm", ...args]);
  }

  /** The output of a container that must succeed. */
  async output(t: ExecutionContext, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    t.is(code, 0, `glassbox run --rm ${args.join(" ")}\n${stderr}`);
    return stdout.trimEnd();
  }

  /** A command that goes on while the test looks at it. */
  start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    return spawn(process.execPath, [CLI, ...args], { env: this.env(env), stdio: ["pipe", "pipe", "pipe"] });
  }

  /** A container that runs `args` while `look` looks at it from outside; then it is killed. */
  async while<T>(args: readonly string[], look: (container: RunningContainer, pid: number) => T | Promise<T>): Promise<T> {
    const command = this.start(["run", "--rm", ...args]);
    let errors = "";
    command.stderr?.on("data", (part) => (errors += part));
    const ended = new Promise<number | null>((resolve) => command.on("close", resolve));
    const tooEarly = ended.then((code) => Promise.reject(new Error(`it ended with ${code}: ${errors}`)));
    // When the test ends first, nobody waits for this any more.
    tooEarly.catch(() => undefined);
    try {
      const pid = await Promise.race([payloadOf(this), tooEarly]);
      return await look(this.running()[0] as RunningContainer, pid);
    } finally {
      const [running] = this.running();
      if (running !== undefined && command.exitCode === null) process.kill(firstPid(running), "SIGKILL");
      await ended;
    }
  }

  /** Containers whose command has not cleaned up after them. */
  running(): RunningContainer[] {
    let names: string[] = [];
    try {
      names = readdirSync(join(this.root, "run"));
    } catch {
      return [];
    }
    return names
      .filter((name) => name.endsWith(".json"))
      .flatMap((name) => {
        try {
          return [JSON.parse(readFileSync(join(this.root, "run", name), "utf8")) as RunningContainer];
        } catch {
          // Gone, or not yet written.
          return [];
        }
      });
  }

  /** Mounts of the host that lie in this store. */
  mounts(): string[] {
    return readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(`${this.store.scratch}/`));
  }

  /** Fails when anything of a container is left; then the store goes. */
  dispose(t: ExecutionContext): void {
    t.deepEqual(this.mounts(), [], "mounts left behind");
    t.deepEqual(this.store.leftovers(), [], "left behind in the store");
    this.store.remove();
  }
}

/** Gives `body` an empty store, which is checked and removed after it. */
export async function withEmptyStore(t: ExecutionContext, body: (box: Box) => Promise<void>): Promise<void> {
  const box = Box.empty();
  try {
    await body(box);
  } finally {
    box.dispose(t);
  }
}

/** A store for the file's tests, made before them and checked and removed after them; only its fields are there before. */
export function boxForFile(): { readonly box: Box } {
  let box: Box | undefined;
  test.before(async () => {
    box = await Box.create();
  });
  test.after.always((t) => box?.dispose(t as ExecutionContext));
  return {
    get box() {
      if (box === undefined) throw new Error("no store before the first test");
      return box;
    },
  };
}

/** PID of the first process of the box's only container, as soon as the payload runs in it or (--init) below it. */
export function payloadOf(box: Box): Promise<number> {
  return eventually(() => {
    const pid = firstPid(box.running()[0] as RunningContainer);
    return isReady(pid) && pid;
  }, "the container's payload");
}

/** Before, the process is a copy of Node for a moment, and then glassbox-init. */
function isReady(pid: number): boolean {
  const program = readlinkSync(`/proc/${pid}/exe`);
  if (program === readlinkSync("/proc/self/exe")) return false;
  return !program.includes("glassbox-init") || readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8") !== "";
}

/** PID of the container's first process, as the host counts. */
export function firstPid(container: RunningContainer): number {
  for (const { path } of container.cgroups) {
    const pids = processesOf(path);
    if (pids[0] !== undefined) return pids[0];
  }
  throw new Error("no process in the container's cgroups");
}

/** PIDs in one cgroup, in ascending order; none when there is no such cgroup. */
export function processesOf(cgroup: string): number[] {
  try {
    return readFileSync(`${cgroup}/cgroup.procs`, "utf8")
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0)
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

/** A field of /proc/PID/status. */
export function statusField(pid: number, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}

/** Waits until `probe` gives something; what it throws counts as not yet. */
export async function eventually<T>(probe: () => T | undefined | false, what: string, timeoutMs = 15_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    let problem: unknown;
    try {
      const value = probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: problem });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
