/**
 * The payload's 0, 1 and 2. A pipe or socket of the caller is handed over as it is (nothing is faster or more exact). A file, a named pipe or a
 * terminal is not: through /proc/self/fd a container could open the same file again with other rights, or type into the caller's shell (TIOCSTI). Between
 * those and the payload stands a pipe, or with -t the container's own pty.
 */

import { fstatSync, readlinkSync } from "node:fs";

import { SyscallError } from "../base/errors";
import { INIT_PATH, type Kernel, type RelayPair } from "../binding";

export interface StdioRequest {
  interactive: boolean;
  tty: boolean;
}

export interface PreparedStdio {
  child: [number, number, number];
  /** To be closed once the child has its copies. */
  handedOver: number[];
  /** Copies between the caller and the payload that run while it lives; output ends by itself. */
  input: RelayPair | undefined;
  output: RelayPair[];
}

function passesAsItIs(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return (stat.isFIFO() && isAnonymous(fd)) || stat.isSocket() || isNullDevice(stat);
  } catch {
    return false;
  }
}

/** A named pipe is an inode of the host's file system: the payload could change its owner and mode, or open its other end. */
function isAnonymous(fd: number): boolean {
  return readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:[");
}

/** The child puts its own /dev/null in the place of ours. */
function isNullDevice(stat: { isCharacterDevice(): boolean; rdev: number }): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0x103;
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

function isSameFile(a: number, b: number): boolean {
  const [one, other] = [fstatSync(a), fstatSync(b)];
  return one.dev === other.dev && one.ino === other.ino;
}

/** Opens what the child's descriptors need. With -t they are all /dev/null until the console replaces them. */
export function prepareStdio(kernel: Kernel, request: StdioRequest): PreparedStdio {
  const handedOver: number[] = [];
  const open = (flags: string[]): number => {
    const fd = kernel.open("/dev/null", flags);
    handedOver.push(fd);
    return fd;
  };
  if (request.tty) {
    const fd = open(["O_RDWR", "O_NOCTTY"]);
    return { child: [fd, fd, fd], handedOver, input: undefined, output: [] };
  }
  let input: RelayPair | undefined;
  let stdin: number;
  if (!request.interactive || !isOpen(0)) stdin = open(["O_RDONLY"]);
  else if (passesAsItIs(0)) stdin = 0;
  else {
    const [readEnd, writeEnd] = kernel.pipe();
    handedOver.push(readEnd);
    stdin = readEnd;
    input = { from: 0, to: writeEnd, closeTo: true };
  }
  const output: RelayPair[] = [];
  const outputEnd = (fd: 1 | 2): number => {
    if (!isOpen(fd)) return open(["O_WRONLY"]);
    if (passesAsItIs(fd)) return fd;
    // One terminal or file for both: one pipe, or their lines would come in any order.
    if (fd === 2 && output.length > 0 && isSameFile(1, 2)) return handedOver.at(-1)!;
    const [readEnd, writeEnd] = kernel.pipe();
    handedOver.push(writeEnd);
    output.push({ from: readEnd, to: fd, closeTo: false });
    return writeEnd;
  };
  return { child: [stdin, outputEnd(1), outputEnd(2)], handedOver, input, output };
}

export interface Session {
  /** All output has arrived. */
  drained: Promise<void>;
  /** Puts the terminal back and ends the copying; safe to call twice. */
  end(): void;
}

/** Starts the copying for a payload without a console. */
export function pipeSession(kernel: Kernel, stdio: PreparedStdio): Session {
  const inputRelay = stdio.input === undefined ? undefined : kernel.relay([stdio.input]);
  const outputRelay = stdio.output.length === 0 ? undefined : kernel.relay(stdio.output);
  return {
    drained: (outputRelay?.done ?? Promise.resolve()).then(() => {
      for (const { from } of stdio.output) kernel.close(from);
    }),
    end: () => inputRelay?.stop(),
  };
}

/** Raw mode, resize and copying between the caller's terminal and the container's pty. */
export function consoleSession(kernel: Kernel, consoleFd: number, request: StdioRequest): Session {
  const terminal = request.interactive && kernel.isatty(0) ? makeTerminalRaw(kernel) : undefined;
  const onResize = (): void => {
    try {
      const { rows, columns } = kernel.getWindowSize(kernel.isatty(1) ? 1 : 0);
      kernel.setWindowSize(consoleFd, rows, columns);
    } catch (error) {
      // The pty or the terminal is going away: there is nothing left to resize.
      if (!(error instanceof SyscallError)) throw error;
    }
  };
  if (kernel.isatty(1) || kernel.isatty(0)) process.on("SIGWINCH", onResize);
  // Both directions use the master, and either may end first.
  const input = request.interactive ? kernel.relay([{ from: 0, to: kernel.dup(consoleFd), closeTo: true }]) : undefined;
  const output = kernel.relay([{ from: consoleFd, to: 1, closeTo: false }]);
  // When nobody takes the output the pty is hung up, which its other descriptor must not prevent.
  const drained = output.done.then(() => input?.stop());
  let ended = false;
  return {
    drained,
    end: () => {
      if (ended) return;
      ended = true;
      input?.stop();
      process.removeListener("SIGWINCH", onResize);
      terminal?.restore();
      kernel.close(consoleFd);
    },
  };
}

/** struct termios of the kernel, padded to what the keeper reads. */
const KEEPER_SETTINGS_BYTES = 64;

/**
 * Sets the terminal raw. A small process keeps the settings and puts them back when this one dies without doing so (kill -9).
 */
function makeTerminalRaw(kernel: Kernel): { restore(): void } {
  const saved = kernel.getTermios(0);
  const [readEnd, writeEnd] = kernel.pipe();
  const terminalFd = kernel.dup(0);
  const keeper = spawnKeeper(kernel, terminalFd, readEnd);
  kernel.close(readEnd);
  kernel.close(terminalFd);
  const settings = Buffer.alloc(KEEPER_SETTINGS_BYTES);
  settings.set(saved);
  for (const byte of settings) kernel.sendByte(writeEnd, byte);
  kernel.makeRaw(0);
  const restore = (): void => {
    process.removeListener("exit", restore);
    kernel.setTermios(0, saved);
    kernel.sendByte(writeEnd, 1);
    kernel.close(writeEnd);
    void kernel.wait(keeper.pidfd).finally(() => kernel.close(keeper.pidfd));
  };
  process.on("exit", restore);
  return { restore };
}

function spawnKeeper(kernel: Kernel, terminalFd: number, pipeFd: number): { pid: number; pidfd: number } {
  const initFd = kernel.open(INIT_PATH, ["O_RDONLY"]);
  const nullFd = kernel.open("/dev/null", ["O_RDWR"]);
  try {
    return kernel.spawn({
      initFd,
      argv: ["glassbox-tty", "tty", String(terminalFd), String(pipeFd)],
      flags: [],
      stdio: [nullFd, nullFd, nullFd],
      keep: [terminalFd, pipeFd],
    });
  } finally {
    kernel.close(initFd);
    kernel.close(nullFd);
  }
}
