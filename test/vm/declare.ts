/** Makes one AVA test of each guest test; all of them wait for one boot. */

import type { ExecutionContext, TestFn } from "ava";
import { GUEST_TESTS } from "./guest/tests";
import { runGuestTests, type Series, type VmReport, whyNoVm } from "./harness";

/** Another machine may be running first, and its image may have to be made. */
const TIMEOUT_MS = 600_000;

/** Declares the tests of one kernel series. Without qemu or root they are skipped with the reason, or fail when CI is set. */
export function declareGuestTests(test: TestFn, series: Series): void {
  const reason = whyNoVm(series);
  let started: Promise<VmReport> | undefined;
  const report = (): Promise<VmReport> => (started ??= runGuestTests(series));
  const declare = (title: string, body: (t: ExecutionContext) => Promise<void>): void => {
    if (reason === undefined) {
      test(title, async (t) => {
        t.timeout(TIMEOUT_MS);
        await body(t);
      });
    } else if (process.env.CI) test(title, (t) => t.fail(`skipped in CI: ${reason}`));
    else test.skip(`${title} (${reason})`, (t) => t.pass());
  };
  declare(`Linux ${series} boots and gives its results back`, async (t) => {
    const { version, bootSeconds, prepareMs, vmMs, results } = await report();
    t.log(`${version}: prepared in ${prepareMs} ms, up after ${bootSeconds} s, ${results.size} tests, ${vmMs} ms in all`);
    t.is(results.size, GUEST_TESTS.length);
  });
  for (const { title } of GUEST_TESTS) {
    const judge = async (t: ExecutionContext): Promise<void> => {
      const { results, directory } = await report();
      const result = results.get(title);
      if (result === undefined) t.fail(`did not run; see ${directory}`);
      else t.true(result.ok, result.ok ? undefined : `${result.error}\nkept: ${directory}`);
    };
    declare(`Linux ${series}: ${title}`, judge);
  }
}
