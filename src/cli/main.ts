/** Runs the command line and leaves with its exit code. The `bin` is src/launch/main.ts, which gets here faster. */

import { dispatch } from "./dispatch";

/** `argv` is without node and script. */
export function main(argv: readonly string[]): void {
  // exit() rather than a fall-through: a descriptor left open somewhere must not keep a finished command alive.
  void dispatch(argv).then((code) => process.exit(code));
}

if (require.main === module) main(process.argv.slice(2));
