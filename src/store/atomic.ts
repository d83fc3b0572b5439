/** Files that are either old or new, whatever happens in between. */

import { closeSync, constants, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Replaces the file at `path`: written aside, fsynced, renamed, its directory fsynced. The caller holds the lock that guards the file,
 * so the name of the file aside is fixed, and a leftover is simply overwritten.
 */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const aside = `${path}.new`;
  const fd = openSync(aside, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
  try {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(aside, path);
  syncDirectory(dirname(path));
}

/** fsync(2) of a directory: makes renames into it durable. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
