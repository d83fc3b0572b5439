import test from "ava";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fetchPackage } from "../../src/bootstrap/packages";
import { findProgram } from "../../src/bootstrap/run-program";

// A file of its own: the proxy is this process's environment.
process.env["http_proxy"] = "http://127.0.0.1:9";

const withApt =
  findProgram("apt-get") === undefined ? (title: string) => test.skip(`${title} (no apt-get here)`, () => {}) : test;

withApt("a mirror that is not reached is told as such, in both languages", async (t) => {
  const base = mkdtempSync(join(tmpdir(), "glassbox-apt-"));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  for (const lang of ["en", "zh"] as const) {
    const error = await t.throwsAsync<Error & { code: string; why?: string; hint?: string }>(
      fetchPackage("busybox-static", { rootDirectory: base, workDirectory: base, tag: "latest", lang, log: () => {} }),
    );
    t.is(error?.code, "bootstrap-fetch-failed");
    t.regex(error?.hint ?? "", /http_proxy/);
    t.is(/[\u4e00-\u9fff]/.test(error?.hint ?? ""), lang === "zh");
  }
});
