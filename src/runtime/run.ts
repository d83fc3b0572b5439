/** One container from options to exit status, in the foreground: prepare, make, execute, attend, clean up. */

import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";

import type { Lang } from "../base/lang";
import { loadKernel, type Kernel, type Spawned } from "../binding";
import type { HostFacts } from "../base/host-facts";
import { oomKills } from "../host/cgroupfs";
import { type ContainerLayers, createContainerLayers } from "../image/container-layers";
import type { ImageRecord } from "../image/resolve";
import type { CompiledPlan, OverlayPaths } from "../plan/compile";
import type { OciConfig } from "../plan/oci";
import type { Plan } from "../plan/steps";
import type { Trace } from "../plan/trace";
import { openStore, type Store } from "../store/store";
import { executePlan, type Started } from "./execute";
import { compilePrepared, prepare, type Prepared, type PrepareContext } from "./prepare";
import { type ContainerRecord, finishRecord, reserveName, writeRecord } from "./record";
import type { RunOptions } from "./run-options";
import { forwardSignals, type SignalForwarding } from "./signals";
import { cleanUp, healLeftovers, runDirectory, RunningFile, type RunningState } from "./state";
import { consoleSession, pipeSession, prepareStdio, type Session } from "./stdio";

/** One line; or cause and remedy of what the payload has just said itself. */
export type Notice = string | { why: string | undefined; hint: string | undefined };

export interface RunContext {
  /** Absolute directory of the store. */
  storeRoot: string;
  lang: Lang;
  /** Another kernel than this host's: a recorder in tests. */
  kernel?: Kernel | undefined;
  /** Something the user should know that is not the payload's output. */
  onNotice(notice: Notice): void;
  /**
   * Asks for a record of every call. Called when the container is ready and waits for its last step, so that what is printed here comes before
   * the payload's own output.
   */
  onReady?: ((plan: Plan, trace: Trace, child: Spawned) => void) | undefined;
  /** With onReady: a step failed; the calls so far. The error itself is thrown. */
  onFailed?: ((plan: Plan, trace: Trace, stepId: string | undefined) => void) | undefined;
  /** Makes an image that the store lacks (the CLI passes bootstrap). */
  bootstrap?: ((reference: string, store: Store) => Promise<ImageRecord | undefined>) | undefined;
}

export interface RunResult {
  containerId: string;
  /** The payload's exit code; 128 + n when signal n killed it. */
  exitCode: number;
  oomKilled: boolean;
}

/**
 * Runs a container and waits for it. Throws GlassboxError when it does not come to run: exitCode 125 for our reasons, 126 or 127 for the
 * payload's (found but not executable, not found). Nothing of a failed start stays.
 */
export async function runContainer(options: RunOptions, context: RunContext): Promise<RunResult> {
  const kernel = context.kernel ?? loadKernel();
  const store = openStore(context.storeRoot, kernel);
  healLeftovers(store);
  const prepared = await prepare(options, prepareContext(kernel, options, context, store));
  const state = runningState(store, options, prepared);
  const running = RunningFile.create(store, state);
  // Only now: a name belongs to a container that has a record or a running file, and else to nobody.
  if (options.name !== undefined) reserveOrGiveUp(store, options.name, prepared.containerId, running);
  try {
    const result = await live(kernel, store, options, prepared, context);
    cleanUp(store, state);
    running.remove();
    return result;
  } catch (error) {
    cleanUp(store, { ...state, remove: true });
    if (options.cidfile !== undefined) rmSync(options.cidfile, { force: true });
    running.remove();
    throw error;
  }
}

function reserveOrGiveUp(store: Store, name: string, id: string, running: RunningFile): void {
  try {
    reserveName(store, name, id, runDirectory(store));
  } catch (error) {
    running.remove();
    throw error;
  }
}

export interface DryRun {
  config: OciConfig;
  compiled: CompiledPlan;
  facts: HostFacts;
}

