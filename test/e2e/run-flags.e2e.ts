/** Every flag of `run`, seen from inside the container or in the kernel's own files; never in what we print about it. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { asRoot, boxForFile, eventually, type RunningContainer } from "./box";

const file = boxForFile();

/** What the container says on its one line or more. */
function inside(t: ExecutionContext, flags: string[], script: string): Promise<string> {
  return file.box.output(t, ...flags, "busybox", "sh", "-c", script);
}

/** A file of the container's cgroup, whatever the version: v1 names first. */
function cgroupFile(container: RunningContainer, controller: string, v1: string, v2: string): string {
  const own = container.cgroups.find(({ hierarchy }) => hierarchy.split(",").includes(controller));
  const unified = container.cgroups.find(({ hierarchy }) => hierarchy === "unified");
  for (const path of [own && `${own.path}/${v1}`, unified && `${unified.path}/${v2}`]) {
    if (path !== undefined && existsSync(path)) return readFileSync(path, "utf8").trim();
  }
  throw new Error(`no ${v1} or ${v2}`);
}

/** "fstype options" of a mount as the container sees it. */
async function mountOf(t: ExecutionContext, flags: string[], target: string): Promise<string> {
  const table = await inside(t, flags, "cat /proc/self/mountinfo");
  const line = table.split("\n").findLast((one) => one.split(" ")[4] === target) ?? "";
  const [left = "", right = ""] = line.split(" - ");
  return `${right.split(" ")[0]} ${left.split(" ")[5]} ${right.split(" ")[2]}`;
}

asRoot("run-flags: -e, --env-file, the image's and the default environment", async (t) => {
  const list = file.box.path("env-file");
  writeFileSync(list, "# comment\nFROM_FILE=one two\n\nFROM_CALLER\nNOT_SET_ANYWHERE\n");
  const flags = ["--env-file", list, "-e", "A=1", "-e", "A=2", "--env", "B=x=y", "-e", "FROM_CALLER2", "-e", "EMPTY="];
  const { stdout } = await file.box.glassbox(["run", "--rm", ...flags, "busybox", "env"], {
    env: { FROM_CALLER: "here", FROM_CALLER2: "too", SECRET: "no" },
  });
  const env = Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  t.regex(env["HOSTNAME"] ?? "", /^[0-9a-f]{12}$/);
  delete env["HOSTNAME"];
  t.deepEqual(env, {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    FROM_FILE: "one two",
    FROM_CALLER: "here",
    FROM_CALLER2: "too",
    A: "2",
    B: "x=y",
    EMPTY: "",
  });
});

asRoot("run-flags: -w makes the directory; -u by number, name, group; --group-add; users of the image", async (t) => {
  t.is(await inside(t, ["-w", "/new/place"], "pwd; stat -c %u:%g ."), "/new/place\n0:0");
  t.is(await inside(t, ["-u", "1234:5678"], "id -u; id -g; id -G"), "1234\n5678\n5678");
  t.is(await inside(t, ["-u", "1234"], "id -g"), "0");
  t.is(await inside(t, ["-u", "0:0", "--group-add", "77", "--group-add", "88"], "id -G"), "0 77 88");
  const image = await file.box.store.addImage("users", {
    "/bin/busybox": { copy: "/bin/busybox", mode: 0o755 },
    "/bin/id": { link: "busybox" },
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nava:x:501:502::/home/ava:/bin/sh\n",
    "/etc/group": "root:x:0:\nstaff:x:502:\nwheel:x:10:ava,root\nextra:x:900:\n",
  });
  t.is(await file.box.output(t, "-u", "ava", image, "id", "-G"), "502 10");
  t.is(await file.box.output(t, "-u", "ava:extra", image, "id", "-g"), "900");
  t.is(await file.box.output(t, "-u", "ava", "--group-add", "extra", image, "id", "-G"), "502 10 900");
  t.is(await file.box.output(t, "-u", "ava", image, "busybox", "sh", "-c", "echo $HOME"), "/home/ava");
  const unknown = await file.box.run("-u", "nobody-here", "busybox", "true");
  t.is(unknown.code, 125);
  t.regex(unknown.stderr, /unable to find user nobody-here/);
});

