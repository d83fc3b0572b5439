/** Each protection that can be taken off: what it held is shown to be gone, and with the protection to be held. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import type { ExecutionContext } from "ava";
import { compileStatic } from "../helpers/tree";
import { asRoot, boxForFile, CLI } from "./box";

const file = boxForFile();

async function inside(t: ExecutionContext, flags: string[], script: string): Promise<string> {
  const { code, stdout, stderr } = await file.box.run(
    ...flags,
    ...(flags.includes("--unsafe") ? ["--yes-unsafe"] : []),
    "busybox",
    "sh",
    "-c",
    script,
  );
  t.is(code, 0, `${flags.join(" ")}: ${stderr}`);
  return stdout.trimEnd();
}

asRoot("run-unsafe: refused where nobody reads the warning, in both languages; --yes-unsafe is a yes", async (t) => {
  const refused = await file.box.run("--unsafe", "seccomp=off", "busybox", "echo", "ran");
  t.is(refused.code, 125);
  t.is(refused.stdout, "");
  t.regex(refused.stderr, /--unsafe is refused[^]*seccomp=off[^]*do: {2}.*--yes-unsafe/);
  const zh = await file.box.glassbox(["run", "--rm", "--lang", "zh", "--unsafe", "seccomp=off", "busybox", "true"]);
  t.regex(zh.stderr, /拒绝 --unsafe/);
  const warned = await file.box.run("--unsafe", "seccomp=off", "--unsafe", "nnp=off", "--yes-unsafe", "busybox", "echo", "ran");
  t.is(warned.stdout, "ran\n");
  t.regex(warned.stderr, /WARNING[^]*--unsafe seccomp=off: [^]*--unsafe nnp=off: /);
  const unknown = await file.box.run("--unsafe", "seccomp=of", "--yes-unsafe", "busybox", "true");
  t.is(unknown.code, 125);
  t.regex(unknown.stderr, /seccomp=off/);
});

/** The classic way out of a chroot: another chroot with an open directory above it. */
const ESCAPE = `
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
  mkdir("/tmp/cell", 0755);
  if (chroot("/tmp/cell") < 0) { perror("chroot"); return 2; }
  for (int i = 0; i < 64; i++) if (chdir("..") < 0) break;
  if (chroot(".") < 0) { perror("chroot ."); return 2; }
  char line[64];
  FILE *canary = fopen(argv[argc - 1], "r");
  if (canary == 0) { puts("held"); return 0; }
  puts(fgets(line, sizeof line, canary));
  return 0;
}`;

asRoot(
  "run-unsafe: S3-C2 root=chroot: a second chroot climbs out to the host's files; after pivot_root it does not",
  async (t) => {
    const canary = file.box.path("canary");
    writeFileSync(canary, "read from the host");
    const source = file.box.path("escape.c");
    writeFileSync(source, ESCAPE);
    const program = await compileStatic(source, file.box.path("escape"));
    const flags = ["-v", `${program}:/escape:ro`];
    t.is(await inside(t, flags, `/escape ${canary}`), "held");
    t.is(await inside(t, [...flags, "--unsafe", "root=chroot"], `/escape ${canary}`), "read from the host");
    // The host's mounts are still in the container's namespace, though out of sight.
    await file.box.while(["busybox", "sleep", "100"], (_, pid) =>
      t.notRegex(readFileSync(`/proc/${pid}/mountinfo`, "utf8"), / \/tmp\/| \/sys\/fs\/cgroup\/systemd /),
    );
  },
);

asRoot("run-unsafe: S3-4 private=off: on a host with a shared root the container's mounts appear outside; otherwise not", (t) => {
  const target = file.box.store.addDirectoryNamed("leak");
  const run = (unsafe: string): string => {
    const glassbox = `'${process.execPath}' '${CLI}' run --rm ${unsafe} -v '${target}:/mnt' busybox sleep 1`;
    // A sacrificial outer namespace: shared inside, cut off from the machine. What the container mounts is looked at while it runs.
    const script = `mount --make-rshared / && { ${glassbox} & } 2>&1; sleep 0.7; cat /proc/self/mountinfo; wait`;
    const { stdout, status } = spawnSync("unshare", ["-m", "--propagation", "private", "sh", "-c", script], {
      env: file.box.env(),
      encoding: "utf8",
    });
    t.is(status, 0, stdout);
    return stdout;
  };
  const merged = new RegExp(` ${file.box.root}/overlay2/[0-9a-f]{64}/merged/(proc|dev) `);
  t.notRegex(run(""), merged);
  t.regex(run("--unsafe private=off --unsafe root=chroot --yes-unsafe"), merged);
});

