import test from "ava";
import { microseconds } from "../../../src/explain/fold";
import { Narrator, narrate } from "../../../src/explain/narrate";
import type { NarrateOptions } from "../../../src/explain/narrate";
import { stringWidth } from "../../../src/explain/width";
import type { CallArgument, CallRecord } from "../../../src/plan/trace";
import type { Plan, Step } from "../../../src/plan/steps";
import { CHINESE, ENGLISH } from "./small-start";
import { SAMPLES } from "./samples";

let clock = 0n;

function record(stepId: string, syscall: string, args: (number | string | null)[], result: number | string = 0): CallRecord {
  clock += 100_000n;
  return {
    stepId,
    lane: stepId === "clone" ? "parent" : "child",
    syscall,
    args: args.map((value): CallArgument =>
      value === null
        ? { type: "null" }
        : typeof value === "string"
          ? { type: "string", value }
          : { type: "int", value: BigInt(value) },
    ),
    result: typeof result === "string" ? -1n : BigInt(result),
    ...(typeof result === "string" ? { errno: result } : {}),
    startNs: clock,
    durationNs: 12_400n,
  };
}

const STEPS: Step[] = [
  { id: "clone", kind: "clone", lane: "parent", phase: "clone", flags: ["CLONE_NEWNS"] },
  { id: "hostname", kind: "set-hostname", lane: "child", phase: "confine", hostname: "box" },
  {
    id: "execute",
    kind: "execute",
    lane: "child",
    phase: "handoff",
    candidates: ["/bin/sh"],
    argv: ["sh"],
    env: [],
    reaper: false,
  },
];
const PLAN: Plan = { version: 1, steps: STEPS };
const TRACE = [record("clone", "clone3", [0x20000, 17], 4242), record("hostname", "sethostname", ["box", 3])];
const BASE: NarrateOptions = { plan: PLAN, lang: "en", width: 80, colour: false, detail: "steps" };

test("a small start, in full", (t) => {
  t.deepEqual(narrate({ ...BASE, trace: TRACE }), ENGLISH);
  t.deepEqual(narrate({ ...BASE, lang: "zh", trace: TRACE }), CHINESE);
});

test("each step: number, lane, title, act, then call with result and time, then why", (t) => {
  const out = narrate({ ...BASE, trace: TRACE });
  const at = out.findIndex((line) => line.startsWith("2 child   set the host name to box"));
  t.regex(out[at] ?? "", /\[namespaces\]$/);
  t.regex(out[at + 1] ?? "", /^ {6}sethostname\("box", 3\) = 0 +12 µs$/);
  t.regex(out[at + 2] ?? "", /The new UTS namespace starts with a copy/);
});

test("totals: acts with counts, lanes, phases, first to last", (t) => {
  const out = narrate({ ...BASE, trace: TRACE }).join("\n");
  t.regex(out, /namespaces +2 steps, 2 calls +25 µs {2}1st: what/);
  t.regex(out, /cgroups +0 steps, 0 calls +0\.0 µs/);
  t.regex(out, /parent +1 step, 1 call /);
  t.regex(out, /first call to last: 112 µs/);
  t.notRegex(out, /failed/);
});

test("no line is wider than the terminal, in either language, at any width", (t) => {
  const plan: Plan = { version: 1, steps: [...SAMPLES] };
  const trace = SAMPLES.map((step) => record(step.id, "mount", ["proc", `/${"x".repeat(60)}`, "proc", 14, "mode=755"], "ENOENT"));
  for (const lang of ["en", "zh"] as const) {
    for (const width of [40, 60, 80, 132]) {
      for (const line of narrate({ plan, trace, lang, width, colour: false, detail: "calls", lesson: true })) {
        t.true(stringWidth(line) <= width, `${lang} ${width} ${stringWidth(line)}: ${line}`);
      }
    }
  }
});

