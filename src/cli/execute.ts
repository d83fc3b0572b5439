/** Starts what `run` and `clone` were asked for, and tells what happened. On the path of every start: explain/ loads only when asked. */

import type { Plan } from "../plan/steps";
import type { Trace } from "../plan/trace";
import type { Notice } from "../runtime/run";
import type { CloneRequest } from "./clone-flags";
import { print, terminalWidth, useColour, writeTo } from "./output";
import type { RunRequest } from "./run-flags";
import type { Globals } from "./verb";

/** Runs the container; gives its exit code. Throws GlassboxError when it does not come to run. */
export async function execute(request: RunRequest, globals: Globals): Promise<number> {
  const { runContainer } = require("../runtime/run") as typeof import("../runtime/run");
  const { options, explain } = request;
  let told = false;
  const story = (plan: Plan, trace: Trace, failedStepId?: string): void => {
    if (explain === undefined || told) return;
    told = true;
    tell(plan, trace, explain, globals, failedStepId);
  };
  const { exitCode } = await runContainer(options, {
    ...runContext(request, globals),
    ...(explain === undefined ? {} : { onReady: (plan, trace) => story(plan, trace), onFailed: story }),
  });
  return exitCode;
}

/** Prints what would run: on standard output, so that it can be piped into a file or another runtime. */
export async function executeDry(request: RunRequest, globals: Globals): Promise<number> {
  const { compilePlanFor } = require("../runtime/run") as typeof import("../runtime/run");
  const { config, compiled } = await compilePlanFor(request.options, runContext(request, globals));
  if (request.dryRun === "oci") {
    print(JSON.stringify(config, undefined, 2));
    return 0;
  }
  const texts = require("../explain/plan-text") as typeof import("../explain/plan-text");
  if (request.dryRun === "plan") {
    print(JSON.stringify(texts.planToJson(compiled.plan, sha256), undefined, 2));
    return 0;
  }
  for (const line of texts.describePlan({ plan: compiled.plan, lang: globals.lang, width: terminalWidth() })) print(line);
  return 0;
}

function sha256(bytes: Uint8Array): string {
  const { createHash } = require("node:crypto") as typeof import("node:crypto");
  return createHash("sha256").update(bytes).digest("hex");
}

function runContext({ options }: RunRequest, globals: Globals) {
  // A terminal in raw mode needs the carriage return that the kernel otherwise adds.
  const lineEnd = options.tty ? "\r\n" : "\n";
  return {
    storeRoot: globals.root,
    lang: globals.lang,
    onNotice(notice: Notice): void {
      const { formatNotice } = require("./print-error") as typeof import("./print-error");
      writeTo(2, formatNotice(notice, globals.lang).replaceAll("\n", lineEnd));
    },
    bootstrap: async (reference: string, store: import("../store/store").Store) => {
      const { makeStandin } = require("./image-actions") as typeof import("./image-actions");
      return makeStandin(reference, store, globals, options.quiet);
    },
  };
}

/** The story of the start, on standard error: standard output belongs to the payload. */
function tell(plan: Plan, trace: Trace, detail: "steps" | "calls", globals: Globals, failedStepId?: string): void {
  const { narrate } = require("../explain/narrate") as typeof import("../explain/narrate");
  const { escapeControls } = require("./escape") as typeof import("./escape");
  const colour = useColour(2);
  const lines = narrate({
    plan,
    trace,
    detail,
    lang: globals.lang,
    width: terminalWidth(2),
    colour,
    arch: process.arch,
    failedStepId,
  });
  // Arguments of calls come from images and flags; only the narrator's own colours may pass.
  const safe = (line: string): string =>
    line
      .split(STYLE)
      .map((part) => (part.startsWith("\u001b[") ? part : escapeControls(part)))
      .join("");
  writeTo(2, `${lines.map((line) => (colour ? safe(line) : escapeControls(line))).join("\n")}\n\n`);
}

const STYLE = /(\u001b\[[0-9;]{1,8}m)/;

/** Runs a bare clone with the words of the program that it stands for; gives the command's exit code. */
export async function executeClone(request: CloneRequest, globals: Globals): Promise<number> {
  const { runClone } = require("../runtime/clone") as typeof import("../runtime/clone");
  const { options, explain, quiet } = request;
  const word = (line: string): void => {
    if (!quiet) print(line);
  };
  word("Parent - start a container!");
  const exitCode = await runClone(options, {
    lang: globals.lang,
    trace: explain !== undefined,
    onInside(plan, trace) {
      if (explain !== undefined) tell(plan, trace, explain, globals);
      word("Container - inside the container!");
    },
  });
  word("Parent - container stopped!");
  return exitCode;
}
