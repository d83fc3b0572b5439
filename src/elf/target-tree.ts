/**
 * Writing below a directory that may hold hostile symlinks. Every component is opened with O_NOFOLLOW from a held descriptor of
 * its parent (/proc/self/fd/N/name), and links are resolved here, inside the root: nothing outside can be reached, whoever
 * swaps names meanwhile.
 */

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";

import { GlassboxError } from "../base/errors";

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface TreeEntry {
  kind: "file" | "directory" | "link" | "other";
  target?: string;
}

/** A position below the root: a stack of open directories. */
export class TargetTree {
  readonly #stack: { fd: number; name: string }[] = [];
  #temporary = 0;

  /** Opens (and makes, if need be) the root directory; throws GlassboxError `copy-target`. */
  constructor(root: string) {
    try {
      mkdirSync(root, { recursive: true, mode: 0o755 });
      this.#stack.push({ fd: openSync(root, constants.O_RDONLY | constants.O_DIRECTORY), name: "" });
    } catch (cause) {
      throw new GlassboxError({
        code: "copy-target",
        what: `${root}: cannot be used as a directory`,
        why: reasonOf(cause),
        cause,
      });
    }
  }

  close(): void {
    for (const entry of this.#stack.splice(0)) closeSync(entry.fd);
  }

  /** Where we stand, as an absolute path inside the root without symlinks. */
  get here(): string {
    return `/${this.#stack
      .slice(1)
      .map((entry) => entry.name)
      .join("/")}`;
  }

  toRoot(): void {
    while (this.#stack.length > 1) this.up();
  }

  /** Like "..": at the root it stays there. */
  up(): void {
    if (this.#stack.length > 1) closeSync((this.#stack.pop() as { fd: number }).fd);
  }

  /** What `name` is in the present directory. */
  look(name: string): TreeEntry | undefined {
    const path = this.#inside(name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) return { kind: "link", target: readlinkSync(path) };
    return { kind: stat.isDirectory() ? "directory" : stat.isFile() ? "file" : "other" };
  }

  /** Goes into a sub-directory; a symlink of that name is refused by the kernel (ENOTDIR or ELOOP). */
  enter(name: string): void {
    this.#stack.push({ fd: openSync(this.#inside(name), DIRECTORY), name });
  }

  makeDirectory(name: string, mode: number): void {
    mkdirSync(this.#inside(name), { mode: mode & 0o777 });
    this.enter(name);
    fchmodSync((this.#stack.at(-1) as { fd: number }).fd, mode);
    this.up();
  }

  /** Makes or replaces a symlink. */
  link(name: string, target: string): void {
    const temporary = this.#inside(this.#temporaryName());
    symlinkSync(target, temporary);
    renameSync(temporary, this.#inside(name));
  }

  /** Makes or replaces a file in one step (rename), so that a reader never sees half of it. */
  file(name: string, mode: number, owner: { uid: number; gid: number; mtimeMs?: number | undefined }, fill: Fill): void {
    const temporary = this.#inside(this.#temporaryName());
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      fill((bytes) => {
        for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      });
      const privileged = process.geteuid?.() === 0;
      if (privileged) fchownSync(fd, owner.uid, owner.gid);
      // Set-id bits mean nothing, or too much, once the owner is another.
      fchmodSync(fd, privileged ? mode & 0o7777 : mode & 0o1777);
      if (owner.mtimeMs !== undefined) futimesSync(fd, owner.mtimeMs / 1000, owner.mtimeMs / 1000);
      renameSync(temporary, this.#inside(name));
    } catch (error) {
      unlinkSync(temporary);
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  #inside(name: string): string {
    return `/proc/self/fd/${(this.#stack.at(-1) as { fd: number }).fd}/${name}`;
  }

  #temporaryName(): string {
    return `.glassbox-${process.pid}-${this.#temporary++}`;
  }
}

export type Fill = (write: (bytes: Uint8Array) => void) => void;

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
