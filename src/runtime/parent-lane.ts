/** The parent's steps: what only the process outside can do. Every call is made in one place, so that it can be recorded. */

import { GlassboxError, SyscallError } from "../base/errors";
import type { Kernel, Spawned } from "../binding";
import { createCgroup, readBackLimit } from "../host/cgroupfs";
import { overlayOptions } from "../plan/encode";
import type { Clone, LimitDevices, MountOverlay, SetCgroupLimit, Step } from "../plan/steps";
import type { CallArgument, Trace } from "../plan/trace";

/** What clone3 is told to send when the child ends. */
const SIGCHLD = 17;

/** mount(2) takes its options in one page, less a NUL. */
const MAX_MOUNT_OPTIONS = 4095;

export interface CloneEnvironment {
  initFd: number;
  argv: string[];
  stdio: [number, number, number];
  keep: number[];
  cgroupFd: number | undefined;
}

const text = (value: string): CallArgument => ({ type: "string", value });
const number = (value: number | bigint): CallArgument => ({ type: "int", value: BigInt(value) });
const nothing: CallArgument = { type: "null" };

export class ParentLane {
  constructor(
    private readonly kernel: Kernel,
    /** Where records go; undefined when nobody asked. */
    private readonly trace: Trace | undefined,
  ) {}

  /** Makes one call, with its record. Errors leave with the step's id. */
  private call<T>(step: Step, syscall: string, args: () => CallArgument[], make: () => T): T {
    if (this.trace === undefined) return this.named(step, make);
    const startNs = process.hrtime.bigint();
    try {
      const value = this.named(step, make);
      const result = typeof value === "number" ? BigInt(value) : 0n;
      this.push(step, syscall, args(), startNs, result, undefined);
      return value;
    } catch (error) {
      this.push(step, syscall, args(), startNs, -1n, error instanceof SyscallError ? error.errno : "EIO");
      throw error;
    }
  }

  private push(
    step: Step,
    syscall: string,
    args: CallArgument[],
    startNs: bigint,
    result: bigint,
    errno: string | undefined,
  ): void {
    this.trace!.push({
      stepId: step.id,
      lane: "parent",
      syscall,
      args,
      result,
      ...(errno === undefined ? {} : { errno }),
      startNs,
      durationNs: process.hrtime.bigint() - startNs,
    });
  }

  private named<T>(step: Step, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof SyscallError) || error.stepId !== undefined) throw error;
      const { what, syscall, errno } = error;
      throw new SyscallError({ what, syscall, errno, stepId: step.id, cause: error });
    }
  }

  private writeFile(step: Step, path: string, value: string): void {
    const length = Buffer.byteLength(value);
    this.call(
      step,
      "write",
      () => [text(path), text(value), number(length)],
      () => {
        this.kernel.writeKernelFile(path, value);
        return length;
      },
    );
  }

  mountOverlay(step: MountOverlay): void {
    const absolute = {
      ...step,
      lowerdirs: step.lowerdirs.map((lower) => (lower.startsWith("/") ? lower : `${step.cwd}/${lower}`)),
    };
    // Whole paths read better in mountinfo; a deep stack only fits its page with short ones.
    const whole = overlayOptions(absolute);
    const short = whole.length > MAX_MOUNT_OPTIONS;
    const options = short ? overlayOptions(step) : whole;
    const flags: string[] = [];
    this.call(
      step,
      "mount",
      () => [text("overlay"), text(step.target), text("overlay"), number(0), text(options)],
      () => this.kernel.mount("overlay", step.target, "overlay", flags, options, short ? step.cwd : undefined),
    );
    if (step.shared) return;
    // Nothing that is mounted on the host's side may arrive here, nor the other way round.
    this.call(
      step,
      "mount",
      () => [text("none"), text(step.target), nothing, number(1 << 18), nothing],
      () => this.kernel.mount("none", step.target, null, ["MS_PRIVATE"], null),
    );
  }

  createCgroup(step: Step & { kind: "create-cgroup" }): void {
    this.call(
      step,
      "mkdir",
      () => [text(step.path), number(0o755)],
      () => createCgroup(step.path),
    );
  }

  setCgroupLimit(step: SetCgroupLimit): void {
    this.writeFile(step, step.file, step.value);
    const { ok, observed } = readBackLimit(step);
    if (ok) return;
    throw new GlassboxError({
      code: "limit-not-kept",
      what: `${step.file}: wrote ${step.value}, the kernel has ${observed ?? "nothing"}`,
      hint: {
        en: "the kernel does not hold this limit, so the container was not started",
        zh: "内核没有接受这个限额，所以容器没有启动",
      },
    });
  }

  limitDevices(step: LimitDevices): void {
    if (step.how === "ebpf") {
      this.call(
        step,
        "bpf",
        () => [text(step.path)],
        () => this.kernel.attachDeviceProgram(step.path, step.program!),
      );
      return;
    }
    this.writeFile(step, `${step.path}/devices.deny`, "a");
    for (const line of step.allow) this.writeFile(step, `${step.path}/devices.allow`, line);
  }

  clone(step: Clone, environment: CloneEnvironment): Spawned {
    const { cgroupFd, ...rest } = environment;
    const spawned = this.named(step, () =>
      this.kernel.spawn({ ...rest, flags: step.flags, ...(cgroupFd === undefined ? {} : { cgroupFd }) }),
    );
    this.trace?.push({
      stepId: step.id,
      lane: "parent",
      syscall: "clone3",
      args: [number(spawned.flags), number(SIGCHLD), ...(step.cgroupPath === undefined ? [] : [text(step.cgroupPath)])],
      result: BigInt(spawned.pid),
      startNs: spawned.startNs,
      durationNs: spawned.durationNs,
    });
    return spawned;
  }

  /** The steps after clone that act on the child from outside. */
  attach(step: Step, pid: number, syncFd: number): void {
    switch (step.kind) {
      case "write-id-map":
        return this.writeFile(step, `/proc/${pid}/${step.file}`, step.value);
      case "set-rlimit":
        this.call(
          step,
          "prlimit64",
          () => [number(pid), text(step.resource), number(step.soft), number(step.hard)],
          () => this.kernel.prlimit(pid, step.resource, step.soft, step.hard),
        );
        return;
      case "synchronize":
        this.call(
          step,
          "write",
          () => [number(syncFd), text("\0"), number(1)],
          () => {
            this.kernel.sendByte(syncFd, 0);
            return 1;
          },
        );
        return;
      default:
        throw new RangeError(`step ${step.id} (${step.kind}) does not belong here`);
    }
  }
}
