/** The name under which a compiled program may be kept, so that a start need load neither tables nor compiler. */

import { capabilityMask } from "../../base/capabilities";

/** Raise with every change that alters a compiled program: tables, numbers or compiler. A test holds it to a digest. */
export const PROGRAM_VERSION = 1;

/** Machines whose programs can be made, in node's process.arch words. */
export type SeccompArch = "x64" | "arm64";

export interface ProgramInputs {
  arch: SeccompArch;
  /** "CAP_…", any order. */
  capabilities: readonly string[];
  /** A user's profile; without it, the default. Only then does the kernel's release matter (minKernel). */
  profile?: { text: string; kernel: string };
}

/** Gives a stable file name ("seccomp-1-x64-a80425fb"): equal inputs, equal program. */
export function programKey(inputs: ProgramInputs): string {
  const capabilities = capabilityMask(inputs.capabilities).toString(16);
  const key = `seccomp-${PROGRAM_VERSION}-${inputs.arch}-${capabilities}`;
  if (inputs.profile === undefined) return key;
  const { createHash } = require("node:crypto") as typeof import("node:crypto");
  const { text, kernel } = inputs.profile;
  // The length keeps "release + text" from being cut differently with the same result.
  const digest = createHash("sha256").update(`${kernel.length} ${kernel}${text}`).digest("hex");
  return `${key}-${digest.slice(0, 32)}`;
}