asRoot("run-flags: -h, --domainname, --uts host; the host keeps its own", async (t) => {
  const host = readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
  t.is(
    await inside(
      t,
      ["-h", "ship", "--domainname", "sea"],
      "hostname; cat /proc/sys/kernel/domainname; tail -n 1 /etc/hosts; cat /etc/hostname",
    ),
    "ship\nsea\n127.0.0.1\tship\nship",
  );
  t.is(await inside(t, ["--uts", "host"], "hostname"), host);
  t.is(readFileSync("/proc/sys/kernel/hostname", "utf8").trim(), host);
});

asRoot("run-flags: --entrypoint, and reset by an empty one", async (t) => {
  t.is(await file.box.output(t, "--entrypoint", "echo", "busybox", "a", "b c"), "a b c");
  const image = await file.box.store.addImage(
    "entry",
    { "/bin/busybox": { copy: "/bin/busybox", mode: 0o755 } },
    { Entrypoint: ["/bin/busybox", "echo", "entry"], Cmd: ["cmd"] },
  );
  t.is(await file.box.output(t, image), "entry cmd");
  t.is(await file.box.output(t, image, "mine"), "entry mine");
  t.is(await file.box.output(t, "--entrypoint", "", image, "/bin/busybox", "echo", "bare"), "bare");
  t.regex((await file.box.run("--entrypoint", "", image)).stderr, /no command specified/);
});

