/** An ordinary user: a store of its own, a user namespace, no cgroup; what cannot be had is refused with a reason. */

import { chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import test, { type ExecutionContext } from "ava";

import { PACKAGE_ROOT, type ProgramResult, cli } from "../helpers/cli";
import { privileged } from "../helpers/privileged";

/** nobody: any uid but 0 will do. */
const UID = 65534;
const asUser = ["setpriv", "--reuid", String(UID), "--regid", String(UID), "--clear-groups"];

let scratch = "";
const root = (): string => join(scratch, "home", "store");

test.before(() => {
  if (process.geteuid?.() !== 0) return;
  scratch = mkdtempSync(join(tmpdir(), "glassbox-user-"));
  mkdirSync(join(scratch, "home"));
  chownSync(scratch, UID, UID);
  chownSync(join(scratch, "home"), UID, UID);
  // The checkout may lie where only its owner can read.
  for (const part of ["dist/src", "dist/launch", "build/Release", "package.json"]) {
    cpSync(join(PACKAGE_ROOT, part), join(scratch, "glassbox", part), { recursive: true, preserveTimestamps: true });
  }
});

test.after.always(() => {
  if (scratch !== "") rmSync(scratch, { recursive: true, force: true });
});

function user(args: readonly string[], stdin?: string): Promise<ProgramResult> {
  return cli(args, {
    root: root(),
    runtime: join(scratch, "glassbox"),
    prefix: asUser,
    ...(stdin === undefined ? {} : { stdin }),
  });
}

function ok(t: ExecutionContext, result: ProgramResult): string {
  t.is(result.code, 0, result.stderr);
  return result.stdout;
}

const rootTest = privileged(test.serial);

rootTest("an empty store makes its image, and a container runs as root of its own user namespace", async (t) => {
  const out = ok(
    t,
    await user(["run", "--rm", "busybox", "sh", "-c", "id -u; cat /proc/self/uid_map; hostname; touch /x && ls -d /x; echo $$"]),
  );
  const [uid, map, hostname, file, pid] = out.trim().split("\n");
  t.is(uid, "0");
  t.deepEqual(map!.trim().split(/\s+/), ["0", String(UID), "1"]);
  t.is(hostname!.length, 12);
  t.is(file, "/x");
  t.is(pid, "1");
});

rootTest("the same isolation as with root: namespaces, capabilities, seccomp, masks, no device of the host", async (t) => {
  const script =
    "grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status; cat /proc/kcore 2>&1 | head -c 1; ls /dev; mknod /tmp/m c 1 1; echo $?; ls /sys/class/net";
  const out = ok(t, await user(["run", "--rm", "busybox", "sh", "-c", script]));
  t.regex(out, /CapEff:\s+00000000800405fb/);
  t.regex(out, /CapBnd:\s+00000000800405fb/);
  t.regex(out, /Seccomp:\s+2/);
  t.regex(out, /^1$/m, "mknod fails");
  t.regex(out, /\blo\n$/, "loopback alone");
  t.false(/kmsg|mem|vda/.test(out));
});

rootTest("stdin and exit code pass through, and an exec failure is explained", async (t) => {
  t.is(ok(t, await user(["run", "-i", "--rm", "busybox", "cat"], "through\n")), "through\n");
  t.is((await user(["run", "--rm", "busybox", "sh", "-c", "exit 42"])).code, 42);
  const missing = await user(["run", "--rm", "busybox", "nosuch"]);
  t.is(missing.code, 127);
  t.regex(missing.stderr, /executable file not found in \$PATH/);
});

rootTest("what needs root is refused with its reason", async (t) => {
  for (const [flags, words] of [
    [["-m", "64m"], /--memory needs root/],
    [["--cpus", "1"], /--cpus needs root/],
    [["-u", "1000"], /user 1000:0 cannot be had without root/],
  ] as const) {
    const refused = await user(["run", "--rm", ...flags, "busybox", "true"]);
    t.is(refused.code, 125);
    t.regex(refused.stderr, words);
    t.regex(refused.stderr, /sudo glassbox run/);
  }
});

rootTest("mounts, read-only root and host network", async (t) => {
  const data = join(scratch, "home", "data");
  mkdirSync(data, { recursive: true });
  chownSync(data, UID, UID);
  const script = "touch /data/from-inside; touch /no 2>&1; touch /t/yes && ls /t; ls /sys/class/net | wc -l";
  const out = ok(
    t,
    await user([
      "run",
      "--rm",
      "--read-only",
      "--tmpfs",
      "/t",
      "-v",
      `${data}:/data`,
      "--network",
      "host",
      "busybox",
      "sh",
      "-c",
      script,
    ]),
  );
  t.regex(out, /Read-only file system/);
  t.regex(out, /yes/);
  t.deepEqual(readdirSync(data), ["from-inside"]);
});

rootTest("--explain tells of the user namespace", async (t) => {
  const { code, stderr } = await user(["run", "--rm", "--explain", "busybox", "true"]);
  t.is(code, 0);
  t.regex(stderr, /CLONE_NEWUSER/);
  t.regex(stderr, /uid_map/);
});

rootTest("clone with a user namespace", async (t) => {
  const out = ok(t, await user(["clone", "--ns", "user,mnt,pid", "--mount", "proc:/proc", "--", "sh", "-c", "id -u; echo $$"]));
  t.is(out, "Parent - start a container!\nContainer - inside the container!\n0\n1\nParent - container stopped!\n");
  const refused = await user(["clone", "--ns", "mnt", "--", "true"]);
  t.is(refused.code, 125);
  t.regex(refused.stderr, /--ns user/);
});

rootTest("nothing is left of --rm containers", (t) => {
  t.deepEqual(readdirSync(join(root(), "run")), []);
  t.deepEqual(readdirSync(join(root(), "containers")), []);
  // l, staging and the image's one layer
  t.is(readdirSync(join(root(), "overlay2")).length, 3);
});
