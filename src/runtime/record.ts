/** containers/<id>/config.v2.json: what a stopped container still is. Not written for --rm. */

import { mkdirSync, readFileSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";

import { replaceFile } from "../store/atomic";
import type { Store } from "../store/store";

export interface ContainerRecord {
  ID: string;
  Created: string;
  Path: string;
  Args: string[];
  Image: string;
  Name: string;
  Labels: Record<string, string>;
  /** --stop-signal, else the image's, else SIGTERM. */
  StopSignal: string;
  State: {
    Status: "running" | "exited";
    Running: boolean;
    OOMKilled: boolean;
    ExitCode: number;
    StartedAt: string;
    FinishedAt: string;
  };
}

function recordPath(store: Store, id: string): string {
  return `${store.paths.containers}/${id}/config.v2.json`;
}

/** Writes the record of a container that is about to start. */
export function writeRecord(store: Store, record: ContainerRecord): void {
  mkdirSync(`${store.paths.containers}/${record.ID}`, { mode: 0o700, recursive: true });
  writeFileSync(recordPath(store, record.ID), JSON.stringify(record, undefined, 2), { mode: 0o600 });
}

/** Replaces the record durably: an exit status that was told must still be there after a power cut. */
export function finishRecord(store: Store, record: ContainerRecord, exit: { code: number; oomKilled: boolean }): void {
  record.State = {
    ...record.State,
    Status: "exited",
    Running: false,
    OOMKilled: exit.oomKilled,
    ExitCode: exit.code,
    FinishedAt: new Date().toISOString(),
  };
  replaceFile(recordPath(store, record.ID), JSON.stringify(record, undefined, 2));
}

/**
 * Notes that a container ended with its glassbox: killed, as by the kernel (PR_SET_PDEATHSIG), so 137. False when there is no whole record: the
 * start had not come that far, and nobody can ask for it.
 */
export function recordDeath(store: Store, id: string): boolean {
  let record: ContainerRecord;
  try {
    record = JSON.parse(readFileSync(recordPath(store, id), "utf8")) as ContainerRecord;
  } catch {
    return false;
  }
  if (record.State.Running) finishRecord(store, record, { code: 137, oomKilled: false });
  return true;
}

/**
 * Takes a name for a container; the symlink is the registry, and making it is atomic. The caller has its running file in `runDirectory` already.
 * Throws "name-in-use" with Docker's words.
 */
export function reserveName(store: Store, name: string, id: string, runDirectory: string): void {
  const link = `${store.paths.containers}/names/${name}`;
  for (;;) {
    try {
      symlinkSync(`../${id}`, link);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ENOENT") mkdirSync(`${store.paths.containers}/names`, { recursive: true, mode: 0o700 });
      else if (code === "EEXIST") {
        const { freeStaleName } = require("./stale-name") as typeof import("./stale-name");
        freeStaleName(store, name, link, runDirectory);
      } else throw error;
    }
  }
}

/** Gives a name back when it is this container's. */
export function releaseName(store: Store, name: string, id: string): void {
  const link = `${store.paths.containers}/names/${name}`;
  try {
    if (readlinkSync(link) === `../${id}`) unlinkSync(link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
