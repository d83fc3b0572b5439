import test from "ava";
import { DEFAULT_CAPABILITIES } from "../../../src/confine/capabilities";
import { compileSeccomp } from "../../../src/confine/seccomp/compile";
import { defaultProfile } from "../../../src/confine/seccomp/default-profile";
import { type ProfileContext, parseProfile } from "../../../src/confine/seccomp/parse-profile";

const context: ProfileContext = { arch: "x64", capabilities: ["CAP_SYS_ADMIN"], kernel: "5.10.0-28-amd64" };
const parse = (value: unknown, more: Partial<ProfileContext> = {}) =>
  parseProfile(typeof value === "string" ? value : JSON.stringify(value), { ...context, ...more });
const rule = (more: object) => ({ names: ["mount"], action: "SCMP_ACT_ALLOW", ...more });
const kept = (more: object, change: Partial<ProfileContext> = {}) =>
  parse({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule(more)] }, change).syscalls?.length === 1;

test("includes want all of their capabilities, excludes none", (t) => {
  t.true(kept({ includes: { caps: ["CAP_SYS_ADMIN"] } }));
  t.false(kept({ includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } }));
  t.false(kept({ excludes: { caps: ["CAP_BPF", "CAP_SYS_ADMIN"] } }));
  t.true(kept({ excludes: { caps: ["CAP_BPF"] } }));
  t.true(kept({ includes: {}, excludes: null }));
});

test("machines and kernels", (t) => {
  t.true(kept({ includes: { arches: ["arm64", "amd64"] } }));
  t.false(kept({ includes: { arches: ["arm64"] } }));
  t.false(kept({ excludes: { arches: ["amd64"] } }));
  t.true(kept({ includes: { arches: ["arm64"] } }, { arch: "arm64" }));
  t.true(kept({ includes: { minKernel: "4.8" } }));
  t.true(kept({ includes: { minKernel: "5.10" } }));
  t.false(kept({ includes: { minKernel: "5.11" } }));
  t.false(kept({ includes: { minKernel: "6.0" } }));
  t.false(kept({ excludes: { minKernel: "4.8" } }));
});

test("archMap gives the list of this machine", (t) => {
  const archMap = [
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
  ];
  t.deepEqual(parse({ defaultAction: "SCMP_ACT_ERRNO", archMap }).architectures, [
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X32",
  ]);
  t.throws(() => parse({ defaultAction: "SCMP_ACT_ERRNO", archMap, architectures: ["SCMP_ARCH_X86_64"] }), {
    message: /both given/,
  });
});

test("errors by number and by name; empty lists written as null", (t) => {
  const parsed = parse({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    defaultErrno: "ENOSYS",
    syscalls: [{ name: "read", action: "SCMP_ACT_ERRNO", errnoRet: 5, args: null, comment: "x" }],
  });
  t.is(parsed.defaultErrnoRet, 38);
  t.deepEqual(parsed.syscalls, [{ names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet: 5 }]);
  t.is(parse({ defaultAction: "SCMP_ACT_ALLOW", syscalls: null }).syscalls?.length, 0);
});

test("masks of 64 bits survive reading", (t) => {
  const text = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[
    {"index":0,"value":18446744073709551615,"valueTwo":9007199254740993,"op":"SCMP_CMP_MASKED_EQ"}],
    "comment":"not a number: 18446744073709551615, \\" 12345678901234567890"}]}`;
  const arg = parse(text).syscalls?.[0]?.args?.[0];
  t.is(arg?.value, 0xffffffffffffffffn);
  t.is(arg?.valueTwo, 9007199254740993n);
  t.throws(() => parse(text.replace("18446744073709551615,", "18446744073709551616,")), {
    message: /syscalls\[0\]\.args\[0\]\.value/,
  });
});

