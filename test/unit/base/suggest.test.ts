import test from "ava";
import { nearest } from "../../../src/base/suggest";

const WORDS = ["run", "images", "import", "load", "doctor", "bootstrap", "--memory"];

test("slips of the fingers find their word", (t) => {
  for (const [typed, meant] of [
    ["rnu", "run"],
    ["ru", "run"],
    ["imgaes", "images"],
    ["RUN", "run"],
    ["docter", "doctor"],
    ["bootsrap", "bootstrap"],
  ] as const) {
    t.is(nearest(typed, WORDS), meant, typed);
  }
});

test("other words have no neighbour, and long ones cost nothing", (t) => {
  t.is(nearest("foo", WORDS), undefined);
  t.is(nearest("", WORDS), undefined);
  const started = performance.now();
  t.is(nearest("x".repeat(1_000_000), WORDS), undefined);
  t.true(performance.now() - started < 100);
});
