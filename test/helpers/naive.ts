/**
 * The runtime that must lose: a container as a first tutorial makes it, with unshare, mount and chroot, and nothing else. Control arm of the
 * security tests. It mounts only in a mount namespace of its own, so what it breaks, it breaks in the test's own sacrificial files.
 */

import { type ProgramOptions, type ProgramResult, runProgram } from "./cli";

export interface NaiveOptions extends ProgramOptions {
  /** Words in front of unshare. */
  prefix?: readonly string[];
  /** Shell text that runs before chroot, with the root as $1: what a naive runtime prepares by path. */
  prepare?: string;
  /** Shell text that runs instead of `exec chroot "$root" "$@"`. */
  enter?: string;
}

/** Runs argv in `rootfs`, with /proc mounted. */
export function naiveRun(rootfs: string, argv: readonly string[], options: NaiveOptions = {}): Promise<ProgramResult> {
  const script = [
    "root=$1; shift",
    // -n: mount(8) must not write down what it did.
    options.prepare ?? 'mount -n -t proc proc "$root/proc"',
    options.enter ?? 'exec chroot "$root" "$@"',
  ].join("\n");
  const unshare = ["unshare", "--mount", "--propagation", "private", "--uts", "--ipc", "--pid", "--fork", "--kill-child"];
  const words = [...(options.prefix ?? []), ...unshare, "sh", "-c", script, "naive", rootfs, ...argv];
  return runProgram(words[0]!, words.slice(1), options);
}
