/**
 * What is running, and what was left behind. Each start has one file in the run directory, locked for as long as its process lives: the kernel
 * drops the lock however that process dies, so a file that can be locked belongs to nobody and is cleaned up by the next command.
 */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";

import { SyscallError } from "../base/errors";
import type { Kernel } from "../binding";
import { removeCgroups } from "../host/cgroupfs";
import { removeContainerLayers } from "../image/container-layers";
import type { CgroupPath } from "../plan/cgroup";
import type { Store } from "../store/store";
import { recordDeath, releaseName } from "./record";

export interface RunningState {
  id: string;
  /** Mount point on the host. */
  merged: string;
  cgroups: CgroupPath[];
  /** --rm */
  remove: boolean;
  name?: string;
}

const DEFAULT_ROOT = "/var/lib/glassbox";

/** /run/glassbox for the default store; a store elsewhere keeps everything to itself. */
export function runDirectory(store: Store): string {
  return store.root === DEFAULT_ROOT && process.geteuid?.() === 0 ? "/run/glassbox" : `${store.root}/run`;
}

export class RunningFile {
  private constructor(
    private readonly kernel: Kernel,
    private readonly path: string,
    private readonly fd: number,
  ) {}

  /** Writes and locks the state before anything is made that would have to be cleaned up. */
  static create(store: Store, state: RunningState): RunningFile {
    const { kernel } = store;
    const directory = runDirectory(store);
    const path = `${directory}/${state.id}.json`;
    const aside = `${directory}/${state.id}.new`;
    const open = (): number => kernel.open(aside, ["O_WRONLY", "O_CREAT", "O_EXCL"], 0o600);
    for (;;) {
      let fd: number;
      try {
        fd = open();
      } catch (error) {
        if (!(error instanceof SyscallError) || error.errno !== "ENOENT") throw error;
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        fd = open();
      }
      kernel.flock(fd, "exclusive", false);
      writeFileSync(fd, JSON.stringify(state));
      try {
        // Only a locked and complete file has the name that others look for.
        renameSync(aside, path);
        return new RunningFile(kernel, path, fd);
      } catch (error) {
        // Another command had the lock first, took the file for one whose owner had died, and removed it.
        kernel.close(fd);
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  /** Everything that it told of is cleaned up. */
  remove(): void {
    unlinkSync(this.path);
    this.kernel.close(this.fd);
  }
}

/** Undoes what a start made: processes, cgroups, mount, and with --rm its layers, record and name. Safe to repeat. */
export function cleanUp(store: Store, state: RunningState): void {
  if (state.cgroups.length > 0) removeCgroups(state.cgroups);
  // Without root the overlay was mounted by the container itself, and is gone with it.
  if (process.geteuid?.() === 0) unmount(store.kernel, state.merged);
  if (state.remove) {
    removeContainerLayers(store, state.id);
    rmSync(`${store.paths.containers}/${state.id}`, { recursive: true, force: true });
    if (state.name !== undefined) releaseName(store, state.name, state.id);
  }
}

function unmount(kernel: Kernel, target: string): void {
  try {
    kernel.umount(target, ["MNT_DETACH"]);
  } catch (error) {
    // Not mounted (EINVAL), or never made: that is how it should end.
    if (!(error instanceof SyscallError) || (error.errno !== "EINVAL" && error.errno !== "ENOENT")) throw error;
  }
}

/** Cleans up after starts whose process died: one directory listing, one lock attempt for each container that runs. */
export function healLeftovers(store: Store): void {
  const directory = runDirectory(store);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) healOne(store, `${directory}/${name}`);
}

/** Who died before the container had its record left something that nobody could ask for: it goes, with or without --rm. */
function cleanUpAfterDeath(store: Store, state: RunningState): void {
  const keep = !state.remove && recordDeath(store, state.id);
  cleanUp(store, { ...state, remove: !keep });
}

function healOne(store: Store, path: string): void {
  const { kernel } = store;
  let fd: number;
  try {
    fd = kernel.open(path, ["O_RDONLY"]);
  } catch {
    return;
  }
  try {
    if (!kernel.flock(fd, "exclusive", true)) return;
    // Without its final name nothing had been made yet; should its owner be just about to lock it, it will make another.
    if (path.endsWith(".json")) cleanUpAfterDeath(store, JSON.parse(readFileSync(fd, "utf8")) as RunningState);
    unlinkSync(path);
  } catch (error) {
    // Another command may be healing the same container at this moment.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  } finally {
    kernel.close(fd);
  }
}
