/** Which capabilities a container gets. On the start path: keep it small. */

import { CAPABILITIES, capabilityMask, capabilityNames } from "../base/capabilities";
import { GlassboxError } from "../base/errors";

/**
 * What a container's root has unless told otherwise: podman's eleven. Docker's further three are left out because the
 * kernel interfaces behind them have a history: MKNOD (device nodes), NET_RAW (spoofed packets), AUDIT_WRITE (forged records).
 */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_SETFCAP",
];

export interface CapabilityRequest {
  /** Values of --cap-add, as typed. */
  add: readonly string[];
  /** Values of --cap-drop, as typed. */
  drop: readonly string[];
  privileged: boolean;
  /** CapBnd of the caller: nothing outside it can be given. */
  bounding: bigint;
  /** kernel.cap_last_cap */
  lastCap: number;
}

export interface ResolvedCapabilities {
  /** "CAP_…", by rising bit number. */
  names: string[];
  mask: bigint;
}

/**
 * Decides what a container gets, with Docker's meaning: privileged is everything; "add ALL" is everything but those dropped by name;
 * "drop ALL" is the added alone; else the default less the dropped, and then the added.
 * Throws "bad-flag" for an unknown name, and for one asked for by name that the caller does not have itself.
 */
export function resolveCapabilities(request: CapabilityRequest): ResolvedCapabilities {
  const add = request.add.map((typed) => parseCapability("--cap-add", typed));
  const drop = request.drop.map((typed) => parseCapability("--cap-drop", typed));
  const available = request.bounding & ((1n << BigInt(request.lastCap + 1)) - 1n);
  const named = (list: string[]) => capabilityMask(list.filter((name) => name !== "ALL"));
  const added = named(add);
  requireAvailable(added & ~available, request);

  let mask: bigint;
  if (request.privileged) mask = available;
  else if (add.includes("ALL")) mask = available & ~named(drop);
  else if (drop.includes("ALL")) mask = added;
  else mask = (capabilityMask(DEFAULT_CAPABILITIES) & ~named(drop)) | added;
  mask &= available;
  return { names: capabilityNames(mask), mask };
}

function requireAvailable(missing: bigint, request: CapabilityRequest): void {
  const first = capabilityNames(missing)[0];
  if (first === undefined) return;
  const tooYoung = CAPABILITIES.indexOf(first) > request.lastCap;
  throw new GlassboxError({
    code: "bad-flag",
    what: `--cap-add ${first.slice(4)}: cannot be given`,
    why: tooYoung
      ? {
          en: `this kernel's capabilities end at ${request.lastCap} (${CAPABILITIES[request.lastCap] ?? "?"})`,
          zh: `本机内核的能力只到 ${request.lastCap} 号（${CAPABILITIES[request.lastCap] ?? "?"}）`,
        }
      : {
          en: "it is not in the bounding set of this process, and nothing can be given that the giver lacks",
          zh: "它不在本进程的边界集里，自己没有的能力给不了别人",
        },
    hint: tooYoung
      ? { en: "leave it out", zh: "去掉它" }
      : { en: "see CapBnd in /proc/self/status", zh: "查看 /proc/self/status 的 CapBnd 一行" },
  });
}

/** "net_admin", "CAP_NET_ADMIN" → "CAP_NET_ADMIN"; "all" → "ALL". */
function parseCapability(flag: string, typed: string): string {
  const bare = typed.trim().toUpperCase().replace(/^CAP_/, "");
  if (bare === "ALL") return "ALL";
  const name = `CAP_${bare}`;
  if (CAPABILITIES.includes(name)) return name;
  const near = nearestCapabilities(bare);
  throw new GlassboxError({
    code: "bad-flag",
    what: `${flag} ${JSON.stringify(typed)}: unknown capability`,
    hint:
      near.length > 0
        ? { en: `did you mean ${near.join(" or ")}`, zh: `是不是想写 ${near.join(" 或 ")}` }
        : { en: "capabilities(7) lists them; ALL means every one", zh: "capabilities(7) 列出了全部能力；ALL 表示所有" },
  });
}

/** "ADMIN" leads to every capability with that part, which no edit distance finds; a slip of the fingers to the nearest. */
function nearestCapabilities(bare: string): string[] {
  const { nearest } = require("../base/suggest") as typeof import("../base/suggest");
  const names = CAPABILITIES.map((name) => name.slice(4));
  const squeeze = (name: string) => name.replaceAll("_", "");
  const parts = bare.length < 3 ? [] : names.filter((name) => squeeze(name).includes(squeeze(bare)));
  const near = nearest(bare, names);
  return parts.length > 0 ? parts.slice(0, 3) : near === undefined ? [] : [near];
}
