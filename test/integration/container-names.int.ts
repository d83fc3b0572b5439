/** Names of containers: one owner each, and free again when the owner is gone, however it went. */

import { existsSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";

import test from "ava";

import { GlassboxError } from "../../src/base/errors";
import { releaseName, reserveName } from "../../src/runtime/record";
import { healLeftovers, runDirectory, RunningFile } from "../../src/runtime/state";
import { scratchStore } from "../helpers/store-fixture";

const [A, B] = ["a".repeat(64), "b".repeat(64)];

test("a name belongs to a container that runs or has a record, and to nobody else", (t) => {
  const store = scratchStore(t);
  const runs = runDirectory(store);
  const link = `${store.paths.containers}/names/web`;
  const take = (id: string): void => reserveName(store, "web", id, runs);
  take(A);
  // Killed before it had a running file, or the machine lost power: nothing else of A is there.
  take(B);
  t.is(readlinkSync(link), `../${B}`);

  const running = RunningFile.create(store, { id: B, merged: `${store.root}/none`, cgroups: [], remove: true, name: "web" });
  const error = t.throws(() => take(A), { instanceOf: GlassboxError });
  t.is(error.code, "name-in-use");
  t.is(error.explained("zh").hint, "换一个名字，或不取名");
  running.remove();

  mkdirSync(`${store.paths.containers}/${B}`);
  t.is(t.throws(() => take(A), { instanceOf: GlassboxError }).code, "name-in-use");

  releaseName(store, "web", A);
  t.true(existsSync(link) || readlinkSync(link) === `../${B}`, "only the owner gives it back");
  releaseName(store, "web", B);
  t.throws(() => readlinkSync(link));
  releaseName(store, "web", B);
});

test("a start that died before its container had a record leaves no name behind", (t) => {
  const store = scratchStore(t);
  const runs = runDirectory(store);
  mkdirSync(runs, { recursive: true });
  mkdirSync(`${store.paths.containers}/names`, { recursive: true });
  symlinkSync(`../${A}`, `${store.paths.containers}/names/web`);
  const state = { id: A, merged: `${store.root}/none`, cgroups: [], remove: false, name: "web" };
  writeFileSync(`${runs}/${A}.json`, JSON.stringify(state));
  healLeftovers(store);
  t.false(existsSync(`${runs}/${A}.json`));
  t.throws(() => readlinkSync(`${store.paths.containers}/names/web`));
});
