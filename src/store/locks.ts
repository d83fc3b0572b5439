/** flock(2) on files of the store: the kernel releases it however the holder dies. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import type { Store } from "./store";

/** Long enough for any publication, short enough to notice a stopped holder. */
const DEFAULT_WAIT_MS = 30_000;

/**
 * Runs `body` while holding `<name>.lock` of the store. Waits at most `timeoutMs`, then throws "store-locked", naming the holder.
 * `body` must be synchronous and short: nobody else can publish meanwhile.
 */
export function withLock<T>(
  store: Store,
  name: "images" | "staging" | "names",
  mode: "shared" | "exclusive",
  body: () => T,
  timeoutMs = DEFAULT_WAIT_MS,
): T {
  const file = `${store.paths.image}/${name}.lock`;
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    acquire(store, fd, file, mode, timeoutMs);
    return body();
  } finally {
    closeSync(fd);
  }
}

function acquire(store: Store, fd: number, file: string, mode: "shared" | "exclusive", timeoutMs: number): void {
  if (store.kernel.flock(fd, mode, true)) return;
  const deadline = performance.now() + timeoutMs;
  const nap = new Int32Array(new SharedArrayBuffer(4));
  for (let pauseMs = 1; performance.now() < deadline; pauseMs = Math.min(pauseMs * 2, 50)) {
    Atomics.wait(nap, 0, 0, pauseMs);
    if (store.kernel.flock(fd, mode, true)) return;
  }
  const holder = lockHolder(fd);
  throw new GlassboxError({
    code: "store-locked",
    what: `the store is busy: ${file} stayed locked for ${Math.round(timeoutMs / 1000)} s`,
    why: holder === undefined ? undefined : { en: `process ${holder} holds it`, zh: `锁在进程 ${holder} 手里` },
    hint: { en: "wait for that process, or look whether it is stopped", zh: "等它结束，或看看它是不是被暂停了" },
  });
}

/** /proc/locks: "1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF"; the inode is decimal. */
function lockHolder(fd: number): string | undefined {
  try {
    const inode = fstatSync(fd).ino;
    for (const line of readFileSync("/proc/locks", "latin1").split("\n")) {
      const fields = line.trim().split(/\s+/);
      if (fields[1] === "FLOCK" && fields[5]?.endsWith(`:${inode}`)) return fields[4];
    }
  } catch {
    // Only a nicety of the message.
  }
  return undefined;
}
