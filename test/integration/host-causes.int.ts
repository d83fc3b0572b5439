import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import test, { type ExecutionContext } from "ava";
import { explainErrno } from "../../src/host/causes";
import { overlayOptions } from "../../src/host/cause-mount";
import { readStatus } from "../../src/host/proc";
import { mountOf, readMountinfo } from "../../src/host/mountinfo";
import { privileged } from "../helpers/privileged";

const root = privileged(test);

function scratch(t: ExecutionContext): string {
  const directory = mkdtempSync(`${tmpdir()}/glassbox-causes-`);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(`${directory}/n/old`, { recursive: true });
  return directory;
}

/** Runs a script in a mount namespace of its own; gives the error text and that namespace's mountinfo. */
function inNamespace(directory: string, script: string): { error: string; mountinfo: string } {
  const body = `cd "$1"; exec 2>"$1/error"; ${script}; cat /proc/self/mountinfo > "$1/mountinfo"`;
  spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", body, "sh", directory]);
  return { error: readFileSync(`${directory}/error`, "utf8"), mountinfo: readFileSync(`${directory}/mountinfo`, "utf8") };
}

function pivot(t: ExecutionContext, script: string, putOld: string, expected: string, message: RegExp, newRoot = "n"): void {
  const directory = scratch(t);
  const { error, mountinfo } = inNamespace(directory, script);
  t.regex(error, message);
  const errno = error.includes("busy") ? "EBUSY" : "EINVAL";
  const params = { newRoot: `${directory}/${newRoot}`, putOld: putOld.replace("$1", directory) };
  t.is(explainErrno({ syscall: "pivot_root", errno, params, mountinfo })?.id, expected);
}

root("pivot_root: the kernel refuses and the cause is found: not a mount point", (t) => {
  // A directory on the root mount is EBUSY; on another mount, a plain directory is EINVAL.
  pivot(t, "pivot_root n n/old", "$1/n/old", "pivot-root-same-mount", /busy/);
  pivot(
    t,
    "mount -t tmpfs t n; mkdir -p n/sub/old; pivot_root n/sub n/sub/old",
    "$1/n/sub/old",
    "pivot-root-not-a-mount-point",
    /Invalid argument/,
    "n/sub",
  );
});

root("pivot_root: put_old outside the new root", (t) => {
  pivot(
    t,
    "mount -t tmpfs t n; mkdir other n/old; mount -t tmpfs o other; pivot_root n other",
    "$1/other",
    "pivot-root-put-old-outside",
    /Invalid argument/,
  );
});

root("pivot_root: shared parent, shared put_old", (t) => {
  pivot(
    t,
    "mount --make-shared /; mount -t tmpfs t n; mkdir n/old; mount --make-private n; pivot_root n n/old",
    "$1/n/old",
    "pivot-root-parent-shared",
    /Invalid argument/,
  );
  pivot(
    t,
    "mount -t tmpfs t n; mkdir n/old; mount -t tmpfs o n/old; mount --make-shared n/old; pivot_root n n/old",
    "$1/n/old",
    "pivot-root-put-old-shared",
    /Invalid argument/,
  );
});

root("pivot_root: a shared new root is refused when put_old is on it", (t) => {
  pivot(
    t,
    "mount -t tmpfs t n; mkdir n/old; mount --make-shared n; pivot_root n n/old",
    "$1/n/old",
    "pivot-root-new-root-shared",
    /Invalid argument/,
  );
});

root("overlay: the kernel refuses and the cause is found", (t) => {
  const directory = scratch(t);
  for (const name of ["l", "u", "w", "m", "u/w"]) mkdirSync(`${directory}/${name}`);
  const cases: [data: string, errno: string, message: RegExp, id: string][] = [
    ["lowerdir=l,upperdir=u", "EINVAL", /wrong fs type|bad option|Invalid/, "overlay-no-workdir"],
    ["lowerdir=l,upperdir=u,workdir=u/w", "EINVAL", /wrong fs type|Invalid/, "overlay-work-inside-upper"],
    ["lowerdir=missing,upperdir=u,workdir=w", "ENOENT", /does not exist|No such/, "overlay-missing-directory"],
    ["lowerdir=l:l,upperdir=u,workdir=w", "ELOOP", /Too many levels/, "overlay-overlapping"],
  ];
  for (const [data, errno, message, id] of cases) {
    const { error, mountinfo } = inNamespace(directory, `mount -t overlay o -o ${data} m`);
    t.regex(error, message, data);
    const params = { fstype: "overlay", target: `${directory}/m`, data, cwd: directory };
    t.is(explainErrno({ syscall: "mount", errno, params, mountinfo })?.id, id, data);
  }
});

root("overlay: what mountinfo shows of a layer with comma, colon and blank is read back", (t) => {
  const directory = scratch(t);
  for (const name of ["l", "a,b c", "w", "m"]) mkdirSync(`${directory}/${name}`);
  const { mountinfo, error } = inNamespace(directory, `mount -i -t overlay o -o 'lowerdir=l,upperdir=a\\,b c,workdir=w' m`);
  t.is(error, "");
  const entry = mountOf(require("../../src/host/mountinfo").parseMountinfo(mountinfo), `${directory}/m`);
  t.is(overlayOptions(entry!.superOptions).upperdir, overlayOptions("upperdir=a\\,b c").upperdir);
});

root("a namespace limit of 0 is found", (t) => {
  // In a user namespace of its own the limit can be lowered without touching the host.
  const script = `echo 0 > /proc/sys/user/max_uts_namespaces; unshare --uts true; cat /proc/sys/user/max_uts_namespaces`;
  const result = spawnSync("unshare", ["--user", "--map-root-user", "sh", "-c", script], { encoding: "utf8" });
  t.regex(result.stderr, /No space left on device/);
  const probe = {
    ...require("../../src/host/probe").host,
    read: (path: string) => (path.endsWith("max_uts_namespaces") ? result.stdout : undefined),
  };
  t.is(
    explainErrno({ syscall: "clone3", errno: "ENOSPC", params: { flags: ["CLONE_NEWUTS"] }, probe })?.id,
    "namespaces-forbidden",
  );
});

test("this process reads as itself", (t) => {
  t.is(readStatus().pid, process.pid);
  t.true(readMountinfo().length > 0);
});
