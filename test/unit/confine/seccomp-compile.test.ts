import test from "ava";
import fc from "fast-check";
import type { OciSeccomp, OciSeccompArg, OciSeccompRule } from "../../../src/plan/oci";
import { DOORS, compileSeccomp, unknownSyscalls } from "../../../src/confine/seccomp/compile";
import type { SeccompArch } from "../../../src/confine/seccomp/key";
import { syscallNumbers } from "../../../src/confine/seccomp/numbers";
import { simulateBpf } from "../../../src/confine/seccomp/simulate";
import { evaluate } from "./reference";

const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const ENOSYS = 0x00050026;
const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;

const number = (name: string, table: "x86_64" | "i386" | "aarch64" = "x86_64") => syscallNumbers(table).get(name) ?? -1;
const multiplexers = new Set([number("socketcall", "i386"), number("ipc", "i386")]);

const interesting = [0n, 1n, 9n, 16n, 38n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x100000026n, (1n << 64n) - 1n];
const word = fc.oneof(fc.constantFrom(...interesting), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
const action = fc.constantFrom<OciSeccompRule["action"][]>(
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_LOG",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
);
const op = fc.constantFrom<OciSeccompArg["op"][]>(
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
);
const argument: fc.Arbitrary<OciSeccompArg> = fc.record({
  index: fc.integer({ min: 0, max: 5 }),
  value: word,
  valueTwo: word,
  op,
});
const allNames = [...new Set((["x86_64", "i386", "aarch64"] as const).flatMap((table) => [...syscallNumbers(table).keys()]))];
const rule: fc.Arbitrary<OciSeccompRule> = fc.record(
  {
    names: fc.array(fc.constantFrom(...allNames, "not_a_call"), { minLength: 1, maxLength: 12 }),
    action,
    errnoRet: fc.integer({ min: 0, max: 4095 }),
    args: fc.array(argument, { maxLength: 3 }),
  },
  { requiredKeys: ["names", "action"] },
);
const profiles: fc.Arbitrary<OciSeccomp> = fc.record(
  {
    defaultAction: action,
    defaultErrnoRet: fc.integer({ min: 0, max: 4095 }),
    architectures: fc.constant(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
    syscalls: fc.array(rule, { maxLength: 20 }),
  },
  { requiredKeys: ["defaultAction", "architectures", "syscalls"] },
);

/** Calls that a profile says something about, at their edges, and some others. */
function numbersOf(profile: OciSeccomp, table: "x86_64" | "i386" | "aarch64"): number[] {
  const named = (profile.syscalls ?? []).flatMap((each) => each.names.map((name) => number(name, table))).filter((nr) => nr >= 0);
  const around = named.flatMap((nr) => [nr - 1, nr, nr + 1]).filter((nr) => nr >= 0);
  return [...around, 0, 500, 0x3fffffff, 0x40000000, 0x40000001, 0xffffffff];
}

function agrees(profile: OciSeccomp, arch: SeccompArch, args: bigint[]): void {
  const program = compileSeccomp(profile, { arch });
  for (const door of DOORS[arch]) {
    for (const nr of numbersOf(profile, door.table)) {
      if (door.table === "i386" && multiplexers.has(nr)) continue;
      const { result } = simulateBpf(program, { nr, arch: door.audit, args });
      // 64-bit code may enter by the i386 door with anything in the upper halves; the call does not see them.
      const seen = door.table === "i386" ? args.map((arg) => BigInt.asUintN(32, arg)) : args;
      const expected = evaluate(profile, door.table, nr, seen);
      if (result !== expected)
        throw new Error(`${door.name} ${nr} [${args.join()}]: ${result.toString(16)}, expected ${expected.toString(16)}`);
    }
  }
}

test("a program is equal to the plain reading of its profile", (t) => {
  fc.assert(
    fc.property(profiles, fc.array(word, { minLength: 6, maxLength: 6 }), (profile, args) => {
      agrees(profile, "x64", args);
    }),
    { numRuns: 400 },
  );
  fc.assert(
    fc.property(profiles, fc.array(word, { minLength: 6, maxLength: 6 }), (profile, args) => {
      agrees(profile, "arm64", args);
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test("each comparison is of 64 bits, at its edges", (t) => {
  fc.assert(
    fc.property(op, word, word, word, (operator, value, valueTwo, given) => {
      const close = [given, value, value + 1n, value - 1n, value ^ (1n << 32n), valueTwo].map((each) => BigInt.asUintN(64, each));
      for (const each of close) {
        agrees(
          {
            defaultAction: "SCMP_ACT_ALLOW",
            architectures: ["SCMP_ARCH_X86"],
            syscalls: [{ names: ["read"], action: "SCMP_ACT_ERRNO", args: [{ index: 2, value, valueTwo, op: operator }] }],
          },
          "x64",
          [0n, 0n, each, 0n, 0n, 0n],
        );
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test("jumps over 255 instructions", (t) => {
  const far: OciSeccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [...syscallNumbers("x86_64").keys()].map((name, index) => ({
      names: [name],
      action: "SCMP_ACT_ALLOW",
      args: [
        { index: index % 6, value: index, op: "SCMP_CMP_GT" },
        { index: (index + 1) % 6, value: 3 + index, op: "SCMP_CMP_EQ" },
      ],
    })),
  };
  const program = compileSeccomp(far, { arch: "x64" });
  t.true(program.length / 8 > 2000);
  for (let nr = 0; nr < 480; nr++) {
    for (const base of [0n, 100n, 470n]) {
      const args = [base, base + 1n, base, base + 4n, BigInt(nr + 1), BigInt(nr + 3)];
      t.is(simulateBpf(program, { nr, arch: X86_64, args }).result, evaluate(far, "x86_64", nr, args));
    }
  }
});

test("through the i386 door the upper half of a register does not hide an argument", (t) => {
  const profile: OciSeccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86"],
    syscalls: [{ names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 40, op: "SCMP_CMP_EQ" }] }],
  };
  const program = compileSeccomp(profile, { arch: "x64" });
  const nr = number("socket", "i386");
  t.is(simulateBpf(program, { nr, arch: I386, args: [0x100000028n] }).result, 0x00050001);
  t.is(simulateBpf(program, { nr, arch: I386, args: [0x100000027n] }).result, ALLOW);
});

test("many conditions on one call, and one too many", (t) => {
  const values = (count: number): OciSeccomp => ({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: Array.from({ length: count }, (_, index) => ({
      names: ["ioctl"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 1, value: index * 7, op: "SCMP_CMP_EQ" }],
    })),
  });
  const program = compileSeccomp(values(600), { arch: "x64" });
  for (const value of [0n, 7n, 8n, 4193n, 4200n, 0x100000007n]) {
    const { result } = simulateBpf(program, { nr: number("ioctl"), arch: X86_64, args: [0n, value] });
    t.is(result, value % 7n === 0n && value < 4200n ? ALLOW : 0x00050001);
  }
  t.throws(() => compileSeccomp(values(2000), { arch: "x64" }), { code: "seccomp-too-long" });
});

test("another machine is killed, i386 too when it is not listed, x32 answers ENOSYS", (t) => {
  const open: OciSeccomp = { defaultAction: "SCMP_ACT_ALLOW" };
  const program = compileSeccomp(open, { arch: "x64" });
  const outcome = (nr: number, arch: number) => simulateBpf(program, { nr, arch, args: [] }).result;
  t.is(outcome(0, X86_64), ALLOW);
  t.is(outcome(0x40000000, X86_64), ENOSYS);
  t.is(outcome(0xffffffff, X86_64), ENOSYS);
  t.is(outcome(0, I386), KILL_PROCESS);
  t.is(outcome(0, 0xc00000b7), KILL_PROCESS);
});

test("a call that carries others passes only if all of them would", (t) => {
  const carried = (syscalls: OciSeccompRule[], name: string) => {
    const profile: OciSeccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"], syscalls };
    const program = compileSeccomp(profile, { arch: "x64" });
    return simulateBpf(program, { nr: number(name, "i386"), arch: I386, args: [] }).result;
  };
  t.is(carried([], "socketcall"), ALLOW);
  t.is(carried([], "ipc"), ALLOW);
  const noVsock: OciSeccompRule = {
    names: ["socket"],
    action: "SCMP_ACT_ERRNO",
    args: [{ index: 0, value: 40, op: "SCMP_CMP_EQ" }],
  };
  t.is(carried([noVsock], "socketcall"), ENOSYS);
  t.is(carried([noVsock], "ipc"), ALLOW);
  t.is(carried([{ names: ["shmat"], action: "SCMP_ACT_KILL" }], "ipc"), ENOSYS);
  t.is(carried([{ names: ["accept"], action: "SCMP_ACT_ERRNO" }], "socketcall"), ENOSYS);
  t.is(carried([noVsock, { names: ["socketcall"], action: "SCMP_ACT_ERRNO", errnoRet: 13 }], "socketcall"), 0x0005000d);
});

test("conditions on one argument twice are alternatives", (t) => {
  const profile: OciSeccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [
      {
        names: ["personality"],
        action: "SCMP_ACT_ALLOW",
        args: [
          { index: 0, value: 0, op: "SCMP_CMP_EQ" },
          { index: 0, value: 8, op: "SCMP_CMP_EQ" },
        ],
      },
    ],
  };
  const program = compileSeccomp(profile, { arch: "x64" });
  const given = (value: bigint) => simulateBpf(program, { nr: number("personality"), arch: X86_64, args: [value] }).result;
  t.deepEqual([given(0n), given(8n), given(9n)], [ALLOW, ALLOW, 0x00050001]);
});

test("names that the machine does not know are told", (t) => {
  const profile: OciSeccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["raed", "read", "socketcall"], action: "SCMP_ACT_KILL" }],
  };
  t.deepEqual(unknownSyscalls(profile, { arch: "x64" }), ["raed"]);
  t.deepEqual(unknownSyscalls(profile, { arch: "arm64" }), ["raed", "socketcall"]);
});
