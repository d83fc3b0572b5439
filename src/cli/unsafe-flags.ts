/** --unsafe KEY=VALUE: one protection less, to see what it holds. Never silently, never from a script by accident. */

import { GlassboxError } from "../base/errors";
import { type Lang, say } from "../base/lang";
import { isUnsafeSwitch, UNSAFE_WARNINGS, type UnsafeSwitch, unsafeWarnings } from "../explain/unsafe";
import type { UnsafeOptions } from "../runtime/run-options";
import type { Parsed } from "./flags";

/** The protections to take off. Throws "bad-flag" for anything but the known KEY=VALUE pairs. */
export function toUnsafe(parsed: Parsed): UnsafeOptions {
  const result: Record<string, string> = {};
  for (const text of parsed.all("unsafe")) {
    const equals = text.indexOf("=");
    if (!isUnsafeSwitch(text)) {
      const known = Object.keys(UNSAFE_WARNINGS);
      const { nearest } = require("../base/suggest") as typeof import("../base/suggest");
      const key = equals < 0 ? text : text.slice(0, equals);
      const near = known.find((pair) => pair.startsWith(`${key}=`)) ?? nearest(text, known) ?? "seccomp=off";
      throw parsed.invalid("unsafe", text, `must be one of ${known.join(", ")}`, `--unsafe ${near}`);
    }
    result[text.slice(0, equals)] = text.slice(equals + 1);
  }
  return result as UnsafeOptions;
}

/** The warning: each protection that is off, and what that lets in; broken into lines of `width` columns. Red when `colour`. */
export function unsafeWarning(options: UnsafeOptions, lang: Lang, colour: boolean, width = 80): string {
  const { wrap } = require("../explain/width") as typeof import("../explain/width");
  const head = say(
    lang,
    "WARNING: this container lacks protections that every other one has",
    "警告：这个容器缺少其他容器都有的保护",
  );
  const switches = Object.entries(options).map(([key, value]) => `${key}=${value}` as UnsafeSwitch);
  const lines = [head, ...unsafeWarnings(switches, lang, false)].flatMap((line) => wrap(line, width));
  return colour ? lines.map((line) => `\u001b[1;31m${line}\u001b[0m`).join("\n") : lines.join("\n");
}

/** Throws "unsafe-refused" when nobody is there to read the warning (`attended`) and nobody said --yes-unsafe (`yes`). */
export function requireConsent(options: UnsafeOptions, yes: boolean, attended: boolean, lang: Lang): void {
  if (yes || attended || Object.keys(options).length === 0) return;
  throw new GlassboxError({
    code: "unsafe-refused",
    what: say(
      lang,
      "--unsafe is refused: standard input and standard error are not a terminal, so nobody would read the warning",
      "拒绝 --unsafe：标准输入和标准错误不是终端，没有人会读到警告",
    ),
    why: unsafeWarning(options, lang, false),
    hint: say(lang, "if this is meant, add --yes-unsafe", "如果确实要这样，请加 --yes-unsafe"),
  });
}
