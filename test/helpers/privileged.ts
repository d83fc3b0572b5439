/**
 * Tests that need root run or say why not; in CI a skip is a failure.
 */

import type { ExecutionContext, SerialFn, TestFn } from "ava";

type Body = (t: ExecutionContext) => unknown;

/** Gives `test` when this process is root, else a function that skips with the reason, or fails when CI is set. */
export function privileged(test: TestFn | SerialFn): (title: string, body: Body) => void {
  if (process.geteuid?.() === 0) {
    return (title, body) =>
      test(title, async (t) => {
        await body(t);
      });
  }
  const reason = "needs root: namespaces, mounts and cgroups of the host";
  if (process.env.CI) return (title) => test(title, (t) => t.fail(`skipped in CI: ${reason}`));
  return (title, body) => test.skip(`${title} (${reason})`, async (t) => void (await body(t)));
}
