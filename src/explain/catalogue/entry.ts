/** The shape of what can be said about a kind of step. */

import type { Bilingual } from "../../base/lang";
import type { Step, StepKind, StepOf } from "../../plan/steps";

/**
 * The three acts that every container start consists of (namespaces, cgroups, a root of its own), then giving up
 * power, then running the program.
 */
export type Act = "namespaces" | "cgroups" | "root" | "confine" | "run";

/** A command that shows the effect, where to type it, and what to look for. */
export interface Observe {
  where: "inside" | "outside";
  command: string;
  shows: Bilingual;
}

/** A text, or one that depends on the step's parameters. */
export type Told<S, T> = T | ((step: S) => T);

export interface Entry<S extends Step> {
  act: Act;
  title: (step: S) => Bilingual;
  /** Why this step is here, and why at this place. Each line stands alone: a reader who has had one is not given it again. */
  why: Told<S, Bilingual>;
  /** What breaks or leaks without it. */
  without: Told<S, Bilingual>;
  observe: Told<S, Observe>;
  /** Every system call that the step may make. */
  syscalls: readonly string[];
  man: Told<S, readonly string[]>;
}

/** One entry per kind: a kind without one does not compile. */
export type Catalogue = { readonly [K in StepKind]: Entry<StepOf<K>> };

/* eslint-disable no-control-regex -- finding control characters is the purpose */
/** C0 and C1 controls, DEL, and what reorders or hides text. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

/** A parameter as it may stand in a sentence: control and direction characters become visible escapes. */
export function shown(value: string): string {
  return value.replace(CONTROLS, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** The same for a title: a 64-digit container id or digest is cut to its first twelve, as everywhere else. */
export function brief(value: string): string {
  return shown(value).replace(/(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])/g, "$1…");
}

/** Joins lines of both languages. */
export function lines(...texts: (Bilingual | undefined)[]): Bilingual {
  const given = texts.filter((text) => text !== undefined);
  return {
    en: given.map((text) => text.en).join("\n"),
    zh: given.map((text) => text.zh).join("\n"),
  };
}
