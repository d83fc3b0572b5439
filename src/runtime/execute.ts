/**
 * Executes a plan: the parent's steps here, the child's by glassbox-init. This is the only way in which anything starts: run, build steps and
 * labs differ in their plans, not in their code.
 */

import { GlassboxError, SyscallError } from "../base/errors";
import { INIT_PATH, type Kernel, type Spawned } from "../binding";
import { encodePlan } from "../plan/encode";
import type { Plan, Slot, Step } from "../plan/steps";
import type { CallRecord, Trace } from "../plan/trace";
import { ParentLane } from "./parent-lane";
import { readReport } from "./report";

export interface ExecuteRequest {
  kernel: Kernel;
  plan: Plan;
  /** Descriptors that become the payload's 0, 1, 2 (a console replaces them). */
  stdio: [number, number, number];
  /** Record every call. */
  trace: boolean;
  /** Called when the child is ready and waits at "start" (plans that have that step); the calls so far. */
  onReady?: ((trace: Trace, child: Spawned) => void) | undefined;
  /** Called when a step failed, before the error is thrown: the calls so far, the failed one last. */
  onFailed?: ((trace: Trace, stepId: string | undefined) => void) | undefined;
  /** Turns the failed call into an error; the child still waits, so /proc/PID/root can be looked at. */
  diagnose: (failure: CallRecord, step: Step, pid: number) => GlassboxError;
}

export interface Started {
  pid: number;
  pidfd: number;
  trace: Trace;
  /** Master side of the container's pty, when the plan opens a console. */
  consoleFd: number | undefined;
}

/** Descriptors opened for one start; all closed again when it is over. */
class Descriptors {
  private readonly open = new Set<number>();
  constructor(private readonly kernel: Kernel) {}

  add(fd: number): number {
    this.open.add(fd);
    return fd;
  }

  close(fd: number): void {
    if (this.open.delete(fd)) this.kernel.close(fd);
  }

  closeAll(): void {
    for (const fd of this.open) this.kernel.close(fd);
    this.open.clear();
  }
}

/**
 * Runs a plan up to the point where the payload executes; blocks for that long. Returns the child to be waited for.
 * Throws what `diagnose` makes of a failed step; then the child is gone and every descriptor closed, but cgroups and mounts made by earlier
 * steps stay: whoever asked for them removes them.
 */
export function executePlan(request: ExecuteRequest): Started {
  const { kernel, plan } = request;
  const trace: Trace = [];
  const lane = new ParentLane(kernel, request.trace ? trace : undefined);
  const descriptors = new Descriptors(kernel);
  let child: Spawned | undefined;
  try {
    const cloneAt = plan.steps.findIndex(({ kind }) => kind === "clone");
    for (const step of plan.steps.slice(0, cloneAt)) if (step.lane === "parent") prepareStep(lane, step);
    const clone = plan.steps[cloneAt] as Step & { kind: "clone" };

    const slots = openSlots(kernel, plan, descriptors);
    const cgroupFd =
      clone.cgroupPath === undefined ? undefined : descriptors.add(kernel.open(clone.cgroupPath, ["O_PATH", "O_DIRECTORY"]));
    const [syncFd, childSync] = kernel.socketpair().map((fd) => descriptors.add(fd)) as [number, number];
    const [reportFd, childReport] = kernel.pipe().map((fd) => descriptors.add(fd)) as [number, number];
    const planFd = descriptors.add(planDescriptor(kernel, encodePlan(plan, slots, request.trace)));
    const initFd = descriptors.add(initDescriptor(kernel));
    child = lane.clone(clone, {
      initFd,
      argv: ["glassbox-init", "init", String(planFd), String(childReport), String(childSync)],
      stdio: request.stdio,
      keep: [planFd, childReport, childSync, ...slots.values()],
      cgroupFd,
    });
    descriptors.close(childSync);
    descriptors.close(childReport);

    const later = plan.steps.slice(cloneAt + 1).filter((step) => step.lane === "parent");
    const beforeReady = later.filter((step) => !(step.kind === "synchronize" && step.point === "start"));
    for (const step of beforeReady) lane.attach(step, child.pid, syncFd);
    const consoleFd = plan.steps.some(({ kind }) => kind === "open-console") ? receiveConsole(kernel, syncFd) : undefined;
    const start = later.find((step) => step.kind === "synchronize" && step.point === "start");
    if (start !== undefined) awaitReady(request, { lane, start, trace, child, syncFd, reportFd });
    finish(request, trace, child.pid, reportFd);
    return { pid: child.pid, pidfd: child.pidfd, trace: sorted(trace), consoleFd };
  } catch (error) {
    descriptors.closeAll();
    if (child !== undefined) abandon(kernel, child);
    if (request.trace) request.onFailed?.(sorted(trace), error instanceof SyscallError ? error.stepId : "execute");
    throw error;
  } finally {
    descriptors.closeAll();
  }
}

