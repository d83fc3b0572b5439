/**
 * Reads an argument list by Docker's rules (those of its flag library, pflag): `--name value`, `--name=value`, `-it`, `-m64m`,
 * `--rm=false`, `--`. Small on purpose: it stands on the path to every container start, where a general parser would cost more
 * than the kernel does (README.md of this folder).
 */

import { GlassboxError } from "../base/errors";
import { type Lang, say } from "../base/lang";

export interface Flag {
  /** One letter. */
  short?: string;
  /** Docker's word for the value in the help: "bytes", "string", "list". Without it the flag is a switch. */
  takes?: string;
  /** The value when the flag stands bare; a value must then be given with "=". */
  bare?: string;
}

/** Flags by their long names. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** What was found: values in the order given, and the operands. */
export class Parsed {
  constructor(
    readonly table: FlagTable,
    readonly values: ReadonlyMap<string, readonly string[]>,
    readonly operands: readonly string[],
    /** Language of the hints; settled only after the options were read. */
    public lang: Lang,
  ) {}

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** All values of a repeatable flag, in order. */
  all(name: string): readonly string[] {
    return this.values.get(name) ?? [];
  }

  /** The value that counts when a flag is given more than once: the last. */
  last(name: string): string | undefined {
    return this.values.get(name)?.at(-1);
  }

  /** State of a switch. Throws "bad-flag" for `--rm=maybe`. */
  on(name: string, fallback = false): boolean {
    const text = this.last(name);
    if (text === undefined) return fallback;
    const value = parseBool(text);
    if (value === undefined) {
      throw this.invalid(name, text, `${quote(text)} is neither true nor false`, `--${name}=false`);
    }
    return value;
  }

  /** The error for a value that will not do; `example` is a flag that would. */
  invalid(name: string, text: string, reason: string, example?: string): GlassboxError {
    const short = this.table[name]?.short;
    const label = short === undefined ? `--${name}` : `-${short}, --${name}`;
    return new GlassboxError({
      code: "bad-flag",
      what: `invalid argument ${quote(text)} for "${label}" flag: ${reason}`,
      hint: example === undefined ? undefined : `${say(this.lang, "for example", "例如")} ${example}`,
    });
  }
}

/** Docker's booleans (Go's strconv.ParseBool); undefined for anything else. */
export function parseBool(text: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  return undefined;
}

/** Text in double quotes, short enough for one message. */
export function quote(text: string): string {
  return JSON.stringify(clip(text));
}

/** At most 120 characters: nobody reads 100 KB in an error message. */
export function clip(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

function wrong(what: string, hint?: string): GlassboxError {
  return new GlassboxError({ code: "bad-flag", what, hint });
}

/**
 * Reads `argv` against `table`. With `stopAtOperand`, everything from the first operand on is left alone: it belongs to the container.
 * Throws "bad-flag" with Docker's words for what the grammar itself forbids; values are looked at later, by whoever needs them.
 */
export function parseFlags(argv: readonly string[], table: FlagTable, stopAtOperand: boolean, lang: Lang): Parsed {
  const values = new Map<string, string[]>();
  const operands: string[] = [];
  const shorts = new Map<string, string>();
  for (const name in table) {
    const short = table[name]?.short;
    if (short !== undefined) shorts.set(short, name);
  }
  const add = (name: string, value: string): void => {
    const list = values.get(name);
    if (list === undefined) values.set(name, [value]);
    else list.push(value);
  };

  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      operands.push(...argv.slice(i + 1));
      break;
    }
    if (word.length < 2 || word[0] !== "-") {
      if (stopAtOperand) {
        operands.push(...argv.slice(i));
        break;
      }
      operands.push(word);
      continue;
    }
    if (word[1] === "-") i += readLong(word, argv[i + 1], table, add, lang);
    else i += readShorts(word, argv[i + 1], table, shorts, add);
  }
  return new Parsed(table, values, operands, lang);
}

/** Returns how many further words were used up. */
function readLong(
  word: string,
  next: string | undefined,
  table: FlagTable,
  add: (name: string, value: string) => void,
  lang: Lang,
): number {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  if (name === "" || name[0] === "-") throw wrong(`bad flag syntax: ${clip(word)}`);
  const flag = Object.hasOwn(table, name) ? table[name] : undefined;
  if (flag === undefined) throw unknownFlag(name, table, lang);
  if (equals >= 0) {
    add(name, word.slice(equals + 1));
    return 0;
  }
  const bare = flag.takes === undefined ? "true" : flag.bare;
  if (bare !== undefined) {
    add(name, bare);
    return 0;
  }
  if (next === undefined) throw wrong(`flag needs an argument: --${name}`);
  add(name, next);
  return 1;
}

/** `-it`, `-itd`, `-m64m`, `-m=64m`, `-m 64m`. Returns how many further words were used up. */
function readShorts(
  word: string,
  next: string | undefined,
  table: FlagTable,
  shorts: ReadonlyMap<string, string>,
  add: (name: string, value: string) => void,
): number {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? "";
    const name = shorts.get(letter);
    const rest = word.slice(at);
    if (name === undefined) throw wrong(`unknown shorthand flag: '${letter}' in -${clip(rest)}`);
    const flag = table[name] ?? {};
    if (rest.length > 2 && rest[1] === "=") {
      add(name, rest.slice(2));
      return 0;
    }
    const bare = flag.takes === undefined ? "true" : flag.bare;
    if (bare !== undefined) {
      add(name, bare);
      continue;
    }
    if (rest.length > 1) {
      add(name, rest.slice(1));
      return 0;
    }
    if (next === undefined) throw wrong(`flag needs an argument: '${letter}' in -${rest}`);
    add(name, next);
    return 1;
  }
  return 0;
}

function unknownFlag(name: string, table: FlagTable, lang: Lang): GlassboxError {
  const { nearest } = require("../base/suggest") as typeof import("../base/suggest");
  const near = nearest(name, Object.keys(table));
  return wrong(
    `unknown flag: --${clip(name)}`,
    near === undefined ? undefined : say(lang, `did you mean --${near}?`, `是不是 --${near}？`),
  );
}
