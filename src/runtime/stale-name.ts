/** A name that somebody has: whether the container is still there. Loaded only on such a conflict. */

import { existsSync, readlinkSync, unlinkSync } from "node:fs";

import { GlassboxError } from "../base/errors";
import { withLock } from "../store/locks";
import type { Store } from "../store/store";

/**
 * Removes the link of a container that has neither a directory nor a running file: its start died, or the machine lost power. Under a lock, so
 * that of two commands the second sees what the first has made of it. Throws "name-in-use" for a container that is there.
 */
export function freeStaleName(store: Store, name: string, link: string, runDirectory: string): void {
  withLock(store, "names", "exclusive", () => {
    let id: string;
    try {
      id = readlinkSync(link).slice("../".length);
    } catch (error) {
      // Given back meanwhile.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    if (existsSync(`${store.paths.containers}/${id}`) || existsSync(`${runDirectory}/${id}.json`)) throw nameInUse(name, id);
    unlinkSync(link);
  });
}

function nameInUse(name: string, id: string): GlassboxError {
  return new GlassboxError({
    code: "name-in-use",
    what: `Conflict. The container name "/${name}" is already in use by container "${id}"`,
    hint: { en: "choose another name, or none", zh: "换一个名字，或不取名" },
  });
}
