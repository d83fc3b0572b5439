/** What turning flags into options needs from outside; tests write it by hand. */

import type { Lang } from "../base/lang";

export interface FlagContext {
  env: Record<string, string | undefined>;
  /** Absolute. */
  cwd: string;
  lang: Lang;
  /** CPUs that this process may use. */
  cpuCount(): number;
  /** Whole file; throws as readFileSync does. */
  readFile(path: string): Uint8Array;
  exists(path: string): boolean;
}

/** The real one. */
export function flagContext(lang: Lang): FlagContext {
  return {
    env: process.env,
    cwd: process.cwd(),
    lang,
    cpuCount: () => (require("node:os") as typeof import("node:os")).availableParallelism(),
    readFile: (path) => (require("node:fs") as typeof import("node:fs")).readFileSync(path),
    exists: (path) => (require("node:fs") as typeof import("node:fs")).existsSync(path),
  };
}
