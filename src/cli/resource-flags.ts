/** Limits and devices: -m, --cpus, --pids-limit, --ulimit, --shm-size, --device and their relatives. */

import { posix } from "node:path";
import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import { parseRamSize } from "../base/sizes";
import type { DeviceOption, RunOptions, UlimitOption } from "../runtime/run-options";
import type { FlagContext } from "./flag-context";
import { clip, type Parsed } from "./flags";

/** Adds limits and devices to the options. Throws "bad-flag" with the words of Docker's client, or its daemon's where only that checks. */
export function addResources(options: RunOptions, parsed: Parsed, context: FlagContext): void {
  addMemory(options, parsed, context);
  const cpus = parsed.last("cpus");
  if (cpus !== undefined) {
    const value = parseCpus(cpus, parsed, context);
    if (value !== 0) options.cpus = value;
  }
  const shares = integer(parsed, "cpu-shares", "-c 512");
  if (shares !== undefined && shares !== 0) {
    if (shares < 2 || shares > 262144) {
      const reason = shares < 2 ? "the minimum allowed cpu-shares is 2" : "the maximum allowed cpu-shares is 262144";
      throw parsed.invalid("cpu-shares", String(shares), reason, "-c 512");
    }
    options.cpuShares = shares;
  }
  const cpusetCpus = parsed.last("cpuset-cpus");
  if (cpusetCpus) options.cpusetCpus = cpuList(parsed, "cpuset-cpus", cpusetCpus);
  const cpusetMems = parsed.last("cpuset-mems");
  if (cpusetMems) options.cpusetMems = cpuList(parsed, "cpuset-mems", cpusetMems);
  const pids = integer(parsed, "pids-limit", "--pids-limit 100");
  if (pids !== undefined) options.pidsLimit = pids < 0 ? -1 : pids;
  const oom = integer(parsed, "oom-score-adj", "--oom-score-adj 500");
  if (oom !== undefined) {
    if (oom < -1000 || oom > 1000) {
      throw parsed.invalid("oom-score-adj", String(oom), `Invalid value ${oom}, range for oom score adj is [-1000, 1000]`);
    }
    options.oomScoreAdj = oom;
  }
  const ulimits = new Map(
    parsed
      .all("ulimit")
      .map((text) => ulimit(text, parsed))
      .map((one) => [one.name, one]),
  );
  options.ulimits = [...ulimits.values()];
  options.devices = parsed.all("device").map((text) => device(text, parsed));
}

/** Docker's smallest limit: below it a container does not get as far as its first instruction. */
const MINIMUM_MEMORY = 6 * 1024 * 1024;

function addMemory(options: RunOptions, parsed: Parsed, context: FlagContext): void {
  const memory = size(parsed, "memory", "-m 512m");
  const swap = parsed.last("memory-swap") === "-1" ? -1 : size(parsed, "memory-swap", "--memory-swap 1g");
  const reservation = size(parsed, "memory-reservation", "--memory-reservation 256m");
  const shm = size(parsed, "shm-size", "--shm-size 128m");
  const refuse = (what: string, en: string, zh: string): never => {
    throw new GlassboxError({ code: "bad-flag", what, hint: say(context.lang, en, zh) });
  };
  if (memory && memory < MINIMUM_MEMORY) refuse("Minimum memory limit allowed is 6MB", "for example -m 64m", "例如 -m 64m");
  if (swap && swap > 0) {
    if (!memory) {
      refuse(
        "You should always set the Memory limit when using Memoryswap limit",
        "--memory-swap counts memory and swap together: -m 512m --memory-swap 1g allows 512 MiB of swap",
        "--memory-swap 是内存与交换的总和：-m 512m --memory-swap 1g 即允许 512 MiB 交换",
      );
    } else if (swap < memory) {
      refuse(
        "Minimum memoryswap limit should be larger than memory limit",
        "--memory-swap counts memory and swap together, so it cannot be less than -m",
        "--memory-swap 是内存与交换的总和，不能小于 -m",
      );
    }
  }
  if (reservation && reservation < MINIMUM_MEMORY) {
    refuse("Minimum memory reservation allowed is 6MB", "for example --memory-reservation 64m", "例如 --memory-reservation 64m");
  }
  if (memory && reservation && memory < reservation) {
    refuse(
      "Minimum memory limit can not be less than memory reservation limit",
      "the reservation is the softer limit of the two: make it smaller than -m",
      "reservation 是两者中较软的限制：应小于 -m",
    );
  }
  if (memory) options.memoryBytes = memory;
  if (swap) options.memorySwapBytes = swap;
  if (reservation) options.memoryReservationBytes = reservation;
  if (shm) options.shmSizeBytes = shm;
}

function size(parsed: Parsed, flag: string, example: string): number | undefined {
  const text = parsed.last(flag);
  if (text === undefined) return undefined;
  try {
    return parseRamSize(text);
  } catch (error) {
    if (error instanceof GlassboxError) throw parsed.invalid(flag, text, error.what, example);
    throw error;
  }
}

