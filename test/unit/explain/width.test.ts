import test from "ava";
import fc from "fast-check";
import { padEnd, padStart, stringWidth, wrap, wrapCall } from "../../../src/explain/width";

test("columns: ASCII one, Chinese two, marks and colours none", (t) => {
  t.is(stringWidth("abc"), 3);
  t.is(stringWidth("容器"), 4);
  t.is(stringWidth("（a，b）"), 8);
  t.is(stringWidth("e\u0301"), 1);
  t.is(stringWidth("\u001b[1;31m红\u001b[0m"), 2);
  t.is(stringWidth("𠀀"), 2);
  t.is(stringWidth("µ—…×"), 4);
});

test("padding counts columns", (t) => {
  t.is(padEnd("父", 6), "父    ");
  t.is(padStart("父", 4), "  父");
  t.is(padEnd("parent", 3), "parent");
});

test("English breaks between words", (t) => {
  t.deepEqual(wrap("one two three four", 9), ["one two", "three", "four"]);
  t.deepEqual(wrap("a\nb", 20), ["a", "b"]);
});

test("Chinese breaks anywhere but before closing or after opening punctuation", (t) => {
  t.deepEqual(wrap("一二三四五，六七", 10), ["一二三四", "五，六七"]);
  t.deepEqual(wrap("一二三四（五六）", 10), ["一二三四", "（五六）"]);
});

test("a word that fits no line is cut", (t) => {
  t.deepEqual(wrap("a/bbbbbbbbbbbbbbbbbbbb", 10), ["a/bbbbbbbb", "bbbbbbbbbb", "bb"]);
});

test("no line is too wide, and no character is lost", (t) => {
  const unit = fc.constantFrom("a", "b ", "容", "，", "（", "）", "。", " ", "/", "word", "x=1");
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 80 }), fc.integer({ min: 10, max: 60 }), (parts, width) => {
      const text = parts.join("");
      const lines = wrap(text, width);
      t.true(
        lines.every((line) => stringWidth(line) <= width),
        JSON.stringify([text, width, lines]),
      );
      t.is(lines.join("").replaceAll(" ", ""), text.replaceAll(" ", ""));
    }),
    { numRuns: 500 },
  );
});

test("calls break after commas, between flags, before the result", (t) => {
  t.deepEqual(
    wrapCall('mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL) = 0', 40, 4),
    ['mount("proc", "/proc", "proc",', "    MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)", "     = 0"].map((line, i) =>
      i === 2 ? "    = 0" : line,
    ),
  );
  t.deepEqual(wrapCall("setsid() = 1", 80, 4), ["setsid() = 1"]);
});
