import test from "ava";
import { LIMITS, normaliseLimit } from "../../../src/plan/cgroup-limits";
import { sharesToWeight, wishes } from "../../../src/plan/cgroup-wishes";

test("shares become weights: ends, defaults, the values that runc gives, never decreasing", (t) => {
  const cases: [number, number][] = [
    [0, 1],
    [2, 1],
    [3, 2],
    [1024, 100],
    [2000, 170],
    [262144, 10000],
    [999999, 10000],
  ];
  for (const [shares, weight] of cases) t.is(sharesToWeight(shares), weight, `${shares}`);
  for (let shares = 2, before = 0; shares < 262144; shares = Math.ceil(shares * 1.05)) {
    const weight = sharesToWeight(shares);
    t.true(weight >= before && weight <= 10000);
    before = weight;
  }
});

test("v1 and v2 texts of one limit become one value", (t) => {
  const same: [Parameters<typeof normaliseLimit>[0], string[], string][] = [
    ["memory.max", ["67108864\n"], "67108864"],
    ["memory.max", ["9223372036854771712\n"], "max"],
    ["memory.max", ["9223372036854710272\n"], "max"],
    ["memory.swap.max", ["134217728", "67108864"], "67108864"],
    ["memory.swap.max", ["67108864", "67108864"], "0"],
    ["memory.swap.max", ["9223372036854771712", "67108864"], "max"],
    ["memory.low", ["9223372036854771712"], "0"],
    ["cpu.weight", ["1024"], "100"],
    ["cpu.max", ["-1", "100000"], "max 100000"],
    ["cpu.max", ["50000", "100000"], "50000 100000"],
    ["cpuset.cpus", ["0-1\n"], "0-1"],
    ["pids.max", ["max\n"], "max"],
    ["pids.max", ["64\n"], "64"],
  ];
  for (const [name, raw, text] of same) {
    const v1 = normaliseLimit(name, "v1", raw);
    t.is(v1.text, text, `${name} ${raw.join("|")}`);
    t.deepEqual(normaliseLimit(name, "v2", [text]), v1);
  }
});

test("the table names each limit and each flag once", (t) => {
  t.is(new Set(LIMITS.map(({ name }) => name)).size, LIMITS.length);
  t.is(new Set(LIMITS.map(({ flag }) => flag)).size, LIMITS.length);
});

test("the steps write what the table says: same names, flags, controllers and files", (t) => {
  const all = wishes({
    resources: {
      memory: { limit: 4096, swap: 8192, reservation: 4096 },
      cpu: { shares: 5, quota: 5000, cpus: "0", mems: "0" },
      pids: { limit: 1 },
    },
    facts: {},
  });
  t.deepEqual(new Set(all.map(({ name }) => name)), new Set(LIMITS.map(({ name }) => name)));
  for (const wish of all) {
    const limit = LIMITS.find(({ name }) => name === wish.name)!;
    t.is(wish.controller, limit.controller);
    t.is(wish.flag, limit.flag);
    t.is(wish.v2[0], limit.name);
    for (const [file] of wish.v1) t.true(limit.v1.includes(file));
  }
});
