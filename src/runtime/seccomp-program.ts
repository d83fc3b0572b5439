/** The compiled seccomp filter of a container, from the store's cache when it was made before: table and compiler load only on a miss. */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

import { GlassboxError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import { programKey, type SeccompArch } from "../confine/seccomp/key";
import type { OciSeccomp } from "../plan/oci";
import type { Store } from "../store/store";

export interface SeccompRequest {
  store: Store;
  facts: HostFacts;
  /** "CAP_…" of the bounding set: they open parts of the default profile. */
  capabilities: string[];
  /** undefined: the default profile. */
  profilePath: string | undefined;
}

function archOf(facts: HostFacts): SeccompArch {
  if (facts.arch === "x64" || facts.arch === "arm64") return facts.arch;
  const { noSeccomp } = require("./prepare-errors") as typeof import("./prepare-errors");
  throw noSeccomp(`no seccomp profile for ${facts.arch}`);
}

/** Gives the profile as OCI has it, for the runtime config that is printed. */
export function seccompProfile(request: SeccompRequest): OciSeccomp {
  const arch = archOf(request.facts);
  const { capabilities, profilePath } = request;
  if (profilePath === undefined) {
    const { defaultProfile } =
      require("../confine/seccomp/default-profile") as typeof import("../confine/seccomp/default-profile");
    return defaultProfile({ arch, capabilities });
  }
  const { parseProfile } = require("../confine/seccomp/parse-profile") as typeof import("../confine/seccomp/parse-profile");
  return parseProfile(readProfile(profilePath), { arch, capabilities, kernel: request.facts.kernelRelease });
}

/** Gives the filter's instructions (sock_filter[], 8 bytes each). Throws GlassboxError for an unreadable or wrong profile. */
export function seccompProgram(request: SeccompRequest): Uint8Array {
  const { store, profilePath, capabilities } = request;
  const arch = archOf(request.facts);
  const text = profilePath === undefined ? undefined : readProfile(profilePath);
  const key = programKey({
    arch,
    capabilities,
    ...(text === undefined ? {} : { profile: { text, kernel: request.facts.kernelRelease } }),
  });
  const path = `${store.paths.cache}/${key}.bpf`;
  const cached = readCache(path);
  if (cached !== undefined) return cached;
  const { compileSeccomp } = require("../confine/seccomp/compile") as typeof import("../confine/seccomp/compile");
  const program = compileSeccomp(seccompProfile(request), { arch });
  // Aside and renamed: a reader sees all of it or nothing. Not synced: what is lost is made again.
  mkdirSync(store.paths.cache, { recursive: true, mode: 0o700 });
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, program, { mode: 0o600 });
  renameSync(aside, path);
  return program;
}

/** A power cut can leave an empty or short file: a program ends in a return and is a whole number of instructions. */
function readCache(path: string): Uint8Array | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const BPF_RET = 0x06;
  return bytes.length >= 8 && bytes.length % 8 === 0 && bytes.readUInt16LE(bytes.length - 8) === BPF_RET ? bytes : undefined;
}

function readProfile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new GlassboxError({
      code: "bad-flag",
      what: `opening seccomp profile (${path}) failed: ${(cause as Error).message}`,
      hint: {
        en: "--security-opt seccomp=FILE takes a JSON profile; seccomp=unconfined takes none",
        zh: "--security-opt seccomp=FILE 要一个 JSON 配置文件；seccomp=unconfined 表示不要过滤器",
      },
      cause,
    });
  }
}
