import test from "ava";
import fc from "fast-check";
import { GlassboxError } from "../../../src/base/errors";
import { CAPABILITIES, capabilityMask, capabilityNames } from "../../../src/base/capabilities";
import { DEFAULT_CAPABILITIES, resolveCapabilities } from "../../../src/confine/capabilities";
import { CAPABILITY_TEXTS } from "../../../src/confine/capability-texts";

const ALL = (1n << 41n) - 1n;
const host = { privileged: false, bounding: ALL, lastCap: 40 };
const resolve = (add: string[], drop: string[], more = {}) => resolveCapabilities({ add, drop, ...host, ...more }).names;

test("numbers are the kernel's", (t) => {
  t.is(CAPABILITIES.length, 41);
  for (const [name, bit] of Object.entries({
    CHOWN: 0,
    SETPCAP: 8,
    NET_ADMIN: 12,
    SYS_ADMIN: 21,
    MKNOD: 27,
    SETFCAP: 31,
    BPF: 39,
  })) {
    t.is(CAPABILITIES[bit], `CAP_${name}`);
  }
});

test("the default is podman's eleven", (t) => {
  t.is(capabilityMask(DEFAULT_CAPABILITIES), 0x800405fbn);
  t.deepEqual(
    resolve([], []),
    [...DEFAULT_CAPABILITIES].sort((a, b) => CAPABILITIES.indexOf(a) - CAPABILITIES.indexOf(b)),
  );
});

test("masks and names are each other's inverse", (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: ALL }), (mask) => {
      t.is(capabilityMask(capabilityNames(mask)), mask);
    }),
  );
  t.deepEqual(capabilityNames(1n << 45n), ["CAP_45"]);
});

test("docker's meaning of ALL", (t) => {
  t.deepEqual(resolve([], ["all"]), []);
  t.deepEqual(resolve(["NET_ADMIN"], ["ALL"]), ["CAP_NET_ADMIN"]);
  t.is(resolve(["ALL"], []).length, 41);
  t.is(resolve(["All"], ["sys_admin"]).length, 40);
  t.is(resolve(["ALL"], ["ALL"]).length, 41);
  t.is(resolve([], ["ALL"], { privileged: true }).length, 41);
});

test("a name may be given in any case, with or without CAP_; added wins over dropped", (t) => {
  t.true(resolve(["cap_Net_Raw"], []).includes("CAP_NET_RAW"));
  t.false(resolve([], ["Cap_Chown"]).includes("CAP_CHOWN"));
  t.true(resolve(["CHOWN"], ["CHOWN"]).includes("CAP_CHOWN"));
});

test("nothing beyond what the host offers", (t) => {
  t.deepEqual(resolve(["ALL"], [], { bounding: 0b11n }), ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]);
  t.is(resolve(["ALL"], [], { lastCap: 37 }).length, 38);
  t.deepEqual(resolve([], [], { bounding: 1n }), ["CAP_CHOWN"]);
  const missing = t.throws(() => resolve(["SYS_ADMIN"], [], { bounding: 1n }), { instanceOf: GlassboxError });
  t.is(missing?.code, "bad-flag");
  t.regex(missing?.what ?? "", /SYS_ADMIN/);
  t.regex(t.throws(() => resolve(["BPF"], [], { lastCap: 37 }))?.message ?? "", /end at 37/);
});

test("an unknown name is refused with the flag and near ones", (t) => {
  const hint = (flag: "add" | "drop", name: string) => {
    const error = t.throws(() => resolve(flag === "add" ? [name] : [], flag === "drop" ? [name] : []), {
      instanceOf: GlassboxError,
    });
    t.is(error?.code, "bad-flag");
    t.true(error?.what.startsWith(`--cap-${flag} `));
    return error?.hint ?? "";
  };
  t.regex(hint("add", "NET_ADMN"), /NET_ADMIN/);
  t.regex(hint("drop", "SYSADMIN"), /SYS_ADMIN/);
  t.regex(hint("add", "ptrace"), /SYS_PTRACE/);
  t.regex(hint("add", "xyzzy"), /capabilities\(7\)/);
  t.regex(hint("add", "A".repeat(100_000)), /capabilities\(7\)/);
  t.regex(hint("add", "__proto__"), /./);
  t.regex(hint("add", ""), /./);
});

test("each capability has its sentence in both languages", (t) => {
  t.deepEqual(Object.keys(CAPABILITY_TEXTS).sort(), [...CAPABILITIES].sort());
  for (const text of Object.values(CAPABILITY_TEXTS)) {
    t.regex(text.en, /^[a-z].*[^.]$/i);
    t.regex(text.zh, /\p{Script=Han}/u);
  }
});
