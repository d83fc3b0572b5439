import test from "ava";
import { namespaceInodes, parseCgroup, parseStartTime, parseStatus, startTime } from "../../../src/host/proc";
import { STATUS } from "./fixtures";

test("status: ids, groups, capability masks, seccomp", (t) => {
  const status = parseStatus(STATUS);
  t.deepEqual(status.uid, { real: 1000, effective: 0, saved: 1000, filesystem: 0 });
  t.deepEqual(status.groups, [4, 24, 100]);
  t.deepEqual(status.nspid, [4711, 12, 1]);
  t.is(status.capabilities.effective, 0xa80425fbn);
  t.is(status.capabilities.ambient, 1n << 10n);
  t.true(status.noNewPrivs);
  t.is(status.seccomp, 2);
  t.is(status.seccompFilters, 3);
});

test("status: fields that an old kernel lacks", (t) => {
  const status = parseStatus("Name:\tx\nPid:\t1\n");
  t.is(status.seccomp, -1);
  t.is(status.seccompFilters, undefined);
  t.deepEqual(status.groups, []);
});

test("cgroup: v1, named and v2 lines; a path may hold colons", (t) => {
  t.deepEqual(parseCgroup("9:name=systemd:/\n2:cpu,cpuacct:/docker/a:b\n0::/user.slice\n"), [
    { hierarchyId: 9, controllers: ["name=systemd"], path: "/" },
    { hierarchyId: 2, controllers: ["cpu", "cpuacct"], path: "/docker/a:b" },
    { hierarchyId: 0, controllers: [], path: "/user.slice" },
  ]);
});

test("start time counts from the last parenthesis: a command name may hold anything", (t) => {
  const rest = Array.from({ length: 30 }, (_, index) => String(index + 4)).join(" ");
  t.is(parseStartTime(`12 (a) R 1 (b c) S ${rest}`), 22n);
});

test("this process has a start time and namespaces, a missing one has none", (t) => {
  t.true(startTime(process.pid)! > 0n);
  t.is(startTime(2 ** 22 + 1), undefined);
  t.true(namespaceInodes().mnt! > 0n);
});
