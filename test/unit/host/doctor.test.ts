import test from "ava";
import { type Check, doctor, type DoctorContext, doctorJson, renderDoctor } from "../../../src/host/doctor";
import { cgroupFacts, probeHost } from "../../../src/host/facts";
import type { HostProbe } from "../../../src/host/probe";
import { LEGACY, UNIFIED } from "./fixtures";

function fake(files: Record<string, string>, type = 0xef53): HostProbe {
  return {
    read: (path) => files[path],
    kind: (path) =>
      files[path] !== undefined ? "file" : path === "/" || files[`${path}/`] !== undefined ? "directory" : "missing",
    realpath: (path) => path,
    list: (path) =>
      Object.keys(files)
        .filter((file) => file.startsWith(`${path}/`))
        .map((file) => file.slice(path.length + 1)),
    space: () => ({ type, freeBytes: 5e10, totalBytes: 1e11, freeInodes: 1e6, totalInodes: 2e6 }),
  };
}

/** A host that has nothing: every check must still give an answer. */
const bare: Partial<DoctorContext> = {
  probe: fake({ "/proc/self/mountinfo": UNIFIED }),
  facts: probeHost(() => undefined),
  env: {},
  isTerminal: false,
  run: () => undefined,
};

const ask = (overrides: Partial<DoctorContext>, options = {}) => {
  const checks = doctor({ storeRoot: "/var/lib/glassbox", ...options }, { ...bare, ...overrides });
  return new Map(checks.map((check) => [check.id, check]));
};

test("every check has both languages, a command, and a remedy exactly when something is wrong", (t) => {
  const lists = [
    ask({}),
    ask({ env: { NODE_EXTRA_CA_CERTS: "/x" } }),
    ask({}, { onlyFilesystems: true }),
    new Map(doctor({ storeRoot: "/var/lib/glassbox" }).map((check) => [check.id, check])),
  ];
  for (const list of lists) {
    for (const check of list.values()) {
      const texts = [check.title, check.observed, ...(check.remedy ? [check.remedy] : [])];
      for (const text of texts) t.true(text.en.length > 0 && text.zh.length > 0, check.id);
      t.true(check.where.length > 0, check.id);
      t.is(check.remedy !== undefined, check.status !== "ok", check.id);
    }
  }
});

test("a host with nothing fails where a container cannot start, and only warns elsewhere", (t) => {
  const checks = ask({});
  for (const id of ["namespace-mnt", "overlay", "seccomp", "cgroup-mode", "kernel"]) t.is(checks.get(id)?.status, "fail", id);
  for (const id of ["namespace-time", "tool-nft", "terminal", "cgroup-memory", "user-namespaces"])
    t.is(checks.get(id)?.status, "warn", id);
});

test("user namespaces: the setting that closes them is the one in the remedy", (t) => {
  const settings: [string, string, RegExp][] = [
    ["/proc/sys/user/max_user_namespaces", "0", /user\.max_user_namespaces/],
    ["/proc/sys/kernel/unprivileged_userns_clone", "0", /unprivileged_userns_clone=1/],
    ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", /apparmor_restrict_unprivileged_userns=0/],
  ];
  for (const [file, value, remedy] of settings) {
    const check = ask({ probe: fake({ [file]: `${value}\n` }), run: () => ({ status: 0, stdout: "", stderr: "" }) }).get(
      "user-namespaces",
    );
    t.is(check?.status, "warn");
    t.regex(check?.remedy?.en ?? "", remedy);
  }
});

test("a store on overlay fails with the way out", (t) => {
  const check = ask({ probe: fake({ "/proc/self/mountinfo": UNIFIED }, 0x794c7630) }).get("store-filesystem");
  t.is(check?.status, "fail");
  t.regex(check?.remedy?.en ?? "", /--root/);
});

test("a store under noexec fails, under nodev warns", (t) => {
  const at = (options: string) =>
    ask({ probe: fake({ "/proc/self/mountinfo": `1 0 8:1 / / ${options} - ext4 /dev/sda rw\n` }) }).get("store-mount-flags");
  t.is(at("rw,noexec")?.status, "fail");
  t.is(at("rw,nodev")?.status, "warn");
  t.is(at("rw,relatime")?.status, "ok");
});

test("a v1 host without swap accounting, a controller in the kernel but not mounted", (t) => {
  const facts = { ...probeHost(() => undefined), cgroup: cgroupFacts(LEGACY.replace(/.*cgroup rw,pids\n/, ""), () => undefined) };
  const checks = ask({ facts, probe: fake({ "/proc/self/mountinfo": LEGACY, "/proc/cgroups": "pids\t0\t1\t1\n" }) });
  t.is(checks.get("swap-accounting")?.status, "warn");
  t.regex(checks.get("cgroup-pids")?.remedy?.en ?? "", /mount -t cgroup -o pids/);
});

test("native calls are made when the addon is there", (t) => {
  const calls: string[] = [];
  const kernel = {
    open: () => calls.push("open"),
    openInRoot: () => calls.push("openInRoot"),
    pidfdOpen: () => {
      throw new Error("ENOSYS");
    },
    close: () => undefined,
  };
  const checks = ask({ kernel });
  t.is(checks.get("syscall-openat2")?.status, "ok");
  t.is(checks.get("syscall-pidfd_open")?.status, "fail");
  t.deepEqual(calls, ["open", "openInRoot"]);
});

test("--fs says what a missing aufs means today", (t) => {
  const checks = ask({ probe: fake({ "/proc/filesystems": "nodev\tproc\nnodev\toverlay\n" }) }, { onlyFilesystems: true });
  t.is(checks.get("filesystem-overlay")?.status, "ok");
  t.is(checks.get("filesystem-tmpfs")?.status, "fail");
  t.regex(checks.get("filesystem-aufs")?.observed.en ?? "", /never became part of Linux/);
});

test("rendering: one line when all is well, command and remedy otherwise, a total", (t) => {
  const text = { en: "x", zh: "某" };
  const checks: Check[] = [
    { id: "a", status: "ok", title: text, observed: text, where: "cat a" },
    { id: "b", status: "fail", title: text, observed: text, where: "cat b", remedy: { en: "fix", zh: "修" } },
  ];
  t.deepEqual(renderDoctor(checks), [
    "[ok]   x: x",
    "[fail] x: x",
    "       see: cat b",
    "       do: fix",
    "",
    "1 ok, 0 warnings, 1 failures",
  ]);
  t.deepEqual(renderDoctor(checks, "zh").slice(-1), ["1 项正常，0 项警告，1 项失败"]);
  t.deepEqual(doctorJson(checks, "zh")[1], {
    id: "b",
    status: "fail",
    title: "某",
    observed: "某",
    where: "cat b",
    remedy: "修",
  });
});
