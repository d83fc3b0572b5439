import test from "ava";
import { UNSAFE_WARNINGS, isUnsafeSwitch, unsafeWarnings } from "../../../src/explain/unsafe";
import type { UnsafeSwitch } from "../../../src/explain/unsafe";

const SWITCHES = Object.keys(UNSAFE_WARNINGS) as UnsafeSwitch[];

test("eleven switches, each with one to three sentences in both languages", (t) => {
  t.is(SWITCHES.length, 11);
  for (const one of SWITCHES) {
    const { en, zh } = UNSAFE_WARNINGS[one];
    t.regex(en, /^[A-Z/].*\.$/, one);
    t.regex(zh, /[\u4e00-\u9fff].*。$/, one);
    t.true(en.split(". ").length <= 3 && en.length < 320, one);
    t.notRegex(zh, /[\u4e00-\u9fff][,;:]/, one);
  }
  t.is(new Set(SWITCHES.map((one) => UNSAFE_WARNINGS[one].en)).size, 11);
});

test("lines in the order given, red only when asked", (t) => {
  const plain = unsafeWarnings(["seccomp=off", "root=chroot"], "en", false);
  t.deepEqual(
    plain.map((line) => line.split(":")[0]),
    ["--unsafe seccomp=off", "--unsafe root=chroot"],
  );
  t.notRegex(plain.join(""), /\u001b/);
  t.regex(unsafeWarnings(["caps=all"], "zh", true)[0] ?? "", /^\u001b\[1;31m--unsafe caps=all：.*。\u001b\[0m$/);
  t.deepEqual(unsafeWarnings([], "en", true), []);
});

test("what is a switch", (t) => {
  t.true(isUnsafeSwitch("caps=all"));
  for (const text of ["caps=some", "", "__proto__", "toString"]) t.false(isUnsafeSwitch(text), text);
});
