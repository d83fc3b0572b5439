import test from "ava";
import { GlassboxError } from "../../../src/base/errors";
import type { CgroupFacts } from "../../../src/base/host-facts";
import { cgroupSteps, parseCpuList } from "../../../src/plan/cgroup";
import type { OciResources } from "../../../src/plan/oci";

const hybrid: CgroupFacts = {
  mode: "hybrid",
  v1: ["cpu", "cpuset", "memory", "devices", "freezer", "pids"].map((name) => ({
    controllers: [name],
    mountpoint: `/cg/${name}`,
  })),
  v2: { mountpoint: "/cg/unified", controllers: ["hugetlb"] },
  cpuset: { cpus: "0-3", mems: "0-1" },
  swapLimit: true,
};
const legacy: CgroupFacts = {
  ...hybrid,
  mode: "legacy",
  v1: [{ controllers: ["cpu", "cpuacct"], mountpoint: "/cg/cpu,cpuacct" }, ...hybrid.v1.slice(1)],
  v2: undefined,
};
const unified: CgroupFacts = {
  mode: "unified",
  v1: [],
  v2: { mountpoint: "/cg", controllers: ["cpuset", "cpu", "io", "memory", "pids"] },
};
const none: CgroupFacts = { mode: "none", v1: [], v2: undefined };

const cgroupsPath = "/glassbox/c1";
const compile = (facts: CgroupFacts, resources: OciResources, extra = {}) =>
  cgroupSteps({ facts, cgroupsPath, resources, ...extra });
const writes = (steps: ReturnType<typeof cgroupSteps>) =>
  steps.prepare.flatMap((step) => (step.kind === "set-cgroup-limit" ? [`${step.file}=${step.value}`] : []));

test("hybrid without limits: memory and pids of v1 joined by tasks, the v2 tree by clone", (t) => {
  const steps = compile(hybrid, {});
  t.deepEqual(steps.paths, [
    { hierarchy: "memory", path: "/cg/memory/glassbox/c1" },
    { hierarchy: "pids", path: "/cg/pids/glassbox/c1" },
    { hierarchy: "unified", path: "/cg/unified/glassbox/c1" },
  ]);
  t.deepEqual(
    steps.join.map((step) => [step.file, step.slot, step.lane]),
    [
      ["/cg/memory/glassbox/c1/tasks", "cgroup-memory", "child"],
      ["/cg/pids/glassbox/c1/tasks", "cgroup-pids", "child"],
    ],
  );
  t.is(steps.unifiedPath, "/cg/unified/glassbox/c1");
  t.deepEqual(writes(steps), []);
});

test("legacy without limits also has the freezer, for pause and for killing", (t) => {
  const steps = compile(legacy, {});
  t.deepEqual(
    steps.paths.map(({ hierarchy }) => hierarchy),
    ["memory", "pids", "freezer"],
  );
  t.is(steps.unifiedPath, undefined);
});

test("hybrid with every limit", (t) => {
  const steps = compile(hybrid, {
    memory: { limit: 67108864, swap: 134217728, reservation: 33554432 },
    cpu: { shares: 512, quota: 50000, period: 100000, cpus: "1" },
    pids: { limit: 64 },
  });
  t.deepEqual(writes(steps), [
    "/cg/cpuset/glassbox/cpuset.cpus=0-3",
    "/cg/cpuset/glassbox/cpuset.mems=0-1",
    "/cg/cpuset/glassbox/c1/cpuset.cpus=1",
    "/cg/cpuset/glassbox/c1/cpuset.mems=0-1",
    "/cg/memory/glassbox/c1/memory.limit_in_bytes=67108864",
    "/cg/memory/glassbox/c1/memory.memsw.limit_in_bytes=134217728",
    "/cg/memory/glassbox/c1/memory.soft_limit_in_bytes=33554432",
    "/cg/cpu/glassbox/c1/cpu.shares=512",
    "/cg/cpu/glassbox/c1/cpu.cfs_period_us=100000",
    "/cg/cpu/glassbox/c1/cpu.cfs_quota_us=50000",
    "/cg/pids/glassbox/c1/pids.max=64",
  ]);
});

