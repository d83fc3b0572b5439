/** repositories.json: {"Repositories":{"busybox":{"busybox:latest":"sha256:…"}}}, names and digests to image ids. */

import { readFileSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { Store } from "./store";

/** Repository name → full reference ("busybox:latest", "busybox@sha256:…") → image id ("sha256:…"). Maps: names come from users. */
export type Repositories = Map<string, Map<string, string>>;

const ID = /^sha256:[0-9a-f]{64}$/;

/** All names of the store; empty when it has none. Throws "store-damaged" when the file is not what glassbox writes. */
export function readRepositories(store: Store): Repositories {
  let text: string;
  try {
    text = readFileSync(store.paths.repositories, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw error;
  }
  try {
    return fromJson(JSON.parse(text));
  } catch (cause) {
    throw new GlassboxError({
      code: "store-damaged",
      what: `cannot read the image names in ${store.paths.repositories}`,
      why: cause instanceof Malformed ? cause.text : (cause as Error).message,
      hint: {
        en: "restore the file, or move it away and tag the images again by id",
        zh: "恢复这个文件；或把它移走，再用 id 给镜像重新打标签",
      },
      cause,
    });
  }
}

class Malformed extends Error {
  constructor(readonly text: Bilingual) {
    super(text.en);
  }
}

function fromJson(value: unknown): Repositories {
  const repositories = (value as { Repositories?: unknown } | null)?.Repositories;
  if (typeof repositories !== "object" || repositories === null)
    throw new Malformed({ en: 'it has no "Repositories"', zh: '里面没有 "Repositories"' });
  const result: Repositories = new Map();
  for (const [name, tags] of Object.entries(repositories)) {
    const entries = new Map<string, string>();
    for (const [reference, id] of Object.entries(tags as object)) {
      if (typeof id !== "string" || !ID.test(id)) {
        throw new Malformed({ en: `${reference} has no valid image id`, zh: `${reference} 的镜像 id 不合法` });
      }
      entries.set(reference, id);
    }
    result.set(name, entries);
  }
  return result;
}

/**
 * Changes the names under the store's lock and makes them durable. `change` gets the present state and edits it.
 * Call `updateRepositoriesLocked` when the lock is held already.
 */
export function updateRepositories(store: Store, change: (repositories: Repositories) => void): void {
  const { withLock } = require("./locks") as typeof import("./locks");
  withLock(store, "images", "exclusive", () => updateRepositoriesLocked(store, change));
}

/** As updateRepositories, for a caller that holds the "images" lock. */
export function updateRepositoriesLocked(store: Store, change: (repositories: Repositories) => void): void {
  const repositories = readRepositories(store);
  change(repositories);
  const plain: Record<string, Record<string, string>> = Object.create(null);
  for (const [name, tags] of [...repositories].sort(byKey)) {
    if (tags.size === 0) continue;
    plain[name] = Object.assign(Object.create(null), Object.fromEntries([...tags].sort(byKey)));
  }
  // Loaded here, as `run` only reads.
  const { replaceFile } = require("./atomic") as typeof import("./atomic");
  replaceFile(store.paths.repositories, JSON.stringify({ Repositories: plain }));
}

function byKey(a: [string, unknown], b: [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

/** References that name the image, sorted: ["busybox:1", "busybox:latest"]. */
export function referencesOf(repositories: Repositories, id: string): string[] {
  const found: string[] = [];
  for (const tags of repositories.values()) {
    for (const [reference, target] of tags) if (target === id) found.push(reference);
  }
  return found.sort();
}
