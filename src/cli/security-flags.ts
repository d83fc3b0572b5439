/** --cap-add, --cap-drop, --security-opt, --sysctl. */

import { resolve } from "node:path";
import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import type { RunOptions } from "../runtime/run-options";
import type { FlagContext } from "./flag-context";
import { clip, parseBool, type Parsed, quote } from "./flags";

/** Adds what the security flags ask for. Throws "bad-flag", or "flag-not-available" for AppArmor and SELinux. */
export function addSecurity(options: RunOptions, parsed: Parsed, context: FlagContext): void {
  // Names are judged by confine/, which knows them; here only what could not be one.
  for (const flag of ["cap-add", "cap-drop"] as const) {
    for (const text of parsed.all(flag)) {
      if (!/^[A-Za-z_]{2,40}$/.test(text)) throw parsed.invalid(flag, text, "not a capability", `--${flag} NET_ADMIN`);
    }
  }
  options.capAdd = [...parsed.all("cap-add")];
  options.capDrop = [...parsed.all("cap-drop")];
  for (const text of parsed.all("security-opt")) securityOption(options, text, parsed, context);
  options.sysctls = Object.fromEntries(parsed.all("sysctl").map((text) => sysctl(text, parsed)));
}

function securityOption(options: RunOptions, text: string, parsed: Parsed, context: FlagContext): void {
  // Both separators are Docker's; the colon is the older one.
  const at = text.search(/[=:]/);
  const key = at < 0 ? text : text.slice(0, at);
  const value = at < 0 ? undefined : text.slice(at + 1);
  if (key === "no-new-privileges") {
    const on = value === undefined ? true : parseBool(value);
    if (on === undefined) {
      throw parsed.invalid(
        "security-opt",
        text,
        `${quote(value ?? "")} is neither true nor false`,
        "--security-opt no-new-privileges",
      );
    }
    options.noNewPrivileges = on;
  } else if (key === "seccomp" && value) {
    const profile = seccomp(value, context);
    if (profile === undefined) delete options.seccomp;
    else options.seccomp = profile;
  } else if ((key === "apparmor" || key === "label") && value) {
    // Asking for it to be off asks for what is the case.
    if ((key === "apparmor" && value === "unconfined") || (key === "label" && value === "disable")) return;
    throw notAvailable(text, key === "apparmor" ? "AppArmor" : "SELinux", context);
  } else if (key === "systempaths") {
    throw new GlassboxError({
      code: "flag-not-available",
      what: `--security-opt ${quote(text)} is not available`,
      hint: say(
        context.lang,
        "--privileged shows all system paths; --unsafe sysfs=rw makes them writable",
        "--privileged 会显示全部系统路径；--unsafe sysfs=rw 使它们可写",
      ),
    });
  } else {
    throw parsed.invalid("security-opt", text, `Invalid --security-opt: ${quote(text)}`, "--security-opt no-new-privileges");
  }
}

function notAvailable(text: string, system: string, context: FlagContext): GlassboxError {
  return new GlassboxError({
    code: "flag-not-available",
    what: `--security-opt ${quote(text)} is not available`,
    why: say(
      context.lang,
      `glassbox does not load ${system} profiles; accepting the flag would promise a protection that is not there`,
      `glassbox 不加载 ${system} 配置；接受这个选项等于许诺一个不存在的保护`,
    ),
    hint: say(
      context.lang,
      "capabilities, seccomp and read-only paths do protect: leave the flag out",
      "能力、seccomp 和只读路径仍在起作用：请去掉这个选项",
    ),
  });
}

/** undefined: the default profile. */
function seccomp(value: string, context: FlagContext): string | undefined {
  if (value === "builtin") return undefined;
  if (value === "unconfined") return value;
  const path = resolve(context.cwd, value);
  if (context.exists(path)) return path;
  throw new GlassboxError({
    code: "bad-flag",
    what: `opening seccomp profile (${clip(value)}) failed: open ${clip(path)}: no such file or directory`,
    hint: say(
      context.lang,
      "give a profile in Docker's JSON format, or seccomp=unconfined for none",
      "请给出 Docker 的 JSON 格式的配置文件；不要过滤则用 seccomp=unconfined",
    ),
  });
}

/** The sysctls that the kernel keeps per IPC namespace; net.* are per network namespace (sysctl(7), namespaces(7)). */
const IPC_SYSCTLS = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

function sysctl(text: string, parsed: Parsed): [string, string] {
  const equals = text.indexOf("=");
  const key = text.slice(0, Math.max(equals, 0));
  const perNamespace = IPC_SYSCTLS.has(key) || /^(net|fs\.mqueue)\.[a-zA-Z0-9_-]+/.test(key);
  // The key becomes a path below /proc/sys: only dotted names, so nothing climbs out of net/ or fs/mqueue/.
  if (!perNamespace || key.length > 256 || !/^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)+$/.test(key)) {
    throw parsed.invalid("sysctl", text, `sysctl '${clip(text)}' is not allowed`, "--sysctl net.ipv4.ip_forward=1");
  }
  const value = text.slice(equals + 1);
  if (value.length > 4096 || value.includes("\0"))
    throw parsed.invalid("sysctl", key, "the value is longer than a kernel file takes");
  return [key, value];
}