const WRONG: [string, unknown, RegExp][] = [
  ["not JSON", '{\n  "defaultAction": "SCMP_ACT_ALLOW",\n  oops\n}', /line 3, column 3/],
  ["cut off", '{"defaultAction": "SCMP_ACT_ALLOW"', /not JSON/],
  ["empty", "", /not JSON/],
  ["a list", [], /the profile: a list/],
  ["no default", {}, /defaultAction: missing/],
  ["unknown default", { defaultAction: "ALLOW" }, /unknown action "ALLOW"/],
  ["misspelt field", { defaultAction: "SCMP_ACT_ALLOW", sycalls: [] }, /unknown field "sycalls"/],
  ["rules no list", { defaultAction: "SCMP_ACT_ALLOW", syscalls: {} }, /syscalls: an object/],
  ["no names", { syscalls: [rule({}), { action: "SCMP_ACT_ALLOW" }] }, /syscalls\[1\]\.names: missing/],
  ["empty names", { syscalls: [rule({ names: [] })] }, /syscalls\[0\]\.names/],
  ["name not a string", { syscalls: [rule({ names: [5] })] }, /syscalls\[0\]\.names\[0\]: a number/],
  ["both names", { syscalls: [rule({ name: "read" })] }, /name and names/],
  ["no action", { syscalls: [{ names: ["read"] }] }, /syscalls\[0\]\.action: missing/],
  ["notify", { syscalls: [rule({ action: "SCMP_ACT_NOTIFY" })] }, /NOTIFY is not supported/],
  ["misspelt rule field", { syscalls: [rule({ arg: [] })] }, /syscalls\[0\]: unknown field "arg"/],
  ["argument 6", { syscalls: [rule({ args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] })] }, /args\[0\]\.index: 6/],
  ["no value", { syscalls: [rule({ args: [{ index: 0, op: "SCMP_CMP_EQ" }] })] }, /args\[0\]\.value: missing/],
  ["negative value", { syscalls: [rule({ args: [{ index: 0, value: -1, op: "SCMP_CMP_EQ" }] })] }, /args\[0\]\.value: -1/],
  ["fraction", { syscalls: [rule({ args: [{ index: 0, value: 1.5, op: "SCMP_CMP_EQ" }] })] }, /args\[0\]\.value: 1\.5/],
  ["operator", { syscalls: [rule({ args: [{ index: 0, value: 1, op: "==" }] })] }, /unknown operator "=="/],
  ["errno too large", { syscalls: [rule({ errnoRet: 4096 })] }, /errnoRet: 4096/],
  ["errno name", { syscalls: [rule({ errno: "ENOPE" })] }, /unknown error name "ENOPE"/],
  [
    "capability",
    { syscalls: [rule({ includes: { caps: ["SYS_ADMIN"] } })] },
    /syscalls\[0\]\.includes\.caps: unknown capability/,
  ],
  ["kernel", { syscalls: [rule({ includes: { minKernel: "new" } })] }, /minKernel: "new"/],
  ["filter field", { syscalls: [rule({ excludes: { cap: [] } })] }, /excludes: unknown field "cap"/],
  ["listener", { listenerPath: "/run/x" }, /listenerPath/],
];
for (const [title, value, message] of WRONG) {
  test(`wrong: ${title}`, (t) => {
    const complete =
      typeof value === "object" && !Array.isArray(value) && Object.keys(value as object).some((key) => key !== "defaultAction")
        ? { defaultAction: "SCMP_ACT_ERRNO", ...value }
        : value;
    const error = t.throws(() => parse(complete), { code: "bad-seccomp-profile", message });
    t.true((error as { hint?: string }).hint !== undefined);
  });
}

test("hostile JSON does not reach a prototype and does not take long", (t) => {
  parse('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["__proto__","constructor"],"action":"SCMP_ACT_KILL"}]}');
  t.is(({} as Record<string, unknown>).names, undefined);
  const start = process.hrtime.bigint();
  t.throws(() => parse(`{"a":${" 1234567890123456".repeat(20_000)}`));
  t.throws(() => parse(`"${'\\"'.repeat(100_000)}`));
  t.true(process.hrtime.bigint() - start < 1_000_000_000n);
});

test("our own default, written out and read back, makes the same program", (t) => {
  const own = defaultProfile({ arch: "x64", capabilities: DEFAULT_CAPABILITIES });
  t.deepEqual(compileSeccomp(parse(own), { arch: "x64" }), compileSeccomp(own, { arch: "x64" }));
});
