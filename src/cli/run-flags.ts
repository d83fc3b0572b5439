/** From parsed flags to RunOptions: Docker's value grammars and Docker's words for what they forbid. */

import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import type { RunOptions, UnsafeOptions } from "../runtime/run-options";
import type { FlagContext } from "./flag-context";
import { clip, type Parsed, quote } from "./flags";
import { LATER_FLAGS } from "./run-flag-table";

export interface RunRequest {
  options: RunOptions;
  /** How much to tell: each step, or each system call under its step. */
  explain?: "steps" | "calls";
  /** Print instead of doing. */
  dryRun?: "text" | "plan" | "oci";
  yesUnsafe: boolean;
}

/**
 * Turns the flags and operands of `run` into options. Reads the files that flags name (--env-file), nothing else.
 * Throws GlassboxError "bad-flag" (125) for values that will not do, "flag-not-available" for what is not there.
 */
export function toRunRequest(parsed: Parsed, context: FlagContext): RunRequest {
  for (const name of parsed.values.keys()) {
    if (name in LATER_FLAGS) refuse(name, parsed);
  }
  const [image = "", ...args] = parsed.operands;
  const options: RunOptions = {
    image,
    args,
    interactive: parsed.on("interactive"),
    tty: parsed.on("tty"),
    remove: parsed.on("rm"),
    env: environment(parsed, context),
    groupAdd: parsed.all("group-add").map((group) => checkUser(parsed, "group-add", group)),
    mounts: [],
    readonlyRootfs: parsed.on("read-only"),
    labels: labels(parsed),
    ulimits: [],
    capAdd: [],
    capDrop: [],
    noNewPrivileges: false,
    privileged: parsed.on("privileged"),
    devices: [],
    sysctls: {},
    init: parsed.on("init"),
    network: network(parsed),
    pid: namespace(parsed, "pid", "PID", ["private", "host"]),
    ipc: namespace(parsed, "ipc", "IPC", ["private", "host", "none"]),
    uts: namespace(parsed, "uts", "UTS", ["private", "host"]),
    userns: namespace(parsed, "userns", "USER", ["host", "private"]),
    cgroupns: namespace(parsed, "cgroupns", "CGROUP", ["private", "host"]),
    pull: choice(parsed, "pull", ["missing", "always", "never"], "missing"),
    quiet: parsed.on("quiet"),
    unsafe: unsafe(parsed),
  };
  addTexts(options, parsed, context);
  if (parsed.has("volume") || parsed.has("mount") || parsed.has("tmpfs")) {
    options.mounts = (require("./mount-flags") as typeof import("./mount-flags")).toMounts(parsed, context);
  }
  if (RESOURCE_FLAGS.some((name) => parsed.has(name))) {
    (require("./resource-flags") as typeof import("./resource-flags")).addResources(options, parsed, context);
  }
  if (SECURITY_FLAGS.some((name) => parsed.has(name))) {
    (require("./security-flags") as typeof import("./security-flags")).addSecurity(options, parsed, context);
  }
  refuseConflicts(options, parsed);
  return request(options, parsed);
}

const RESOURCE_FLAGS = [
  "memory",
  "memory-swap",
  "memory-reservation",
  "cpus",
  "cpu-shares",
  "cpuset-cpus",
  "cpuset-mems",
  "pids-limit",
  "ulimit",
  "shm-size",
  "oom-score-adj",
  "device",
];
const SECURITY_FLAGS = ["cap-add", "cap-drop", "security-opt", "sysctl"];

function refuse(name: string, parsed: Parsed): void {
  if (name === "restart" && parsed.on("rm") && !["no", ""].includes(parsed.last("restart") ?? "")) {
    throw conflict("cannot specify both --restart and --rm");
  }
  (require("./later-flags") as typeof import("./later-flags")).refuseLater(name, parsed);
}

function request(options: RunOptions, parsed: Parsed): RunRequest {
  const result: RunRequest = { options, yesUnsafe: parsed.on("yes-unsafe") };
  if (parsed.has("explain")) result.explain = choice(parsed, "explain", ["steps", "calls"], "steps");
  if (parsed.has("dry-run")) {
    const form = parsed.last("dry-run") ?? "";
    if (form === "sh" || form === "c") {
      throw parsed.invalid("dry-run", form, "this form comes later", "--dry-run=plan or --dry-run=oci");
    }
    result.dryRun = choice(parsed, "dry-run", ["text", "plan", "oci"], "text");
  }
  return result;
}

