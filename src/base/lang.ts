/** Which of the two languages to speak. */

export type Lang = "en" | "zh";

/** One text in both languages; a missing half does not compile. */
export interface Bilingual {
  en: string;
  zh: string;
}

/** The half of a text that this reader understands. */
export function say(lang: Lang, en: string, zh: string): string {
  return lang === "zh" ? zh : en;
}

/**
 * The language asked for by a locale name such as `zh_CN.UTF-8` or by `--lang`; undefined when it is neither.
 * Source of the form: setlocale(3).
 */
export function langOf(locale: string): Lang | undefined {
  const word = locale.slice(0, 2).toLowerCase();
  const next = locale[2];
  if (next !== undefined && next !== "_" && next !== "-" && next !== "." && next !== "@") return undefined;
  return word === "zh" ? "zh" : word === "en" ? "en" : undefined;
}

/** The language of the environment: LC_ALL, else LC_MESSAGES, else LANG (locale(7)); English when none says Chinese. */
export function detectLang(env: Record<string, string | undefined>): Lang {
  // An empty variable counts as unset; "C" and all other languages read English here.
  const locale = env["LC_ALL"] || env["LC_MESSAGES"] || env["LANG"] || "";
  return langOf(locale) ?? "en";
}
