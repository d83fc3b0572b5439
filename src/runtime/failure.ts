/**
 * A failed step → an error that teaches: the kernel's words, the cause that was looked up, what to do. Loaded only when something went wrong.
 */

import { GlassboxError, SyscallError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import type { Lang } from "../base/lang";
import type { Kernel } from "../binding";
import { diagnoseExec } from "../elf/diagnose";
import type { RootReader } from "../elf/root-reader";
import { causeText, explainErrno } from "../host/causes";
import { overlayOptions } from "../plan/encode";
import type { Execute, Step } from "../plan/steps";
import type { CallRecord } from "../plan/trace";
import { ProcessRootReader } from "./process-root-reader";

const WORDS: Readonly<Record<string, string>> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EEXIST: "file exists",
  ENODEV: "no such device",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EINVAL: "invalid argument",
  ENOSPC: "no space left on device",
  EROFS: "read-only file system",
  ELOOP: "too many levels of symbolic links",
  EBUSY: "device or resource busy",
  EAGAIN: "resource temporarily unavailable",
  ENOMEM: "cannot allocate memory",
  ENOSYS: "function not implemented",
  EXDEV: "invalid cross-device link",
  EMFILE: "too many open files",
  EDQUOT: "disk quota exceeded",
};

export interface FailureContext {
  kernel: Kernel;
  facts: HostFacts;
  lang: Lang;
  /** argv[0] as the user wrote it. */
  argv0: string;
  user: { uid: number; gid: number };
  cwd: string;
  /** The root file system as its layers show it, for callers that may not look into the child (no root). */
  layers?: (() => RootReader) | undefined;
}

/** Path inside the container that a step is about, when it has one. */
function subjectOf(step: Step): string | undefined {
  if ("target" in step && typeof step.target === "string" && step.kind !== "create-symlink") return step.target;
  if (step.kind === "set-sysctl") return step.key;
  return "path" in step ? step.path : undefined;
}

/** Builds the error for a call of the child that ended the start; `pid` still waits, with its mounts. */
export function diagnoseFailure(failure: CallRecord, step: Step, pid: number, context: FailureContext): GlassboxError {
  if (step.kind === "execute") return executeFailure(failure, step, pid, context);
  const refused = refusedTarget(step, failure);
  const errno = failure.errno ?? (refused === undefined ? "EIO" : "EPERM");
  const subject = subjectOf(step);
  const special = refused ?? specialCase(step, errno);
  const cause = special ?? causeText(explainErrno(causeRequest(failure, step, errno)), context.lang);
  return new SyscallError({
    syscall: failure.syscall,
    errno,
    stepId: step.id,
    what: `${failure.syscall}${subject === undefined ? "" : ` ${subject}`}: ${WORDS[errno] ?? errno} (step ${step.id})`,
    ...cause,
  });
}

/** What only the step can know. */
function specialCase(step: Step, errno: string): { why: string; hint: string } | undefined {
  const symlink = errno === "ELOOP" || errno === "ENOTDIR";
  if (symlink && (step.kind === "mount-filesystem" || step.kind === "mask-path" || step.kind === "make-readonly")) {
    const path = subjectOf(step)!;
    return {
      why: `${path} or a directory above it is a symlink or a file in the image`,
      hint: "a symlink there would send the runtime's own mounts elsewhere (CVE-2019-16884, CVE-2026-41579): make it a directory in the image",
    };
  }
  if (
    step.kind === "change-directory" &&
    (errno === "ELOOP" || errno === "ENOTDIR" || errno === "EACCES" || errno === "ENOENT")
  ) {
    return {
      why: `the working directory ${step.path} cannot be entered inside the container's root`,
      hint: "a path through /proc/self/fd leads out of the root and is refused (CVE-2024-21626); choose a directory with -w",
    };
  }
  if (step.kind === "bind-mount" && errno === "ENOTDIR") {
    return {
      why: `source ${step.source} and target ${step.target} are not of one kind: one is a directory, the other is not`,
      hint: "mount a directory on a directory and a file on a file",
    };
  }
  if (step.kind === "bind-mount" && errno === "ENOENT") {
    return {
      why: `source ${step.source} is not there any more`,
      hint: "it was there when the options were read: look who removed it",
    };
  }
  if (step.kind === "set-sysctl" && errno === "ENOENT") {
    return {
      why: `this kernel has no /proc/sys/${step.key.replaceAll(".", "/")} in the container's namespaces`,
      hint: "check the name with `sysctl -a`; settings of the whole machine cannot be set for one container",
    };
  }
  return undefined;
}

/** glassbox-init looked at what lies at the target, and refused: its last call itself went well. */
function refusedTarget(step: Step, failure: CallRecord): { why: string; hint: string } | undefined {
  if (step.kind !== "bind-mount" && step.kind !== "mount-filesystem") return undefined;
  if ((failure.syscall !== "fstatfs" && failure.syscall !== "fstat") || failure.result < 0n) return undefined;
  return {
    why: `${step.target} leads, through a symlink, to the container's own /proc, /sys or /dev, which carry its isolation`,
    hint: "choose another target, or make it a directory in the image",
  };
}

function causeRequest(failure: CallRecord, step: Step, errno: string): Parameters<typeof explainErrno>[0] {
  const request: Parameters<typeof explainErrno>[0] = { syscall: failure.syscall, errno };
  if (step.kind === "change-root") return { ...request, params: { newRoot: step.path } };
  return request;
}

function executeFailure(failure: CallRecord, step: Execute, pid: number, context: FailureContext): GlassboxError {
  const reader = openRoot(pid, context);
  try {
    const parts = diagnoseExec({
      argv0: context.argv0,
      candidates: step.candidates,
      errno: failure.errno ?? "EIO",
      reader,
      hostArch: context.facts.arch,
      lang: context.lang,
      searcher: context.user,
      cwd: context.cwd,
    });
    return new GlassboxError(parts);
  } finally {
    if (reader instanceof ProcessRootReader) reader.close();
  }
}

/** The child's own view has its mounts too; but /proc/PID/root of a process that is not dumpable is root's alone. */
function openRoot(pid: number, context: FailureContext): RootReader {
  try {
    return ProcessRootReader.open(context.kernel, pid);
  } catch (error) {
    if (!(error instanceof SyscallError) || context.layers === undefined) throw error;
    return context.layers();
  }
}

/** Adds the looked-up cause to an error of a parent step (mount of the overlay, cgroup writes, clone). */
export function explainParentFailure(error: unknown, plan: readonly Step[], lang: Lang): unknown {
  if (!(error instanceof SyscallError) || error.why !== undefined) return error;
  const step = plan.find(({ id }) => id === error.stepId);
  const params =
    step?.kind === "mount-overlay"
      ? { source: "overlay", target: step.target, fstype: "overlay", data: overlayOptions(step), cwd: step.cwd }
      : step?.kind === "clone"
        ? { flags: step.flags, ...(step.cgroupPath === undefined ? {} : { cgroupPath: step.cgroupPath }) }
        : step?.kind === "set-cgroup-limit"
          ? { path: step.file, value: step.value }
          : step?.kind === "create-cgroup"
            ? { path: step.path }
            : {};
  const cause = causeText(explainErrno({ syscall: error.syscall, errno: error.errno, params }), lang);
  return new SyscallError({
    syscall: error.syscall,
    errno: error.errno,
    stepId: error.stepId,
    what: error.what,
    ...cause,
    cause: error,
  });
}
