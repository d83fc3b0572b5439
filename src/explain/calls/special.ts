/**
 * Calls whose arguments depend on each other (prctl, ioctl, fcntl, clone …), and calls whose structures a recorder may
 * hand over field by field. Each function gives the text between the parentheses, or undefined for the ordinary way.
 */

import { CAPABILITIES } from "../../base/capabilities";
import type { CallArgument } from "../../plan/trace";
import { AT_FLAGS, CLONE_FLAGS, FD_FLAGS, SEALS, SECURE_BITS, openFlags } from "./flags";
import { dirfd, fd, flagSet, flags, hexadecimal, named, nodeMode, openMode, path, plain, quote, socketType } from "./format";
import type { FormatContext } from "./format";
import {
  ADDRESS_FAMILIES,
  AMBIENT_OPERATIONS,
  BPF_COMMANDS,
  DUMPABLE,
  FCNTL_COMMANDS,
  IOCTLS,
  KEYCTL_OPERATIONS,
  PRCTL_OPTIONS,
  RLIMITS,
  SECCOMP_MODES,
  SIGNALS,
} from "./names";
import {
  cloneArgsText,
  interfaceRequest,
  intPointer,
  mountAttrText,
  openHowText,
  rlimitText,
  winsize,
  winsizeText,
} from "./structs";

export type SpecialFormatter = (args: readonly CallArgument[], context: FormatContext) => string[] | undefined;

const NONE: CallArgument = { type: "null" };
const atFlags = flags(AT_FLAGS);

const int = (argument: CallArgument | undefined): bigint | undefined => (argument?.type === "int" ? argument.value : undefined);

const ints = (args: readonly CallArgument[], from: number, to: number): bigint[] | undefined => {
  const values = args.slice(from, to).map(int);
  return values.length === to - from && values.every((value) => value !== undefined) ? (values as bigint[]) : undefined;
};

const capability = (value: bigint): string => CAPABILITIES[Number(value)] ?? value.toString();

/** How many arguments each option really takes; the kernel demands zeros in the rest of those with five. */
const PRCTL_FIVE = new Set(["PR_SET_NO_NEW_PRIVS", "PR_GET_NO_NEW_PRIVS", "PR_CAP_AMBIENT"]);

const prctl: SpecialFormatter = (args, context) => {
  const option = int(args[0]);
  if (option === undefined) return undefined;
  const name = PRCTL_OPTIONS[Number(option)] ?? option.toString();
  const second = int(args[1]);
  if (name === "PR_CAP_AMBIENT" && second !== undefined) {
    const operation = AMBIENT_OPERATIONS[Number(second)] ?? second.toString();
    const cap = int(args[2]) ?? 0n;
    return [name, operation, operation.endsWith("CLEAR_ALL") ? cap.toString() : capability(cap), "0", "0"];
  }
  if (PRCTL_FIVE.has(name)) return [name, ...[1, 2, 3, 4].map((i) => (int(args[i]) ?? 0n).toString())];
  if (name.startsWith("PR_GET_")) return [name];
  const first = args[1];
  if (first === undefined) return [name];
  if (second === undefined) return [name, plain(first, context)];
  switch (name) {
    case "PR_SET_PDEATHSIG":
      return [name, SIGNALS[Number(second)] ?? second.toString()];
    case "PR_SET_DUMPABLE":
      return [name, DUMPABLE[Number(second)] ?? second.toString()];
    case "PR_CAPBSET_DROP":
    case "PR_CAPBSET_READ":
      return [name, capability(second)];
    case "PR_SET_SECUREBITS":
      return [name, flagSet(second, SECURE_BITS)];
    case "PR_SET_SECCOMP":
      return [name, SECCOMP_MODES[Number(second)] ?? second.toString(), args[2] ? plain(args[2], context) : "NULL"];
    default:
      return [name, second.toString()];
  }
};

const ioctl: SpecialFormatter = (args, context) => {
  const request = int(args[1]);
  if (request === undefined || args[0] === undefined) return undefined;
  const name = IOCTLS[Number(BigInt.asUintN(32, request))];
  const head = [fd(args[0], context), name ?? `0x${request.toString(16)}`];
  const third = args[2];
  if (third === undefined) return head;
  const value = int(third);
  switch (name) {
    case "TIOCGPTPEER":
      return [...head, value === undefined ? plain(third, context) : openMode(value, openFlags(context.arch))];
    case "TIOCSPTLCK":
      return [...head, value === undefined ? intPointer(third, context) : `[${value}]`];
    case "TIOCSWINSZ": {
      const size = ints(args, 2, 4);
      return [...head, size ? winsizeText(size[0] ?? 0n, size[1] ?? 0n, 0, 0) : winsize(third, context)];
    }
    case "SIOCSIFFLAGS":
    case "SIOCGIFFLAGS":
      return [...head, interfaceRequest(third, context)];
    case "TIOCNOTTY":
      return head;
    default:
      return [...head, plain(third, context)];
  }
};

const fcntl: SpecialFormatter = (args, context) => {
  const command = int(args[1]);
  if (command === undefined || args[0] === undefined) return undefined;
  const name = FCNTL_COMMANDS[Number(command)] ?? command.toString();
  const head = [fd(args[0], context), name];
  const value = int(args[2]);
  if (name.startsWith("F_GET") || args[2] === undefined) return head;
  if (value === undefined) return [...head, plain(args[2], context)];
  if (name === "F_SETFL") return [...head, openMode(value, openFlags(context.arch))];
  if (name === "F_SETFD") return [...head, flagSet(value, FD_FLAGS)];
  if (name === "F_ADD_SEALS") return [...head, flagSet(value, SEALS)];
  return [...head, value.toString()];
};

