/** A real terminal to test in: one tmux server on a socket of its own, with one shell in it. */

import { execFileSync } from "node:child_process";
import type { ExecutionContext } from "ava";
import { CLI, eventually } from "./box";

const PROMPT = "outer> ";

export class Terminal {
  private static count = 0;
  private readonly socket = `glassbox-${process.pid}-${++Terminal.count}`;

  /** Starts it with 80 columns and 24 rows; it goes when the test ends. `glassbox` is a command in its shell. */
  constructor(t: ExecutionContext, env: Record<string, string>) {
    t.teardown(() => {
      try {
        this.tmux("kill-server");
      } catch {
        // The shell has ended, and the server with it.
      }
    });
    const variables = Object.entries({ ...env, PS1: PROMPT, TERM: "screen" }).map(([name, value]) => `${name}=${value}`);
    this.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "env", "-i", ...variables, "/bin/sh", "-i");
    this.tmux("set-option", "-g", "history-limit", "50000");
    this.line(`glassbox() { '${process.execPath}' '${CLI}' "$@"; }; clear`);
  }

  private tmux(...args: string[]): string {
    return execFileSync("tmux", ["-L", this.socket, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  /** PID of the shell. */
  get shellPid(): number {
    return Number(this.tmux("display-message", "-p", "#{pane_pid}"));
  }

  /** Types text as it is. */
  type(text: string): void {
    this.tmux("send-keys", "-l", text);
  }

  /** Presses keys by tmux' names: "C-c", "Enter". */
  press(...keys: string[]): void {
    this.tmux("send-keys", ...keys);
  }

  /** Types a line and presses Enter. */
  line(text: string): void {
    this.type(text);
    this.press("Enter");
  }

  resize(columns: number, rows: number): void {
    this.tmux("set-option", "-g", "window-size", "manual");
    this.tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** All that was shown, without empty lines at the end. */
  screen(): string {
    return this.tmux("capture-pane", "-p", "-J", "-S", "-").trimEnd();
  }

  /** Waits until the screen looks so. */
  async shows(pattern: RegExp, timeoutMs?: number): Promise<string> {
    try {
      return await eventually(() => (pattern.test(this.screen()) ? this.screen() : undefined), String(pattern), timeoutMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}; the screen:\n${this.screen()}`, { cause: error });
    }
  }

  /** Waits for the outer shell to be ready for the next line. */
  prompt(): Promise<string> {
    return this.shows(/(^|\n)outer>$/);
  }

  /** Types a line, waits for its end, gives what it printed. */
  async command(text: string): Promise<string> {
    this.line("clear");
    await this.prompt();
    this.tmux("clear-history");
    this.line(text);
    const screen = await this.shows(/\n?outer> .*\n(.*\n)*outer>$/);
    return screen.split("\n").slice(1, -1).join("\n");
  }
}
