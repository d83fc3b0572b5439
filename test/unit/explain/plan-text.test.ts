import test from "ava";
import { describePlan, planToJson } from "../../../src/explain/plan-text";
import { stringWidth } from "../../../src/explain/width";
import type { Plan } from "../../../src/plan/steps";
import { SAMPLES } from "./samples";

const PLAN: Plan = { version: 1, steps: [...SAMPLES] };

test("JSON: every step, nothing but JSON's types, bytes and masks readable", (t) => {
  const json = planToJson(PLAN);
  t.deepEqual(JSON.parse(JSON.stringify(json)), json);
  t.is(json.steps.length, SAMPLES.length);
  const find = (id: string): unknown => json.steps.find((step) => (step as { id: string }).id === id);
  t.deepEqual(find("seccomp"), {
    id: "seccomp",
    kind: "install-seccomp",
    lane: "child",
    phase: "rootfs",
    program: { bytes: 80, base64: Buffer.alloc(80).toString("base64") },
  });
  t.like(find("caps"), {
    effective: { hex: "0x3", names: ["CAP_CHOWN", "CAP_DAC_OVERRIDE"] },
    ambient: { hex: "0x0", names: [] },
  });
});

test("JSON: key order does not depend on how a step was written", (t) => {
  const reversed: Plan = {
    version: 1,
    steps: SAMPLES.map((step) => Object.fromEntries(Object.entries(step).toReversed())) as unknown as Plan["steps"],
  };
  t.is(JSON.stringify(planToJson(reversed)), JSON.stringify(planToJson(PLAN)));
  t.regex(
    JSON.stringify(planToJson(PLAN).steps[0]),
    /^\{"id":"create-cgroup","kind":"create-cgroup","lane":"parent","phase":"prepare","hierarchy"/,
  );
});

test("JSON: a digest when a hash function is given", (t) => {
  const json = JSON.stringify(planToJson(PLAN, (bytes) => `digest-of-${bytes.byteLength}`));
  t.true(json.includes('"sha256":"digest-of-80"'));
});

test("the list: every step once, numbered, with kind and parameters", (t) => {
  for (const lang of ["en", "zh"] as const) {
    const out = describePlan({ plan: PLAN, lang, width: 100 });
    t.is(out.filter((line) => /^ *\d+ (parent|child|父|子) /.test(line)).length, SAMPLES.length);
    for (const step of SAMPLES)
      t.true(
        out.some((line) => line.trim().startsWith(step.kind)),
        step.kind,
      );
    for (const line of out) t.true(stringWidth(line) <= 100, line);
  }
  const text = describePlan({ plan: PLAN, lang: "en", width: 200 }).join("\n");
  t.regex(text, /create-cgroup {2}hierarchy=memory {2}path=\/cg\/qqq/);
  t.regex(text, /mask=027/);
  t.regex(text, /program=<80 bytes>/);
  t.regex(text, /keep=0xa80425fb CAP_CHOWN/);
});

test("the list does not show the values of environment variables", (t) => {
  const text = describePlan({ plan: PLAN, lang: "en", width: 200 }).join("\n");
  t.regex(text, /env=PATH SECRET/);
  t.notRegex(text, /hush/);
});
