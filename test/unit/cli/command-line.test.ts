import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";

const MAIN = join(__dirname, "../../../src/cli/main.js");
const VERSION = (JSON.parse(readFileSync(join(__dirname, "../../../../package.json"), "utf8")) as { version: string }).version;
const ROOT = mkdtempSync(join(tmpdir(), "glassbox-cli-"));
test.after.always(() => rmSync(ROOT, { recursive: true, force: true }));

interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

function glassbox(argv: string[], env: Record<string, string> = {}): Result {
  return spawnSync(process.execPath, [MAIN, ...argv], {
    encoding: "utf8",
    input: "",
    env: { PATH: process.env["PATH"] ?? "", HOME: ROOT, GLASSBOX_ROOT: ROOT, ...env },
  });
}

test("--version, -v", (t) => {
  for (const argv of [["--version"], ["-v"], ["--lang", "zh", "--version"]]) {
    t.deepEqual({ ...glassbox(argv) }.stdout, `glassbox version ${VERSION}\n`);
  }
  const { stdout } = glassbox(["version", "--format", "json"]);
  t.is((JSON.parse(stdout) as { Version: string }).Version, VERSION);
});

/** Command line, exit code, and what standard error says. */
const FAILURES: [string[], number, RegExp][] = [
  [["foo"], 1, /^glassbox: 'foo' is not a glassbox command\.\n\nSee 'glassbox --help'\.\n$/],
  [["rnu"], 1, /did you mean 'run'\?/],
  [["imgaes"], 1, /did you mean 'images'\?/],
  [["exec"], 1, /'exec' comes later/],
  [["image", "foo"], 1, /^glassbox: 'image foo' is not a glassbox command\./],
  [["container", "ls"], 1, /^glassbox: 'container ls' is not a glassbox command\./],
  [["__proto__"], 1, /^glassbox: '__proto__' is not a glassbox command\./],
  [["constructor"], 1, /is not a glassbox command/],
  [["image", "constructor"], 1, /is not a glassbox command/],
  [["foo\u001b[2J\nglassbox: fine"], 1, /^glassbox: 'foo\\x1b\[2J\n {2}glassbox: fine' is not/],
  [["--foo"], 125, /^glassbox: unknown flag: --foo\n/],
  [["--lang", "fr", "images"], 125, /invalid argument "fr" for "--lang" flag/],
  [["run"], 1, /^glassbox: 'glassbox run' requires at least 1 argument\n.*IMAGE[^]*See 'glassbox run --help'\./],
  [["run", "--foo", "x"], 125, /^glassbox: unknown flag: --foo\n[^]*See 'glassbox run --help'\.\n$/],
  [["container", "run", "--foo", "x"], 125, /See 'glassbox container run --help'\./],
  [
    ["run", "-m", "abc", "x"],
    125,
    /^glassbox: invalid argument "abc" for "-m, --memory" flag: invalid size: 'abc'\n {2}do: {2}for example -m 512m\n/,
  ],
  [["run", "-it", "x"], 1, /^glassbox: the input device is not a TTY\n/],
  [["run", "-d", "x"], 125, /-d, --detach is not available\n {2}do: /],
  [["run", "--unsafe", "caps=all", "x"], 125, /^glassbox: --unsafe is refused/],
  [["images", "a", "b"], 1, /'glassbox images' requires at most 1 argument/],
  [["images", "--foo"], 125, /unknown flag: --foo[^]*See 'glassbox images --help'/],
  [["load", "x"], 1, /'glassbox load' accepts no arguments/],
  [["import"], 1, /'glassbox import' requires at least 1 argument/],
  [["bootstrap", "windows"], 1, /no recipe/],
  [["deps", "/does/not/exist"], 1, /\/does\/not\/exist: no such file or directory/],
  [["load", "-i", "/does/not/exist"], 1, /open \/does\/not\/exist: no such file or directory/],
  [["import", "/does/not/exist"], 1, /open \/does\/not\/exist: no such file or directory/],
  [["run", "--pull", "never", "nosuchimage"], 125, /No such image: nosuchimage/],
  [["run", "--pull", "never", "UPPER"], 125, /must be lowercase/],
  [["run", "--pull", "never", "$(reboot)"], 125, /invalid reference format/],
  [["help", "foo"], 1, /'foo' is not a glassbox command/],
];

for (const [argv, status, stderr] of FAILURES) {
  test(`glassbox ${JSON.stringify(argv.join(" "))} fails as Docker does`, (t) => {
    const result = glassbox(argv);
    t.is(result.status, status, result.stderr);
    t.regex(result.stderr, stderr);
    t.is(result.stdout, "");
  });
}

test("help goes to standard output, without colour, within 80 columns, and succeeds", (t) => {
  for (const argv of [
    [],
    ["--help"],
    ["-h"],
    ["help"],
    ["run", "--help"],
    ["help", "run"],
    ["--help", "run"],
    ["container", "run", "--help"],
    ["image"],
    ["image", "--help"],
    ["run", "--help", "busybox", "sh"],
    ["load", "--foo=1", "--help"].slice(0, 1).concat("--help"),
  ]) {
    const result = glassbox(argv, { COLUMNS: "80" });
    t.is(result.status, 0, argv.join(" "));
    t.is(result.stderr, "");
    t.regex(result.stdout, /^Usage: {2}glassbox /);
    t.notRegex(result.stdout, /\u001b/);
    for (const line of result.stdout.split("\n")) t.true(line.length <= 110, line);
  }
});

test("options of the container's program are left to it", (t) => {
  // --help after the image is the program's; the store has no such image, which is what is reported.
  const result = glassbox(["run", "--pull", "never", "nosuchimage", "--help"]);
  t.is(result.status, 125);
  t.notRegex(result.stdout, /Usage/);
});

test("the language: locale, then --lang before or after the verb", (t) => {
  t.regex(glassbox(["--help"], { LANG: "zh_CN.UTF-8" }).stdout, /^用法：/);
  t.regex(glassbox(["--help"], { LANG: "zh_CN.UTF-8", LC_ALL: "C" }).stdout, /^Usage:/);
  t.regex(glassbox(["--lang", "zh", "run", "--help"]).stdout, /^用法：/);
  t.regex(glassbox(["run", "--lang=zh", "--help"]).stdout, /^用法：/);
  t.regex(glassbox(["--lang=zh", "run", "-d", "x"]).stderr, /办法：后台容器以后才有/);
  t.regex(glassbox(["run", "--lang", "zh", "-d", "x"]).stderr, /办法：后台容器以后才有/);
  t.regex(glassbox(["--lang=en", "rnu"], { LANG: "zh_CN" }).stderr, /did you mean/);
});

test("--debug adds the stack, before or after the verb", (t) => {
  t.regex(glassbox(["--debug", "run", "-m", "x", "y"]).stderr, /\n +at /);
  t.regex(glassbox(["run", "--debug", "-m", "x", "y"]).stderr, /\n +at /);
  t.notRegex(glassbox(["run", "-m", "x", "y"]).stderr, / at .*\.js/);
});

test("100 KB of hostile text as a verb is answered at once", (t) => {
  const result = glassbox(["a".repeat(100_000)]);
  t.is(result.status, 1);
  t.true(result.stderr.length < 400);
});
