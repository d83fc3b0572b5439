import test from "ava";
import fc from "fast-check";

import { GlassboxError } from "../../../src/base/errors";
import { compile, execCandidates } from "../../../src/plan/compile";
import { encodePlan } from "../../../src/plan/encode";
import { brokenRules, ORDER_RULES } from "../../../src/plan/order";
import type { Step } from "../../../src/plan/steps";
import type { RunOptions } from "../../../src/runtime/run-options";
import { CONTEXT, HYBRID, ID, specOf, UNIFIED } from "./fixtures";

const stepsOf = (options: Partial<RunOptions> = {}, facts = HYBRID, context = CONTEXT): Step[] =>
  compile(specOf(options, facts), facts, context).plan.steps;

const find = <K extends Step["kind"]>(steps: Step[], kind: K): Extract<Step, { kind: K }>[] =>
  steps.filter((step): step is Extract<Step, { kind: K }> => step.kind === kind);

test("the plan of a default container on a hybrid host", (t) => {
  t.snapshot(stepsOf().map(({ lane, phase, id }) => `${lane} ${phase} ${id}`));
});

test("the plan of a default container on a cgroup v2 host", (t) => {
  t.snapshot(stepsOf({}, UNIFIED).map(({ lane, phase, id }) => `${lane} ${phase} ${id}`));
});

test("the plan of a container with a terminal, limits, mounts and a user", (t) => {
  const steps = stepsOf({
    tty: true,
    memoryBytes: 64 * 1024 * 1024,
    cpus: 1.5,
    readonlyRootfs: true,
    noNewPrivileges: true,
    hostname: "box",
    sysctls: { "net.ipv4.ip_forward": "1" },
    mounts: [
      {
        kind: "bind",
        source: "/data",
        target: "/data",
        readonly: true,
        recursive: true,
        recursiveReadonly: true,
        propagation: "rprivate",
        createSource: false,
      },
      { kind: "tmpfs", target: "/tmp", options: [], sizeBytes: 1048576 },
    ],
  });
  t.snapshot(steps.filter(({ kind }) => kind !== "install-seccomp"));
});

test("ids are unique and the same twice", (t) => {
  const ids = stepsOf({ tty: true }).map(({ id }) => id);
  t.is(new Set(ids).size, ids.length);
  t.deepEqual(
    ids,
    stepsOf({ tty: true }).map(({ id }) => id),
  );
});

const anyOptions: fc.Arbitrary<Partial<RunOptions>> = fc.record(
  {
    tty: fc.boolean(),
    init: fc.boolean(),
    readonlyRootfs: fc.boolean(),
    noNewPrivileges: fc.boolean(),
    privileged: fc.boolean(),
    network: fc.constantFrom("none", "host", "default"),
    pid: fc.constantFrom("private", "host"),
    ipc: fc.constantFrom("private", "host", "none"),
    uts: fc.constantFrom("private", "host"),
    cgroupns: fc.constantFrom("private", "host"),
    memoryBytes: fc.integer({ min: 6291456, max: 2 ** 40 }),
    cpus: fc.double({ min: 0.01, max: 2, noNaN: true }),
    pidsLimit: fc.integer({ min: -1, max: 100000 }),
    sysctls: fc.constantFrom<Record<string, string>[]>({}, { "net.core.somaxconn": "128" }),
    unsafe: fc.constantFrom<RunOptions["unsafe"][]>(
      {},
      { proc: "host" },
      { devices: "host" },
      { sysfs: "rw" },
      { cgroup: "off" },
      { pidns: "off" },
      { caps: "all", seccomp: "off" },
    ),
  },
  { requiredKeys: [] },
);

test("whatever the options, no order rule is broken and the child's lane encodes", (t) => {
  fc.assert(
    fc.property(anyOptions, fc.constantFrom(HYBRID, UNIFIED), (options, facts) => {
      const { plan } = compile(specOf(options, facts), facts, CONTEXT);
      t.deepEqual(brokenRules(plan), []);
      const slots = new Map(find(plan.steps, "join-cgroup").map(({ slot }, i) => [slot, 10 + i]));
      const bytes = Buffer.from(encodePlan(plan, slots, false));
      t.is(bytes.readUInt32LE(12), plan.steps.filter(({ lane }) => lane === "child").length);
      t.is(bytes.readUInt32LE(16), bytes.length);
    }),
    { numRuns: 200 },
  );
});

test("every order rule can be broken, and is then found", (t) => {
  const { plan } = compile(
    specOf({ tty: true, readonlyRootfs: true, noNewPrivileges: true, userns: "private", mounts: [] }),
    HYBRID,
    CONTEXT,
  );
  plan.steps.unshift(
    {
      id: "late-bind",
      kind: "bind-mount",
      lane: "child",
      phase: "rootfs",
      source: "/",
      target: "/x",
      recursive: false,
      attributes: [],
      propagation: "MS_PRIVATE",
      createTarget: "none",
    },
    { id: "late-take", kind: "take-mount", lane: "child", phase: "rootfs", source: "/", recursive: true, slot: 0 },
    { id: "late-map", kind: "write-id-map", lane: "parent", phase: "attach", file: "uid_map", value: "0 0 1" },
  );
  const broken = new Set(brokenRules({ version: 1, steps: plan.steps.toReversed() }).map(({ rule }) => rule));
  // Two rules hold either way round in one reversed plan only when one of their sides is missing from it.
  const sides = ORDER_RULES.filter((rule) => !broken.has(rule)).map(({ reason }) => reason);
  t.deepEqual(sides, []);
});

