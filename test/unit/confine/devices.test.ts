import test from "ava";
import fc from "fast-check";
import type { OciDeviceRule } from "../../../src/plan/oci";
import { compileDeviceProgram } from "../../../src/confine/device-program";
import { type DeviceRequest, simulateDeviceProgram } from "../../../src/confine/device-simulator";
import { DEFAULT_DEVICE_RULES, deviceRuleLines, deviceRuleWrites, resolveDeviceRules } from "../../../src/confine/devices";
import { DEFAULT_READONLY_PATHS, defaultMaskedPaths } from "../../../src/confine/masked";

const passes = (rules: readonly OciDeviceRule[], type: "c" | "b", major: number, minor: number, access: string) =>
  simulateDeviceProgram(compileDeviceProgram(rules), { type, major, minor, access });

test("the default lines", (t) => {
  t.deepEqual(deviceRuleLines(DEFAULT_DEVICE_RULES), [
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:1 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
  ]);
});

test("the default program: null opens, disks and kernel memory do not, any node may be made", (t) => {
  t.true(passes(DEFAULT_DEVICE_RULES, "c", 1, 3, "rw"));
  t.true(passes(DEFAULT_DEVICE_RULES, "c", 136, 77, "rw"));
  t.false(passes(DEFAULT_DEVICE_RULES, "c", 1, 1, "r")); // mem
  t.false(passes(DEFAULT_DEVICE_RULES, "c", 1, 11, "r")); // kmsg
  t.false(passes(DEFAULT_DEVICE_RULES, "b", 8, 0, "r"));
  t.false(passes(DEFAULT_DEVICE_RULES, "b", 1, 3, "r"));
  t.true(passes(DEFAULT_DEVICE_RULES, "b", 8, 0, "m"));
  t.false(passes(DEFAULT_DEVICE_RULES, "b", 8, 0, "rm"));
  t.is(compileDeviceProgram(DEFAULT_DEVICE_RULES).length % 8, 0);
});

test("no rule at all means no device", (t) => {
  t.false(passes([], "c", 1, 3, "r"));
  t.deepEqual(deviceRuleLines([]), []);
});

test("--device adds, privileged opens", (t) => {
  const added: OciDeviceRule[] = [...DEFAULT_DEVICE_RULES, { allow: true, type: "c", major: 10, minor: 229, access: "r" }];
  t.true(passes(added, "c", 10, 229, "r"));
  t.false(passes(added, "c", 10, 229, "rw"));
  t.true(passes(added, "c", 10, 229, "m"));
  t.true(passes([{ allow: true, access: "rwm" }], "b", 8, 0, "rwm"));
  t.deepEqual(deviceRuleLines([{ allow: true, type: "a", major: -1, minor: -1, access: "rwm" }]), ["a"]);
});

test("an open list with holes is stopped by any touched access, and has no allow lines", (t) => {
  const holes: OciDeviceRule[] = [{ allow: true }, { allow: false, type: "c", major: 1, minor: 1, access: "w" }];
  t.false(passes(holes, "c", 1, 1, "rw"));
  t.true(passes(holes, "c", 1, 1, "r"));
  t.throws(() => deviceRuleLines(holes), { code: "bad-device-rule" });
  t.deepEqual(deviceRuleWrites(holes), [
    { file: "devices.allow", line: "a" },
    { file: "devices.deny", line: "c 1:1 w" },
  ]);
});

test("bad rules are refused", (t) => {
  t.throws(() => resolveDeviceRules([{ allow: true, type: "c", access: "rx" }]), { code: "bad-device-rule" });
  t.throws(() => resolveDeviceRules([{ allow: true, type: "c", major: 4096, minor: 0, access: "r" }]), {
    code: "bad-device-rule",
  });
  t.throws(() => resolveDeviceRules([{ allow: true, type: "c", major: 1, minor: 0.5, access: "r" }]), {
    code: "bad-device-rule",
  });
});

/** The v1 kernel's check (security/device_cgroup.c), by its words. */
function v1Passes(rules: readonly OciDeviceRule[], request: DeviceRequest): boolean {
  const { allowByDefault, exceptions } = resolveDeviceRules(rules);
  const same = exceptions.filter(
    (exception) =>
      exception.type === request.type &&
      (exception.major ?? request.major) === request.major &&
      (exception.minor ?? request.minor) === request.minor,
  );
  const wanted = [...request.access];
  if (allowByDefault) return !same.some((exception) => wanted.some((letter) => exception.access.includes(letter)));
  return same.some((exception) => wanted.every((letter) => exception.access.includes(letter)));
}

test("the program is v1's check, for random rules", (t) => {
  const access = fc.constantFrom("r", "w", "m", "rw", "rm", "wm", "rwm");
  const small = fc.integer({ min: 0, max: 2 });
  const rule: fc.Arbitrary<OciDeviceRule> = fc.record(
    {
      allow: fc.boolean(),
      type: fc.constantFrom("a" as const, "b" as const, "c" as const),
      major: small,
      minor: small,
      access,
    },
    { requiredKeys: ["allow"] },
  );
  const request = fc.record({ type: fc.constantFrom("b" as const, "c" as const), major: small, minor: small, access });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 8 }), request, (rules, asked) => {
      t.is(simulateDeviceProgram(compileDeviceProgram(rules), asked), v1Passes(rules, asked));
    }),
    { numRuns: 2000 },
  );
});

test("masked and read-only paths", (t) => {
  t.is(defaultMaskedPaths([]).length, 12);
  t.deepEqual(defaultMaskedPaths([0, 1]).slice(-2), [
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
    "/sys/devices/system/cpu/cpu1/thermal_throttle",
  ]);
  t.true(DEFAULT_READONLY_PATHS.includes("/proc/sys"));
});
