/** The global options: where the store is, which language to speak, whether to show stack traces. */

import { resolve } from "node:path";
import { detectLang, langOf } from "../base/lang";
import type { FlagTable, Parsed } from "./flags";
import type { Globals } from "./verb";

export const GLOBAL_FLAGS: FlagTable = {
  root: { takes: "string" },
  lang: { takes: "string" },
  debug: {},
  help: {},
};

export const DEFAULT_ROOT = "/var/lib/glassbox";

/**
 * Store directory without any option: GLASSBOX_ROOT, else the system's for root, else the user's own
 * (XDG Base Directory specification, "XDG_DATA_HOME").
 */
export function defaultRoot(env: Record<string, string | undefined>, euid: number): string {
  if (env["GLASSBOX_ROOT"]) return env["GLASSBOX_ROOT"];
  if (euid === 0) return DEFAULT_ROOT;
  const data = env["XDG_DATA_HOME"] || `${env["HOME"] || ""}/.local/share`;
  return `${data}/glassbox`;
}

/** Settles the globals from the options before and after the verb (the later wins) and the environment. Throws "bad-flag". */
export function settleGlobals(sources: readonly Parsed[], env: Record<string, string | undefined>): Globals {
  let root = defaultRoot(env, process.geteuid?.() ?? 0);
  let lang = detectLang(env);
  let debug = Boolean(env["GLASSBOX_DEBUG"]);
  for (const parsed of sources) {
    const rootText = parsed.last("root");
    if (rootText === "") throw parsed.invalid("root", "", "it names no directory", `--root ${DEFAULT_ROOT}`);
    if (rootText?.includes("\0")) throw parsed.invalid("root", rootText, "a path cannot contain a zero byte");
    root = rootText ?? root;
    const langText = parsed.last("lang");
    if (langText !== undefined) {
      const known = langOf(langText);
      if (known === undefined) throw parsed.invalid("lang", langText, "no such language here", "--lang en or --lang zh");
      lang = known;
    }
    debug = parsed.on("debug", debug);
  }
  return { root: resolve(root), lang, debug };
}
