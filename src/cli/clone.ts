/** `glassbox clone`: one clone(2) with chosen namespaces, no image. */

import { CLONE_FLAGS, toCloneRequest } from "./clone-flags";
import { writeTo } from "./output";
import type { Verb } from "./verb";

export const clone: Verb = {
  name: "clone",
  flags: CLONE_FLAGS,
  stopAtOperand: true,
  operands: { min: 0, max: Infinity },
  help: () => (require("./clone-help") as typeof import("./clone-help")).CLONE_HELP,
  async run(parsed, globals) {
    const request = toCloneRequest(parsed, process.env);
    if (request.as === "c") {
      const { cloneProgramC } = require("../explain/clone-c") as typeof import("../explain/clone-c");
      const { args, ...rest } = request.options;
      writeTo(1, cloneProgramC({ ...rest, command: args }, globals.lang));
      return 0;
    }
    const { executeClone } = require("./execute") as typeof import("./execute");
    return executeClone(request, globals);
  },
};