test("both languages tell the same steps with the same calls", (t) => {
  const plan: Plan = { version: 1, steps: [...SAMPLES] };
  const trace = SAMPLES.map((step) => record(step.id, "prctl", [38, 1, 0, 0, 0]));
  const skeleton = (lang: "en" | "zh"): string[] =>
    narrate({ plan, trace, lang, width: 132, colour: false, detail: "calls" })
      .map((line) => /^ *\d+ (?:parent|child|父|子) |prctl\(.*= 0/.exec(line)?.[0] ?? "")
      .map((found) =>
        found
          .replace(/parent|父/, "P")
          .replace(/child|子/, "C")
          .replace(/ +/g, " "),
      )
      .filter((found) => found !== "");
  t.deepEqual(skeleton("en"), skeleton("zh"));
  t.is(skeleton("en").length, SAMPLES.length * 2);
});

test("a reason is given once", (t) => {
  const node = (path: string, minor: number): Step => ({
    id: path,
    kind: "create-device",
    lane: "child",
    phase: "rootfs",
    how: "mknod",
    path,
    type: "c",
    major: 1,
    minor,
    mode: 0o666,
    uid: 0,
    gid: 0,
  });
  const plan: Plan = { version: 1, steps: [node("/dev/null", 3), node("/dev/zero", 5)] };
  const out = narrate({ ...BASE, plan, trace: [] }).join("\n");
  t.is(out.split("A device node is only a name").length, 2);
});

test("steps: housekeeping and repetitions are folded; calls: nothing is", (t) => {
  const plan: Plan = {
    version: 1,
    steps: [{ id: "b", kind: "bound-capabilities", lane: "child", phase: "identity", keep: 0n, lastCap: 3 }],
  };
  const trace = [
    record("b", "openat", [-100, "/x", 0], 3),
    ...[0, 1, 2, 3].map((cap) => record("b", "prctl", [24, cap, 0, 0, 0])),
    record("b", "close", [3]),
  ];
  const steps = narrate({ ...BASE, plan, trace }).join("\n");
  t.regex(steps, /CAP_CHOWN\) = 0/);
  t.notRegex(steps, /CAP_FOWNER|CAP_DAC_READ_SEARCH\) =/);
  t.regex(steps, /… 2 more like these +25 µs/);
  t.regex(steps, /and openat, close +25 µs/);
  const calls = narrate({ ...BASE, plan, trace, detail: "calls" }).join("\n");
  for (const text of ["openat(", "CAP_CHOWN)", "CAP_DAC_OVERRIDE)", "CAP_DAC_READ_SEARCH)", "CAP_FOWNER)", "close(3)"])
    t.true(calls.includes(text), text);
});

