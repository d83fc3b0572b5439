import test from "ava";
import { cgroupFacts, cgroupMounts, probeHost } from "../../../src/host/facts";
import { HYBRID, LEGACY, STATUS, UNIFIED } from "./fixtures";

const reader = (files: Record<string, string>) => (path: string) => files[path];

test("unified: one v2 tree with its controllers", (t) => {
  const facts = cgroupFacts(UNIFIED, reader({ "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n" }));
  t.deepEqual(facts, {
    mode: "unified",
    v1: [],
    v2: { mountpoint: "/sys/fs/cgroup", controllers: ["cpuset", "cpu", "io", "memory", "pids"] },
  });
});

test("unified: what processors and memory nodes there are, for the check of --cpuset-cpus", (t) => {
  const files = {
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu\n",
    "/sys/fs/cgroup/cpuset.cpus.effective": "0-1\n",
    "/sys/fs/cgroup/cpuset.mems.effective": "0\n",
  };
  t.deepEqual(cgroupFacts(UNIFIED, reader(files)).cpuset, { cpus: "0-1", mems: "0" });
});

test("legacy: joined controllers, a named hierarchy, mount flags that are no controllers, and a bind that does not count", (t) => {
  const facts = cgroupFacts(
    LEGACY,
    reader({ "/sys/fs/cgroup/cpuset/cpuset.cpus": "0-3\n", "/sys/fs/cgroup/cpuset/cpuset.mems": "0\n" }),
  );
  t.is(facts.mode, "legacy");
  t.deepEqual(
    facts.v1.map(({ controllers }) => controllers.join(",")),
    ["name=systemd", "cpu,cpuacct", "memory", "freezer", "devices", "cpuset", "pids"],
  );
  t.is(facts.v1.find(({ controllers }) => controllers[0] === "memory")?.mountpoint, "/sys/fs/cgroup/memory");
  t.deepEqual(facts.cpuset, { cpus: "0-3", mems: "0" });
  t.false(facts.swapLimit);
});

test("the whole tree wins over a bind of a part, whichever comes first", (t) => {
  const bind = "90 24 0:25 /docker/abc /m rw - cgroup cgroup rw,memory\n";
  const whole = "30 25 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  for (const text of [bind + whole, whole + bind]) t.is(cgroupMounts(text).v1[0]?.mountpoint, "/sys/fs/cgroup/memory");
  t.is(cgroupMounts(bind + whole).v1.length, 1);
});

test("hybrid and none", (t) => {
  t.is(cgroupFacts(HYBRID, reader({ "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n" })).mode, "hybrid");
  t.deepEqual(cgroupFacts("", reader({})), { mode: "none", v1: [], v2: undefined });
});

test("the probe reads what it needs and takes a missing file as a missing feature", (t) => {
  const facts = probeHost(
    reader({
      "/proc/self/mountinfo": UNIFIED,
      "/proc/filesystems": "nodev\tsysfs\nnodev\toverlay\n\text4\n",
      "/proc/self/status": STATUS,
      "/proc/sys/kernel/osrelease": "6.1.0-13-amd64\n",
      "/proc/sys/kernel/cap_last_cap": "40\n",
    }),
  );
  t.true(facts.overlay);
  t.false(facts.mqueue);
  t.true(facts.rootShared);
  t.true(facts.seccomp);
  t.is(facts.capBounding, 0x1ffffffffffn);
  t.is(facts.lastCap, 40);
  t.is(facts.kernelRelease, "6.1.0-13-amd64");
  const nothing = probeHost(reader({}));
  t.is(nothing.cgroup.mode, "none");
  t.false(nothing.seccomp);
  t.is(nothing.lastCap, 0);
});

test("this host", (t) => {
  const facts = probeHost();
  t.is(facts.arch, process.arch);
  t.true(facts.lastCap >= 37);
  t.regex(facts.kernelRelease, /^\d+\.\d+/);
});
