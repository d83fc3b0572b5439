/**
 * Three arms of a security test: the *control*, a naive runtime or a container with that one protection off, must break; *glassbox* must
 * hold; the *anchor*, another runtime of this host, is told for comparison. A control that does not break shows that the attack attacks
 * nothing: the test is then inconclusive, and that is a failure. Around all of it stands the host's fingerprint.
 */

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext, TestFn } from "ava";
import { type CliOptions, cli, PACKAGE_ROOT, type ProgramResult } from "./cli";
import { differences, type Fingerprint, fingerprint, type FingerprintScope } from "./fingerprint";
import { privileged } from "./privileged";
import { TestStore } from "./store";

interface Verdict {
  name: string;
  good: boolean;
  detail: string;
}

/** How long cgroups, processes and mounts of containers that have ended may take to go. */
const SETTLE_MS = 3000;

export class Trial {
  /** Directory that no container may read or change; `secret` is in its file `secret`. */
  readonly canary: string;
  readonly secret: string;
  /** A copy of the built package, so that the fingerprint covers it whole while others rebuild theirs. */
  readonly runtime: string;
  private readonly verdicts = { control: [] as Verdict[], glassbox: [] as Verdict[] };
  private readonly anchors = new Map<string, { held: number; all: number }>();
  private readonly idFiles: string[] = [];
  private readonly startedAt = Date.now();

  private constructor(
    readonly id: string,
    readonly store: TestStore,
  ) {
    this.canary = store.addDirectoryNamed("canary");
    this.secret = `secret-of-${id}-${Math.random().toString(36).slice(2)}`;
    writeFileSync(join(this.canary, "secret"), `${this.secret}\n`, { mode: 0o600 });
    mkdirSync(join(this.canary, "empty"));
    this.runtime = copyRuntime(store.addDirectoryNamed("runtime"));
  }

  static create(id: string): Trial {
    return new Trial(id, TestStore.create());
  }

  get scratch(): string {
    return this.store.scratch;
  }

  /** `glassbox run --rm` with the flags, then image and argv. Its container id is remembered for the fingerprint. */
  run(
    flags: readonly string[],
    image: string,
    argv: readonly string[],
    options: Partial<CliOptions> = {},
  ): Promise<ProgramResult> {
    const idFile = join(this.scratch, `id-${this.idFiles.length}`);
    this.idFiles.push(idFile);
    const args = ["run", "--rm", "--cidfile", idFile, ...flags, image, ...argv];
    return cli(args, { root: this.store.root, runtime: this.runtime, ...options });
  }

  /** A run with protections taken off. */
  runUnsafe(
    off: readonly string[],
    image: string,
    argv: readonly string[],
    options: Partial<CliOptions> = {},
  ): Promise<ProgramResult> {
    return this.run([...off.flatMap((one) => ["--unsafe", one]), "--yes-unsafe"], image, argv, options);
  }

  control(name: string, broke: boolean, detail: unknown = ""): void {
    this.verdicts.control.push({ name, good: broke, detail: text(detail) });
  }

  glassbox(name: string, held: boolean, detail: unknown = ""): void {
    this.verdicts.glassbox.push({ name, good: held, detail: text(detail) });
  }

  /** `held` undefined: it did not come to run the attack. */
  anchor(who: string, held: boolean | undefined): void {
    if (held === undefined) return;
    const count = this.anchors.get(who) ?? { held: 0, all: 0 };
    this.anchors.set(who, { held: count.held + (held ? 1 : 0), all: count.all + 1 });
  }

  containerIds(): string[] {
    return this.idFiles.filter((file) => existsSync(file)).map((file) => readFileSync(file, "utf8").trim());
  }

