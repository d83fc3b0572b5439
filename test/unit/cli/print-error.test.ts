import test from "ava";
import { GlassboxError } from "../../../src/base/errors";
import { escapeControls, escapeLines } from "../../../src/cli/escape";
import { formatError } from "../../../src/cli/print-error";
import { renderTable } from "../../../src/cli/table";

const EN = { lang: "en", debug: false, verb: "run" } as const;

test("an error reads: what, why, do, and where to look when the request was wrong", (t) => {
  const error = new GlassboxError({
    code: "bad-flag",
    what: "unknown flag: --foo",
    why: "it is not there",
    hint: "leave it out",
  });
  t.is(
    formatError(error, EN, false),
    "glassbox: unknown flag: --foo\n  why: it is not there\n  do:  leave it out\n\nSee 'glassbox run --help'.\n",
  );
  t.is(
    formatError(error, { ...EN, lang: "zh" }, false),
    "glassbox: unknown flag: --foo\n  原因：it is not there\n  办法：leave it out\n\n参见 'glassbox run --help'。\n",
  );
});

test("other errors do not send the user to the help; colour only when asked for", (t) => {
  const error = new GlassboxError({ code: "image-not-found", what: "no such image: x" });
  t.is(formatError(error, EN, false), "glassbox: no such image: x\n");
  t.is(formatError(error, EN, true), "\u001b[31mglassbox: no such image: x\u001b[0m\n");
});

test("a defect is called one; --debug shows the stack and what lies behind", (t) => {
  t.regex(
    formatError(new TypeError("boom"), EN, false),
    /^glassbox: internal error: boom\n {2}why: this is a defect of glassbox itself\n/,
  );
  t.regex(formatError("text", EN, false), /^glassbox: internal error: text\n/);
  const error = new GlassboxError({ code: "x", what: "outer", cause: new Error("inner") });
  const text = formatError(error, { ...EN, debug: true }, false);
  t.regex(text, /GlassboxError: outer[\s\S]*\[x\]\ncaused by Error: inner/);
});

test("a system error keeps the kernel's words", (t) => {
  const error = Object.assign(new Error("ENOENT: no such file or directory, open '/x'"), {
    code: "ENOENT",
    syscall: "open",
    path: "/x",
  });
  t.is(formatError(error, EN, false), "glassbox: open /x: ENOENT\n  why: ENOENT: no such file or directory, open '/x'\n");
});

test("untrusted text can neither move the cursor nor forge a line", (t) => {
  const hostile = "a\u001b[2J\u001b]0;title\u0007\nglassbox: all is well\r\u202e\u009b31m\ud800";
  const text = formatError(new GlassboxError({ code: "x", what: hostile, why: hostile, hint: hostile }), EN, false);
  t.notRegex(text.replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202e]/);
  t.is(text.split("\n").filter((line) => line.startsWith("glassbox:")).length, 1);
  t.is(escapeControls("\u001b\n\t\r\u202e\u0085"), "\\x1b\\n\\t\\r\\u202e\\x85");
  t.is(escapeControls("zh 中文 é 😀"), "zh 中文 é 😀");
  t.is(escapeLines("a\nb", "  "), "a\n  b");
});

test("table cells are escaped and columns stand under each other, Chinese too", (t) => {
  t.deepEqual(
    renderTable(
      ["NAME", "SIZE"],
      [
        ["镜像", "1MB"],
        ["a\u001b[31m", "22MB"],
      ],
    ),
    ["NAME        SIZE", "镜像        1MB", "a\\x1b[31m   22MB"],
  );
});
