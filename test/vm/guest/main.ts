/** Runs all tests inside the guest and writes results.json into the directory given as argument. */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLI, type GuestTest, Held } from "./box";
import { GUEST_TESTS } from "./tests";

export interface GuestResult {
  title: string;
  ok: boolean;
  error?: string;
  durationMs: number;
}

/** One more than the guest has processors: a start waits here and there for the kernel. */
const AT_ONCE = 3;

async function runOne({ title, body }: GuestTest): Promise<GuestResult> {
  const startedAt = Date.now();
  const result: GuestResult = { title, ok: true, durationMs: 0 };
  try {
    await body();
  } catch (error) {
    result.ok = false;
    result.error = error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
  }
  result.durationMs = Date.now() - startedAt;
  // Also to the serial line: should the guest hang, it tells how far it came.
  console.log(`${result.ok ? "ok" : "FAILED"} ${title} (${result.durationMs} ms)${result.ok ? "" : `\n${result.error}`}`);
  return result;
}

async function main(directory: string): Promise<void> {
  mkdirSync("/scratch", { recursive: true });
  execFileSync(process.execPath, [CLI, "bootstrap", "busybox"], { stdio: "inherit" });
  const results: GuestResult[] = [];
  const together = GUEST_TESTS.filter(({ alone }) => alone !== true);
  const lane = async (): Promise<void> => {
    for (let test = together.shift(); test !== undefined; test = together.shift()) results.push(await runOne(test));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  await Held.finishAll();
  for (const test of GUEST_TESTS) if (test.alone === true) results.push(await runOne(test));
  writeFileSync(join(directory, "results.json"), JSON.stringify(results));
}

if (require.main === module) {
  main(process.argv[2]!).catch((error: unknown) => {
    console.log(error);
    process.exit(1);
  });
}