test("namespaces: all but cgroup are cloned, cgroup is unshared after joining", (t) => {
  const steps = stepsOf();
  t.deepEqual(find(steps, "clone")[0]!.flags, ["CLONE_NEWNS", "CLONE_NEWUTS", "CLONE_NEWIPC", "CLONE_NEWPID", "CLONE_NEWNET"]);
  t.is(find(steps, "new-cgroup-namespace").length, 1);
});

test("seccomp is installed before capabilities go, or after no_new_privs", (t) => {
  const order = (options: Partial<RunOptions>): string[] =>
    stepsOf(options)
      .map(({ kind }) => kind)
      .filter((kind) => kind === "install-seccomp" || kind === "set-capabilities" || kind === "no-new-privileges");
  t.deepEqual(order({}), ["install-seccomp", "set-capabilities"]);
  t.deepEqual(order({ noNewPrivileges: true }), ["set-capabilities", "no-new-privileges", "install-seccomp"]);
});

test("a user other than root has no capabilities, but its bounding set", (t) => {
  const config = specOf({}, HYBRID, { user: { uid: 1000, gid: 1000, additionalGids: [], home: "/" } });
  const capabilities = find(compile(config, HYBRID, CONTEXT).plan.steps, "set-capabilities")[0]!;
  t.is(capabilities.effective, 0n);
  t.is(capabilities.permitted, 0n);
  t.is(find(compile(config, HYBRID, CONTEXT).plan.steps, "bound-capabilities")[0]!.keep, 0x800405fbn);
});

test("each unsafe option changes what it says, and nothing else", (t) => {
  const normal = stepsOf();
  const changed = (unsafe: RunOptions["unsafe"], context = CONTEXT): { gone: string[]; added: string[] } => {
    const other = stepsOf({ unsafe }, HYBRID, context);
    const key = (step: Step): string =>
      JSON.stringify(step, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
    const [a, b] = [new Set(normal.map(key)), new Set(other.map(key))];
    return {
      gone: normal.filter((step) => !b.has(key(step))).map(({ id }) => id),
      added: other.filter((step) => !a.has(key(step))).map(({ id }) => id),
    };
  };
  t.deepEqual(changed({}, { ...CONTEXT, changeRoot: "chroot" }), { gone: ["change-root"], added: ["change-root"] });
  t.deepEqual(changed({}, { ...CONTEXT, propagation: "none" }), {
    // The overlay's own mount stays shared too, else nothing below it would show on the host.
    gone: ["mount-overlay", "set-propagation"],
    added: ["mount-overlay"],
  });
  t.deepEqual(changed({ pidns: "off" }), { gone: ["clone"], added: ["clone"] });
  t.deepEqual(changed({}, { ...CONTEXT, seccompProgram: undefined }), { gone: ["install-seccomp"], added: [] });
  t.deepEqual(changed({ caps: "all" }), {
    gone: ["bound-capabilities", "set-capabilities"],
    added: ["bound-capabilities", "set-capabilities"],
  });
  t.deepEqual(changed({ sysfs: "rw" }), {
    gone: [
      "mount-/sys",
      "make-readonly-/proc/bus",
      "make-readonly-/proc/fs",
      "make-readonly-/proc/irq",
      "make-readonly-/proc/sys",
      "make-readonly-/proc/sysrq-trigger",
    ],
    added: ["mount-/sys"],
  });
  t.true(changed({ proc: "host" }).added.includes("bind-/proc"));
  t.true(changed({ devices: "host" }).added.includes("bind-/dev"));
  t.deepEqual(
    find(stepsOf({ unsafe: { cgroup: "off" } }), "create-cgroup").map(({ id }) => id),
    [],
  );
});

test("exec candidates follow the container's PATH and working directory", (t) => {
  t.deepEqual(execCandidates("sh", ["PATH=/usr/bin:/bin"], "/"), ["/usr/bin/sh", "/bin/sh"]);
  t.deepEqual(execCandidates("sh", ["PATH=/bin", "PATH=/sbin"], "/"), ["/sbin/sh"]);
  t.deepEqual(execCandidates("./run", [], "/srv"), ["/srv/./run"]);
  t.deepEqual(execCandidates("a/b", [], "/"), ["/a/b"]);
  t.deepEqual(execCandidates("/bin/sh", [], "/x"), ["/bin/sh"]);
  t.deepEqual(execCandidates("sh", ["PATH=:/bin"], "/w"), ["/w/sh", "/bin/sh"]);
  const error = t.throws(() => execCandidates(undefined, [], "/"), { instanceOf: GlassboxError });
  t.is(error.code, "no-command");
});

test("a mount over /proc, /sys or /dev is refused", (t) => {
  for (const target of ["/proc", "/proc/sys", "/sys", "/sys/fs", "/dev"]) {
    const error = t.throws(() => specOf({ mounts: [{ kind: "tmpfs", target, options: [] }] }), { instanceOf: GlassboxError });
    t.is(error.code, "mount-target-refused", target);
  }
  t.notThrows(() => specOf({ mounts: [{ kind: "tmpfs", target: "/dev/shm", options: [] }] }));
});

test("a config of a bundle compiles without an overlay", (t) => {
  const steps = stepsOf({}, HYBRID, { ...CONTEXT, overlay: undefined });
  t.is(find(steps, "mount-overlay").length, 0);
  t.is(find(steps, "open-root")[0]!.path, `/store/overlay2/${ID}/merged`);
});
