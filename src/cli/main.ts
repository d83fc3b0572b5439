#!/usr/bin/env node
/** Entry of the `glassbox` command. Keeps the cheap answers cheap and loads nothing that the command does not need. */

import type { dispatch } from "./dispatch";

const argv = process.argv.slice(2);

if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-v")) {
  (require("./version") as typeof import("./version")).printShort();
} else {
  const run = (require("./dispatch") as { dispatch: typeof dispatch }).dispatch;
  // exit() rather than a fall-through: a descriptor left open somewhere must not keep a finished command alive.
  void run(argv).then((code) => process.exit(code));
}
