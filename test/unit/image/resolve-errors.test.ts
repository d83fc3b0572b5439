/** Which image may have been meant. */

import test from "ava";

import { notFound } from "../../../src/image/resolve-errors";

const ID = `sha256:${"a".repeat(64)}`;

function hintFor(name: string, ...stored: string[]): { why: string | undefined; hint: string | undefined } {
  const repositories = new Map<string, Map<string, string>>();
  for (const reference of stored) {
    const repository = reference.slice(0, reference.lastIndexOf(":"));
    repositories.set(repository, (repositories.get(repository) ?? new Map<string, string>()).set(reference, ID));
  }
  const { why, hint } = notFound(name, repositories);
  return { why, hint };
}

test("image-not-found names the same image under another tag or registry, the wanted tag first", (t) => {
  t.deepEqual(hintFor("demo:1", "localhost/demo:2", "localhost/demo:1", "demos:1"), {
    why: "the store has localhost/demo:1, localhost/demo:2",
    hint: "did you mean localhost/demo:1",
  });
  t.is(hintFor("localhost/demo:1", "demo:1").hint, "did you mean demo:1");
  t.is(hintFor("app:latest", "app:1").hint, "did you mean app:1");
  t.is(hintFor("quay.io/user/app:1", "user/app:1").hint, "did you mean user/app:1");
});

test("image-not-found knows a slip of the fingers, and else says how to get an image", (t) => {
  t.deepEqual(hintFor("busibox:latest", "busybox:latest", "debian:12"), { why: undefined, hint: "did you mean busybox:latest" });
  t.regex(hintFor("postgres:16", "busybox:latest").hint ?? "", /^glassbox images lists/);
  t.regex(hintFor(ID, "busybox:latest").hint ?? "", /^glassbox images lists/);
  const error = notFound("demo:1", new Map([["localhost/demo", new Map([["localhost/demo:1", ID]])]]));
  t.deepEqual(error.explained("zh"), { why: "存储里有的是 localhost/demo:1", hint: "是不是想用 localhost/demo:1" });
});
