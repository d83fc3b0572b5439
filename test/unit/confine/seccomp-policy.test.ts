import { createHash } from "node:crypto";
import test from "ava";
import { CAPABILITIES } from "../../../src/base/capabilities";
import { DEFAULT_CAPABILITIES } from "../../../src/confine/capabilities";
import { compileSeccomp } from "../../../src/confine/seccomp/compile";
import { defaultProfile } from "../../../src/confine/seccomp/default-profile";
import { explainSyscall } from "../../../src/confine/seccomp/explain";
import { PROGRAM_VERSION, programKey } from "../../../src/confine/seccomp/key";
import { syscallNumbers } from "../../../src/confine/seccomp/numbers";
import { reasonOf, tableEntries } from "../../../src/confine/seccomp/policy";
import { REFUSALS } from "../../../src/confine/seccomp/refused";
import { simulateBpf } from "../../../src/confine/seccomp/simulate";
import { ALLOWED_GROUPS } from "../../../src/confine/seccomp/table";
import { evaluateByName, ruleHolds } from "./reference";

const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const EINVAL = 0x00050016;
const ENOSYS = 0x00050026;
const EAFNOSUPPORT = 0x00050061;

const machine = (capabilities: readonly string[]) => {
  const program = compileSeccomp(defaultProfile({ arch: "x64", capabilities }), { arch: "x64" });
  return (name: string, ...args: (number | bigint)[]) => {
    const wide = args.map((arg) => BigInt.asUintN(64, BigInt(arg)));
    const nr = syscallNumbers("x86_64").get(name) ?? 0x3fff;
    const result = simulateBpf(program, { nr, arch: X86_64, args: wide }).result;
    const nr32 = syscallNumbers("i386").get(name);
    if (nr32 === undefined) return result;
    const args32 = wide.map((arg) => BigInt.asUintN(32, arg));
    const result32 = simulateBpf(program, { nr: nr32, arch: I386, args: args32 }).result;
    // The i386 door must say the same whenever the arguments fit through it.
    return wide.every((arg, index) => arg === args32[index]) && result32 !== result ? NaN : result;
  };
};
const usual = machine(DEFAULT_CAPABILITIES);
const withMore = (...names: string[]) => machine([...DEFAULT_CAPABILITIES, ...names]);

test("every call of every number table has one entry with a reason in both languages", (t) => {
  const words = [...ALLOWED_GROUPS, ...REFUSALS].flatMap((each) => each.names.trim().split(/\s+/));
  t.is(new Set(words).size, words.length);
  const numbered = new Set((["x86_64", "i386", "aarch64"] as const).flatMap((table) => [...syscallNumbers(table).keys()]));
  t.deepEqual(
    [...numbered].filter((name) => !tableEntries().has(name)),
    [],
  );
  t.deepEqual(
    words.filter((name) => !numbered.has(name)),
    [],
  );
  for (const entry of tableEntries().values()) {
    t.regex(reasonOf(entry).en, /^[a-z0-9].*[^.]$/);
    t.regex(reasonOf(entry).zh, /\p{Script=Han}.*[^。]$/u);
  }
});

test("numbers are the kernel's", (t) => {
  const samples = {
    read: [0, 3, 63],
    execve: [59, 11, 221],
    clone: [56, 120, 220],
    openat: [257, 295, 56],
    clone3: [435, 435, 435],
  };
  for (const [name, numbers] of Object.entries(samples)) {
    t.deepEqual(
      (["x86_64", "i386", "aarch64"] as const).map((table) => syscallNumbers(table).get(name)),
      numbers,
    );
  }
});

test("namespaces: clone without CLONE_NEW, no clone3, no unshare, no setns", (t) => {
  t.is(usual("clone", 0x01200011), ALLOW); // fork
  t.is(usual("clone", 0x003d0f00), ALLOW); // thread
  for (const flag of [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]) {
    t.is(usual("clone", flag | 17), EPERM);
  }
  t.is(usual("clone", 0x7e020000), EPERM);
  t.is(usual("clone3"), ENOSYS);
  t.is(usual("unshare", 0x10000000), EPERM);
  t.is(usual("setns", 3, 0), EPERM);
  const admin = withMore("CAP_SYS_ADMIN");
  t.deepEqual([admin("clone", 0x7e020000), admin("clone3"), admin("unshare"), admin("setns")], [ALLOW, ALLOW, ALLOW, ALLOW]);
});

