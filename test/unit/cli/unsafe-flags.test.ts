import test from "ava";
import { GlassboxError } from "../../../src/base/errors";
import { requireConsent, unsafeWarning } from "../../../src/cli/unsafe-flags";
import { runRequest } from "./helpers";

const ALL = [
  "root=chroot",
  "private=off",
  "pidns=off",
  "proc=host",
  "nnp=off",
  "caps=all",
  "seccomp=off",
  "initlayer=off",
  "devices=host",
  "sysfs=rw",
  "cgroup=off",
];

test("every protection that can be taken off is known, with exactly one value", (t) => {
  for (const pair of ALL) {
    const [key = "", value] = pair.split("=");
    t.deepEqual(runRequest("--unsafe", pair, "x").options.unsafe, { [key]: value } as never);
    const wrong = t.throws(() => runRequest("--unsafe", `${key}=nonsense`, "x"), { instanceOf: GlassboxError });
    t.is(wrong?.hint, `for example --unsafe ${pair}`);
  }
  for (const text of ["", "=", "root", "root=", "constructor=off", "__proto__=off", "seccomp=off,caps=all", "Seccomp=off"]) {
    t.throws(() => runRequest("--unsafe", text, "x"), { instanceOf: GlassboxError }, text);
  }
});

test("the warning names each one, in both languages, red on a terminal", (t) => {
  const { unsafe } = runRequest(...ALL.map((pair) => `--unsafe=${pair}`), "x").options;
  for (const lang of ["en", "zh"] as const) {
    const text = unsafeWarning(unsafe, lang, false);
    for (const pair of ALL) t.true(text.includes(`--unsafe ${pair}`), pair);
    t.notRegex(text, /\u001b/);
  }
  t.regex(unsafeWarning(unsafe, "zh", false), /^警告/);
  t.regex(unsafeWarning(unsafe, "en", true), /^\u001b\[1;31mWARNING/);
});

test("without a terminal it takes --yes-unsafe", (t) => {
  const error = t.throws(() => requireConsent({ caps: "all" }, false, false, "en"), { instanceOf: GlassboxError });
  t.is(error?.code, "unsafe-refused");
  t.is(error?.exitCode, 125);
  t.regex(error?.why ?? "", /--unsafe caps=all/);
  t.notThrows(() => requireConsent({ caps: "all" }, true, false, "en"));
  t.notThrows(() => requireConsent({ caps: "all" }, false, true, "en"));
  t.notThrows(() => requireConsent({}, false, false, "en"));
});