const keyctl: SpecialFormatter = (args, context) => {
  const operation = int(args[0]);
  if (operation === undefined) return undefined;
  const name = KEYCTL_OPERATIONS[Number(operation)] ?? operation.toString();
  return [name, ...args.slice(1).map((argument) => plain(argument, context))];
};

const bpf: SpecialFormatter = (args, context) => {
  const command = int(args[0]);
  if (command === undefined) return undefined;
  return [BPF_COMMANDS[Number(command)] ?? command.toString(), ...args.slice(1).map((one) => plain(one, context))];
};

/** The low byte of the raw clone's flags is the signal sent at exit. */
const clone: SpecialFormatter = (args, context) => {
  const value = int(args[0]);
  if (value === undefined) return undefined;
  const signal = SIGNALS[Number(value & 0xffn)];
  const names = flagSet(value & ~0xffn, CLONE_FLAGS, "");
  const stack = args[1] === undefined || int(args[1]) === 0n ? "NULL" : hexadecimal(args[1], context);
  return [`child_stack=${stack}`, `flags=${[names, signal].filter(Boolean).join("|") || "0"}`];
};

/** Fields instead of the structure: (flags[, exit signal[, cgroup as a descriptor or as its path]]). */
const clone3: SpecialFormatter = (args) => {
  const flags = int(args[0]);
  if (flags === undefined) return undefined;
  const cgroup = args[2]?.type === "string" ? `<${quote(args[2].value).slice(1, -1)}>` : int(args[2]);
  return [cloneArgsText(flags, int(args[1]), cgroup), "88"];
};

/** Fields instead of the structure: (directory, path, flags, mode, resolve[, size]). */
const openat2: SpecialFormatter = (args, context) => {
  const how = ints(args, 2, 5);
  if (!how || args[0] === undefined || args[1] === undefined) return undefined;
  return [dirfd(args[0], context), path(args[1], context), openHowText(how[0] ?? 0n, how[1] ?? 0n, how[2] ?? 0n, context), "24"];
};

/** Fields instead of the structure: (directory, path, flags, set, clear, propagation, user namespace[, size]). */
const mountSetattr: SpecialFormatter = (args, context) => {
  const attr = ints(args, 3, 7);
  if (!attr || args[0] === undefined || args[1] === undefined || args[2] === undefined) return undefined;
  const text = mountAttrText(attr[0] ?? 0n, attr[1] ?? 0n, attr[2] ?? 0n, attr[3] ?? 0n);
  return [dirfd(args[0], context), path(args[1], context), atFlags(args[2], context), text, "32"];
};

/** Fields instead of the structure: (pid, resource, soft, hard). */
const prlimit64: SpecialFormatter = (args, context) => {
  const [pid, resource] = args;
  const limits = ints(args, 2, 4);
  if (limits === undefined || pid === undefined || resource === undefined || args.length !== 4) return undefined;
  const known = resource.type === "string" ? resource.value : RLIMITS[Number(int(resource))];
  const name = known !== undefined && /^RLIMIT_[A-Z]+$/.test(known) ? known : plain(resource, context);
  return [plain(pid, context), name, rlimitText(limits[0] ?? 0n, limits[1] ?? 0n), "NULL"];
};

/** A file that was opened, written and closed in one go is named in the place of its descriptor: `write(</path>, "1", 1)`. */
const write: SpecialFormatter = (args, context) => {
  const [file, ...rest] = args;
  if (file?.type !== "string") return undefined;
  return [`<${quote(file.value).slice(1, -1)}>`, ...rest.map((argument) => plain(argument, context))];
};

/** Without a device number for anything that is not a device. */
const mknodat: SpecialFormatter = (args, context) => {
  const mode = int(args[2]);
  const type = mode === undefined ? 0n : mode & 0o170000n;
  if (type === 0o020000n || type === 0o060000n || args.length < 4) return undefined;
  return [dirfd(args[0] ?? NONE, context), path(args[1] ?? NONE, context), nodeMode(args[2] ?? NONE, context)];
};

const stringsAfter = (args: readonly CallArgument[], from: number, context: FormatContext): string => {
  const strings = args.slice(from).filter((argument) => argument.type === "string");
  return `[${strings.map((argument) => plain(argument, context)).join(", ")}]`;
};

/** argv as strings (path, argv…[, number of environment variables]) where the recorder has them. */
const execve: SpecialFormatter = (args, context) => {
  if (args[0] === undefined || args[1]?.type !== "string") return undefined;
  const last = int(args[args.length - 1]);
  return [path(args[0], context), stringsAfter(args, 1, context), last === undefined ? "..." : `... /* ${last} vars */`];
};

/** What protocol 0 means depends on the family. */
const DEFAULT_PROTOCOL: Readonly<Record<string, string>> = {
  AF_INET: "IPPROTO_IP",
  AF_INET6: "IPPROTO_IP",
  AF_NETLINK: "NETLINK_ROUTE",
};

const socket: SpecialFormatter = (args, context) => {
  const [family, type, protocol] = args;
  if (family === undefined || type === undefined || protocol === undefined) return undefined;
  const name = named(ADDRESS_FAMILIES)(family, context);
  const byDefault = int(protocol) === 0n ? DEFAULT_PROTOCOL[name] : undefined;
  return [name, socketType(type, context), byDefault ?? plain(protocol, context)];
};

export const SPECIAL: Readonly<Record<string, SpecialFormatter>> = {
  bpf,
  clone,
  clone3,
  execve,
  fcntl,
  ioctl,
  keyctl,
  mknodat,
  mount_setattr: mountSetattr,
  openat2,
  prctl,
  prlimit64,
  socket,
  write,
};