/** A whole number of 64 bits, as Go reads it; within the range that JavaScript holds exactly. */
function integer(parsed: Parsed, flag: string, example: string): number | undefined {
  const text = parsed.last(flag);
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,40}$/.test(text)) {
    throw parsed.invalid(flag, text, `strconv.ParseInt: parsing ${JSON.stringify(clip(text))}: invalid syntax`, example);
  }
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw parsed.invalid(flag, text, `strconv.ParseInt: parsing ${JSON.stringify(clip(text))}: value out of range`, example);
  }
  return value;
}

/** CPUs as a decimal or a fraction, at most nine decimals (Docker counts in billionths). */
function parseCpus(text: string, parsed: Parsed, context: FlagContext): number {
  const match = text.length > 64 ? null : /^([+-]?)(\d*)(?:\.(\d*))?(?:\/(\d+))?$/.exec(text);
  const [, sign = "", whole = "", decimals = "", divisor] = match ?? [];
  if (match === null || whole + decimals === "" || (divisor !== undefined && Number(divisor) === 0)) {
    throw parsed.invalid("cpus", text, `failed to parse ${clip(text)} as a rational number`, "--cpus 1.5");
  }
  const value = (Number(`${whole || "0"}.${decimals || "0"}`) / Number(divisor ?? "1")) * (sign === "-" ? -1 : 1);
  const billionths = value * 1e9;
  if (decimals.replace(/0+$/, "").length > 9 || Math.abs(billionths - Math.round(billionths)) > 1e-3) {
    throw parsed.invalid("cpus", text, "value is too precise", "--cpus 1.5");
  }
  const available = context.cpuCount();
  if (value !== 0 && (value < 0.01 || value > available)) {
    throw parsed.invalid(
      "cpus",
      text,
      `range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`,
      "--cpus 0.5",
    );
  }
  return value;
}

/** `0-3,7`: the kernel's list format (cpuset(7), "List format"). */
function cpuList(parsed: Parsed, flag: string, text: string): string {
  const word = flag === "cpuset-cpus" ? "cpus" : "mems";
  const bad = (): GlassboxError => parsed.invalid(flag, text, `Invalid value ${clip(text)} for cpuset ${word}`, `--${flag} 0-1`);
  if (text.length > 4096) throw bad();
  for (const range of text.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
    if (match === null || Number(match[2] ?? match[1]) < Number(match[1])) throw bad();
  }
  return text;
}

const ULIMITS = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" "),
);

/** `name=soft[:hard]`; -1 is unlimited (getrlimit(2)). */
function ulimit(text: string, parsed: Parsed): UlimitOption {
  const bad = (reason: string): GlassboxError => parsed.invalid("ulimit", text, reason, "--ulimit nofile=1024:2048");
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0));
  if (equals < 0) throw bad(`invalid ulimit argument: ${clip(text)}`);
  if (!ULIMITS.has(name)) throw bad(`invalid ulimit type: ${clip(name)}`);
  const limits = text.slice(equals + 1).split(":", 3);
  if (limits.length > 2) {
    throw bad(`too many limit value arguments - ${clip(text.slice(equals + 1))}, can only have up to two, \`soft[:hard]\``);
  }
  const [soft = 0, hard = soft] = limits.map((limit) => {
    if (!/^(-1|\+?\d{1,19})$/.test(limit)) throw bad(`strconv.ParseInt: parsing ${JSON.stringify(clip(limit))}: invalid syntax`);
    const value = Number(limit);
    if (!Number.isSafeInteger(value)) throw bad(`strconv.ParseInt: parsing ${JSON.stringify(limit)}: value out of range`);
    return value;
  });
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    const shown = soft === -1 ? "-1 (unlimited)" : String(soft);
    throw bad(`ulimit soft limit must be less than or equal to hard limit: ${shown} > ${hard}`);
  }
  return { name, soft, hard };
}

/** `source[:target][:rwm]` */
function device(text: string, parsed: Parsed): DeviceOption {
  const bad = (reason: string): GlassboxError => parsed.invalid("device", text, reason, "--device /dev/fuse:/dev/fuse:rw");
  const parts = text.split(":", 4);
  if (parts.length > 3) throw bad(`bad format for path: ${clip(text)}`);
  const [source = "", second, third] = parts;
  if (!source.startsWith("/") && /^[a-z0-9_.-]+\/[a-z0-9_.-]+=/i.test(source.slice(0, 200))) {
    throw bad("CDI device names are not available; name the device file");
  }
  const onlyAccess = second !== undefined && third === undefined && isAccess(second);
  const access = third ?? (onlyAccess ? second : "rwm");
  const target = second === undefined || onlyAccess ? source : second;
  for (const path of [source, target]) {
    if (!path.startsWith("/") || path.includes("\0")) throw bad(`${clip(path)} is not an absolute path`);
  }
  if (!isAccess(access)) throw bad(`bad mode specified: ${clip(access)}`);
  return { source: posix.normalize(source), target: posix.normalize(target), access };
}

/** Each of r, w and m at most once. */
function isAccess(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}
