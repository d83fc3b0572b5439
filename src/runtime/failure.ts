/**
 * A failed step → an error that teaches: the kernel's words, the cause that was looked up, what to do. Loaded only when something went wrong.
 */

import { statSync } from "node:fs";

import { errnoWords } from "../base/errno-text";
import { GlassboxError, SyscallError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import type { Bilingual, Lang } from "../base/lang";
import type { Kernel } from "../binding";
import { diagnoseExec } from "../elf/diagnose";
import { isType, type RootReader, S_IFDIR } from "../elf/root-reader";
import { walk } from "../elf/walk";
import { explainErrno } from "../host/causes";
import { overlayOptions } from "../plan/encode";
import type { Execute, Step } from "../plan/steps";
import type { CallRecord } from "../plan/trace";
import { ProcessRootReader } from "./process-root-reader";

export interface FailureContext {
  kernel: Kernel;
  facts: HostFacts;
  lang: Lang;
  /** argv[0] as the user wrote it. */
  argv0: string;
  user: { uid: number; gid: number };
  cwd: string;
  /** The root file system as its layers show it: before the root is changed, and for callers that may not look into the child (no root). */
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
  const refusal = refused(step, failure);
  const errno = failure.errno ?? (refusal === undefined ? "EIO" : "EPERM");
  const subject = subjectOf(step);
  const cause =
    refusal ??
    specialCase(step, errno, context.user.uid) ??
    mixedKinds(step, errno, context.layers) ??
    explainErrno(causeRequest(failure, step, errno));
  return new SyscallError({
    syscall: failure.syscall,
    errno,
    stepId: step.id,
    what: `${failure.syscall}${subject === undefined ? "" : ` ${subject}`}: ${errnoWords(errno)} (step ${step.id})`,
    why: cause?.why,
    hint: cause?.hint,
  });
}

interface Explanation {
  why: Bilingual;
  hint: Bilingual;
}

/** What only the step can know. */
function specialCase(step: Step, errno: string, uid: number): Explanation | undefined {
  if (step.kind === "change-directory") return directoryCase(step.path, errno, uid);
  const symlink = errno === "ELOOP" || errno === "ENOTDIR";
  if (symlink && (step.kind === "mount-filesystem" || step.kind === "mask-path" || step.kind === "make-readonly")) {
    const path = subjectOf(step)!;
    return {
      why: {
        en: `${path} or a directory above it is a symlink or a file in the image`,
        zh: `${path} 或它的某个上级目录在镜像里是符号链接或文件`,
      },
      hint: {
        en: "a symlink there would send the runtime's own mounts elsewhere (CVE-2019-16884, CVE-2026-41579): make it a directory in the image",
        zh: "那里的符号链接会把运行时自己的挂载引到别处（CVE-2019-16884、CVE-2026-41579）：在镜像里改成目录",
      },
    };
  }
  if (step.kind === "bind-mount" && errno === "ENOENT") {
    return {
      why: { en: `source ${step.source} is not there any more`, zh: `来源 ${step.source} 已经不在了` },
      hint: {
        en: "it was there when the options were read: look who removed it",
        zh: "读取选项时它还在：查一查是谁删的",
      },
    };
  }
  if (step.kind === "set-sysctl" && errno === "ENOENT") {
    const file = `/proc/sys/${step.key.replaceAll(".", "/")}`;
    return {
      why: {
        en: `this kernel has no ${file} in the container's namespaces`,
        zh: `在容器的命名空间里，内核没有 ${file}`,
      },
      hint: {
        en: "check the name with `sysctl -a`; settings of the whole machine cannot be set for one container",
        zh: "用 `sysctl -a` 核对名字；全机共用的参数不能为单个容器设置",
      },
    };
  }
  return undefined;
}

/** move_mount(2) has a bare EINVAL for a file on a directory. The root is not changed yet: what the target is, the image's layers say. */
function mixedKinds(step: Step, errno: string, layers: FailureContext["layers"]): Explanation | undefined {
  if (step.kind !== "bind-mount" || (errno !== "ENOTDIR" && errno !== "EINVAL") || layers === undefined) return undefined;
  const source = statSync(step.source, { throwIfNoEntry: false });
  const target = walk(layers(), step.target);
  if (!target.ok && target.errno === "ENOTDIR") {
    return {
      why: { en: `${target.at}, on the way to the target, is a file in the image`, zh: `通往目标的 ${target.at} 在镜像里是文件` },
      hint: { en: "choose another target", zh: "换一个目标" },
    };
  }
  if (source === undefined || !target.ok || source.isDirectory() === isType(target.stat, S_IFDIR)) return undefined;
  return {
    why: {
      en: `source ${step.source} and target ${step.target} are not of one kind: one is a directory, the other is not`,
      zh: `来源 ${step.source} 和目标 ${step.target} 不是同一类：一个是目录，另一个不是`,
    },
    hint: { en: "mount a directory on a directory and a file on a file", zh: "目录挂到目录上，文件挂到文件上" },
  };
}

const CHOOSE_DIRECTORY: Bilingual = { en: "choose another directory with -w", zh: "用 -w 换一个目录" };

/** The working directory is opened inside the root, without links of /proc; each errno has its own cause. */
function directoryCase(path: string, errno: string, uid: number): Explanation | undefined {
  switch (errno) {
    case "ENOTDIR":
      return {
        why: {
          en: `the working directory ${path}, or a part of this path, is not a directory in the container`,
          zh: `工作目录 ${path} 在容器里不是目录，或路径中间有一段不是目录`,
        },
        hint: CHOOSE_DIRECTORY,
      };
    case "ELOOP":
      return {
        why: {
          en: `the working directory ${path} leads through a link of /proc (such as /proc/self/fd/N), or through symlinks in a circle`,
          zh: `工作目录 ${path} 经过 /proc 里的链接（例如 /proc/self/fd/N），或者符号链接绕成了圈`,
        },
        hint: {
          en: "a link of /proc can lead out of the root and is refused (CVE-2024-21626); choose a directory with -w",
          zh: "/proc 里的链接能通到根之外，所以拒绝（CVE-2024-21626）；请用 -w 指定一个目录",
        },
      };
    case "EACCES":
      return {
        why: {
          en: `uid ${uid} may not enter the working directory ${path}: it, or a directory above it, has no x bit for this user`,
          zh: `uid ${uid} 进不了工作目录 ${path}：它或上级目录没有给这个用户 x 位`,
        },
        hint: {
          en: "choose another directory with -w, or run as its owner with -u",
          zh: "用 -w 换一个目录，或用 -u 以它的属主运行",
        },
      };
    case "ENOENT":
      return {
        why: { en: `the working directory ${path} does not exist in the container`, zh: `容器里没有工作目录 ${path}` },
        hint: CHOOSE_DIRECTORY,
      };
    default:
      return undefined;
  }
}

/** glassbox-init looked at what it had opened, and refused: its last call itself went well. */
function refused(step: Step, failure: CallRecord): Explanation | undefined {
  if (failure.result < 0n) return undefined;
  if (step.kind === "change-directory" && failure.syscall === "getcwd") {
    return {
      why: {
        en: `the working directory ${step.path} lies outside the container's root (CVE-2024-21626)`,
        zh: `工作目录 ${step.path} 在容器的根之外（CVE-2024-21626）`,
      },
      hint: CHOOSE_DIRECTORY,
    };
  }
  if (step.kind !== "bind-mount" && step.kind !== "mount-filesystem") return undefined;
  if (failure.syscall !== "fstatfs" && failure.syscall !== "fstat") return undefined;
  return {
    why: {
      en: `${step.target} leads, through a symlink, to the container's own /proc, /sys or /dev, which carry its isolation`,
      zh: `${step.target} 经符号链接通到容器自己的 /proc、/sys 或 /dev，隔离就靠它们`,
    },
    hint: {
      en: "choose another target, or make it a directory in the image",
      zh: "换一个目标，或在镜像里把它改成目录",
    },
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
export function explainParentFailure(error: unknown, plan: readonly Step[]): unknown {
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
  const cause = explainErrno({ syscall: error.syscall, errno: error.errno, params });
  return new SyscallError({
    syscall: error.syscall,
    errno: error.errno,
    stepId: error.stepId,
    what: error.what,
    why: cause?.why,
    hint: cause?.hint,
    cause: error,
  });
}
