/**
 * Writing to the user. Straight to the descriptors: `process.stdout` would load Node's stream and terminal modules,
 * which the path to a container start cannot afford.
 */

import { fstatSync, writeSync } from "node:fs";

/** Writes all of `text` to a descriptor; waits when the reader is slow, leaves quietly when it is gone. */
export function writeTo(fd: 1 | 2, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // A terminal or pipe that another process set O_NONBLOCK on is full for the moment.
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else if (code === "EPIPE" && fd === 1) process.exit(141);
      else return;
    }
  }
}

/** One line to standard output. */
export function print(line: string): void {
  writeTo(1, `${line}\n`);
}

/** One line to standard error. */
export function printError(line: string): void {
  writeTo(2, `${line}\n`);
}

/** Is the descriptor a terminal? Answered from its device number where that settles it: loading node:tty costs 2 ms. */
export function isTerminal(fd: number): boolean {
  let stat;
  try {
    stat = fstatSync(fd);
  } catch {
    return false;
  }
  const major = (stat.rdev >> 8) & 0xfff;
  // 1 is memory devices such as /dev/null, 136 to 143 are pseudo-terminals (Linux' devices.txt).
  if (!stat.isCharacterDevice() || major === 1) return false;
  return (major >= 136 && major <= 143) || (require("node:tty") as typeof import("node:tty")).isatty(fd);
}

/** Colour only for eyes: a terminal, and no NO_COLOR (no-color.org), and not a dumb one. */
export function useColour(fd: number): boolean {
  const { NO_COLOR, TERM } = process.env;
  return !NO_COLOR && TERM !== "dumb" && isTerminal(fd);
}

/** Width to lay text out for: COLUMNS, else the terminal's behind the descriptor, else 80. */
export function terminalWidth(fd: 1 | 2 = 1): number {
  const columns = Number(process.env["COLUMNS"]);
  if (Number.isInteger(columns) && columns >= 20) return columns;
  const stream = fd === 1 ? process.stdout : process.stderr;
  const measured = isTerminal(fd) ? stream.columns : undefined;
  return measured !== undefined && measured >= 20 ? measured : 80;
}
