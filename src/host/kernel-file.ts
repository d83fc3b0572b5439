/** One write to a file that the kernel made. */

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { SyscallError } from "../base/errors";

/**
 * Writes `value` with one write(2), which is how cgroup and proc files want it. Opened without O_CREAT and O_TRUNC: with O_CREAT
 * a missing cgroup file reads as EACCES, and hides that the controller is not there. Throws SyscallError.
 */
export function writeKernelFile(file: string, value: string): void {
  let syscall = "open";
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_WRONLY);
    syscall = "write";
    writeSync(fd, value);
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? "EIO";
    const what = syscall === "open" ? `open ${file}: ${errno}` : `write "${value}" to ${file}: ${errno}`;
    throw new SyscallError({ syscall, errno, what, cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