test("sockets: families below 38, also when the upper half of the argument lies", (t) => {
  for (const family of [1, 2, 10, 16, 17, 29, 37]) t.is(usual("socket", family, 1, 0), ALLOW);
  for (const family of [38, 39, 40, 41, 45, 0x100000000n + 40n, 0x100000000n + 2n, -1]) {
    t.is(usual("socket", family, 1, 0), EAFNOSUPPORT);
    t.is(usual("socketpair", family, 1, 0), EAFNOSUPPORT);
    t.is(usual("socket", family, 1, 9), EAFNOSUPPORT);
    t.is(withMore("CAP_AUDIT_WRITE")("socket", family, 1, 9), EAFNOSUPPORT);
  }
  t.is(usual("socket", 16, 3, 9), EINVAL);
  t.is(usual("socket", 2, 3, 6), ALLOW);
  t.is(withMore("CAP_AUDIT_WRITE")("socket", 16, 3, 9), ALLOW);
  t.is(usual("socketcall", 1), 0x00050026);
});

test("personality: the usual values only", (t) => {
  for (const value of [0, 8, 0x20000, 0x20008, 0xffffffff]) t.is(usual("personality", value), ALLOW);
  for (const value of [0x0040000, 0x0100000, 0x0400000, 0xffffffffffffffffn]) t.is(usual("personality", value), ENOSYS);
});

test("what is dangerous answers EPERM, and its capability lifts that", (t) => {
  const lifted: Record<string, string> = {
    mount: "SYS_ADMIN",
    umount2: "SYS_ADMIN",
    fsopen: "SYS_ADMIN",
    move_mount: "SYS_ADMIN",
    mount_setattr: "SYS_ADMIN",
    pivot_root: "SYS_ADMIN",
    bpf: "BPF",
    perf_event_open: "PERFMON",
    syslog: "SYSLOG",
    open_by_handle_at: "DAC_READ_SEARCH",
    init_module: "SYS_MODULE",
    userfaultfd: "SYS_PTRACE",
    kcmp: "SYS_PTRACE",
    move_pages: "SYS_NICE",
    iopl: "SYS_RAWIO",
    clock_settime: "SYS_TIME",
    stime: "SYS_TIME",
    reboot: "SYS_BOOT",
    acct: "SYS_PACCT",
  };
  for (const [name, capability] of Object.entries(lifted)) {
    if (syscallNumbers("x86_64").has(name)) {
      t.is(usual(name), EPERM, name);
      t.is(withMore(`CAP_${capability}`)(name), ALLOW, name);
    }
    t.true(explainSyscall(name, { capabilities: [] }).unlockedBy.includes(`CAP_${capability}`), name);
  }
  const all = machine(CAPABILITIES);
  for (const name of [
    "add_key",
    "keyctl",
    "request_key",
    "io_uring_setup",
    "io_uring_enter",
    "kexec_load",
    "kexec_file_load",
    "swapon",
    "vmsplice",
  ]) {
    t.is(usual(name), EPERM, name);
    t.is(all(name), EPERM, name);
  }
  t.is(usual("ptrace"), ALLOW);
  t.is(usual("chroot"), ALLOW);
  t.is(machine([])("chroot"), EPERM);
});

test("a number without a name answers ENOSYS through both doors", (t) => {
  const program = compileSeccomp(defaultProfile({ arch: "x64", capabilities: CAPABILITIES }), { arch: "x64" });
  for (const [table, arch] of [
    ["x86_64", X86_64],
    ["i386", I386],
  ] as const) {
    const known = new Set(syscallNumbers(table).values());
    for (let nr = 0; nr < 1024; nr++) {
      if (!known.has(nr)) t.is(simulateBpf(program, { nr, arch, args: [] }).result, ENOSYS);
    }
  }
});

