import test from "ava";
import fc from "fast-check";
import { GlassboxError } from "../../../src/base/errors";
import { type FlagTable, parseFlags } from "../../../src/cli/flags";
import { parseRun } from "./helpers";

const TABLE: FlagTable = {
  interactive: { short: "i" },
  tty: { short: "t" },
  memory: { short: "m", takes: "bytes" },
  env: { short: "e", takes: "list" },
  rm: {},
  explain: { takes: "string", bare: "steps" },
};

function read(argv: string[], stop = true): Record<string, readonly string[]> & { _: readonly string[] } {
  const parsed = parseFlags(argv, TABLE, stop, "en");
  return { ...Object.fromEntries(parsed.values), _: parsed.operands } as never;
}

test("every way of writing a flag that Docker's flag library takes", (t) => {
  const on = ["true"];
  const cases: [string[], object][] = [
    [["--memory", "64m", "x"], { memory: ["64m"], _: ["x"] }],
    [["--memory=64m", "x"], { memory: ["64m"], _: ["x"] }],
    [["--memory=", "x"], { memory: [""], _: ["x"] }],
    [["--memory", "-1"], { memory: ["-1"], _: [] }],
    [["-m64m"], { memory: ["64m"], _: [] }],
    [["-m=64m"], { memory: ["64m"], _: [] }],
    [["-m", "64m"], { memory: ["64m"], _: [] }],
    [["-m", "--rm"], { memory: ["--rm"], _: [] }],
    [["-it"], { interactive: on, tty: on, _: [] }],
    [["-itm64m"], { interactive: on, tty: on, memory: ["64m"], _: [] }],
    [["-ite", "A=b"], { interactive: on, tty: on, env: ["A=b"], _: [] }],
    [["-eA=b"], { env: ["A=b"], _: [] }],
    [["-e", "A", "-e", "B=c"], { env: ["A", "B=c"], _: [] }],
    [["-t=false"], { tty: ["false"], _: [] }],
    [["--rm=false"], { rm: ["false"], _: [] }],
    [["--rm", "false"], { rm: on, _: ["false"] }],
    [["--explain", "x"], { explain: ["steps"], _: ["x"] }],
    [["--explain=calls", "x"], { explain: ["calls"], _: ["x"] }],
    [["x", "--rm", "-it"], { _: ["x", "--rm", "-it"] }],
    [["x", "--", "y"], { _: ["x", "--", "y"] }],
    [["--", "--rm"], { _: ["--rm"] }],
    [["-"], { _: ["-"] }],
    [["", "--rm"], { _: ["", "--rm"] }],
  ];
  for (const [argv, expected] of cases) t.deepEqual(read(argv) as object, expected, argv.join(" "));
  t.deepEqual(read(["x", "--rm", "y"], false) as object, { rm: on, _: ["x", "y"] });
});

test("what the grammar forbids, in Docker's words", (t) => {
  const cases: [string[], string, string?][] = [
    [["--foo"], "unknown flag: --foo"],
    [["--memroy", "1"], "unknown flag: --memroy", "did you mean --memory?"],
    [["--memory"], "flag needs an argument: --memory"],
    [["-m"], "flag needs an argument: 'm' in -m"],
    [["-itm"], "flag needs an argument: 'm' in -m"],
    [["-Z"], "unknown shorthand flag: 'Z' in -Z"],
    [["-iZt"], "unknown shorthand flag: 'Z' in -Zt"],
    [["--=x"], "bad flag syntax: --=x"],
    [["---x"], "bad flag syntax: ---x"],
    [["--__proto__"], "unknown flag: --__proto__"],
    [["--constructor=1"], "unknown flag: --constructor"],
    [["--toString"], "unknown flag: --toString"],
  ];
  for (const [argv, what, hint] of cases) {
    const error = t.throws(() => read(argv), { instanceOf: GlassboxError }, argv.join(" "));
    t.is(error?.what, what);
    t.is(error?.code, "bad-flag");
    t.is(error?.exitCode, 125);
    if (hint !== undefined) t.is(error?.hint, hint);
  }
});

test("switches read Go's booleans", (t) => {
  for (const yes of ["1", "t", "T", "true", "TRUE", "True"]) t.true(parseRun([`--rm=${yes}`, "x"]).on("rm"));
  for (const no of ["0", "f", "F", "false", "FALSE", "False"]) t.false(parseRun([`--rm=${no}`, "x"]).on("rm"));
  const error = t.throws(() => parseRun(["--rm=maybe", "x"]).on("rm"), { instanceOf: GlassboxError });
  t.is(error?.what, 'invalid argument "maybe" for "--rm" flag: "maybe" is neither true nor false');
});

test("any list of words is parsed or refused with a GlassboxError, and operands are never lost", (t) => {
  const word = fc.oneof(fc.string(), fc.constantFrom("--rm", "-it", "--memory", "-m", "--", "-e", "--explain", "x", "--rm=1"));
  const property = fc.property(fc.array(word, { maxLength: 12 }), fc.boolean(), (argv, stop) => {
    try {
      const { operands } = parseFlags(argv, TABLE, stop, "en");
      return operands.every((operand) => argv.includes(operand));
    } catch (error) {
      return error instanceof GlassboxError && error.code === "bad-flag";
    }
  });
  t.notThrows(() => fc.assert(property));
});

test("100 KB of one flag cost nothing", (t) => {
  const started = performance.now();
  for (const text of [
    "-" + "i".repeat(100_000),
    "--" + "a".repeat(100_000),
    "-" + "=".repeat(100_000),
    "--" + "-".repeat(100_000),
  ]) {
    try {
      parseRun([text, "x"]);
    } catch (error) {
      t.true(error instanceof GlassboxError);
      t.true((error as GlassboxError).message.length < 400);
    }
  }
  t.true(performance.now() - started < 100);
});