/** What `run` would do, without doing it: no layer, mount, cgroup or process is made. */
export async function compilePlanFor(options: RunOptions, context: RunContext): Promise<DryRun> {
  const kernel = loadKernel();
  const store = openStore(context.storeRoot, kernel);
  const prepared = await prepare(options, prepareContext(kernel, options, context, store));
  const directory = `${store.paths.overlay}/${prepared.containerId}`;
  const overlay: OverlayPaths = {
    lowerdirs: [`${directory}-init/diff`, ...prepared.image.layers.map(({ shortName }) => `l/${shortName}`).reverse()],
    upperdir: `${directory}/diff`,
    workdir: `${directory}/work`,
    merged: `${directory}/merged`,
    cwd: store.paths.overlay,
    volatile: options.remove,
  };
  const { config, facts } = prepared;
  if (prepared.seccomp !== undefined) {
    const { seccompProfile } = require("./seccomp-program") as typeof import("./seccomp-program");
    const { bounding } = config.process.capabilities;
    config.linux.seccomp = seccompProfile({ store, facts, capabilities: bounding, profilePath: options.seccomp });
  }
  return { config, facts, compiled: compilePrepared(prepared, options, overlay, false) };
}

function prepareContext(kernel: Kernel, options: RunOptions, context: RunContext, store: Store): PrepareContext {
  const size = options.tty ? [0, 1].find((fd) => kernel.isatty(fd)) : undefined;
  const { bootstrap } = context;
  return {
    store,
    lang: context.lang,
    terminalSize: size === undefined ? undefined : kernel.getWindowSize(size),
    bootstrap: bootstrap === undefined ? undefined : (reference) => bootstrap(reference, store),
  };
}

/** Written down before anything is made; the cgroups are all that a plan could make. */
function runningState(store: Store, options: RunOptions, prepared: Prepared): RunningState {
  const { cgroupsPath } = prepared.config.linux;
  const { v1, v2 } = prepared.facts.cgroup;
  const hierarchies = [
    ...v1.map(({ controllers, mountpoint }) => ({ hierarchy: controllers.join(","), mountpoint })),
    ...(v2 === undefined ? [] : [{ hierarchy: "unified", mountpoint: v2.mountpoint }]),
  ];
  return {
    id: prepared.containerId,
    merged: `${store.paths.overlay}/${prepared.containerId}/merged`,
    cgroups:
      cgroupsPath === undefined
        ? []
        : hierarchies.map(({ hierarchy, mountpoint }) => ({ hierarchy, path: mountpoint + cgroupsPath })),
    remove: options.remove,
    ...(options.name === undefined ? {} : { name: options.name }),
  };
}

async function live(
  kernel: Kernel,
  store: Store,
  options: RunOptions,
  prepared: Prepared,
  context: RunContext,
): Promise<RunResult> {
  const { containerId, config } = prepared;
  const layers = makeLayers(store, options, prepared);
  const compiled = compilePrepared(
    prepared,
    options,
    { ...layers, cwd: store.paths.overlay, volatile: options.remove },
    context.onReady !== undefined,
  );
  if (options.cidfile !== undefined) writeFileSync(options.cidfile, containerId);
  const record = options.remove ? undefined : recordOf(options, prepared);
  if (record !== undefined) writeRecord(store, record);

  const stdio = prepareStdio(kernel, options);
  const signals = forwardSignals(kernel, () => context.onNotice(insistenceNotice(context.lang)));
  let started: Started;
  try {
    started = startOrExplain(kernel, prepared, compiled, stdio.child, context);
  } catch (error) {
    signals.stop();
    throw error;
  }
  signals.to(started.pidfd);
  for (const fd of stdio.handedOver) kernel.close(fd);
  const startedAt = Date.now();
  const session =
    started.consoleFd === undefined ? pipeSession(kernel, stdio) : consoleSession(kernel, started.consoleFd, options);
  const exitCode = await attend(kernel, started, session, signals);
  const { kills } = compiled.cgroups.length === 0 ? { kills: 0 } : oomKills(compiled.cgroups);
  if (exitCode === 127 && Date.now() - startedAt < 1000) explainEarlyExit(config, compiled.plan, layers.merged, context);
  if (record !== undefined) finishRecord(store, record, { code: exitCode, oomKilled: kills > 0 });
  return { containerId, exitCode, oomKilled: kills > 0 };
}

/** Waits for the payload, with signals, terminal and output looked after. */
async function attend(kernel: Kernel, started: Started, session: Session, signals: SignalForwarding): Promise<number> {
  try {
    const { code, signal } = await kernel.wait(started.pidfd);
    await session.drained;
    return signal === 0 ? code : 128 + signal;
  } finally {
    signals.stop();
    session.end();
    kernel.close(started.pidfd);
  }
}

