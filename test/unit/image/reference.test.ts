import test from "ava";
import fc from "fast-check";
import { GlassboxError } from "../../../src/base/errors";
import { formatReference, parseReference, parseTaggedReference } from "../../../src/image/reference";

const HEX = "0123456789abcdef".repeat(4);

const GOOD: [text: string, name: string, full: string][] = [
  ["busybox", "busybox", "busybox:latest"],
  ["busybox:1.36", "busybox", "busybox:1.36"],
  ["docker.io/busybox", "busybox", "busybox:latest"],
  ["docker.io/library/busybox", "busybox", "busybox:latest"],
  ["index.docker.io/library/busybox:1", "busybox", "busybox:1"],
  ["user/app", "user/app", "user/app:latest"],
  ["docker.io/user/app:v1", "user/app", "user/app:v1"],
  ["docker.io/library/a/b", "library/a/b", "library/a/b:latest"],
  ["quay.io/user/app", "quay.io/user/app", "quay.io/user/app:latest"],
  ["localhost/app", "localhost/app", "localhost/app:latest"],
  ["localhost:5000/app:1", "localhost:5000/app", "localhost:5000/app:1"],
  ["127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"],
  ["[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest"],
  ["UPPER/app", "UPPER/app", "UPPER/app:latest"],
  ["a__b/c-d.e_f--g", "a__b/c-d.e_f--g", "a__b/c-d.e_f--g:latest"],
  [`busybox@sha256:${HEX}`, "busybox", `busybox@sha256:${HEX}`],
  [`busybox:1@sha256:${HEX}`, "busybox", `busybox@sha256:${HEX}`],
  ["app:_under.score-1", "app", "app:_under.score-1"],
];

for (const [text, name, full] of GOOD) {
  test(`reference ${text}`, (t) => {
    t.is(parseReference(text).name, name);
    t.is(formatReference(parseTaggedReference(text)), full);
    t.is(formatReference(parseTaggedReference(full)), full);
  });
}

const BAD = [
  "",
  ":",
  "a:",
  ":tag",
  "a b",
  "-a",
  "a-",
  "a..b",
  "a___b",
  ".a",
  "a/",
  "/a",
  "a//b",
  "../x",
  "a:b:c",
  "Busybox",
  "user/App",
  "a@sha256:abc",
  `a@sha256:${HEX.toUpperCase()}`,
  "a@md5:0123",
  "a:-tag",
  `a:${"t".repeat(129)}`,
  HEX,
  "__proto__",
  "exa_mple.com/app",
  "-x.io/app",
  "a\0b",
  "a\n",
  `${"a".repeat(256)}`,
  `x/${"a/".repeat(200)}b`,
  "--rm",
];

for (const text of BAD) {
  test(`no reference: ${JSON.stringify(text.slice(0, 40))}`, (t) => {
    const error = t.throws(() => parseReference(text), { instanceOf: GlassboxError });
    t.is(error.code, "bad-reference");
    t.regex(error.what, /^invalid reference format/);
    t.false(/[\x00-\x1f]/.test(error.message));
  });
}

test("the words are Docker's where Docker has words", (t) => {
  t.regex(
    t.throws(() => parseReference("Busybox"), { instanceOf: GlassboxError }).what,
    /invalid reference format: repository name \(library\/Busybox\) must be lowercase/,
  );
  t.regex(
    t.throws(() => parseReference("a".repeat(300)), { instanceOf: GlassboxError }).what,
    /must not be more than 255 characters/,
  );
});

test("100 KB of anything takes no time", (t) => {
  for (const piece of ["a", "a-", "a.", "-", "/", "a/", "a:", "@", "a__", "A", "[:", "sha256:"]) {
    const text = piece.repeat(100_000 / piece.length);
    const start = performance.now();
    t.throws(() => parseReference(text), { instanceOf: GlassboxError });
    t.true(performance.now() - start < 100, piece);
  }
});

test("any text is a reference or a GlassboxError, and a reference survives writing", (t) => {
  const part = fc.stringMatching(/^[a-zA-Z0-9._:@/[\]-]{0,40}$/);
  fc.assert(
    fc.property(fc.oneof(part, fc.string()), (text) => {
      try {
        const full = formatReference(parseTaggedReference(text));
        t.is(formatReference(parseTaggedReference(full)), full);
      } catch (error) {
        t.true(error instanceof GlassboxError, String(error));
      }
    }),
    { numRuns: 3000, seed: 1 },
  );
});