/** The flags whose value is one text, checked and taken over. */
function addTexts(options: RunOptions, parsed: Parsed, context: FlagContext): void {
  const name = (parsed.last("name") ?? "").replace(/^\//, "");
  if (name !== "") options.name = checkName(name, context);
  const user = parsed.last("user");
  if (user) options.user = checkUser(parsed, "user", user);
  const entrypoint = parsed.last("entrypoint");
  if (entrypoint !== undefined) options.entrypoint = entrypoint === "" ? [] : [entrypoint];
  const hostname = parsed.last("hostname");
  if (hostname) options.hostname = checkHostname(parsed, "hostname", hostname);
  const domainname = parsed.last("domainname");
  if (domainname) options.domainname = checkHostname(parsed, "domainname", domainname);
  const workdir = parsed.last("workdir");
  if (workdir) options.workdir = checkWorkdir(workdir, context);
  const signal = parsed.last("stop-signal");
  if (signal) options.stopSignal = checkSignal(parsed, signal);
  const platform = parsed.last("platform");
  if (platform) options.platform = checkPlatform(parsed, platform);
  const cidfile = parsed.last("cidfile");
  if (cidfile) options.cidfile = checkCidfile(cidfile, context);
}

/** Container names as Docker allows them; throws "bad-name". */
function checkName(name: string, context: FlagContext): string {
  if (name.length <= 253 && /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name;
  throw new GlassboxError({
    code: "bad-name",
    what: `Invalid container name (${clip(name)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    hint: say(
      context.lang,
      "at least two and at most 253 letters, digits, _, . or -, the first a letter or digit: --name web-1",
      "两个到 253 个字母、数字、_、. 或 -，第一个须是字母或数字：--name web-1",
    ),
  });
}

/** `name`, `uid`, `name:group`, `uid:gid`; numbers as the kernel and Docker bound them (CVE-2024-40635: larger ones wrapped round to root). */
function checkUser(parsed: Parsed, flag: string, text: string): string {
  const parts = text.split(":");
  const example = flag === "user" ? "-u 1000:1000" : `--${flag} 1000`;
  if (text.length > 256 || parts.length > (flag === "user" ? 2 : 1) || /[\u0000-\u0020\u007f/]/.test(text)) {
    throw parsed.invalid(flag, text, "not a user or group", example);
  }
  for (const part of parts) {
    if (/^[-+]?\d+$/.test(part) && !(Number(part) >= 0 && Number(part) <= 2147483647)) {
      throw parsed.invalid(flag, text, "uids and gids must be in range 0-2147483647", example);
    }
  }
  if (text === "") throw parsed.invalid(flag, text, "it is empty", example);
  return text;
}

/** At most 64 bytes (__NEW_UTS_LEN, sethostname(2)); no white space, which would forge lines of /etc/hosts. */
function checkHostname(parsed: Parsed, flag: string, text: string): string {
  if (Buffer.byteLength(text) > 64) throw parsed.invalid(flag, text, "the kernel takes at most 64 bytes");
  if (/[\u0000-\u0020\u007f/#]/.test(text)) throw parsed.invalid(flag, text, "invalid hostname format", `--${flag} box1`);
  return text;
}

function checkWorkdir(text: string, context: FlagContext): string {
  if (text.startsWith("/")) return text;
  throw new GlassboxError({
    code: "bad-flag",
    what: `the working directory '${clip(text)}' is invalid, it needs to be an absolute path`,
    hint: say(context.lang, `for example -w /${clip(text)}`, `例如 -w /${clip(text)}`),
  });
}

/** A number from 1 to 64, or a name of signal(7) with or without SIG. */
function checkSignal(parsed: Parsed, text: string): string {
  const realtime = /^(SIG)?RTM(IN\+|AX-)(\d{1,2})$/.exec(text.toUpperCase());
  if (realtime !== null && Number(realtime[3]) <= 30) return text;
  if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return text;
  const { signals } = (require("node:os") as typeof import("node:os")).constants;
  const name = text.toUpperCase().replace(/^SIG/, "");
  if (name.length < 12 && Object.hasOwn(signals, `SIG${name}`)) return text;
  throw parsed.invalid("stop-signal", text, `invalid signal: ${clip(text)}`, "--stop-signal SIGTERM");
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  i386: "386",
  armhf: "arm",
};

/** `os/arch[/variant]` or `arch`, in the image-spec's spelling. */
function checkPlatform(parsed: Parsed, text: string): string {
  const parts = text.toLowerCase().split("/");
  if (parts.length === 1) parts.unshift("linux");
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]{1,32}$/.test(part))) {
    throw parsed.invalid("platform", text, "cannot parse platform specifier", "--platform linux/amd64");
  }
  const arch = parts[1] ?? "";
  parts[1] = Object.hasOwn(ARCHITECTURES, arch) ? (ARCHITECTURES[arch] ?? arch) : arch;
  return parts.join("/");
}

function checkCidfile(text: string, context: FlagContext): string {
  const path = (require("node:path") as typeof import("node:path")).resolve(context.cwd, text);
  if (!context.exists(path)) return path;
  throw new GlassboxError({
    code: "cidfile-exists",
    what: `container ID file found, make sure the other container isn't running or delete ${clip(text)}`,
  });
}

/** Files first, then the flags, each in order; a bare name is looked up here and dropped when it is not set. */
function environment(parsed: Parsed, context: FlagContext): string[] {
  const list: string[] = [];
  if (parsed.has("env-file")) {
    const { readEnvFile } = require("./env-file") as typeof import("./env-file");
    for (const path of parsed.all("env-file")) list.push(...readEnvFile(path, context));
  }
  for (const text of parsed.all("env")) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === "") throw parsed.invalid("env", text, `invalid environment variable: ${clip(text)}`, "-e NAME=value");
    if (equals >= 0) list.push(text);
    else if (Object.hasOwn(context.env, name) && context.env[name] !== undefined) list.push(`${name}=${context.env[name]}`);
  }
  return list;
}

