/**
 * `glassbox clone`: one clone with chosen namespaces and a few mounts, no image and no root of its own. The smallest plan that there is, run by
 * the same executor as every container.
 */

import { GlassboxError } from "../base/errors";
import type { Lang } from "../base/lang";
import { loadKernel, type Kernel, type Spawned } from "../binding";
import { probeHost } from "../host/facts";
import { execCandidates } from "../plan/compile";
import type { Plan, Step } from "../plan/steps";
import type { Trace } from "../plan/trace";
import type { CloneNamespace, CloneOptions } from "./clone-options";
import { executePlan } from "./execute";

const FLAG: Readonly<Record<CloneNamespace, string>> = {
  mnt: "CLONE_NEWNS",
  pid: "CLONE_NEWPID",
  uts: "CLONE_NEWUTS",
  ipc: "CLONE_NEWIPC",
  net: "CLONE_NEWNET",
  user: "CLONE_NEWUSER",
  cgroup: "CLONE_NEWCGROUP",
};

export interface CloneContext {
  lang: Lang;
  /** The child is inside its namespaces and waits for its last step. */
  onInside(plan: Plan, trace: Trace, child: Spawned): void;
  trace: boolean;
}

/** The plan of a bare clone. The environment and working directory are the caller's: nothing is hidden but what was asked for. */
export function cloneMiniPlan(
  options: CloneOptions,
  caller: { uid: number; gid: number; env: string[]; cwd: string },
  lastCap: number,
): Plan {
  const child = { lane: "child" } as const;
  const steps: Step[] = [
    { id: "clone", kind: "clone", lane: "parent", phase: "clone", flags: options.namespaces.map((name) => FLAG[name]) },
  ];
  if (options.namespaces.includes("user")) {
    const map = (file: "setgroups" | "uid_map" | "gid_map", value: string): Step => ({
      id: `write-${file}`,
      kind: "write-id-map",
      lane: "parent",
      phase: "attach",
      file,
      value,
    });
    steps.push(map("setgroups", "deny"), map("uid_map", `0 ${caller.uid} 1`), map("gid_map", `0 ${caller.gid} 1`));
  }
  steps.push(
    { id: "release", kind: "synchronize", lane: "parent", phase: "attach", point: "release" },
    { id: "await-release", kind: "synchronize", ...child, phase: "attach", point: "release" },
  );
  if (options.namespaces.includes("mnt") && !options.shared) {
    steps.push({
      id: "set-propagation",
      kind: "set-propagation",
      ...child,
      phase: "rootfs",
      target: "/",
      flags: ["MS_REC", "MS_PRIVATE"],
    });
  }
  steps.push({ id: "open-root", kind: "open-root", ...child, phase: "rootfs", path: "/" });
  for (const { fstype, target } of options.mounts) {
    steps.push({
      id: `mount-${target}`,
      kind: "mount-filesystem",
      ...child,
      phase: "rootfs",
      fstype,
      source: "none",
      target,
      flags: [],
      data: "",
      createTarget: false,
      // On the host's own root there is nobody to trick us, but over /proc only what really is there is meant.
      noSymlinks: /^\/(proc|sys|dev)(\/|$)/.test(target),
      ignore: [],
    });
  }
  if (options.namespaces.includes("user")) {
    // They came across exec as ambient ones; a root of a user namespace has them all and inherits none.
    const all = (1n << BigInt(lastCap + 1)) - 1n;
    const sets = { effective: all, permitted: all, inheritable: 0n, ambient: 0n };
    steps.push({ id: "set-capabilities", kind: "set-capabilities", ...child, phase: "identity", ...sets });
  }
  steps.push(
    // Mounting moved the child to the mount's directory: back to where the caller is, unless that is now hidden.
    ...(options.mounts.length === 0 ? [] : [changeDirectory(caller.cwd)]),
    { id: "close-descriptors", kind: "close-descriptors", ...child, phase: "handoff" },
    { id: "restore-signals", kind: "restore-signals", ...child, phase: "handoff" },
    { id: "parent-death", kind: "set-parent-death-signal", ...child, phase: "handoff", signal: 9 },
    { id: "start", kind: "synchronize", lane: "parent", phase: "handoff", point: "start" },
    { id: "await-start", kind: "synchronize", ...child, phase: "handoff", point: "start" },
    {
      id: "execute",
      kind: "execute",
      ...child,
      phase: "handoff",
      candidates: execCandidates(options.args[0], caller.env, caller.cwd),
      argv: options.args,
      env: caller.env,
      reaper: false,
    },
  );
  return { version: 1, steps };
}

function changeDirectory(path: string): Step {
  const ignore = ["ENOENT", "EACCES"];
  return { id: "change-directory", kind: "change-directory", lane: "child", phase: "handoff", path, create: false, ignore };
}

/** Runs the command in its namespaces, on the caller's own terminal, and gives its exit code. Throws as run does. */
export async function runClone(options: CloneOptions, context: CloneContext): Promise<number> {
  const kernel = loadKernel();
  const facts = probeHost();
  const caller = {
    uid: facts.euid,
    gid: facts.egid,
    env: Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`),
    cwd: process.cwd(),
  };
  if (facts.euid !== 0 && options.namespaces.length > 0 && !options.namespaces.includes("user")) {
    throw new GlassboxError({
      code: "not-root",
      what: `clone ${options.namespaces.join(",")} needs root`,
      why: {
        en: `this process has uid ${facts.euid}, and new namespaces other than user need CAP_SYS_ADMIN: namespaces(7)`,
        zh: `本进程的 uid 是 ${facts.euid}，而 user 以外的新命名空间都需要 CAP_SYS_ADMIN：namespaces(7)`,
      },
      hint: {
        en: "add a user namespace, in which you are root: --ns user,…; or use sudo",
        zh: "加一个用户命名空间，在里面你就是 root：--ns user,…；或用 sudo",
      },
    });
  }
  const plan = cloneMiniPlan(options, caller, facts.lastCap);
  const started = start(kernel, plan, context, { facts, caller, argv0: options.args[0]! });
  // The shell shares our terminal and our process group: Ctrl-C is for it, and it decides.
  const ignore = (): void => undefined;
  for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, ignore);
  try {
    const { code, signal } = await kernel.wait(started.pidfd);
    return signal === 0 ? code : 128 + signal;
  } finally {
    for (const signal of ["SIGINT", "SIGQUIT"] as const) process.removeListener(signal, ignore);
    kernel.close(started.pidfd);
  }
}

function start(
  kernel: Kernel,
  plan: Plan,
  context: CloneContext,
  about: { facts: ReturnType<typeof probeHost>; caller: { uid: number; gid: number; cwd: string }; argv0: string },
): { pidfd: number } {
  try {
    return executePlan({
      kernel,
      plan,
      stdio: [0, 1, 2],
      trace: context.trace,
      onReady: (trace, child) => context.onInside(plan, trace, child),
      diagnose: (failure, step, pid) => {
        const { diagnoseFailure } = require("./failure") as typeof import("./failure");
        const { facts, caller, argv0 } = about;
        return diagnoseFailure(failure, step, pid, { kernel, facts, lang: context.lang, argv0, user: caller, cwd: caller.cwd });
      },
    });
  } catch (error) {
    const { explainParentFailure } = require("./failure") as typeof import("./failure");
    throw explainParentFailure(error, plan.steps);
  }
}