function prepareStep(lane: ParentLane, step: Step): void {
  switch (step.kind) {
    case "mount-overlay":
      return lane.mountOverlay(step);
    case "create-cgroup":
      return lane.createCgroup(step);
    case "set-cgroup-limit":
      return lane.setCgroupLimit(step);
    case "limit-devices":
      return lane.limitDevices(step);
    default:
      throw new RangeError(`step ${step.id} (${step.kind}) cannot come before clone`);
  }
}

/** v1 `tasks` files and namespaces are opened by the parent, whose view of the host's paths the child will lose. */
function openSlots(kernel: Kernel, plan: Plan, descriptors: Descriptors): Map<Slot, number> {
  const slots = new Map<Slot, number>();
  for (const step of plan.steps) {
    if (step.kind === "join-cgroup") slots.set(step.slot, descriptors.add(kernel.open(step.file, ["O_WRONLY"])));
    if (step.kind === "join-namespace") slots.set(step.slot, descriptors.add(kernel.open(step.path, ["O_RDONLY"])));
  }
  return slots;
}

function planDescriptor(kernel: Kernel, bytes: Uint8Array): number {
  const problem = kernel.validatePlan(bytes);
  if (problem !== undefined) throw new GlassboxError({ code: "plan-invalid", what: `encoded plan: ${problem}` });
  return kernel.sealedMemfd("glassbox-plan", bytes, false);
}

/** A sealed copy: what runs inside a container is never the file on the host's disk (CVE-2019-5736). */
function initDescriptor(kernel: Kernel): number {
  const { readFileSync } = require("node:fs") as typeof import("node:fs");
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(INIT_PATH);
  } catch (cause) {
    throw new GlassboxError({
      code: "init-missing",
      what: `cannot read ${INIT_PATH}`,
      why: (cause as Error).message,
      hint: { en: "build it with `npm run build:native`", zh: "用 `npm run build:native` 编译它" },
      cause,
    });
  }
  return kernel.sealedMemfd("glassbox-init", bytes, true);
}

/** The pty's master, or undefined when the child failed before it had one: the report then says how. */
function receiveConsole(kernel: Kernel, syncFd: number): number | undefined {
  const received = kernel.receiveDescriptor(syncFd);
  return received === undefined || received.fd < 0 ? undefined : received.fd;
}

interface Ready {
  lane: ParentLane;
  start: Step;
  trace: Trace;
  child: Spawned;
  syncFd: number;
  reportFd: number;
}

/** Plans with a "start" step: the child flushes its records and waits; whoever listens may look, then it goes on. */
function awaitReady(request: ExecuteRequest, ready: Ready): void {
  const report = readReport(request.kernel, ready.reportFd, (index) => request.plan.steps[index]!.id, "ready");
  ready.trace.push(...report.records);
  if (report.failure !== undefined) throw failed(request, ready.trace, report.failure, ready.child.pid);
  request.onReady?.(sorted(ready.trace), ready.child);
  ready.lane.attach(ready.start, ready.child.pid, ready.syncFd);
}

function finish(request: ExecuteRequest, trace: Trace, pid: number, reportFd: number): void {
  const report = readReport(request.kernel, reportFd, (index) => request.plan.steps[index]!.id, "end");
  if (request.trace) trace.push(...report.records);
  if (report.failure !== undefined) throw failed(request, trace, report.failure, pid);
}

function failed(request: ExecuteRequest, trace: Trace, failure: CallRecord, pid: number): GlassboxError {
  // With a trace the same call was recorded already.
  if (!request.trace) trace.push(failure);
  const step = request.plan.steps.find(({ id }) => id === failure.stepId)!;
  return request.diagnose(failure, step, pid);
}

/** The child waits for a word that will not come; nothing of it may stay. */
function abandon(kernel: Kernel, child: Spawned): void {
  try {
    kernel.pidfdSendSignal(child.pidfd, 9);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== "ESRCH") throw error;
  }
  void kernel.wait(child.pidfd).finally(() => kernel.close(child.pidfd));
}

function sorted(trace: Trace): Trace {
  return [...trace].sort((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0));
}
