/** What a command is: its flags, its operands, its help and its action. One file per command exports one of these. */

import type { Bilingual, Lang } from "../base/lang";
import type { FlagTable, Parsed } from "./flags";

/** The options that every command understands, before or after its name. */
export interface Globals {
  /** Store directory, absolute. */
  root: string;
  lang: Lang;
  /** Print stack traces. */
  debug: boolean;
}

export interface FlagHelp {
  name: string;
  /** Docker's words where Docker has the flag. */
  text: Bilingual;
}

export interface Example {
  command: string;
  text: Bilingual;
}

export interface VerbHelp {
  /** After the command's name: "[OPTIONS] IMAGE [COMMAND] [ARG...]". */
  usage: string;
  summary: Bilingual;
  /** Longer words on it, when the summary is not enough. */
  description?: Bilingual;
  /** Other spellings: "container run". */
  aliases: readonly string[];
  flags: readonly FlagHelp[];
  examples: readonly Example[];
}

export interface Verb {
  name: string;
  flags: FlagTable;
  /** Options end at the first operand; what follows belongs to the container. */
  stopAtOperand: boolean;
  operands: { min: number; max: number };
  /** Loads the help, which no ordinary run needs. */
  help(): VerbHelp;
  /** Does it; gives the exit code. */
  run(parsed: Parsed, globals: Globals): number | Promise<number>;
}