test("no two rules of one call overlap, so a runtime without order among rules reads the same", (t) => {
  const edges = [
    0n,
    1n,
    8n,
    9n,
    10n,
    15n,
    16n,
    17n,
    37n,
    38n,
    39n,
    0x20000n,
    0x20008n,
    0x02000000n,
    0x40000000n,
    0x7e020000n,
    0xffffffffn,
    0x100000009n,
    (1n << 64n) - 1n,
  ];
  for (const capabilities of [DEFAULT_CAPABILITIES, [], CAPABILITIES, ["CAP_AUDIT_WRITE"]]) {
    const profile = defaultProfile({ arch: "x64", capabilities });
    const names = new Set(profile.syscalls?.flatMap((rule) => rule.names));
    for (const name of names) {
      const rules = profile.syscalls?.filter((rule) => rule.names.includes(name)) ?? [];
      if (rules.length < 2) continue;
      for (const first of edges) {
        for (const third of edges) {
          const holding = rules.filter((rule) => ruleHolds(rule.args ?? [], [first, 0n, third]));
          t.true(new Set(holding.map((rule) => `${rule.action}${rule.errnoRet}`)).size <= 1, `${name} ${first} ${third}`);
        }
      }
    }
  }
});

test("the profile is JSON, names no call twice without conditions, and leaves out foreign calls", (t) => {
  for (const arch of ["x64", "arm64"] as const) {
    const profile = defaultProfile({ arch, capabilities: DEFAULT_CAPABILITIES });
    t.deepEqual(JSON.parse(JSON.stringify(profile)), profile);
    const plain = profile.syscalls?.filter((rule) => rule.args === undefined).flatMap((rule) => rule.names) ?? [];
    t.is(new Set(plain).size, plain.length);
    t.is(plain.includes("uretprobe"), arch === "x64");
    t.is(evaluateByName(profile, "write", []), ALLOW);
  }
});

test("a reason is given for any call", (t) => {
  const capabilities = DEFAULT_CAPABILITIES;
  t.like(explainSyscall("mount", { capabilities }), {
    decision: "errno",
    errno: "EPERM",
    unlockedBy: ["CAP_SYS_ADMIN"],
  });
  t.like(explainSyscall("mount", { capabilities: ["CAP_SYS_ADMIN"] }), { decision: "allow", errno: undefined });
  t.like(explainSyscall("read", { capabilities }), { decision: "allow", unlockedBy: [] });
  t.is(explainSyscall("clone", { capabilities }).decision, "conditional");
  t.like(explainSyscall("frobnicate", { capabilities }), { decision: "unknown", errno: "ENOSYS" });
  t.is(explainSyscall("__proto__", { capabilities }).decision, "unknown");
});

test("cached programs: the version belongs to these bytes", (t) => {
  const digest = createHash("sha256");
  for (const arch of ["x64", "arm64"] as const) {
    for (const capabilities of [[], DEFAULT_CAPABILITIES, CAPABILITIES]) {
      digest.update(compileSeccomp(defaultProfile({ arch, capabilities }), { arch }));
    }
  }
  // When this fails because the policy or the compiler changed on purpose: raise PROGRAM_VERSION, then put the digest here.
  t.deepEqual([PROGRAM_VERSION, digest.digest("hex").slice(0, 16)], [1, "380818592e77f7c5"]);
});

test("cached programs: the key tells apart what makes them differ, and nothing else", (t) => {
  const base = { arch: "x64", capabilities: DEFAULT_CAPABILITIES } as const;
  t.is(programKey(base), `seccomp-${PROGRAM_VERSION}-x64-800405fb`);
  t.is(programKey({ ...base, capabilities: [...DEFAULT_CAPABILITIES].reverse() }), programKey(base));
  const profile = { text: "{}", kernel: "6.1.0" };
  const keys = [
    programKey(base),
    programKey({ ...base, arch: "arm64" }),
    programKey({ ...base, capabilities: [] }),
    programKey({ ...base, profile }),
    programKey({ ...base, profile: { ...profile, text: "{ }" } }),
    programKey({ ...base, profile: { ...profile, kernel: "6.2.0" } }),
  ];
  t.is(new Set(keys).size, keys.length);
  for (const key of keys) t.regex(key, /^[a-z0-9-]+$/);
});