test("opening a file for writing is not housekeeping: it names what the next write changes", (t) => {
  const plan: Plan = {
    version: 1,
    steps: [
      {
        id: "l",
        kind: "set-cgroup-limit",
        lane: "parent",
        phase: "prepare",
        file: "/cg/pids.max",
        value: "9",
        readBack: "exact",
      },
    ],
  };
  const trace = [
    record("l", "openat", [-100, "/cg/pids.max", 0o2000001], 5),
    record("l", "write", [5, "9", 1], 1),
    record("l", "close", [5]),
  ];
  const out = narrate({ ...BASE, plan, trace }).join("\n");
  t.regex(out, /openat\(AT_FDCWD, "\/cg\/pids\.max", O_WRONLY/);
});

test("an error that the start survived is marked; the fatal one is not, and what was not reached is said", (t) => {
  const trace = [record("clone", "clone3", [0x20000, 17], 42), record("hostname", "sethostname", ["box", 3], "EPERM")];
  const survived = narrate({ ...BASE, trace }).join("\n");
  t.regex(survived, /EPERM \(Operation not permitted\) {2}\(may fail here\)/);
  t.regex(survived, /1 call failed where failing is allowed for/);
  const fatal = narrate({ ...BASE, trace, failedStepId: "hostname" }).join("\n");
  t.notRegex(fatal, /may fail here/);
  t.regex(fatal, /Step 3 was not reached\./);
  t.notRegex(fatal, /run sh/);
  t.notRegex(fatal, /allowed for/);
});

test("steps: many writes to one file are folded, and long ids are cut; calls: whole", (t) => {
  const id = "c0ffee".repeat(10) + "0123";
  const file = `/cg/${id}/devices.allow`;
  const plan: Plan = {
    version: 1,
    steps: [
      {
        id: "d",
        kind: "limit-devices",
        lane: "parent",
        phase: "prepare",
        how: "v1",
        path: "/cg",
        allow: ["c *:* m", "c 1:3 rwm"],
      },
    ],
  };
  const trace = ["c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm"].map((line) =>
    record("d", "write", [file, line, line.length], line.length),
  );
  const steps = narrate({ ...BASE, width: 120, plan, trace }).join("\n");
  t.regex(steps, /write\(<\/cg\/c0ffeec0ffee\.\.\.\/devices\.allow>, "c \*:\* m", 7\) = 7/);
  t.regex(steps, /… 2 more like these/);
  t.regex(steps, /forbid opening any device but 1 kind /);
  const calls = narrate({ ...BASE, width: 200, plan, trace, detail: "calls" }).join("\n");
  t.true(calls.includes(file) && calls.includes("c 1:5 rwm"));
});

test("execute without a record says why there is none", (t) => {
  t.regex(narrate({ ...BASE, trace: TRACE }).join("\n"), /a successful execve does not return/);
});

test("records of no step are told at the end, not lost", (t) => {
  const out = narrate({ ...BASE, trace: [...TRACE, record("", "umount2", ["/x", 2])] });
  const at = out.findIndex((line) => line.includes("Calls outside the plan"));
  t.true(at > 0);
  t.regex(out[at + 1] ?? "", /umount2\("\/x", MNT_DETACH\) = 0/);
});

test("fed step by step it tells the same", (t) => {
  const narrator = new Narrator(BASE);
  const out = [
    ...narrator.opening(),
    ...STEPS.flatMap(({ id }) =>
      narrator.step(
        id,
        TRACE.filter(({ stepId }) => stepId === id),
      ),
    ),
    ...narrator.closing(),
  ];
  t.deepEqual(out, narrate({ ...BASE, trace: TRACE }));
});

test("colour only when asked, and it changes nothing but colour", (t) => {
  const plain = narrate({ ...BASE, trace: TRACE });
  const coloured = narrate({ ...BASE, colour: true, trace: TRACE });
  t.notRegex(plain.join("\n"), /\u001b/);
  t.regex(coloured.join("\n"), /\u001b\[1m/);
  // eslint-disable-next-line no-control-regex
  t.deepEqual(
    coloured.map((line) => line.replace(/\u001b\[[0-9;]*m/g, "")),
    plain,
  );
});

test("nothing recorded can steer the terminal", (t) => {
  const evil = "\u001b]0;owned\u0007\r\n\u202e";
  const steps: Step[] = [
    { id: "h", kind: "set-hostname", lane: "child", phase: "confine", hostname: evil },
    { id: "e", kind: "execute", lane: "child", phase: "handoff", candidates: [evil], argv: [evil], env: [], reaper: false },
  ];
  const out = narrate({ ...BASE, plan: { version: 1, steps }, trace: [record("h", "sethostname", [evil, 9])], lesson: true });
  for (const line of out) t.notRegex(line, /[\u0000-\u001f\u007f-\u009f\u202e]/, line);
});

test("the lesson adds what breaks without it, how to see it, what to read", (t) => {
  const out = narrate({ ...BASE, trace: TRACE, lesson: true }).join("\n");
  t.regex(out, /Without it: Prompts and logs/);
  t.regex(out, /See for yourself \(inside\): cat \/proc\/sys\/kernel\/hostname/);
  t.regex(out, /Read: sethostname\(2\), uts_namespaces\(7\)/);
});

test("microseconds", (t) => {
  t.deepEqual([9_840n, 9_960n, 412_300n, 12_345_678n, 0n].map(microseconds), [
    "9.8 µs",
    "10 µs",
    "412 µs",
    "12,346 µs",
    "0.0 µs",
  ]);
});
