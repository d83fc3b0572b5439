/** Fixed times: an image made twice from the same packages must have the same digest. */

import { lstatSync, lutimesSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** SOURCE_DATE_EPOCH (reproducible-builds.org) in seconds, when it is set to a number. */
export function sourceDateEpoch(): number | undefined {
  const value = process.env["SOURCE_DATE_EPOCH"];
  return value !== undefined && /^\d{1,12}$/.test(value) ? Number(value) : undefined;
}

/**
 * Goes through a tree of our own making and sets every time later than `seconds` to it ("clamp": what packages brought keeps its
 * date), or every time at all ("all"). Symlinks are not followed.
 */
export function settleTimes(directory: string, seconds: number, mode: "clamp" | "all"): void {
  const stat = lstatSync(directory);
  if (stat.isDirectory()) {
    for (const name of readdirSync(directory)) settleTimes(join(directory, name), seconds, mode);
  }
  if (mode === "all" || stat.mtimeMs / 1000 > seconds) lutimesSync(directory, seconds, seconds);
}
