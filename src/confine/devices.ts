/**
 * Which devices a container may open or make: one list of rules, for cgroup v1 (lines for devices.allow) and for v2
 * (a BPF program). Both have v1's meaning, because v1 is what the runtime-spec's rules describe.
 */

import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { OciDeviceRule } from "../plan/oci";

const character = (major: number, minor: number | undefined, access = "rwm"): OciDeviceRule =>
  minor === undefined ? { allow: true, type: "c", major, access } : { allow: true, type: "c", major, minor, access };

/**
 * Everything is refused but what works without hardware. A node may be made for any device (image layers contain them, and
 * CAP_MKNOD is asked for as well), yet opening it is another matter.
 */
export const DEFAULT_DEVICE_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty: the caller's own controlling terminal
  character(5, 1), // console
  character(5, 2), // ptmx: devpts gives each container its own
  character(136, undefined), // pts/*: likewise
];

/** One rule after v1's bookkeeping: what differs from the default. */
export interface DeviceException {
  type: "c" | "b";
  /** undefined matches all. */
  major: number | undefined;
  minor: number | undefined;
  /** Letters of "rwm", in that order. */
  access: string;
}

export interface ResolvedDevices {
  allowByDefault: boolean;
  exceptions: DeviceException[];
}

/** One write to a v1 device file. */
export interface DeviceWrite {
  file: "devices.allow" | "devices.deny";
  line: string;
}

/**
 * Plays the rules in order as the v1 kernel does (security/device_cgroup.c): a rule for all devices resets everything; one
 * against the default adds an exception; one with the default takes exactly that exception away. Throws "bad-device-rule".
 */
export function resolveDeviceRules(rules: readonly OciDeviceRule[]): ResolvedDevices {
  // No rule at all must not mean that all is open.
  const state: ResolvedDevices = { allowByDefault: false, exceptions: [] };
  for (const rule of rules) {
    const access = readAccess(rule);
    const everything = (rule.type ?? "a") === "a" && isAny(rule.major) && isAny(rule.minor) && access === "rwm";
    if (everything) {
      state.allowByDefault = rule.allow;
      state.exceptions = [];
      continue;
    }
    const types: ("c" | "b")[] = rule.type === "c" || rule.type === "b" ? [rule.type] : ["c", "b"];
    for (const type of types) apply(state, rule, { type, ...numbers(rule), access });
  }
  return state;
}

/** Gives what to write, in order: the default, then the exceptions. */
export function deviceRuleWrites(rules: readonly OciDeviceRule[]): DeviceWrite[] {
  const { allowByDefault, exceptions } = resolveDeviceRules(rules);
  const file = allowByDefault ? "devices.deny" : "devices.allow";
  const first: DeviceWrite = { file: allowByDefault ? "devices.allow" : "devices.deny", line: "a" };
  return [first, ...exceptions.map((exception) => ({ file, line: exceptionLine(exception) }) as const)];
}

/**
 * Gives the lines for devices.allow after "a" was written to devices.deny, e.g. "c 1:3 rwm", "c *:* m"; ["a"] when all is
 * allowed. Throws "bad-device-rule" for an open list with holes, which allow lines cannot say: see deviceRuleWrites.
 */
export function deviceRuleLines(rules: readonly OciDeviceRule[]): string[] {
  const { allowByDefault, exceptions } = resolveDeviceRules(rules);
  if (!allowByDefault) return exceptions.map(exceptionLine);
  if (exceptions.length === 0) return ["a"];
  throw new GlassboxError({
    code: "bad-device-rule",
    what: "device rules allow all devices with exceptions",
    why: { en: "a list of allowed devices cannot express that", zh: "放行清单表达不了这种规则" },
    hint: { en: "begin the rules with one that denies all", zh: "把“全部拒绝”作为第一条规则" },
  });
}

// --- v1's bookkeeping ------------------------------------------------------------------------------------------------

function apply(state: ResolvedDevices, rule: OciDeviceRule, exception: DeviceException): void {
  const same = state.exceptions.find(
    (other) => other.type === exception.type && other.major === exception.major && other.minor === exception.minor,
  );
  if (rule.allow !== state.allowByDefault) {
    if (same === undefined) state.exceptions.push(exception);
    else same.access = letters((letter) => same.access.includes(letter) || exception.access.includes(letter));
  } else if (same !== undefined) {
    same.access = letters((letter) => same.access.includes(letter) && !exception.access.includes(letter));
    if (same.access === "") state.exceptions.splice(state.exceptions.indexOf(same), 1);
  }
}

function readAccess(rule: OciDeviceRule): string {
  const typed = rule.access ?? "";
  if (!/^[rwm]*$/.test(typed)) {
    const letters = JSON.stringify(typed);
    throw badRule(rule, {
      en: `access ${letters} has letters other than r, w and m`,
      zh: `access ${letters} 里有 r、w、m 以外的字母`,
    });
  }
  // The runtime-spec leaves access open; an absent one has always meant all of it.
  return typed === "" ? "rwm" : letters((letter) => typed.includes(letter));
}

/** The spec and older writers say "any" as nothing or as -1. */
function isAny(number: number | undefined): boolean {
  return number === undefined || number === -1;
}

/** Twelve bits of major and twenty of minor are all that Linux has (MAJOR and MINOR of kdev_t.h). */
function numbers(rule: OciDeviceRule): { major: number | undefined; minor: number | undefined } {
  const check = (number: number | undefined, limit: number, what: string) => {
    if (number === undefined || number === -1) return undefined;
    if (Number.isInteger(number) && number >= 0 && number < limit) return number;
    throw badRule(rule, {
      en: `${what} ${number} is not a number from 0 to ${limit - 1}`,
      zh: `${what} ${number} 不是 0 到 ${limit - 1} 之间的整数`,
    });
  };
  return { major: check(rule.major, 1 << 12, "major"), minor: check(rule.minor, 1 << 20, "minor") };
}

function letters(keep: (letter: string) => boolean): string {
  return [..."rwm"].filter(keep).join("");
}

function exceptionLine(exception: DeviceException): string {
  return `${exception.type} ${exception.major ?? "*"}:${exception.minor ?? "*"} ${exception.access}`;
}

function badRule(rule: OciDeviceRule, why: Bilingual): GlassboxError {
  return new GlassboxError({ code: "bad-device-rule", what: `device rule ${JSON.stringify(rule)}`, why });
}
