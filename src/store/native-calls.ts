/** The addon's calls on file trees, which the store and the image domain use and nobody else. */

import type { Kernel } from "../binding/kernel";

export interface UnpackOptions {
  /** Overlay marks as user.overlay.* */
  userxattr: boolean;
  /** Leave out what needs privilege (owners, devices), and count it. */
  rootless: boolean;
  maxEntries?: number;
  /** Sum of file sizes, holes included. */
  maxBytes?: number;
  /** One pax or GNU long-name header. */
  maxHeaderBytes?: number;
  /** diff directories of the layers below, top-most first. */
  lowerPaths?: string[];
}

export interface UnpackStats {
  entries: number;
  fileBytes: number;
  skippedDevices: number;
  skippedXattrs: number;
  skippedOwners: number;
}

/** What a rejected write or finish carries. */
export interface UnpackFailure extends Error {
  /** "tar-corrupt", "tar-truncated", "tar-limit", "tar-breakout", "tar-whiteout", "tar-parent", "tar-link", "tar-unsupported", "unpack-failed" */
  code: string;
  /** Name of the entry, safe to print. */
  entry: string;
  /** Where the entry starts in the uncompressed archive. */
  offset: number;
  errno?: string;
  reason?: string;
  syscall?: string;
}

export interface NativeUnpacker {
  /** Feeds bytes of an uncompressed tar; one call at a time. The bytes must not change until it is done. */
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<UnpackStats>;
  close(): void;
}

/**
 * [kind, path, mode, text, uid, gid]: "D" a new directory, "d" a directory that may be there (and then stays as it is), "f" a new file
 * holding text, "l" a symlink to text.
 */
export type TreeEntry = [kind: "D" | "d" | "f" | "l", path: string, mode: number, text: string, uid: number, gid: number];

export interface TreeCalls {
  Unpacker: new (rootFd: number, options: UnpackOptions) => NativeUnpacker;
  /** Removes what is at the absolute path, whatever its depth; nothing there is fine. Throws SyscallError. */
  removeTree(path: string): void;
  /** Makes all entries in turn; the umask has no say. Throws SyscallError at the first that fails. */
  makeTree(entries: TreeEntry[]): void;
  /** Extended attributes of the file itself, [name, value]. */
  readXattrs(path: Uint8Array): [string, Uint8Array][];
}

/** The same addon as `kernel`, seen through its calls on trees. */
export function treeCalls(kernel: Kernel): TreeCalls {
  return kernel as unknown as TreeCalls;
}