function insistenceNotice(lang: Lang): string {
  return lang === "zh"
    ? "第三次收到信号，强制结束。容器里的 1 号进程没有注册处理函数的信号，内核不会送给它；加 --init 可以解决"
    : "third signal: killing. The kernel gives PID 1 only signals that it has a handler for; --init solves that";
}

function makeLayers(store: Store, options: RunOptions, prepared: Prepared): ContainerLayers {
  const { image, containerId } = prepared;
  const name = prepared.config.hostname ?? hostname();
  const layers = createContainerLayers(store, image, containerId, {
    hosts: options.network === "host" ? readText("/etc/hosts") : hostsFile(name),
    hostname: `${name}\n`,
    resolvConf: readText("/etc/resolv.conf"),
  });
  if (options.unsafe.initlayer === "off") {
    // The lesson: without a layer of their own these files are the container's writes, and commit keeps them.
    for (const name of readdirSync(layers.initDiff)) renameSync(`${layers.initDiff}/${name}`, `${layers.upperdir}/${name}`);
  }
  return layers;
}

function hostsFile(hostname: string): string {
  return [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "ff00::0\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
    `127.0.0.1\t${hostname}`,
    "",
  ].join("\n");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function recordOf(options: RunOptions, { containerId, image, config }: Prepared): ContainerRecord {
  const now = new Date().toISOString();
  const [path = "", ...args] = config.process.args;
  return {
    ID: containerId,
    Created: now,
    Path: path,
    Args: args,
    Image: image.id,
    Name: options.name === undefined ? "" : `/${options.name}`,
    Labels: options.labels,
    StopSignal: options.stopSignal ?? image.config.config?.StopSignal ?? "SIGTERM",
    State: {
      Status: "running",
      Running: true,
      OOMKilled: false,
      ExitCode: 0,
      StartedAt: now,
      FinishedAt: "0001-01-01T00:00:00Z",
    },
  };
}

function startOrExplain(
  kernel: Kernel,
  prepared: Prepared,
  { plan }: CompiledPlan,
  stdio: [number, number, number],
  context: RunContext,
): Started {
  const { config, facts } = prepared;
  const { onReady, onFailed } = context;
  try {
    return executePlan({
      kernel,
      plan,
      stdio,
      trace: onReady !== undefined,
      onReady: onReady === undefined ? undefined : (trace, child) => onReady(plan, trace, child),
      onFailed: onFailed === undefined ? undefined : (trace, stepId) => onFailed(plan, trace, stepId),
      diagnose: (failure, step, pid) => {
        const { diagnoseFailure } = require("./failure") as typeof import("./failure");
        const { user, cwd, args } = config.process;
        return diagnoseFailure(failure, step, pid, {
          kernel,
          facts,
          lang: context.lang,
          argv0: args[0]!,
          user,
          cwd,
          layers: () => imageReader(kernel, prepared),
        });
      },
    });
  } catch (error) {
    const { explainParentFailure } = require("./failure") as typeof import("./failure");
    throw explainParentFailure(error, plan.steps);
  }
}

function imageReader(kernel: Kernel, { image }: Prepared): import("../elf/root-reader").RootReader {
  const { LayerReader } = require("../elf/root-reader") as typeof import("../elf/root-reader");
  const { viewOfLayers } = require("../image/layer-view") as typeof import("../image/layer-view");
  return new LayerReader(viewOfLayers(image.layers, { kernel, userxattr: true }));
}

/** A dynamic program whose libraries are missing does start: ld.so says so and exits with 127. What it lacks is looked up here. */
function explainEarlyExit(config: OciConfig, plan: Plan, merged: string, context: RunContext): void {
  const { DirectoryReader } = require("../elf/root-reader") as typeof import("../elf/root-reader");
  const { explainMissingLibraries } = require("../elf/diagnose") as typeof import("../elf/diagnose");
  const step = plan.steps.find(({ kind }) => kind === "execute");
  if (step?.kind !== "execute") return;
  const reader = new DirectoryReader(merged);
  const path = step.candidates.find((candidate) => reader.stat(candidate) !== undefined);
  if (path === undefined) return;
  const value = (name: string): string | undefined =>
    config.process.env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  const found = explainMissingLibraries({
    path,
    reader,
    lang: context.lang,
    libraryPath: value("LD_LIBRARY_PATH"),
    searchPath: value("PATH"),
  });
  if (found === undefined) return;
  // What happened the program has said itself.
  context.onNotice({ why: found.why, hint: found.hint });
}
