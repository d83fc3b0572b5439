/** What a closure is, as data: made by closure.ts, copied by copy-closure.ts, worded by render-closure.ts. */

import type { BinaryDescription, Libc } from "./parse";
import type { SearchRule } from "./search-path";
import type { LinkStep } from "./walk";

export interface ClosureFile {
  role: "program" | "interpreter" | "library" | "extra";
  /** As it was asked for: "libc.so.6", or a path. */
  name: string;
  /** Where the rule found it; has to exist in a copy too. */
  path: string;
  realPath: string;
  /** Every symlink between `path` and `realPath`. */
  links: LinkStep[];
  sizeBytes: number;
  mode: number;
  /** Paths of the objects that ask for it; the first one made it be loaded. Empty for what the user named. */
  neededBy: string[];
  rule: SearchRule;
  soname?: string | undefined;
}

export interface LookedAt {
  path: string;
  rule: SearchRule;
  problem: "absent" | "wrong-machine" | "not-elf" | "not-a-file";
  /** For wrong-machine: what it is for. */
  machine?: string | undefined;
}

export interface MissingFile {
  role: "interpreter" | "library";
  name: string;
  neededBy: string[];
  /** Everywhere that was looked, in order. */
  looked: LookedAt[];
}

export interface ClosureProgram {
  path: string;
  realPath: string;
  description: BinaryDescription;
  libc: Libc | undefined;
}

export interface Closure {
  programs: ClosureProgram[];
  files: ClosureFile[];
  missing: MissingFile[];
}

export type ClosureExtra = "nss" | "locale" | "terminfo";

export interface ClosureOptions {
  /** LD_LIBRARY_PATH; ignored unless given, because the container will not have the caller's environment. */
  libraryPath?: string | undefined;
  /** Where `#!/usr/bin/env NAME` looks. */
  path?: string | undefined;
  /** Directory that relative search paths mean; "/" unless given. */
  cwd?: string | undefined;
  /** Things no ELF header mentions: name-service modules, the C.UTF-8 locale, common terminal descriptions. */
  extras?: readonly ClosureExtra[] | undefined;
}
