/** The default policy as an OCI profile, conditions resolved: what goes to the compiler and into a config.json. */

import type { OciSeccomp, OciSeccompRule } from "../../plan/oci";
import type { SeccompArch } from "./key";
import { syscallNumbers } from "./numbers";
import { judge, tableEntries } from "./policy";
import { ENOSYS } from "./refused";

export interface ProfileInputs {
  arch: SeccompArch;
  /** "CAP_…" that the container has in its bounding set. */
  capabilities: readonly string[];
}

/** The kernel's audit names of the doors that a machine has. x32 is left out: the compiler answers ENOSYS for it. */
export const PROFILE_ARCHITECTURES: Record<SeccompArch, string[]> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  arm64: ["SCMP_ARCH_AARCH64"],
};

/**
 * Gives the default profile for one machine and set of capabilities. What answers ENOSYS is not listed: it is the default.
 * Rules of one call never overlap, so the profile means the same to a runtime that has no order among rules.
 */
export function defaultProfile(inputs: ProfileInputs): OciSeccomp {
  const capabilities = new Set(inputs.capabilities);
  const allowed: string[] = [];
  const refused = new Map<number, string[]>();
  const conditional: OciSeccompRule[] = [];
  const known = knownNames(inputs.arch);
  for (const [name, entry] of tableEntries()) {
    if (!known.has(name)) continue;
    const verdict = judge(entry, capabilities);
    if (verdict.decision === "allow") allowed.push(name);
    else if (verdict.decision === "conditional") conditional.push(...verdict.rules.map((rule) => ociRule(name, rule)));
    else if (verdict.errno !== ENOSYS) refused.set(verdict.errno, [...(refused.get(verdict.errno) ?? []), name]);
  }
  const refusals = [...refused].map(([errnoRet, names]): OciSeccompRule => ({
    names: names.sort(),
    action: "SCMP_ACT_ERRNO",
    errnoRet,
  }));
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: ENOSYS,
    architectures: [...PROFILE_ARCHITECTURES[inputs.arch]],
    syscalls: [{ names: allowed.sort(), action: "SCMP_ACT_ALLOW" }, ...refusals, ...conditional],
  };
}

function ociRule(name: string, rule: { result: "allow" | number; args: OciSeccompRule["args"] }): OciSeccompRule {
  const args = rule.args?.map((arg) => ({ ...arg })) ?? [];
  if (rule.result === "allow") return { names: [name], action: "SCMP_ACT_ALLOW", args };
  return { names: [name], action: "SCMP_ACT_ERRNO", errnoRet: rule.result, args };
}

/** Names of the other machine's calls would only puzzle the reader of a config.json. */
function knownNames(arch: SeccompArch): Set<string> {
  if (arch === "arm64") return new Set(syscallNumbers("aarch64").keys());
  return new Set([...syscallNumbers("x86_64").keys(), ...syscallNumbers("i386").keys()]);
}
