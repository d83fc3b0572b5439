/** A failed step in words: each errno of the working directory has its own cause. */

import test from "ava";

import { GlassboxError } from "../../../src/base/errors";
import type { Step } from "../../../src/plan/steps";
import type { CallRecord } from "../../../src/plan/trace";
import { diagnoseFailure, type FailureContext } from "../../../src/runtime/failure";

const STEP = { id: "change-directory", kind: "change-directory", lane: "child", phase: "confine", path: "/etc/passwd" } as Step;
const CONTEXT = { lang: "en", argv0: "sh", user: { uid: 1000, gid: 1000 }, cwd: "/" } as FailureContext;

function diagnosed(record: { syscall: string; result: bigint; errno?: string }): GlassboxError {
  return diagnoseFailure(record as CallRecord, STEP, 0, CONTEXT);
}

test("a working directory that is a file, a magic link, forbidden, absent or outside", (t) => {
  const cases: [errno: string | undefined, en: RegExp, zh: RegExp][] = [
    ["ENOTDIR", /\/etc\/passwd, or a part of this path, is not a directory/, /不是目录/],
    ["ELOOP", /through a link of \/proc/, /经过 \/proc 里的链接/],
    ["EACCES", /uid 1000 may not enter/, /uid 1000 进不了/],
    ["ENOENT", /does not exist in the container/, /容器里没有工作目录/],
    [undefined, /outside the container's root \(CVE-2024-21626\)/, /在容器的根之外/],
  ];
  for (const [errno, en, zh] of cases) {
    const error =
      errno === undefined ? diagnosed({ syscall: "getcwd", result: 20n }) : diagnosed({ syscall: "openat2", result: -1n, errno });
    t.regex(error.why ?? "", en);
    t.regex(error.explained("zh").why ?? "", zh);
    t.is(error.hint?.includes("CVE-2024-21626"), errno === "ELOOP", "only a link is refused for that reason");
  }
});
