/** `glassbox run`. */

import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import { flagContext } from "./flag-context";
import { isTerminal, printError, terminalWidth, useColour } from "./output";
import { LATER_FLAGS, RUN_FLAGS } from "./run-flag-table";
import { type RunRequest, toRunRequest } from "./run-flags";
import type { Globals, Verb } from "./verb";

export const run: Verb = {
  name: "run",
  flags: { ...RUN_FLAGS, ...LATER_FLAGS },
  stopAtOperand: true,
  operands: { min: 1, max: Infinity },
  help: () => (require("./run-help") as typeof import("./run-help")).RUN_HELP,
  async run(parsed, globals) {
    const request = toRunRequest(parsed, flagContext(globals.lang));
    const { execute, executeDry } = require("./execute") as typeof import("./execute");
    // Printing a plan touches nothing, so it needs neither a terminal nor consent.
    if (request.dryRun !== undefined) return executeDry(request, globals);
    requireTerminal(request, globals);
    warnUnsafe(request, globals);
    return execute(request, globals);
  },
};

/** Docker's rule: a terminal for the container cannot be fed from something that is none. */
function requireTerminal({ options }: RunRequest, globals: Globals): void {
  if (!options.tty || !options.interactive || isTerminal(0)) return;
  throw new GlassboxError({
    code: "stdin-not-a-tty",
    what: "the input device is not a TTY",
    hint: say(globals.lang, "leave -t out when the input is a pipe or a file", "输入是管道或文件时请去掉 -t"),
    exitCode: 1,
  });
}

function warnUnsafe({ options, yesUnsafe }: RunRequest, globals: Globals): void {
  if (Object.keys(options.unsafe).length === 0) return;
  const { requireConsent, unsafeWarning } = require("./unsafe-flags") as typeof import("./unsafe-flags");
  requireConsent(options.unsafe, yesUnsafe, isTerminal(0) && isTerminal(2), globals.lang);
  printError(unsafeWarning(options.unsafe, globals.lang, useColour(2), terminalWidth(2)));
}
