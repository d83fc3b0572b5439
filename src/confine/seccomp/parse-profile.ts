/**
 * Reads a user's seccomp profile: Docker's form (archMap, includes, excludes) or the runtime-spec's. Strict where leniency
 * would mean less protection than the author believes: an unknown action, operator or field of a rule is an error.
 */

import { constants } from "node:os";
import { GlassboxError } from "../../base/errors";
import type { Bilingual } from "../../base/lang";
import type { OciSeccomp, OciSeccompAction, OciSeccompArg, OciSeccompRule } from "../../plan/oci";
import { CAPABILITIES } from "../../base/capabilities";
import type { SeccompArch } from "./key";
import { parseExactJson } from "./exact-json";

export interface ProfileContext {
  arch: SeccompArch;
  /** "CAP_…" of the container: what includes.caps and excludes.caps are held against. */
  capabilities: readonly string[];
  /** Kernel release, "6.1.0-18-amd64": what minKernel is held against. */
  kernel: string;
}

const ACTIONS: readonly string[] = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_LOG",
  "SCMP_ACT_ALLOW",
] satisfies OciSeccompAction[];

const OPERATORS: readonly string[] = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] satisfies OciSeccompArg["op"][];

/** Docker names machines as Go does. */
const MACHINES: Record<SeccompArch, { go: string; audit: string }> = {
  x64: { go: "amd64", audit: "SCMP_ARCH_X86_64" },
  arm64: { go: "arm64", audit: "SCMP_ARCH_AARCH64" },
};

/** The kernel cannot give a caller a larger errno (MAX_ERRNO). */
const MAX_ERRNO = 4095;

type Json = Record<string, unknown>;

/**
 * Reads the text of a profile for one container. Gives the runtime-spec's form with Docker's conditions resolved; throws
 * "bad-seccomp-profile" with the rule's index (and the line, when the text is no JSON).
 */
export function parseProfile(text: string, context: ProfileContext): OciSeccomp {
  const root = object(parseExactJson(text), "the profile");
  fields(root, "the profile", ROOT_FIELDS);
  if (root.listenerPath !== undefined) {
    throw bad("listenerPath: a listener for SCMP_ACT_NOTIFY is not supported", {
      en: "use SCMP_ACT_ERRNO",
      zh: "改用 SCMP_ACT_ERRNO",
    });
  }
  const parsed: OciSeccomp = { defaultAction: action(root.defaultAction, "defaultAction") };
  const defaultErrno = errno(root.defaultErrnoRet, root.defaultErrno, "defaultErrno");
  if (defaultErrno !== undefined) parsed.defaultErrnoRet = defaultErrno;
  const architectures = readArchitectures(root, context.arch);
  if (architectures !== undefined) parsed.architectures = architectures;
  parsed.syscalls = list(root.syscalls ?? [], "syscalls").flatMap((rule, index) =>
    readRule(object(rule, `syscalls[${index}]`), `syscalls[${index}]`, context),
  );
  return parsed;
}

const ROOT_FIELDS = [
  "defaultAction",
  "defaultErrnoRet",
  "defaultErrno",
  "architectures",
  "archMap",
  "syscalls",
  // These only ask for logging, loosen speculation guards or concern threads that do not exist yet: safe to leave aside.
  "flags",
  "listenerPath",
  "listenerMetadata",
];
const RULE_FIELDS = ["name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"];
const ARGUMENT_FIELDS = ["index", "value", "valueTwo", "op"];
const FILTER_FIELDS = ["caps", "arches", "minKernel"];

// --- parts -----------------------------------------------------------------------------------------------------------

