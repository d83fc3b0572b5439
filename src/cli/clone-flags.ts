/** From parsed flags to CloneOptions. */

import { posix } from "node:path";
import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import type { CloneMount, CloneNamespace, CloneOptions } from "../runtime/clone-options";
import { clip, type FlagTable, type Parsed, quote } from "./flags";

export const CLONE_FLAGS: FlagTable = {
  ns: { takes: "list" },
  mount: { takes: "list" },
  shared: {},
  // The name that the break-it experiment of the propagation lesson uses.
  "no-private": {},
  as: { takes: "string" },
  quiet: { short: "q" },
  explain: { takes: "string", bare: "steps" },
};

export interface CloneRequest {
  options: CloneOptions;
  /** Print the program instead of running it. */
  as?: "c";
  explain?: "steps" | "calls";
  /** Leave out the lines that say where the program is. */
  quiet: boolean;
}

const NAMESPACES: readonly CloneNamespace[] = ["mnt", "pid", "uts", "ipc", "net", "user", "cgroup"];
/** The spellings of unshare(1) and of the runtime-spec. */
const OTHER_NAMES: Readonly<Record<string, CloneNamespace>> = { mount: "mnt", network: "net" };
const FSTYPES: readonly CloneMount["fstype"][] = ["tmpfs", "proc", "sysfs", "mqueue"];

/** Turns the flags and operands of `clone` into options. Throws "bad-flag". */
export function toCloneRequest(parsed: Parsed, env: Record<string, string | undefined>): CloneRequest {
  const namespaces = readNamespaces(parsed);
  const mounts = parsed.all("mount").map((text) => readMount(text, parsed));
  if (mounts.length > 0 && !namespaces.includes("mnt")) {
    throw new GlassboxError({
      code: "bad-flag",
      what: "--mount needs a new mount namespace",
      why: say(parsed.lang, "without one the mount would be the host's", "没有新的挂载命名空间，挂载就会落在宿主机上"),
      hint: say(parsed.lang, "for example --ns mnt --mount tmpfs:/tmp", "例如 --ns mnt --mount tmpfs:/tmp"),
    });
  }
  const args = parsed.operands.length > 0 ? [...parsed.operands] : [env["SHELL"] || "/bin/sh"];
  if (args[0] === "") throw new GlassboxError({ code: "bad-arguments", what: "the command is empty" });
  const request: CloneRequest = {
    options: { namespaces, mounts, shared: parsed.on("shared") || parsed.on("no-private"), args },
    quiet: parsed.on("quiet"),
  };
  const as = parsed.last("as");
  if (as !== undefined) {
    if (as !== "c") throw parsed.invalid("as", as, 'must be "c"', "--as c");
    request.as = as;
  }
  const explain = parsed.last("explain");
  if (explain !== undefined) {
    if (explain !== "steps" && explain !== "calls") {
      throw parsed.invalid("explain", explain, 'must be "steps" or "calls"', "--explain=calls");
    }
    request.explain = explain;
  }
  return request;
}

function readNamespaces(parsed: Parsed): CloneNamespace[] {
  const result: CloneNamespace[] = [];
  for (const text of parsed.all("ns")) {
    for (const word of text.split(",", 64)) {
      const name = Object.hasOwn(OTHER_NAMES, word) ? OTHER_NAMES[word] : NAMESPACES.find((known) => known === word);
      if (name === undefined) {
        throw parsed.invalid("ns", text, `${quote(word)} is not one of ${NAMESPACES.join(", ")}`, "--ns mnt,pid,uts");
      }
      if (!result.includes(name)) result.push(name);
    }
  }
  return result;
}

function readMount(text: string, parsed: Parsed): CloneMount {
  const bad = (reason: string): GlassboxError => parsed.invalid("mount", text, reason, "--mount tmpfs:/tmp");
  const colon = text.indexOf(":");
  if (colon < 0) throw bad("it is not of the form TYPE:PATH");
  const fstype = FSTYPES.find((known) => known === text.slice(0, colon));
  if (fstype === undefined) throw bad(`${quote(text.slice(0, colon))} is not one of ${FSTYPES.join(", ")}`);
  const target = text.slice(colon + 1);
  if (!target.startsWith("/") || target.includes("\0")) throw bad(`'${clip(target)}' is not an absolute path`);
  return { fstype, target: posix.normalize(target).replace(/(.)\/$/, "$1") };
}
