/** From the argument list to one command: global options, the verb, its flags, its action. */

import { GlassboxError } from "../base/errors";
import { detectLang, langOf, say } from "../base/lang";
import { clip, type Parsed, parseFlags } from "./flags";
import { GLOBAL_FLAGS, settleGlobals } from "./globals";
import type { Globals, Verb } from "./verb";
import { GROUPS, LATER_VERBS, VERBS } from "./verbs";

/** Global options before the verb, with Docker's letters. */
const LEADING_FLAGS = {
  ...GLOBAL_FLAGS,
  debug: { short: "D" },
  help: { short: "h" },
  version: { short: "v" },
};

/**
 * Runs the command that `argv` (without node and script) asks for and gives the exit code: Docker's, 125 when glassbox itself fails.
 * Never throws: errors are printed in full.
 */
export async function dispatch(argv: readonly string[]): Promise<number> {
  const context: { lang: Globals["lang"]; debug: boolean; verb?: string | undefined; name?: string | undefined } = {
    lang: detectLang(process.env),
    debug: argv.includes("--debug"),
  };
  try {
    const leading = parseFlags(argv, LEADING_FLAGS, true, context.lang);
    // Errors before everything is read should already speak the language asked for.
    context.lang = langOf(leading.last("lang") ?? "") ?? context.lang;
    leading.lang = context.lang;
    const [first, ...rest] = leading.operands;
    if (leading.on("version")) return (require("./version") as typeof import("./version")).printShort();
    if (first === undefined || (leading.on("help") && first === undefined))
      return help([], settleGlobals([leading], process.env));
    if (first === "help") return help(rest, settleGlobals([leading], process.env));
    if (leading.on("help")) return help([first, ...rest], settleGlobals([leading], process.env));
    const found = findVerb(first, rest, context.lang);
    if (found === undefined) return help([first], settleGlobals([leading], process.env));
    context.verb = found.spelling;
    context.name = found.verb.name;
    return await runVerb(found, leading, context);
  } catch (error) {
    const code = (require("./print-error") as typeof import("./print-error")).reportError(error, context);
    return code === 125 && !is125(error, context.name) ? 1 : code;
  }
}

/**
 * As in Docker, 125 tells glassbox's own failure apart from the payload's exit code, so it belongs to commands that start one, and, everywhere, to
 * flags that cannot be read. Other failures are plain 1.
 */
function is125(error: unknown, name: string | undefined): boolean {
  return (
    name === undefined || name === "run" || name === "clone" || (error instanceof GlassboxError && error.code === "bad-flag")
  );
}

interface Found {
  verb: Verb;
  /** As the user wrote it: "image ls". */
  spelling: string;
  argv: readonly string[];
}

async function runVerb(
  { verb, argv, spelling }: Found,
  leading: Parsed,
  context: { lang: Globals["lang"]; debug: boolean },
): Promise<number> {
  const table = { ...GLOBAL_FLAGS, ...verb.flags };
  const parsed = parseFlags(argv, table, verb.stopAtOperand, context.lang);
  const globals = settleGlobals([leading, parsed], process.env);
  context.lang = parsed.lang = globals.lang;
  context.debug = globals.debug;
  if (parsed.on("help")) return help([spelling], globals);
  checkOperands(parsed, verb, spelling);
  return verb.run(parsed, globals);
}

/** undefined when only a group was named: its help is the answer. Throws "unknown-command". */
function findVerb(first: string, rest: readonly string[], lang: Globals["lang"]): Found | undefined {
  if (Object.hasOwn(VERBS, first)) {
    const entry = VERBS[first];
    if (entry !== undefined) return { verb: entry.load(), spelling: first, argv: rest };
  }
  const group = Object.hasOwn(GROUPS, first) ? GROUPS[first] : undefined;
  if (group === undefined) throw unknownCommand(first, Object.keys(VERBS), lang);
  const second = rest[0];
  if (second === undefined || second === "--help") return undefined;
  const name = Object.hasOwn(group.verbs, second) ? group.verbs[second] : undefined;
  const entry = name === undefined ? undefined : VERBS[name];
  if (entry === undefined) {
    throw unknownCommand(
      `${first} ${second}`,
      Object.keys(group.verbs).map((verb) => `${first} ${verb}`),
      lang,
    );
  }
  return { verb: entry.load(), spelling: `${first} ${second}`, argv: rest.slice(1) };
}

function unknownCommand(word: string, known: readonly string[], lang: Globals["lang"]): GlassboxError {
  const bare = word.split(" ").at(-1) ?? word;
  const { nearest } = require("../base/suggest") as typeof import("../base/suggest");
  const near = nearest(word, known);
  let hint: string | undefined;
  if (LATER_VERBS.includes(bare)) hint = say(lang, `'${bare}' comes later`, `'${bare}' 以后才有`);
  else if (near !== undefined) hint = say(lang, `did you mean '${near}'?`, `是不是 '${near}'？`);
  return new GlassboxError({
    code: "unknown-command",
    what: `'${clip(word)}' is not a glassbox command.`,
    hint,
    exitCode: 1,
  });
}

function checkOperands(parsed: Parsed, verb: Verb, spelling: string): void {
  const count = parsed.operands.length;
  const { min, max } = verb.operands;
  if (count >= min && count <= max) return;
  const plural = (n: number): string => (n === 1 ? "1 argument" : `${n} arguments`);
  let reason = `requires at least ${plural(min)}`;
  if (max === 0) reason = "accepts no arguments";
  else if (min === max) reason = `requires ${plural(min)}`;
  else if (count > max) reason = `requires at most ${plural(max)}`;
  throw new GlassboxError({
    code: "bad-arguments",
    what: `'glassbox ${spelling}' ${reason}`,
    hint: `glassbox ${spelling} ${verb.help().usage}`,
    exitCode: 1,
  });
}

function help(words: readonly string[], globals: Globals): number {
  return (require("./help") as typeof import("./help")).printHelp(words, globals);
}
