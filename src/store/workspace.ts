/** Where something is put together before it is published: a directory of overlay2/staging that is locked while its owner lives. */

import { randomBytes } from "node:crypto";
import { appendFileSync, closeSync, constants, fdatasyncSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { readOptionalText } from "./imagedb";
import { withLock } from "./locks";
import { treeCalls } from "./native-calls";
import type { Store } from "./store";

/** What will be renamed out of a workspace, so that a half-done publication can be taken back by whoever comes next. */
export interface LayerIntent {
  chainId: string;
  cacheId: string;
  shortName: string;
}

export interface Workspace {
  /** Absolute path; on the file system of the layers, so that publishing is a rename. */
  readonly path: string;
  /** Makes and returns a fresh directory inside. */
  directory(name: string): string;
  /** Notes durably what is about to be published. */
  intend(layers: readonly LayerIntent[]): void;
  /** Removes all that was not published. Safe to call twice. */
  dispose(): void;
}

/** Opens a workspace, after clearing those whose owner has died. */
export function openWorkspace(store: Store): Workspace {
  const path = `${store.paths.staging}/${randomBytes(8).toString("hex")}`;
  // The lock closes the gap between mkdir and flock, in which a sweeper would take the new directory for a dead one.
  let fd = withLock(store, "staging", "exclusive", () => {
    sweepStaging(store);
    mkdirSync(path, { mode: 0o700 });
    const owner = openSync(`${path}/owner`, constants.O_RDWR | constants.O_CREAT, 0o600);
    store.kernel.flock(owner, "exclusive", false);
    return owner;
  });
  return {
    path,
    directory(name) {
      mkdirSync(`${path}/${name}`, { mode: 0o700 });
      return `${path}/${name}`;
    },
    intend(layers) {
      appendFileSync(`${path}/intent`, layers.map((l) => `${l.chainId} ${l.cacheId} ${l.shortName}\n`).join(""));
      const intent = openSync(`${path}/intent`, constants.O_RDONLY);
      fdatasyncSync(intent);
      closeSync(intent);
    },
    dispose() {
      if (fd < 0) return;
      try {
        takeBack(store, path);
        treeCalls(store.kernel).removeTree(path);
      } finally {
        closeSync(fd);
        fd = -1;
      }
    },
  };
}

/** Clears what dead owners left in staging. Called with the "staging" lock held. */
function sweepStaging(store: Store): void {
  for (const name of readdirSync(store.paths.staging)) {
    const path = `${store.paths.staging}/${name}`;
    let fd: number | undefined;
    try {
      fd = openSync(`${path}/owner`, constants.O_RDWR);
      if (!store.kernel.flock(fd, "exclusive", true)) continue;
    } catch {
      // No owner file: it died between mkdir and open.
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
    takeBack(store, path);
    treeCalls(store.kernel).removeTree(path);
  }
}

/** Layer directories that were renamed into place but never entered in layerdb belong to nobody. */
function takeBack(store: Store, path: string): void {
  const intent = readOptionalText(`${path}/intent`) ?? "";
  for (const line of intent.split("\n")) {
    const match = /^sha256:([0-9a-f]{64}) ([0-9a-f]{64}) ([A-Z2-7]{26})$/.exec(line);
    if (match === null) continue;
    const [, chain, cacheId, shortName] = match;
    if (readOptionalText(`${store.paths.layers}/${chain}/cache-id`) === cacheId) continue;
    treeCalls(store.kernel).removeTree(`${store.paths.overlay}/${cacheId}`);
    rmSync(`${store.paths.links}/${shortName}`, { force: true });
  }
}