function readArchitectures(root: Json, arch: SeccompArch): string[] | undefined {
  const plain = root.architectures === undefined ? undefined : strings(root.architectures, "architectures");
  if (root.archMap === undefined || root.archMap === null) return plain;
  if (plain !== undefined && plain.length > 0) {
    throw bad("architectures and archMap are both given", {
      en: "keep one: archMap picks the list by the machine",
      zh: "只留一个：archMap 会按机器挑选列表",
    });
  }
  for (const [index, item] of list(root.archMap, "archMap").entries()) {
    const where = `archMap[${index}]`;
    const entry = object(item, where);
    if (string(entry.architecture, `${where}.architecture`) !== MACHINES[arch].audit) continue;
    return [MACHINES[arch].audit, ...strings(entry.subArchitectures ?? [], `${where}.subArchitectures`)];
  }
  return undefined;
}

/** Gives the rule, or nothing when its conditions leave it out here; it is checked either way. */
function readRule(rule: Json, where: string, context: ProfileContext): OciSeccompRule[] {
  fields(rule, where, RULE_FIELDS);
  if (rule.name !== undefined && rule.names !== undefined) {
    throw bad(`${where}: name and names are both given`, { en: "keep names", zh: "留下 names" });
  }
  const names = rule.name === undefined ? strings(rule.names, `${where}.names`) : [string(rule.name, `${where}.name`)];
  if (names.length === 0 || names.includes(""))
    throw bad(`${where}.names: names no system call`, { en: "name at least one", zh: "至少写一个系统调用" });
  const read: OciSeccompRule = { names, action: action(rule.action, `${where}.action`) };
  const errnoRet = errno(rule.errnoRet, rule.errno, `${where}.errno`);
  if (errnoRet !== undefined) read.errnoRet = errnoRet;
  const args = list(rule.args ?? [], `${where}.args`).map((arg, index) => readArgument(arg, `${where}.args[${index}]`));
  if (args.length > 0) read.args = args;

  const includes = readFilter(rule.includes, `${where}.includes`);
  const excludes = readFilter(rule.excludes, `${where}.excludes`);
  const machine = MACHINES[context.arch].go;
  const has = (name: string) => context.capabilities.includes(name);
  const younger = (wanted: KernelVersion) => compareKernels(context.kernel, wanted) >= 0;
  const left =
    !includes.caps.every(has) ||
    (includes.arches.length > 0 && !includes.arches.includes(machine)) ||
    (includes.minKernel !== undefined && !younger(includes.minKernel)) ||
    excludes.caps.some(has) ||
    excludes.arches.includes(machine) ||
    (excludes.minKernel !== undefined && younger(excludes.minKernel));
  return left ? [] : [read];
}

function readArgument(value: unknown, where: string): OciSeccompArg {
  const arg = object(value, where);
  fields(arg, where, ARGUMENT_FIELDS);
  const index = Number(integer(arg.index, `${where}.index`));
  if (index > 5)
    throw bad(`${where}.index: ${index}`, { en: "a system call has arguments 0 to 5", zh: "系统调用的参数编号是 0 到 5" });
  const op = string(arg.op, `${where}.op`);
  if (!OPERATORS.includes(op)) throw bad(`${where}.op: unknown operator ${quote(op)}`, OPERATORS.join(", "));
  const read: OciSeccompArg = { index, value: integer(arg.value, `${where}.value`), op: op as OciSeccompArg["op"] };
  if (arg.valueTwo !== undefined) read.valueTwo = integer(arg.valueTwo, `${where}.valueTwo`);
  return read;
}

interface Filter {
  caps: string[];
  arches: string[];
  minKernel: KernelVersion | undefined;
}

type KernelVersion = [number, number];

