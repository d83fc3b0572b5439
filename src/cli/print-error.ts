/** How a failure reads: what happened, why (looked up, not guessed), what to do. */

import { GlassboxError } from "../base/errors";
import { type Lang, say } from "../base/lang";
import type { Notice } from "../runtime/run";
import { escapeControls, escapeLines } from "./escape";
import { useColour, writeTo } from "./output";

export interface ErrorContext {
  lang: Lang;
  debug: boolean;
  /** Command whose help to point at when the request itself was wrong: "run". */
  verb?: string | undefined;
}

/** Codes of errors in the request itself: those lead to the help. */
const USAGE_CODES = new Set(["bad-flag", "bad-arguments", "unknown-command"]);

const LABELS = { en: { why: "why: ", hint: "do:  " }, zh: { why: "原因：", hint: "办法：" } };

/**
 * The text of an error, ending in a line break.
 * Control characters from outside are shown as escapes; `colour` wraps the first line in red.
 */
export function formatError(error: unknown, context: ErrorContext, colour: boolean): string {
  const parts = partsOf(error, context);
  const head = `glassbox: ${escapeLines(parts.what, "  ")}`;
  let text = colour ? `\u001b[31m${head}\u001b[0m\n` : `${head}\n`;
  text += reasons(parts, context.lang);
  if (parts.usage) {
    const command = context.verb === undefined ? "glassbox --help" : `glassbox ${context.verb} --help`;
    text += context.lang === "zh" ? `\n参见 '${command}'。\n` : `\nSee '${command}'.\n`;
  }
  if (context.debug && error instanceof Error) text += `\n${debugText(error)}\n`;
  return text;
}

/** Why and what to do, each on lines of its own. */
function reasons({ why, hint }: { why?: string | undefined; hint?: string | undefined }, lang: Lang): string {
  const labels = LABELS[lang];
  // Continuation lines stand under the words, not under the label.
  const column = " ".repeat(2 + 6);
  const line = (label: string, words: string | undefined): string =>
    words === undefined ? "" : `  ${label}${escapeLines(words, column)}\n`;
  return line(labels.why, why) + line(labels.hint, hint);
}

interface Parts {
  what: string;
  why?: string | undefined;
  hint?: string | undefined;
  usage: boolean;
}

function partsOf(error: unknown, context: ErrorContext): Parts {
  if (error instanceof GlassboxError) {
    return { what: error.what, ...error.explained(context.lang), usage: USAGE_CODES.has(error.code) };
  }
  const system = error as NodeJS.ErrnoException;
  if (error instanceof Error && typeof system.syscall === "string" && typeof system.code === "string") {
    const where = typeof system.path === "string" ? ` ${system.path}` : "";
    return { what: `${system.syscall}${where}: ${system.code}`, why: error.message, usage: false };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    what: say(context.lang, `internal error: ${message}`, `内部错误：${message}`),
    why: say(context.lang, "this is a defect of glassbox itself", "这是 glassbox 自身的缺陷"),
    hint: say(
      context.lang,
      "run it again with --debug and put the output into a bug report",
      "加上 --debug 再运行一次，把输出附在问题报告里",
    ),
    usage: false,
  };
}

function debugText(error: Error): string {
  const chain: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const code = at instanceof GlassboxError ? ` [${at.code}]` : "";
    chain.push(`${depth === 0 ? "" : "caused by "}${escapeLines(at.stack ?? at.message, "  ")}${code}`);
  }
  return chain.join("\n");
}

/** Prints an error on standard error and gives the exit code that belongs to it. */
export function reportError(error: unknown, context: ErrorContext): number {
  writeTo(2, formatError(error, context, useColour(2)));
  return error instanceof GlassboxError ? error.exitCode : 125;
}

/** A notice (not an error), safe to print and ending in a line break: "glassbox: …", or a cause and a remedy alone. */
export function formatNotice(notice: Notice, lang: Lang): string {
  return typeof notice === "string" ? `glassbox: ${escapeControls(notice)}\n` : reasons(notice, lang);
}
