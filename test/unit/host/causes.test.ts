import test from "ava";
import { type CauseRequest, explainErrno } from "../../../src/host/causes";
import type { HostProbe } from "../../../src/host/probe";
import { HYBRID, LEGACY, UNIFIED } from "./fixtures";

const ROOT = "CapEff:\t000001ffffffffff\nUid:\t0\t0\t0\t0\n";
const USER = "CapEff:\t0000000000000000\nUid:\t1000\t1000\t1000\t1000\n";

/** A host made of a few files; a path that ends in "/" is a directory. */
function fake(files: Record<string, string>, space?: Partial<ReturnType<HostProbe["space"]>>): HostProbe {
  return {
    read: (path) => files[path] ?? (path === "/proc/self/status" ? ROOT : undefined),
    kind: (path) => (files[path] !== undefined ? "file" : files[`${path}/`] !== undefined ? "directory" : "missing"),
    realpath: (path) => path,
    list: (path) =>
      Object.keys(files)
        .filter((file) => file.startsWith(`${path}/`))
        .map((file) => file.slice(path.length + 1)),
    space: () =>
      space ? { type: 0xef53, freeBytes: 1e12, totalBytes: 1e12, freeInodes: 1e6, totalInodes: 1e6, ...space } : undefined,
  };
}

const idOf = (request: CauseRequest) => {
  const cause = explainErrno(request);
  if (cause) {
    for (const text of [cause.why, cause.hint]) {
      if (text.en === "" || text.zh === "") throw new Error(`${cause.id} lacks a language`);
    }
    if (/[A-Z]$|\.$/.test(cause.why.en)) throw new Error(`${cause.id} ends like a sentence`);
  }
  return cause?.id;
};

test("pivot_root: the EINVALs are told apart", (t) => {
  const root = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";
  const at = (mountinfo: string, params: CauseRequest["params"] = {}) =>
    idOf({
      syscall: "pivot_root",
      errno: "EINVAL",
      params: { newRoot: "/n", putOld: "/n/old", ...params },
      mountinfo,
      probe: fake({ "/n/": "", "/n/old/": "" }),
    });
  const own = "50 27 0:60 / /n rw - tmpfs t rw\n";
  t.is(at(root), "pivot-root-not-a-mount-point");
  t.is(at(root + own, { putOld: "/elsewhere" }), "pivot-root-put-old-outside");
  t.is(at("27 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n50 27 0:60 / /n rw - tmpfs t rw\n"), "pivot-root-parent-shared");
  t.is(at(`${root}50 27 0:60 / /n rw shared:5 - tmpfs t rw\n`), "pivot-root-new-root-shared");
  t.is(at(`${root}${own}51 50 0:61 / /n/old rw shared:6 - tmpfs t rw\n`), "pivot-root-put-old-shared");
  t.is(at("1 1 0:2 / / rw - rootfs rootfs rw\n50 1 0:60 / /n rw - tmpfs t rw\n"), "pivot-root-on-rootfs");
  t.is(at("50 27 0:60 / /n rw - tmpfs t rw\n"), "pivot-root-chrooted");
  t.is(at(root + own), undefined, "nothing found, nothing guessed");
});

test("pivot_root: EBUSY and ENOTDIR", (t) => {
  const mountinfo = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";
  t.is(
    idOf({ syscall: "pivot_root", errno: "EBUSY", params: { newRoot: "/n" }, mountinfo, probe: fake({ "/n/": "" }) }),
    "pivot-root-same-mount",
  );
  t.is(
    idOf({ syscall: "pivot_root", errno: "ENOTDIR", params: { newRoot: "/n" }, mountinfo, probe: fake({ "/n": "" }) }),
    "pivot-root-not-a-directory",
  );
});

