import test from "ava";
import fc from "fast-check";
import { GlassboxError } from "../../../src/base/errors";
import { formatAge, formatBinarySize, formatDuration, formatSize, parseRamSize } from "../../../src/base/sizes";

const GOOD: [string, number][] = [
  ["0", 0],
  ["1", 1],
  ["4096", 4096],
  ["32b", 32],
  ["32B", 32],
  ["1k", 1024],
  ["1K", 1024],
  ["1kb", 1024],
  ["1KiB", 1024],
  ["64m", 64 * 1024 ** 2],
  ["64MB", 64 * 1024 ** 2],
  ["1.5g", 1.5 * 1024 ** 3],
  [".5k", 512],
  ["1.", 1],
  ["100 kb", 102400],
  ["2t", 2 * 1024 ** 4],
  ["1p", 1024 ** 5],
  ["0.1k", 102],
];

for (const [text, bytes] of GOOD) test(`size ${JSON.stringify(text)}`, (t) => t.is(parseRamSize(text), bytes));

const BAD = [
  "",
  " ",
  "abc",
  "-1",
  "+1",
  "1x",
  "1kbb",
  "1ki",
  "k",
  ".",
  "..",
  "1..2",
  "1.2.3",
  "1  k",
  "1k ",
  "0x10",
  "1e3",
  "inf",
  "NaN",
  "１k",
  "1\u0000",
  "9999999p",
];

for (const text of BAD) {
  test(`size ${JSON.stringify(text)} is refused`, (t) => {
    const error = t.throws(() => parseRamSize(text), { instanceOf: GlassboxError });
    t.is(error?.code, "bad-size");
  });
}

test("a size of any text is a number or a bad-size, and quickly", (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9. ]{0,40}[kmgtpibKB]{0,4}$/)), (text) => {
      try {
        return Number.isSafeInteger(parseRamSize(text));
      } catch (error) {
        return error instanceof GlassboxError && error.code === "bad-size";
      }
    }),
  );
  const started = performance.now();
  for (const piece of ["1", ".", " ", "1.", "k", "1k"]) {
    t.throws(() => parseRamSize(piece.repeat(100_000)), { instanceOf: GlassboxError });
  }
  t.true(performance.now() - started < 100);
});

test("sizes are written as Docker writes them", (t) => {
  const cases: [number, string][] = [
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [1220000, "1.22MB"],
    [4261502, "4.26MB"],
    [133_000_000, "133MB"],
    [999_960, "1MB"],
    [1_500_000_000, "1.5GB"],
  ];
  for (const [bytes, text] of cases) t.is(formatSize(bytes), text);
  t.is(formatSize(1_234_567, 4), "1.235MB");
  t.is(formatBinarySize(64 * 1024 ** 2), "64MiB");
  t.is(formatBinarySize(2_096_148_480), "1.952GiB");
});

test("durations are in Docker's words", (t) => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const cases: [number, string][] = [
    [0, "Less than a second"],
    [999, "Less than a second"],
    [second, "1 second"],
    [27 * second, "27 seconds"],
    [minute, "About a minute"],
    [119 * second, "About a minute"],
    [2 * minute, "2 minutes"],
    [59 * minute, "59 minutes"],
    [hour, "About an hour"],
    [90 * minute, "2 hours"],
    [47 * hour, "47 hours"],
    [48 * hour, "2 days"],
    [13 * day, "13 days"],
    [14 * day, "2 weeks"],
    [59 * day, "8 weeks"],
    [61 * day, "2 months"],
    [2 * 365 * day, "2 years"],
  ];
  for (const [ms, text] of cases) t.is(formatDuration(ms), text, String(ms));
  t.is(formatAge(1000, 28_000), "27 seconds ago");
  t.is(formatAge(5000, 1000), "Less than a second ago");
});