function labels(parsed: Parsed): Record<string, string> {
  const result: [string, string][] = [];
  for (const text of parsed.all("label")) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === "") throw parsed.invalid("label", text, `invalid label '${clip(text)}': empty name`, "-l key=value");
    result.push([name, equals < 0 ? "" : text.slice(equals + 1)]);
  }
  // fromEntries defines own properties, so a label called __proto__ stays a label.
  return Object.fromEntries(result);
}

function network(parsed: Parsed): RunOptions["network"] {
  // Both spellings are one flag; with both given, --network counts.
  const text = parsed.last("network") ?? parsed.last("net");
  if (text === undefined) return "default";
  if (text === "") throw parsed.invalid("network", text, "no name set for network", "--network none");
  if (text === "none" || text === "host" || text === "default") return text;
  throw (require("./later-flags") as typeof import("./later-flags")).networkNotAvailable(text, parsed);
}

function namespace<T extends string>(parsed: Parsed, flag: string, word: string, known: readonly T[]): T {
  const text = parsed.last(flag) || known[0];
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  if (text?.startsWith("container:") || text === "shareable") {
    throw parsed.invalid(flag, text ?? "", "sharing with another container comes later", `--${flag} host`);
  }
  throw parsed.invalid(flag, text ?? "", `invalid ${word} mode`, known.map((one) => `--${flag} ${one}`).join(", "));
}

function choice<const T extends string>(parsed: Parsed, flag: string, known: readonly T[], fallback: NoInfer<T>): T {
  const text = parsed.last(flag);
  if (text === undefined || text === "") return fallback;
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  const list = known.map((one) => `"${one}"`).join(", ");
  const reason = flag === "pull" ? `invalid pull option: '${clip(text)}': must be one of ${list}` : `must be one of ${list}`;
  throw parsed.invalid(flag, text, reason, `--${flag}=${known[0]}`);
}

function unsafe(parsed: Parsed): UnsafeOptions {
  if (!parsed.has("unsafe")) return {};
  return (require("./unsafe-flags") as typeof import("./unsafe-flags")).toUnsafe(parsed);
}

function conflict(text: string): GlassboxError {
  return new GlassboxError({ code: "bad-flag", what: `conflicting options: ${text}` });
}

/** Combinations that Docker's daemon refuses, and sysctls that would reach the host. */
function refuseConflicts(options: RunOptions, parsed: Parsed): void {
  if (options.uts === "host" && options.hostname !== undefined) throw conflict("hostname and the UTS mode");
  if (options.uts === "host" && options.domainname !== undefined) throw conflict("domainname and the UTS mode");
  if (options.ipc !== "private" && options.shmSizeBytes !== undefined) throw conflict("--shm-size and the IPC mode");
  if (options.privileged && options.userns === "private") {
    throw conflict(
      "privileged mode is incompatible with user namespaces. You must run the container in the host namespace when running privileged mode",
    );
  }
  for (const key of Object.keys(options.sysctls)) {
    const where =
      key.startsWith("net.") && options.network === "host"
        ? "network"
        : !key.startsWith("net.") && options.ipc === "host"
          ? "IPC"
          : "";
    if (where !== "") throw parsed.invalid("sysctl", key, `sysctl ${quote(key)} not allowed in host ${where} namespace`);
  }
}