test("unified with every limit: controllers enabled from the top down, swap alone, weight from shares", (t) => {
  const steps = compile(unified, {
    memory: { limit: 67108864, swap: 134217728, reservation: 33554432 },
    cpu: { shares: 1024, quota: 50000, cpus: "0,1", mems: "0" },
    pids: { limit: 64 },
  });
  t.deepEqual(writes(steps), [
    "/cg/cgroup.subtree_control=+memory +cpu +cpuset +pids",
    "/cg/glassbox/cgroup.subtree_control=+memory +cpu +cpuset +pids",
    "/cg/glassbox/c1/memory.max=67108864",
    "/cg/glassbox/c1/memory.swap.max=67108864",
    "/cg/glassbox/c1/memory.low=33554432",
    "/cg/glassbox/c1/cpu.weight=100",
    "/cg/glassbox/c1/cpu.max=50000 100000",
    "/cg/glassbox/c1/cpuset.cpus=0,1",
    "/cg/glassbox/c1/cpuset.mems=0",
    "/cg/glassbox/c1/pids.max=64",
  ]);
  t.deepEqual(steps.join, []);
  t.is(steps.prepare[0]?.kind, "create-cgroup");
});

test("swap equal to memory is no swap on v2; a period alone keeps the quota open", (t) => {
  const steps = compile(unified, { memory: { limit: 4096, swap: 4096 }, cpu: { period: 50000 } });
  t.true(writes(steps).includes("/cg/glassbox/c1/memory.swap.max=0"));
  t.true(writes(steps).includes("/cg/glassbox/c1/cpu.max=max 50000"));
});

test("no limit needs no write: absent, zero and -1 are what a new cgroup has", (t) => {
  for (const facts of [hybrid, legacy, unified]) {
    t.deepEqual(
      writes(compile(facts, { memory: { limit: -1, swap: -1 }, cpu: { shares: 0, quota: -1 }, pids: { limit: -1 } })),
      [],
    );
  }
});

test("memory plus swap goes first when both are raised past the present sum, last otherwise", (t) => {
  const raise = { memory: { limit: 300, swap: 400 } };
  const first = (current: { memory: number; memorySwap: number }) => writes(compile(legacy, raise, { current }))[0];
  t.is(first({ memory: 100, memorySwap: 200 }), "/cg/memory/glassbox/c1/memory.memsw.limit_in_bytes=400");
  t.is(first({ memory: 100, memorySwap: 350 }), "/cg/memory/glassbox/c1/memory.limit_in_bytes=300");
  t.is(first({ memory: Infinity, memorySwap: Infinity }), "/cg/memory/glassbox/c1/memory.limit_in_bytes=300");
});

test("a cpuset that came along with cpu is filled although nobody asked for it", (t) => {
  const facts: CgroupFacts = { ...legacy, v1: [{ controllers: ["cpu", "cpuset"], mountpoint: "/cg/cpu" }] };
  t.deepEqual(writes(compile(facts, { cpu: { shares: 2 } })), [
    "/cg/cpu/glassbox/cpuset.cpus=0-3",
    "/cg/cpu/glassbox/cpuset.mems=0-1",
    "/cg/cpu/glassbox/c1/cpuset.cpus=0-3",
    "/cg/cpu/glassbox/c1/cpuset.mems=0-1",
    "/cg/cpu/glassbox/c1/cpu.shares=2",
  ]);
});

