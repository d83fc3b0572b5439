/**
 * Glassbox as a library: the same functions that the command line uses.
 *
 * ```ts
 * import { run, compilePlan } from "glassbox";
 * const { exitCode } = await run({ image: "busybox", args: ["echo", "hello"], remove: true });
 * const { compiled } = await compilePlan({ image: "busybox", args: ["sh"] });
 * for (const step of compiled.plan.steps) console.log(step.phase, step.kind);
 * ```
 */

import type { Lang } from "./base/lang";
import type { DryRun, RunContext, RunResult } from "./runtime/run";
import { DEFAULT_RUN_OPTIONS, type RunOptions } from "./runtime/run-options";

export { GlassboxError, SyscallError } from "./base/errors";
export type { HostFacts } from "./base/host-facts";
export { compile, type CompileContext, type CompiledPlan, type OverlayPaths } from "./plan/compile";
export type { OciConfig } from "./plan/oci";
export { ORDER_RULES, brokenRules, type OrderRule } from "./plan/order";
export type { Lane, Phase, Plan, Step, StepKind, StepOf } from "./plan/steps";
export type { CallArgument, CallRecord, Trace } from "./plan/trace";
export type { DryRun, Notice, RunResult } from "./runtime/run";
export { DEFAULT_RUN_OPTIONS, type BindOption, type MountOption, type RunOptions, type TmpfsOption } from "./runtime/run-options";

/** Run options of which only the image must be said, and where and how to run. */
export type RunRequest = Partial<RunOptions> &
  Pick<RunOptions, "image"> & {
    /** Absolute directory of the store; GLASSBOX_ROOT or /var/lib/glassbox unless given. */
    storeRoot?: string;
    /** Language of errors and notices; English unless given. */
    lang?: Lang;
    onNotice?: RunContext["onNotice"];
    /** Record every call; told when the container is ready and waits for its last step. */
    onReady?: RunContext["onReady"];
  };

function split(request: RunRequest): { options: RunOptions; context: RunContext } {
  const { storeRoot, lang, onNotice, onReady, ...given } = request;
  return {
    options: { ...DEFAULT_RUN_OPTIONS, ...given },
    context: {
      storeRoot: storeRoot ?? process.env.GLASSBOX_ROOT ?? "/var/lib/glassbox",
      lang: lang ?? "en",
      onNotice: onNotice ?? (() => undefined),
      onReady,
      bootstrap: async (reference, store) => {
        const { canBootstrap } = require("./bootstrap/recipes") as typeof import("./bootstrap/recipes");
        if (canBootstrap(reference) === undefined) return undefined;
        const { bootstrapImage } = require("./bootstrap/bootstrap") as typeof import("./bootstrap/bootstrap");
        return bootstrapImage(reference, { store, log: onNotice ?? (() => undefined), lang: lang ?? "en" });
      },
    },
  };
}

/**
 * Runs a container on this process' own stdin (with `interactive`), stdout and stderr, and waits for it.
 * Gives the exit code (128 + n for signal n), the container's id, and whether the kernel killed it for memory.
 * Throws GlassboxError when it does not come to run: `exitCode` 125, 126 or 127 as Docker's.
 */
export async function run(request: RunRequest): Promise<RunResult> {
  const { runContainer } = require("./runtime/run") as typeof import("./runtime/run");
  const { options, context } = split(request);
  return runContainer(options, context);
}

/** Compiles what `run` would do, and does nothing: the OCI runtime config, the plan, and the host facts it was compiled against. */
export async function compilePlan(request: RunRequest): Promise<DryRun> {
  const { compilePlanFor } = require("./runtime/run") as typeof import("./runtime/run");
  const { options, context } = split(request);
  return compilePlanFor(options, context);
}