test("clone: namespaces forbidden, exhausted, not built; processes", (t) => {
  const flags = ["CLONE_NEWNS", "CLONE_NEWPID"];
  const sysctls = { "/proc/sys/user/max_mnt_namespaces": "100\n", "/proc/sys/user/max_pid_namespaces": "50\n" };
  const clone = (errno: string, files: Record<string, string>, more: string[] = [], mountinfo = HYBRID) =>
    idOf({ syscall: "clone3", errno, params: { flags: [...flags, ...more] }, mountinfo, probe: fake(files) });
  t.is(clone("ENOSPC", { ...sysctls, "/proc/sys/user/max_pid_namespaces": "0\n" }), "namespaces-forbidden");
  t.is(clone("ENOSPC", sysctls), "namespaces-exhausted");
  t.is(clone("ENOSPC", { ...sysctls, "/proc/sys/fs/mount-max": "3\n" }), "mount-max");
  t.is(clone("EINVAL", { "/proc/self/ns/mnt": "" }), "namespace-not-built");
  t.is(clone("EPERM", { "/proc/self/status": USER }), "not-root");
  t.is(
    clone("EPERM", { "/proc/self/status": USER, "/proc/sys/kernel/unprivileged_userns_clone": "0\n" }, ["CLONE_NEWUSER"]),
    "userns-clone-off",
  );
  t.is(
    clone("EPERM", { "/proc/self/status": USER, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n" }, [
      "CLONE_NEWUSER",
    ]),
    "userns-apparmor",
  );
  const pids = {
    "/proc/self/cgroup": "8:pids:/a/b\n0::/\n",
    "/sys/fs/cgroup/pids/a/pids.max": "10\n",
    "/sys/fs/cgroup/pids/a/pids.current": "10\n",
  };
  t.is(clone("EAGAIN", pids), "pids-limit");
  t.is(
    clone("EAGAIN", { "/proc/loadavg": "0 0 0 1/1000 5\n", "/proc/sys/kernel/threads-max": "1000\n" }),
    "kernel-process-limit",
  );
});

test("privilege: a user, and root without CAP_SYS_ADMIN", (t) => {
  const mount = (status: string) =>
    idOf({
      syscall: "mount",
      errno: "EPERM",
      params: { fstype: "proc", target: "/x" },
      mountinfo: HYBRID,
      probe: fake({ "/proc/self/status": status }),
    });
  t.is(mount(USER), "not-root");
  t.is(mount("CapEff:\t00000000a80425fb\nUid:\t0\t0\t0\t0\n"), "root-without-sys-admin");
  t.is(mount(ROOT), undefined);
});

test("overlay: each reason behind its errno", (t) => {
  const data = "lowerdir=/l1:/l2,upperdir=/u,workdir=/w";
  const files = { "/l1/": "", "/l2/": "", "/u/": "", "/w/": "" };
  const overlay = (
    errno: string,
    options: { data?: string; files?: Record<string, string>; type?: number; mountinfo?: string } = {},
  ) =>
    idOf({
      syscall: "mount",
      errno,
      params: { fstype: "overlay", target: "/m", data: options.data ?? data },
      mountinfo: options.mountinfo ?? "27 1 254:0 / / rw - ext4 /dev/vda rw\n",
      probe: fake({ "/m/": "", ...(options.files ?? files) }, options.type === undefined ? {} : { type: options.type }),
    });
  t.is(overlay("ENODEV", { files: { "/proc/filesystems": "nodev\tproc\n" } }), "filesystem-not-built");
  t.is(overlay("ENOENT", { files: { "/l1/": "", "/u/": "", "/w/": "" } }), "overlay-missing-directory");
  t.is(overlay("EINVAL", { data: `lowerdir=${"/x:".repeat(1500)}/l1` }), "overlay-options-page");
  t.is(overlay("EINVAL", { data: "lowerdir=/l1,upperdir=/u" }), "overlay-no-workdir");
  t.is(overlay("EINVAL", { type: 0x794c7630 }), "overlay-upper-unsupported");
  t.is(overlay("EINVAL", { type: 0x6969 }), "overlay-upper-unsupported");
  t.is(overlay("EINVAL", { data: "lowerdir=/l1,upperdir=/u,workdir=/u/w" }), "overlay-work-inside-upper");
  t.is(
    overlay("EINVAL", { mountinfo: "27 1 254:0 / / rw - ext4 a rw\n28 27 0:9 / /w rw - tmpfs t rw\n" }),
    "overlay-work-elsewhere",
  );
  t.is(overlay("ELOOP", { data: "lowerdir=/l1:/l1,upperdir=/u,workdir=/w" }), "overlay-overlapping");
  const stacked =
    "27 1 254:0 / / rw - ext4 a rw\n30 27 0:1 / /l1 rw - overlay o rw,lowerdir=/deep/x\n31 27 0:2 / /deep rw - overlay o rw,lowerdir=/base\n";
  t.is(overlay("EINVAL", { mountinfo: stacked }), "overlay-stacking-depth");
  const used = `27 1 254:0 / / rw - ext4 a rw\n30 27 0:1 / /other rw - overlay o rw,${data}\n`;
  t.is(overlay("EBUSY", { mountinfo: used }), "overlay-upper-in-use");
  t.is(overlay("ENOENT", { data: "lowerdir=/l1,upperdir=/u,workdir=/w", files: { ...files, "/m/": "" } }), undefined);
  t.is(overlay("EINVAL"), undefined, "nothing found, nothing guessed");
});

