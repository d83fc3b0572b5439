/**
 * Another runtime (podman with runc) on the same root file system, for comparison. Its result is reported and judged by nobody: it is what this
 * host's packages are, old or patched.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ProgramOptions, type ProgramResult, runProgram } from "./cli";

export interface AnchorOptions extends ProgramOptions {
  /** podman's own flags: ["-w", "/x"]. */
  flags?: readonly string[];
}

/** Is there a podman to compare with? */
export function hasPodman(): boolean {
  return existsSync("/usr/bin/podman") && existsSync("/usr/sbin/runc");
}

/**
 * `podman run --rootfs`, keeping its state below `scratch`. With runc, as crun refuses hosts that have both cgroup versions; with small limits,
 * as where CAP_SYS_RESOURCE is missing its defaults are refused too.
 */
export function podmanRun(
  scratch: string,
  rootfs: string,
  argv: readonly string[],
  options: AnchorOptions = {},
): Promise<ProgramResult> {
  const place = (name: string): string => join(scratch, "podman", name);
  const state = ["--root", place("root"), "--runroot", place("run"), "--tmpdir", place("tmp"), "--storage-driver", "vfs"];
  const engine = ["--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "runc"];
  const quiet = [
    "--rm",
    "--network",
    "none",
    "--log-driver",
    "none",
    "--ulimit",
    "nofile=1024:1024",
    "--ulimit",
    "nproc=1024:1024",
  ];
  return runProgram(
    "/usr/bin/podman",
    [...state, ...engine, "run", ...quiet, ...(options.flags ?? []), "--rootfs", rootfs, ...argv],
    options,
  );
}

/** Did the anchor come to run the payload at all? Its own failures have code 125 to 127. */
export function anchorRan(result: ProgramResult): boolean {
  return result.code !== null && (result.code < 125 || result.code > 127);
}
