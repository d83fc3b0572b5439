/** --env-file, as Docker reads it: one NAME=value per line, no quoting, no expansion. */

import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import type { FlagContext } from "./flag-context";
import { clip } from "./flags";

/** Enough for any environment: execve(2) takes a quarter of the stack limit, 2 MiB by default. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The variables of a file as "NAME=value" in order. Comments (#) and blank lines are skipped, leading white space is cut, a bare name
 * takes its value from the environment or is dropped. Throws "bad-env-file", naming file and line.
 */
export function readEnvFile(path: string, context: FlagContext): string[] {
  const absolute = (require("node:path") as typeof import("node:path")).resolve(context.cwd, path);
  const bytes = read(path, absolute, context);
  if (bytes.length > MAX_BYTES) throw bad(path, 0, `it is larger than ${MAX_BYTES} bytes`, undefined);
  const result: string[] = [];
  // Decoded line by line, so that wrong bytes are blamed on their line.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline;
    number++;
    const line = decode(decoder, bytes.subarray(start, end), path, number);
    start = end + 1;
    const variable = readLine(number === 1 ? line.replace(/^\ufeff/, "") : line, path, number, context);
    if (variable !== undefined) result.push(variable);
  }
  return result;
}

function read(path: string, absolute: string, context: FlagContext): Uint8Array {
  try {
    return context.readFile(absolute);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const words: Record<string, string> = {
      ENOENT: "no such file or directory",
      EACCES: "permission denied",
      EISDIR: "is a directory",
    };
    throw new GlassboxError({
      code: "bad-env-file",
      what: `open ${clip(path)}: ${words[code] ?? code}`,
      hint: say(context.lang, "--env-file takes a file with lines NAME=value", "--env-file 要一个文件，每行是 名字=值"),
      cause: error,
    });
  }
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, path: string, number: number): string {
  try {
    // A carriage return before the line break belongs to the line break, as in Go's line scanner.
    return decoder.decode(bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes);
  } catch (error) {
    throw bad(path, number, `invalid utf8 bytes at line ${number}: [${[...bytes.subarray(0, 8)].join(" ")}]`, error);
  }
}

function readLine(raw: string, path: string, number: number, context: FlagContext): string | undefined {
  const line = raw.trimStart();
  if (line === "" || line.startsWith("#")) return undefined;
  const equals = line.indexOf("=");
  const name = equals < 0 ? line : line.slice(0, equals);
  if (name === "") throw bad(path, number, `no variable name on line '${clip(line)}'`, undefined);
  if (/\s/.test(name)) throw bad(path, number, `variable '${clip(name)}' contains whitespaces`, undefined);
  if (line.includes("\0")) throw bad(path, number, "a variable cannot contain a zero byte", undefined);
  if (equals >= 0) return line;
  const value = Object.hasOwn(context.env, name) ? context.env[name] : undefined;
  return value === undefined ? undefined : `${name}=${value}`;
}

function bad(path: string, number: number, reason: string, cause: unknown): GlassboxError {
  const where = number === 0 ? clip(path) : `${clip(path)}:${number}`;
  return new GlassboxError({ code: "bad-env-file", what: `invalid env file (${where}): ${reason}`, cause });
}