test("cgroup: the other version's file, both ways", (t) => {
  const v2 = explainErrno({
    syscall: "open",
    errno: "ENOENT",
    params: { path: "/sys/fs/cgroup/glassbox/memory.limit_in_bytes" },
    mountinfo: UNIFIED,
    probe: fake({ "/sys/fs/cgroup/glassbox/": "" }),
  });
  t.is(v2?.id, "cgroup-other-version");
  t.regex(v2!.hint.en, /memory\.max/);
  const v1 = explainErrno({
    syscall: "open",
    errno: "ENOENT",
    params: { path: "/sys/fs/cgroup/memory/glassbox/memory.max" },
    mountinfo: LEGACY,
    probe: fake({ "/sys/fs/cgroup/memory/glassbox/": "" }),
  });
  t.regex(v1!.hint.en, /memory\.limit_in_bytes/);
});

test("cgroup: not enabled, gone, busy, empty, read-only, not mounted, swap", (t) => {
  const ask = (errno: string, path: string, files: Record<string, string>, mountinfo = UNIFIED, syscall = "write") =>
    idOf({ syscall, errno, params: { path, value: "+memory" }, mountinfo, probe: fake(files) });
  const dir = "/sys/fs/cgroup/g";
  t.is(
    ask("ENOENT", `${dir}/memory.max`, { [`${dir}/`]: "", [`${dir}/cgroup.controllers`]: "cpu\n" }),
    "cgroup-controller-not-enabled",
  );
  t.is(ask("ENOENT", `${dir}/memory.max`, {}), "cgroup-gone");
  t.is(ask("EBUSY", `${dir}/cgroup.subtree_control`, { [`${dir}/cgroup.procs`]: "1\n2\n" }), "cgroup-internal-processes");
  t.is(
    ask("ENOENT", `${dir}/cgroup.subtree_control`, { [`${dir}/cgroup.controllers`]: "cpu\n" }),
    "cgroup-controller-not-available",
  );
  const cpuset = "/sys/fs/cgroup/cpuset/g";
  t.is(
    ask("ENOSPC", `${cpuset}/tasks`, { [`${cpuset}/cpuset.cpus`]: "0\n", [`${cpuset}/cpuset.mems`]: "\n" }, HYBRID),
    "cpuset-empty",
  );
  const memory = "/sys/fs/cgroup/memory/g";
  t.is(ask("ENOENT", `${memory}/memory.memsw.limit_in_bytes`, { [`${memory}/`]: "" }, HYBRID), "cgroup-no-swap-accounting");
  t.is(ask("EINVAL", `${memory}/memory.limit_in_bytes`, { [`${memory}/memory.limit_in_bytes`]: "5" }, HYBRID), "memory-order");
  t.is(ask("EBUSY", `${memory}/memory.limit_in_bytes`, { [`${memory}/memory.usage_in_bytes`]: "5" }, HYBRID), "memory-in-use");
  t.is(ask("EROFS", dir, {}, UNIFIED.replace("/sys/fs/cgroup rw", "/sys/fs/cgroup ro"), "mkdir"), "cgroup-read-only");
  t.is(ask("ENOENT", dir, {}, "27 1 254:0 / / rw - ext4 a rw\n", "mkdir"), "cgroup-not-mounted");
  t.is(ask("EAGAIN", `${dir}/x`, { [`${dir}/cgroup.max.descendants`]: "3\n" }, UNIFIED, "mkdir"), "cgroup-max-descendants");
  t.is(ask("ENOSPC", `${memory}/x`, { "/proc/cgroups": "memory\t4\t65535\t1\n" }, HYBRID, "mkdir"), "cgroup-ids-exhausted");
});

test("ENOSPC on a disk: inodes or bytes; EROFS; ENOENT", (t) => {
  const ask = (errno: string, space: object, mountinfo = HYBRID) =>
    idOf({ syscall: "openat", errno, params: { path: "/var/lib/x/file" }, mountinfo, probe: fake({ "/var/lib/": "" }, space) });
  t.is(ask("ENOSPC", { freeInodes: 0 }), "no-inodes");
  t.is(ask("ENOSPC", { freeBytes: 4096 }), "disk-full");
  t.is(ask("ENOSPC", {}), undefined);
  t.is(ask("ENOSPC", { freeInodes: 0, totalInodes: 0 }), undefined, "btrfs has no inode table");
  t.is(ask("EROFS", {}, "27 1 254:0 / / ro - ext4 a rw\n"), "read-only-mount");
  t.is(ask("ENOENT", {}), "path-missing");
});