function readFilter(value: unknown, where: string): Filter {
  const filter = value === undefined || value === null ? {} : object(value, where);
  fields(filter, where, FILTER_FIELDS);
  const caps = strings(filter.caps ?? [], `${where}.caps`);
  const unknown = caps.find((name) => !CAPABILITIES.includes(name));
  if (unknown !== undefined)
    throw bad(`${where}.caps: unknown capability ${quote(unknown)}`, {
      en: "write it as CAP_SYS_ADMIN",
      zh: "写法如 CAP_SYS_ADMIN",
    });
  const minKernel = filter.minKernel === undefined ? undefined : string(filter.minKernel, `${where}.minKernel`);
  const version = minKernel === undefined || minKernel === "" ? undefined : /^(\d+)\.(\d+)$/.exec(minKernel);
  if (version === null) throw bad(`${where}.minKernel: ${quote(minKernel)}`, { en: 'write it as "4.8"', zh: '写法如 "4.8"' });
  return {
    caps,
    arches: strings(filter.arches ?? [], `${where}.arches`),
    minKernel: version === undefined ? undefined : [Number(version[1]), Number(version[2])],
  };
}

function compareKernels(release: string, wanted: KernelVersion): number {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major ?? 0) - wanted[0] || Number(minor ?? 0) - wanted[1];
}

function action(value: unknown, where: string): OciSeccompAction {
  const name = string(value, where);
  if (name === "SCMP_ACT_NOTIFY")
    throw bad(`${where}: SCMP_ACT_NOTIFY is not supported`, { en: "use SCMP_ACT_ERRNO", zh: "改用 SCMP_ACT_ERRNO" });
  if (!ACTIONS.includes(name)) throw bad(`${where}: unknown action ${quote(name)}`, ACTIONS.join(", "));
  return name as OciSeccompAction;
}

/** The runtime-spec gives the number; podman's files give the name too, which wins when it is there. */
function errno(number: unknown, name: unknown, where: string): number | undefined {
  if (name !== undefined && name !== "") {
    const found = (constants.errno as Record<string, number>)[string(name, where)];
    if (found === undefined)
      throw bad(`${where}: unknown error name ${quote(name)}`, { en: "errno(3) lists them", zh: "错误名见 errno(3)" });
    return found;
  }
  if (number === undefined || number === null) return undefined;
  const value = Number(integer(number, `${where}Ret`));
  if (value > MAX_ERRNO)
    throw bad(`${where}Ret: ${value}`, { en: `an error number is at most ${MAX_ERRNO}`, zh: `错误号最大是 ${MAX_ERRNO}` });
  return value;
}

// --- shapes ----------------------------------------------------------------------------------------------------------

function object(value: unknown, where: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw bad(`${where}: ${shape(value)}`, { en: "an object belongs here", zh: "这里应是对象" });
}

function list(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  // Go writes an empty list as null.
  if (value === null) return [];
  throw bad(`${where}: ${shape(value)}`, { en: "a list belongs here", zh: "这里应是列表" });
}

function strings(value: unknown, where: string): string[] {
  return list(value, where).map((item, index) => string(item, `${where}[${index}]`));
}

function string(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw bad(`${where}: ${shape(value)}`, { en: "a string belongs here", zh: "这里应是字符串" });
}

/** An unsigned number of 64 bits. */
function integer(value: unknown, where: string): number | bigint {
  if (typeof value === "bigint" && value < 1n << 64n) return value;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw bad(`${where}: ${typeof value === "number" || typeof value === "bigint" ? value : shape(value)}`, {
    en: "a whole number from 0 to 2^64-1 belongs here",
    zh: "这里应是 0 到 2^64-1 的整数",
  });
}

function fields(value: Json, where: string, known: readonly string[]): void {
  const stray = Object.keys(value).find((key) => !known.includes(key));
  if (stray !== undefined) {
    throw bad(`${where}: unknown field ${quote(stray)}`, {
      en: `known are ${known.join(", ")}`,
      zh: `可用的字段：${known.join("、")}`,
    });
  }
}

function shape(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `${typeof value === "object" ? "an object" : `a ${typeof value}`}`;
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 80 ? `${text.slice(0, 77)}..."` : text;
}

function bad(what: string, hint: string | Bilingual): GlassboxError {
  return new GlassboxError({ code: "bad-seccomp-profile", what: `seccomp profile: ${what}`, hint });
}