asRoot("run-unsafe: pidns=off: the host's processes are visible, and the payload is not number 1", async (t) => {
  t.is(await inside(t, [], "echo $$; readlink /proc/self/ns/pid | grep -c ."), "1\n1");
  const out = await inside(
    t,
    ["--unsafe", "pidns=off"],
    `readlink /proc/self/ns/pid; [ $$ -gt 1 ] && echo many; cat /proc/${process.pid}/comm`,
  );
  t.is(out, `${readlinkSync("/proc/self/ns/pid")}\nmany\n${readFileSync("/proc/self/comm", "utf8").trim()}`);
});

asRoot("run-unsafe: proc=host: the host's processes and settings, nothing covered", async (t) => {
  const script =
    "grep -c ' /proc/' /proc/self/mounts; ls -d /proc/[0-9]* | wc -l; test -w /proc/sys/kernel/core_pattern && echo writable; grep ' /proc ' /proc/1/mounts > /dev/null && echo one";
  const [masks, count] = (await inside(t, [], `${script}; true`)).split("\n");
  t.true(Number(masks) >= 5 && Number(count) <= 5);
  // There are no own names in it for this pid namespace, so the script asks little.
  const open = (
    await inside(
      t,
      ["--unsafe", "proc=host"],
      "grep -c 'tmpfs /proc/' /proc/1/mounts; ls -d /proc/[0-9]* | wc -l; (: >> /proc/sys/kernel/core_pattern) && echo writable",
    )
  ).split("\n");
  t.is(open[0], "0");
  t.true(Number(open[1]) > 5);
  t.is(open[2], "writable");
});

asRoot("run-unsafe: nnp=off: no_new_privs is not set although it was asked for", async (t) => {
  const asked = ["--security-opt", "no-new-privileges"];
  t.is(await inside(t, asked, "grep NoNewPrivs /proc/self/status | cut -f 2"), "1");
  t.is(await inside(t, [...asked, "--unsafe", "nnp=off"], "grep NoNewPrivs /proc/self/status | cut -f 2"), "0");
});

asRoot("run-unsafe: caps=all: what covers /proc can be taken off", async (t) => {
  t.is(await inside(t, [], "umount /proc/keys 2>/dev/null || echo held"), "held");
  t.is(
    await inside(
      t,
      ["--unsafe", "caps=all"],
      "umount /proc/keys && ! grep -q ' /proc/keys ' /proc/self/mounts && echo bare; grep CapEff /proc/self/status | cut -f 2",
    ),
    `bare\n${/CapBnd:\s*(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`,
  );
});

asRoot("run-unsafe: seccomp=off: a call that the filter refuses is tried", async (t) => {
  t.is(
    await inside(t, [], "grep -w Seccomp /proc/self/status | cut -f 2; unshare -U true 2>/dev/null || echo refused"),
    "2\nrefused",
  );
  t.is(
    await inside(t, ["--unsafe", "seccomp=off"], "grep -w Seccomp /proc/self/status | cut -f 2; unshare -U true && echo allowed"),
    "0\nallowed",
  );
});

asRoot("run-unsafe: initlayer=off: hosts, hostname and resolv.conf lie in the writable layer", async (t) => {
  const upper = async (flags: string[]): Promise<boolean> => {
    let found = false;
    await file.box.while(
      [...flags, "busybox", "sleep", "100"],
      ({ merged }) => void (found = existsSync(merged.replace(/merged$/, "diff/etc/hosts"))),
    );
    return found;
  };
  t.false(await upper([]));
  t.true(await upper(["--unsafe", "initlayer=off", "--yes-unsafe"]));
});

asRoot("run-unsafe: devices=host: the host's /dev, and nothing is forbidden", async (t) => {
  const script = "test -e /dev/loop-control && (: < /dev/loop-control) && echo opens || echo held";
  t.is(await inside(t, [], script), "held");
  t.is(await inside(t, ["--unsafe", "devices=host"], script), "opens");
});

asRoot("run-unsafe: S3-C3 sysfs=rw: a setting without a namespace changes for the host; by default it is refused", async (t) => {
  const path = "/proc/sys/vm/overcommit_ratio";
  const before = readFileSync(path, "utf8").trim();
  t.teardown(() => writeFileSync(path, before));
  const other = before === "51" ? "52" : "51";
  t.regex(await inside(t, [], `(echo ${other} > ${path}) 2>&1; true`), /Read-only file system/);
  t.is(readFileSync(path, "utf8").trim(), before);
  await inside(t, ["--unsafe", "sysfs=rw"], `echo ${other} > ${path}`);
  t.is(readFileSync(path, "utf8").trim(), other);
  t.is(await inside(t, ["--unsafe", "sysfs=rw"], "grep ' /sys ' /proc/self/mounts | cut -d ' ' -f 4 | cut -c 1-2"), "rw");
});

asRoot("run-unsafe: cgroup=off: no cgroup of its own, so no limit", async (t) => {
  const out = await inside(t, ["--unsafe", "cgroup=off"], "grep -c glassbox /proc/self/cgroup; ls /sys/fs/cgroup | wc -l");
  t.is(out, "0\n0");
});