  /** Judges, and logs the figure line: `T01 pass n=… control=…/… bad=… anchor=…`. */
  finish(t: ExecutionContext, changes: readonly string[]): void {
    const { control, glassbox } = this.verdicts;
    const weak = control.filter(({ good }) => !good);
    const bad = glassbox.filter(({ good }) => !good);
    const inconclusive = weak.length > 0 || control.length === 0 || glassbox.length === 0;
    const word = bad.length > 0 || changes.length > 0 ? "FAIL" : inconclusive ? "INCONCLUSIVE" : "pass";
    const anchors = [...this.anchors].map(([who, { held, all }]) => `${who}:${held}/${all}`).join(",");
    t.log(
      `${this.id} ${word} n=${glassbox.length} control=${control.length - weak.length}/${control.length} bad=${bad.length} ` +
        `host-changes=${changes.length} anchor=${anchors || "none"} ms=${Date.now() - this.startedAt}`,
    );
    t.deepEqual(
      {
        "glassbox did not hold": bad.map(line),
        "the host is not as it was": [...changes],
        "inconclusive, the control did not break": weak.map(line),
      },
      { "glassbox did not hold": [], "the host is not as it was": [], "inconclusive, the control did not break": [] },
    );
    t.true(control.length > 0 && glassbox.length > 0, "inconclusive: an arm is missing");
  }
}

function line({ name, detail }: Verdict): string {
  return detail === "" ? name : `${name}: ${detail.slice(0, 600)}`;
}

function text(detail: unknown): string {
  return typeof detail === "string" ? detail : JSON.stringify(detail);
}

/** Again when somebody builds meanwhile: half of an old build and half of a new one is neither. */
function copyRuntime(to: string): string {
  for (let tries = 0; ; tries++) {
    const before = buildState();
    copyOnce(to);
    if (buildState() === before || tries === 5) return to;
    rmSync(to, { recursive: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  }
}

function buildState(): string {
  const directory = join(PACKAGE_ROOT, "dist", "src");
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  const times = names.map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  // A compiler that is at work writes its last file within a second.
  const busy = Date.now() - Math.max(...times) < 1000;
  return busy ? `busy ${Math.random()}` : JSON.stringify(times);
}

function copyOnce(to: string): void {
  cpSync(join(PACKAGE_ROOT, "dist", "src"), join(to, "dist", "src"), { recursive: true, preserveTimestamps: true });
  // Made by the full build only.
  const joined = join(PACKAGE_ROOT, "dist", "launch");
  if (existsSync(joined)) cpSync(joined, join(to, "dist", "launch"), { recursive: true, preserveTimestamps: true });
  for (const name of ["glassbox.node", "glassbox-init"]) {
    cpSync(join(PACKAGE_ROOT, "build", "Release", name), join(to, "build", "Release", name), { preserveTimestamps: true });
  }
  cpSync(join(PACKAGE_ROOT, "package.json"), join(to, "package.json"));
  symlinkSync(join(PACKAGE_ROOT, "node_modules"), join(to, "node_modules"));
}

/** Declares a security test: makes its store, takes the fingerprint around `attack`, judges, removes everything. */
export function security(
  test: TestFn,
  id: string,
  title: string,
  attack: (trial: Trial, t: ExecutionContext) => Promise<void>,
): void {
  privileged(test)(`${id} ${title}`, async (t) => {
    t.timeout(150_000);
    const trial = Trial.create(id);
    t.teardown(() => trial.store.remove());
    const scope: FingerprintScope = {
      scratch: trial.scratch,
      unchanged: [trial.canary, trial.runtime],
      containerIds: () => trial.containerIds(),
    };
    const before = fingerprint(scope);
    await attack(trial, t);
    trial.finish(t, [...(await settledDifferences(before, scope)), ...trial.store.leftovers()]);
  });
}

async function settledDifferences(before: Fingerprint, scope: FingerprintScope): Promise<string[]> {
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const found = differences(before, fingerprint(scope));
    if (found.length === 0 || Date.now() > deadline) return found;
    await new Promise((resume) => setTimeout(resume, 100));
  }
}

/** Does something with each, two at a time: CI has two cores. */
export async function eachTwoAtATime<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const queue = [...all];
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await act(one);
  };
  await Promise.all([worker(), worker()]);
}
