/**
 * The root of a process that is being started, seen from outside through /proc/PID/root: with its mounts, and with openat2 keeping every path
 * inside.
 */

import type { Kernel } from "../binding";
import type { ReaderStat, RootReader } from "../elf/root-reader";

const MAX_HEAD_BYTES = 64 * 1024 * 1024;

export class ProcessRootReader implements RootReader {
  private constructor(
    private readonly kernel: Kernel,
    private readonly rootFd: number,
    private readonly noexecMounts: ReadonlySet<string>,
  ) {}

  /** Opens the root of `pid`, a child of this process that still waits. */
  static open(kernel: Kernel, pid: number): ProcessRootReader {
    const { readFileSync } = require("node:fs") as typeof import("node:fs");
    const noexec = new Set<string>();
    try {
      for (const line of readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n")) {
        const fields = line.split(" ");
        if (fields[5]?.split(",").includes("noexec")) noexec.add(fields[4]!);
      }
    } catch {
      // Gone already: then nothing below finds a file either, and the errno speaks alone.
    }
    return new ProcessRootReader(kernel, kernel.open(`/proc/${pid}/root`, ["O_PATH", "O_DIRECTORY"]), noexec);
  }

  close(): void {
    this.kernel.close(this.rootFd);
  }

  private with<T>(path: string, flags: string[], use: (fd: number) => T): T | undefined {
    let fd: number;
    try {
      fd = this.kernel.openInRoot(this.rootFd, path, flags);
    } catch {
      return undefined;
    }
    try {
      return use(fd);
    } catch {
      return undefined;
    } finally {
      this.kernel.close(fd);
    }
  }

  stat(path: string): ReaderStat | undefined {
    return this.with(path, ["O_PATH", "O_NOFOLLOW"], (fd) => {
      const { mode, uid, gid, size } = this.kernel.fstat(fd);
      return { mode, uid, gid, sizeBytes: size, noexec: this.isNoexec(path) };
    });
  }

  readlink(path: string): string | undefined {
    return this.with(path, ["O_PATH", "O_NOFOLLOW"], (fd) => this.kernel.readlinkFd(fd));
  }

  readHead(path: string, length: number): Uint8Array | undefined {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    return this.with(path, ["O_RDONLY", "O_NONBLOCK", "O_NOFOLLOW"], (fd) => {
      if ((this.kernel.fstat(fd).mode & 0o170000) !== 0o100000) return undefined;
      const wanted = Math.min(length, MAX_HEAD_BYTES);
      const parts: Uint8Array[] = [];
      for (let have = 0; have < wanted; ) {
        const chunk = this.kernel.readSome(fd, Math.min(wanted - have, 1 << 20));
        if (chunk.length === 0) break;
        parts.push(chunk);
        have += chunk.length;
      }
      return Buffer.concat(parts);
    });
  }

  /** The mount a path lies on is the longest mount point that it starts with. */
  private isNoexec(path: string): boolean {
    for (let at = path; ; at = at.slice(0, at.lastIndexOf("/")) || "/") {
      if (this.noexecMounts.has(at)) return true;
      if (at === "/") return false;
    }
  }
}
