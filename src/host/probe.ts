/** How the causes and the pre-flight list look at the host: one small interface, so that tests can show them another host. */

import { readFileSync, readdirSync, realpathSync, statfsSync, statSync } from "node:fs";

export interface DiskSpace {
  /** f_type: which file system. */
  type: number;
  freeBytes: number;
  totalBytes: number;
  /** 0 of 0 for file systems that make inodes as they need them. */
  freeInodes: number;
  totalInodes: number;
}

export interface HostProbe {
  /** Text of a file; undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** What is at the path, symlinks followed. */
  kind(path: string): "file" | "directory" | "other" | "missing";
  /** The path without symlinks; the path itself when it does not exist. */
  realpath(path: string): string;
  list(path: string): string[];
  space(path: string): DiskSpace | undefined;
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** The host that this process runs on. */
export const host: HostProbe = {
  read: (path) => attempt(() => readFileSync(path, "utf8")),
  kind(path) {
    const stat = attempt(() => statSync(path));
    if (!stat) return "missing";
    return stat.isDirectory() ? "directory" : stat.isFile() ? "file" : "other";
  },
  realpath: (path) => attempt(() => realpathSync(path)) ?? path,
  list: (path) => attempt(() => readdirSync(path)) ?? [],
  space: (path) =>
    attempt(() => {
      const stat = statfsSync(path);
      return {
        type: stat.type,
        freeBytes: stat.bavail * stat.bsize,
        totalBytes: stat.blocks * stat.bsize,
        freeInodes: stat.ffree,
        totalInodes: stat.files,
      };
    }),
};