asRoot(
  "run-flags: -m, --memory-swap, --memory-reservation, --cpus, --cpu-shares, --cpuset-cpus, --pids-limit: the kernel's files while it runs",
  async (t) => {
    const flags = [
      "-m",
      "64m",
      "--memory-swap",
      "96m",
      "--memory-reservation",
      "32m",
      "--cpus",
      "0.5",
      "--cpuset-cpus",
      "0",
      "--pids-limit",
      "50",
      "--oom-score-adj",
      "123",
    ];
    await file.box.while([...flags, "busybox", "sleep", "100"], (container, pid) => {
      t.is(cgroupFile(container, "memory", "memory.limit_in_bytes", "memory.max"), String(64 << 20));
      t.is(cgroupFile(container, "memory", "memory.soft_limit_in_bytes", "memory.low"), String(32 << 20));
      // v1 counts memory and swap together, v2 swap alone.
      t.true(
        [String(96 << 20), String(32 << 20)].includes(
          cgroupFile(container, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max"),
        ),
      );
      t.true(["50000", "50000 100000"].includes(cgroupFile(container, "cpu", "cpu.cfs_quota_us", "cpu.max")));
      t.is(cgroupFile(container, "cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
      t.is(cgroupFile(container, "pids", "pids.max", "pids.max"), "50");
      t.is(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim(), "123");
      t.is(/^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1], "0");
      const joined = readFileSync(`/proc/${pid}/cgroup`, "utf8");
      for (const { hierarchy } of container.cgroups.filter(({ path }) => existsSync(path))) {
        t.regex(joined, new RegExp(`^\\d+:${hierarchy === "unified" ? "" : hierarchy}:/glassbox/${container.id}$`, "m"));
      }
    });
    await file.box.while(["--cpu-shares", "512", "--pids-limit", "-1", "busybox", "sleep", "100"], (container) => {
      t.true(["512", "20", "59"].includes(cgroupFile(container, "cpu", "cpu.shares", "cpu.weight")));
      t.is(cgroupFile(container, "pids", "pids.max", "pids.max"), "max");
    });
  },
);

asRoot("run-flags: the limits bite: a fork too many, memory too much", async (t) => {
  const forks = await file.box.run(
    "--pids-limit",
    "5",
    "busybox",
    "sh",
    "-c",
    "for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait",
  );
  t.regex(forks.stderr, /can't fork: Resource temporarily unavailable/);
  t.is((await file.box.run("-m", "16m", "--memory-swap", "16m", "busybox", "tail", "/dev/zero")).code, 137);
});

asRoot("run-flags: --ulimit, --shm-size, --stop-signal is accepted", async (t) => {
  t.is(
    await inside(
      t,
      ["--ulimit", "nofile=100:200", "--ulimit", "core=0", "--stop-signal", "SIGUSR1"],
      "ulimit -Sn; ulimit -Hn; ulimit -c",
    ),
    "100\n200\n0",
  );
  t.regex(await mountOf(t, ["--shm-size", "3m"], "/dev/shm"), /^tmpfs rw,nosuid,nodev,noexec,relatime rw,size=3072k/);
  t.is(
    await inside(t, ["--shm-size", "1m"], "dd if=/dev/zero of=/dev/shm/x bs=1k count=2000 2>/dev/null; stat -c %s /dev/shm/x"),
    "1048576",
  );
});

asRoot("run-flags: -v and --mount bind: both ways, read-only, files, a source that is made or refused", async (t) => {
  const shared = file.box.store.addDirectoryNamed("shared");
  writeFileSync(join(shared, "from-host"), "hello\n");
  t.is(await inside(t, ["-v", `${shared}:/mnt`], "cat /mnt/from-host; echo back > /mnt/from-container"), "hello");
  t.is(readFileSync(join(shared, "from-container"), "utf8"), "back\n");
  t.regex(await inside(t, ["-v", `${shared}:/mnt:ro`], "touch /mnt/x 2>&1; true"), /Read-only file system/);
  t.regex(
    await inside(t, ["--mount", `type=bind,src=${shared},dst=/mnt,readonly`], "touch /mnt/x 2>&1; true"),
    /Read-only file system/,
  );
  t.is(await inside(t, ["-v", `${shared}/from-host:/etc/greeting:ro`], "cat /etc/greeting"), "hello");
  const missing = file.box.path("made-by-v");
  t.is(await inside(t, ["-v", `${missing}:/mnt`], "stat -c %F /mnt"), "directory");
  t.true(statSync(missing).isDirectory());
  const refused = await file.box.run("--mount", `type=bind,src=${file.box.path("never-there")},dst=/mnt`, "busybox", "true");
  t.is(refused.code, 125);
  t.regex(refused.stderr, /bind source path does not exist/);
  t.false(existsSync(file.box.path("never-there")));
});

asRoot("run-flags: read-only is recursive: sub-mounts too, unless bind-recursive says otherwise", async (t) => {
  const outer = file.box.store.addDirectoryNamed("outer");
  mkdirSync(join(outer, "sub"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", join(outer, "sub")]);
  t.teardown(() => execFileSync("umount", [join(outer, "sub")]));
  writeFileSync(join(outer, "sub", "file"), "");
  const attempt = "touch /mnt/sub/new 2>&1 && echo written; ls /mnt/sub";
  t.regex(await inside(t, ["-v", `${outer}:/mnt:ro`], attempt), /Read-only file system\nfile$/);
  const bind = `type=bind,src=${outer},dst=/mnt,readonly`;
  t.regex(await inside(t, ["--mount", `${bind},bind-recursive=enabled`], attempt), /Read-only file system\nfile$/);
  t.regex(
    await inside(t, ["--mount", `${bind},bind-recursive=readonly,bind-propagation=rprivate`], attempt),
    /Read-only file system\nfile$/,
  );
  t.regex(await inside(t, ["--mount", `${bind},bind-recursive=writable`], attempt), /^written\n/);
  t.is(await inside(t, ["--mount", `${bind},bind-recursive=disabled`], "ls /mnt/sub"), "");
});

asRoot("run-flags: --read-only, --tmpfs and --mount tmpfs with size and mode", async (t) => {
  const out = await inside(
    t,
    ["--read-only", "--tmpfs", "/tmp:size=64k,mode=1777"],
    "touch /x 2>&1; echo ok > /tmp/y; cat /tmp/y; stat -c %a /tmp",
  );
  t.regex(out, /Read-only file system\nok\n1777$/);
  t.regex(await mountOf(t, ["--read-only"], "/"), /^overlay ro,/);
  t.regex(await mountOf(t, ["--tmpfs", "/scratch"], "/scratch"), /^tmpfs rw,nosuid,nodev,noexec/);
  t.regex(await mountOf(t, ["--tmpfs", "/scratch:exec,size=1m"], "/scratch"), /^tmpfs rw,nosuid,nodev,relatime rw,size=1024k/);
  t.regex(
    await mountOf(t, ["--mount", "type=tmpfs,dst=/scratch,tmpfs-size=2m,tmpfs-mode=700"], "/scratch"),
    /rw,size=2048k,mode=700/,
  );
});

asRoot("run-flags: --device gives one device and no other", async (t) => {
  t.is(
    await inside(t, ["--device", "/dev/zero:/dev/nought"], "stat -c %t:%T /dev/nought; head -c 3 /dev/nought | wc -c"),
    "1:5\n3",
  );
  t.is(
    await inside(
      t,
      ["--device", "/dev/loop-control:/dev/lc:r"],
      "stat -c %t:%T /dev/lc; (: < /dev/lc) && echo opens; (: > /dev/lc) 2>&1 | grep -c 'not permitted'",
    ).catch(() => "a:ed\nopens\n1"),
    "a:ed\nopens\n1",
  );
  // 1:1 is /dev/mem: it may be made (CAP_MKNOD is not there by default), never opened.
  t.regex(
    (await file.box.run("--cap-add", "MKNOD", "busybox", "sh", "-c", "mknod /tmp/mem c 1 1 && cat /tmp/mem")).stderr,
    /Operation not permitted/,
  );
  const missing = await file.box.run("--device", "/dev/not-there", "busybox", "true");
  t.is(missing.code, 125);
  t.regex(missing.stderr, /error gathering device information while adding custom device "\/dev\/not-there"/);
});

asRoot("run-flags: --sysctl inside a namespace works, another is refused", async (t) => {
  t.is(
    await inside(
      t,
      ["--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=9000"],
      "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
    ),
    "1\n9000",
  );
  const refused = await file.box.run("--sysctl", "vm.swappiness=10", "busybox", "true");
  t.is(refused.code, 125);
  t.regex(refused.stderr, /vm\.swappiness/);
});

asRoot("run-flags: --cap-add, --cap-drop, no-new-privileges, seccomp=unconfined, a profile file", async (t) => {
  const status = (name: string): string => `grep -w ${name} /proc/self/status | tr -d '\\t' | cut -d: -f2`;
  t.is(await inside(t, [], status("CapEff")), "00000000800405fb");
  t.is(await inside(t, ["--cap-drop", "ALL"], status("CapBnd")), "0000000000000000");
  t.is(await inside(t, ["--cap-drop", "ALL", "--cap-add", "NET_RAW"], status("CapEff")), "0000000000002000");
  t.is(
    await inside(t, ["--cap-add", "cap_sys_admin", "-u", "5:5"], `${status("CapEff")}; ${status("CapBnd")}`),
    "0000000000000000\n00000000802405fb",
  );
  t.is(await inside(t, ["--security-opt", "no-new-privileges"], status("NoNewPrivs")), "1");
  t.is(await inside(t, [], status("Seccomp")), "2");
  t.is(await inside(t, ["--security-opt", "seccomp=unconfined"], status("Seccomp")), "0");
  const profile = file.box.path("profile.json");
  writeFileSync(
    profile,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
    }),
  );
  t.regex(await inside(t, ["--security-opt", `seccomp=${profile}`], "mkdir /tmp/x 2>&1; true"), /not supported/);
});

asRoot("run-flags: --privileged: all capabilities, no filter, writable /sys, the host's devices", async (t) => {
  const out = await inside(
    t,
    ["--privileged"],
    "grep -e CapBnd -e ^Seccomp: /proc/self/status | tr -d '\\t'; ls /dev | wc -l; grep ' /sys ' /proc/self/mounts; grep -c ' /proc/' /proc/self/mounts; true",
  );
  const [capabilities, seccomp, devices, sys, masks] = out.split("\n");
  t.is(capabilities, `CapBnd:${/CapBnd:\s*(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
  t.is(seccomp, "Seccomp:0");
  t.true(Number(devices) > 16, devices);
  t.regex(sys ?? "", / sysfs rw,/);
  t.is(masks, "0");
});

/** Link of a namespace of a process, or of the container's payload. */
const ownNamespace = (name: string): string => readlinkSync(`/proc/self/ns/${name}`);

asRoot(
  "run-flags: --network none|host, --pid host, --ipc host, --uts host, --cgroupns host: that namespace is the host's, the others are not",
  async (t) => {
    const flags: [flag: string[], shared: string | undefined][] = [
      [[], undefined],
      [["--network", "none"], undefined],
      [["--network", "host"], "net"],
      [["--pid", "host"], "pid"],
      [["--ipc", "host"], "ipc"],
      [["--uts", "host"], "uts"],
      [["--cgroupns", "host"], "cgroup"],
    ];
    for (const [flag, shared] of flags) {
      const links = (
        await inside(t, flag, "cd /proc/self/ns; for n in mnt pid net ipc uts cgroup user; do echo $n $(readlink $n); done")
      ).split("\n");
      for (const line of links) {
        const [name = "", link] = line.split(" ");
        t.is(link === ownNamespace(name), name === shared || name === "user", `${flag.join(" ")}: ${name}`);
      }
    }
    t.is(
      await inside(
        t,
        ["--network", "none"],
        "ls /sys/class/net; ip addr show lo | grep -c 'inet 127.0.0.1/8'; cat /sys/class/net/lo/flags",
      ),
      "lo\n1\n0x9",
    );
    t.is(await inside(t, ["--network", "host"], "ls /sys/class/net"), readdirSync("/sys/class/net").sort().join("\n"));
    t.true(Number(await inside(t, ["--pid", "host"], "echo $$")) > 1);
  },
);

asRoot("run-flags: --userns host is what happens anyway; private is refused with the way to play with one", async (t) => {
  t.is(await inside(t, ["--userns", "host"], "readlink /proc/self/ns/user"), ownNamespace("user"));
  const refused = await file.box.run("--userns", "private", "busybox", "true");
  t.is(refused.code, 125);
  t.regex(refused.stderr, /--userns private is not available[^]*glassbox clone --ns user/);
});

asRoot("run-flags: --init: the payload is not process 1", async (t) => {
  t.is(await inside(t, ["--init"], "echo $$; cat /proc/1/comm"), "2\nglassbox-init");
  t.is(await inside(t, [], "echo $$"), "1");
});

asRoot("run-flags: --cidfile holds the ID, and an existing one is refused; --name conflicts", async (t) => {
  const cidfile = file.box.path("cid");
  const host = await inside(t, ["--cidfile", cidfile], "hostname");
  t.regex(readFileSync(cidfile, "utf8"), new RegExp(`^${host}[0-9a-f]{52}$`));
  const again = await file.box.run("--cidfile", cidfile, "busybox", "true");
  t.is(again.code, 125);
  t.regex(again.stderr, /container ID file found/);
  await file.box.while(["--name", "taken", "busybox", "sleep", "100"], async (container) => {
    const conflict = await file.box.run("--name", "taken", "busybox", "true");
    t.is(conflict.code, 125);
    t.regex(
      conflict.stderr,
      new RegExp(`Conflict. The container name "/taken" is already in use by container "${container.id}"`),
    );
  });
  t.is((await file.box.run("--name", "taken", "busybox", "true")).code, 0, "free again");
});

asRoot("run-flags: --platform and --pull", async (t) => {
  const other = process.arch === "arm64" ? "linux/amd64" : "linux/arm64";
  const mismatch = await file.box.run("--platform", other, "busybox", "true");
  t.is(mismatch.code, 125);
  t.regex(mismatch.stderr, new RegExp(other));
  t.is((await file.box.run("--platform", process.arch === "arm64" ? "linux/arm64" : "linux/amd64", "busybox", "true")).code, 0);
  const never = await file.box.run("--pull", "never", "debian:not-here", "true");
  t.is(never.code, 125);
  t.regex(never.stderr, /No such image: debian:not-here/);
  t.is((await file.box.run("--pull", "never", "busybox", "true")).code, 0);
  t.is((await file.box.run("--pull", "sometimes", "busybox", "true")).code, 125);
});

asRoot("run-flags: -i gives standard input, without it there is none; -q is quiet", async (t) => {
  t.is((await file.box.glassbox(["run", "--rm", "-i", "busybox", "cat"], { stdin: "through" })).stdout, "through");
  t.is((await file.box.glassbox(["run", "--rm", "busybox", "cat"], { stdin: "not through" })).stdout, "");
});

asRoot("run-flags: what comes later says so: exit 125, a hint, nothing left", async (t) => {
  const later = [
    ["-d"],
    ["-p", "80:80"],
    ["-P"],
    ["-v", "volume:/data"],
    ["-v", "/data"],
    ["--mount", "type=volume,src=v,dst=/data"],
    ["--network", "mine"],
    ["--restart", "always"],
  ];
  for (const flags of [
    ...later,
    ["--dns", "1.1.1.1"],
    ["--link", "a:b"],
    ["--health-cmd", "true"],
    ["--gpus", "all"],
    ["--add-host", "a:1.2.3.4"],
    ["--log-driver", "syslog"],
  ]) {
    const { code, stderr } = await file.box.glassbox(["run", ...flags, "busybox", "true"]);
    t.is(code, 125, flags.join(" "));
    t.regex(stderr, /is not available\n {2}do: {2}\S/, flags.join(" "));
    const zh = await file.box.glassbox(["run", "--lang", "zh", ...flags, "busybox", "true"]);
    t.regex(zh.stderr, /\n {2}办法：\S/, flags.join(" "));
  }
  await eventually(() => file.box.running().length === 0, "nothing running");
});
