/** The catalogue: what can be said about every kind of step, in both languages. */

import type { Bilingual } from "../../base/lang";
import type { Step, StepKind } from "../../plan/steps";
import { cgroups } from "./cgroups";
import { confine } from "./confine";
import type { Act, Catalogue, Entry, Observe, Told } from "./entry";
import { filesystems } from "./filesystems";
import { namespaces } from "./namespaces";
import { power } from "./power";
import { root } from "./root";
import { run } from "./run";

export type { Act, Catalogue, Entry, Observe } from "./entry";

/** By kind. A kind of plan/steps.ts that is missing here does not compile. */
export const CATALOGUE: Catalogue = {
  ...namespaces,
  ...cgroups,
  ...root,
  ...filesystems,
  ...confine,
  ...power,
  ...run,
};

/** What the catalogue says about one step, with the step's parameters filled in. */
export interface StepLesson {
  act: Act;
  title: Bilingual;
  why: Bilingual;
  without: Bilingual;
  observe: Observe;
  syscalls: readonly string[];
  man: readonly string[];
}

function told<T extends object>(value: Told<Step, T>, step: Step): T {
  return typeof value === "function" ? (value as (step: Step) => T)(step) : value;
}

/** Looks a step up and fills its parameters in. Parameters are escaped: no text of a lesson can steer a terminal. */
export function lessonOf(step: Step): StepLesson {
  // The record is exhaustive and each entry takes the steps of its own kind; TypeScript cannot follow that through the union.
  const entry = CATALOGUE[step.kind] as unknown as Entry<Step>;
  return {
    act: entry.act,
    title: entry.title(step),
    why: told(entry.why, step),
    without: told(entry.without, step),
    observe: told(entry.observe, step),
    syscalls: entry.syscalls,
    man: told(entry.man as Told<Step, readonly string[]>, step),
  };
}

/** Every system call that a step of this kind may make; a test holds it against strace. */
export function declaredSyscalls(kind: StepKind): readonly string[] {
  return CATALOGUE[kind].syscalls;
}