test("devices: v1 lines, a BPF program on v2, neither when privileged", (t) => {
  const deviceLines = ["c 1:3 rwm"];
  const program = new Uint8Array(8);
  const v1 = compile(hybrid, {}, { deviceLines, deviceProgram: program }).prepare.at(-1);
  t.like(v1, { kind: "limit-devices", how: "v1", path: "/cg/devices/glassbox/c1", allow: deviceLines });
  const v2 = compile(unified, {}, { deviceLines, deviceProgram: program }).prepare.at(-1);
  t.like(v2, { kind: "limit-devices", how: "ebpf", path: "/cg/glassbox/c1", program });
  t.false(compile(hybrid, {}).paths.some(({ hierarchy }) => hierarchy === "devices"));
  t.throws(() => compile(unified, {}, { deviceLines }), { message: /no device program/ });
});

test("a limit that nothing here can keep is refused, with flag, controller, mode and remedy", (t) => {
  const cases: [CgroupFacts, OciResources, RegExp][] = [
    [
      none,
      { memory: { limit: 1 << 20 } },
      /--memory needs the cgroup controller memory: this host has no cgroup file system mounted/,
    ],
    [
      { ...unified, v2: { mountpoint: "/cg", controllers: ["io"] } },
      { pids: { limit: 5 } },
      /--pids-limit .* v2 only, with the controllers: io/,
    ],
    [{ ...hybrid, v1: [] }, { cpu: { quota: 50000 } }, /--cpus needs the cgroup controller cpu/],
    [{ ...hybrid, v1: [] }, { cpu: { cpus: "0" } }, /--cpuset-cpus needs the cgroup controller cpuset/],
  ];
  for (const [facts, resources, message] of cases) {
    const error = t.throws(() => compile(facts, resources), { instanceOf: GlassboxError, message });
    t.is(error?.code, "no-cgroup-controller");
    t.truthy(error?.hint);
  }
  const swap = t.throws(() => compile({ ...hybrid, swapLimit: false }, { memory: { limit: 1, swap: 2 } }), {
    instanceOf: GlassboxError,
  });
  t.is(swap?.code, "no-cgroup-controller");
  t.throws(() => compile(none, {}, { deviceLines: [] }), { message: /devices/ });
  t.deepEqual(compile(none, {}), { prepare: [], join: [], paths: [] });
});

test("values that contradict each other or the host are refused before anything is made", (t) => {
  const cases: [OciResources, RegExp][] = [
    [{ memory: { swap: 5 } }, /--memory-swap 5 is given without --memory/],
    [{ memory: { limit: 10, swap: 5 } }, /--memory-swap 5 is smaller than --memory 10/],
    [{ cpu: { quota: 999 } }, /out of range/],
    [{ cpu: { quota: 5000, period: 2_000_000 } }, /out of range/],
    [{ cpu: { cpus: "0-7" } }, /--cpuset-cpus 0-7: CPUs not available: this host has CPUs 0-3/],
    [{ cpu: { cpus: "abc" } }, /not a list/],
    [{ cpu: { mems: "2" } }, /memory nodes 0-1/],
  ];
  for (const [resources, message] of cases) {
    for (const facts of [hybrid, { ...unified, cpuset: { cpus: "0-3", mems: "0-1" } }]) {
      const error = t.throws(() => compile(facts, resources), { instanceOf: GlassboxError, message });
      t.is(error?.code, "bad-flag");
    }
  }
});

test("step ids are unique, on every kind of host", (t) => {
  const resources: OciResources = {
    memory: { limit: 1e6, swap: 2e6 },
    cpu: { shares: 5, quota: 5000, cpus: "0", mems: "0" },
    pids: { limit: 1 },
  };
  for (const facts of [hybrid, legacy, unified]) {
    const steps = cgroupSteps({ facts, cgroupsPath: "/a/b/c", resources, deviceLines: [], deviceProgram: new Uint8Array(8) });
    const ids = [...steps.prepare, ...steps.join].map(({ id }) => id);
    t.is(new Set(ids).size, ids.length);
  }
});

test("lists of CPUs", (t) => {
  t.deepEqual(parseCpuList("0-2,5"), [0, 1, 2, 5]);
  for (const bad of ["", "a", "2-1", "0,", "-1", "0-99999999"]) t.is(parseCpuList(bad), undefined);
});
