import test from "ava";
import { globMatches, toRows } from "../../../src/cli/images";
import type { ImageListing } from "../../../src/image/names";

function image(id: string, references: string[], created?: string): ImageListing {
  return {
    id: `sha256:${id.repeat(64)}`,
    references,
    config: { created },
    sizeBytes: 1_980_000,
    layers: [],
    standin: undefined,
    storedMs: 0,
  } as never;
}

const NOW = Date.parse("2026-01-02T00:00:00Z");
const LISTING = [
  image("a", ["busybox:1", "busybox:latest", "localhost:5000/app:v1"], "2026-01-01T00:00:00Z"),
  image("b", [], "2026-01-01T23:59:33.5Z"),
  image("c", [`x@sha256:${"d".repeat(64)}`], "0001-01-01T00:00:00Z"),
];

test("one row for each name; <none> for what has none", (t) => {
  const rows = toRows(LISTING, undefined, NOW).map((row) => [row.repository, row.tag, row.id.slice(7, 9), row.createdSince]);
  t.deepEqual(rows, [
    ["busybox", "1", "aa", "24 hours ago"],
    ["busybox", "latest", "aa", "24 hours ago"],
    ["localhost:5000/app", "v1", "aa", "24 hours ago"],
    ["<none>", "<none>", "bb", "26 seconds ago"],
    ["x", "<none>", "cc", "N/A"],
  ]);
});

test("a pattern chooses by repository, or repository and tag", (t) => {
  const names = (pattern: string): string[] => toRows(LISTING, pattern, NOW).map((row) => `${row.repository}:${row.tag}`);
  t.deepEqual(names("busybox"), ["busybox:1", "busybox:latest"]);
  t.deepEqual(names("docker.io/library/busybox:1"), ["busybox:1"]);
  t.deepEqual(names("busy*:l*"), ["busybox:latest"]);
  t.deepEqual(names("localhost:5000/app"), ["localhost:5000/app:v1"]);
  t.deepEqual(names("localhost*"), []);
  t.deepEqual(names("nothing"), []);
});

test("stars match without reaching over slashes, and hostile patterns cost little", (t) => {
  for (const [pattern, text, expected] of [
    ["", "", true],
    ["*", "", true],
    ["*", "abc", true],
    ["*", "a/b", false],
    ["a*c", "abbbc", true],
    ["a*c", "abbbd", false],
    ["a?c", "abc", true],
    ["a?c", "a/c", false],
    ["*/*", "a/b", true],
    ["**b", "aab", true],
    ["a*", "a", true],
  ] as const) {
    t.is(globMatches(pattern, text), expected, `${pattern} ${text}`);
  }
  const started = performance.now();
  t.false(globMatches("a*".repeat(255) + "b", "a".repeat(10_000)));
  t.false(globMatches("*".repeat(100_000), "a"));
  t.true(performance.now() - started < 100);
});
