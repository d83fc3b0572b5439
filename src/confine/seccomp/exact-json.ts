/** JSON whose whole numbers may be larger than a double can tell apart: masks of 64 bits in seccomp profiles. */

import { GlassboxError } from "../../base/errors";

/** Begins with a character that JSON text cannot contain unescaped, so no string begins with it by accident. */
const MARK = "\\u0000integer ";
const MARK_READ = "\u0000integer ";

/** Strings first, so that digits inside them are passed over; one without an end goes to the end, which keeps this linear. */
const STRING_OR_LONG_INTEGER = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"|$)|(?<=[[:,\s])\d{16,}(?=[\s,\]}])/g;

/**
 * Reads JSON; whole numbers beyond 2^53 come as bigint. Throws "bad-seccomp-profile" with line and column for text that is
 * no JSON.
 */
export function parseExactJson(text: string): unknown {
  const marked = text.replace(STRING_OR_LONG_INTEGER, (token) => (token.startsWith('"') ? token : `"${MARK}${token}"`));
  try {
    return JSON.parse(marked, (_, value: unknown) => {
      if (typeof value !== "string" || !value.startsWith(MARK_READ)) return value;
      const exact = BigInt(value.slice(MARK_READ.length));
      return exact <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(exact) : exact;
    });
  } catch (cause) {
    throw new GlassboxError({
      code: "bad-seccomp-profile",
      what: "seccomp profile: not JSON",
      why: syntaxProblem(text, cause),
      hint: {
        en: "the profile is one JSON object, as docs.docker.com and the runtime-spec describe",
        zh: "配置文件是一个 JSON 对象，格式见 docs.docker.com 和 runtime-spec",
      },
      cause,
    });
  }
}

/** V8's own words, with line and column for the position when it tells one about the unmarked text. */
function syntaxProblem(text: string, cause: unknown): string {
  let message = cause instanceof Error ? cause.message : String(cause);
  try {
    JSON.parse(text);
  } catch (again) {
    if (again instanceof Error) message = again.message;
  }
  const position = /at position (\d+)/.exec(message)?.[1];
  const firstLine = message.split("\n")[0] ?? "";
  if (position === undefined) return firstLine.charAt(0).toLowerCase() + firstLine.slice(1);
  const before = text.slice(0, Number(position)).split("\n");
  const column = (before[before.length - 1]?.length ?? 0) + 1;
  return `line ${before.length}, column ${column}: ${firstLine.replace(/ (in JSON )?at position .*$/, "").toLowerCase()}`;
}
