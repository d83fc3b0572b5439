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
    /** Mount point → mounted noexec. */
    private readonly mounts: ReadonlyMap<string, boolean>,
  ) {}

  /** Opens the root of `pid`, a child of this process that still waits. */
  static open(kernel: Kernel, pid: number): ProcessRootReader {
    const { readMountinfo } = require("../host/mountinfo") as typeof import("../host/mountinfo");
    // Later lines lie on top of earlier ones at the same place.
    const mounts = new Map(readMountinfo(pid).map(({ mountpoint, options }) => [mountpoint, options.includes("noexec")]));
    return new ProcessRootReader(kernel, kernel.open(`/proc/${pid}/root`, ["O_PATH", "O_DIRECTORY"]), mounts);
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
      for (let have = 0; have < wanted;) {
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
      const noexec = this.mounts.get(at);
      if (noexec !== undefined) return noexec;
      if (at === "/") return false;
    }
  }
}
