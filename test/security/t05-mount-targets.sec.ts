/**
 * Images whose /proc, /sys, /dev or /etc files are symlinks, and mounts that ask to lie over /proc, /sys or /dev (CVE-2019-16884,
 * CVE-2019-19921, CVE-2023-27561, CVE-2026-41579): refused, or inside. Whatever happens, nothing of the host is made, changed or deleted, and
 * a container that does run has the real /proc and /sys, read-only where it must be.
 *
 * Not shown: races, where a path component is swapped between look and use; those are tests of their own.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import test, { type TestFn } from "ava";
import { anchorRan, hasPodman, podmanRun } from "../helpers/anchor";
import { eachTwoAtATime, security, type Trial } from "../helpers/arms";
import { treeLines } from "../helpers/fingerprint";
import type { ProgramResult } from "../helpers/cli";
import { naiveRun } from "../helpers/naive";
import { BUSYBOX_TREE, type Node, type TreeSpec } from "../helpers/tree";

/** What the payload says of its own view; judged by `soundInside`. */
const LOOK = [
  "echo started",
  'for path in /proc /sys; do echo "$path $(stat -f -c %T $path)"; done',
  "grep -q ' /proc/sys ro,' /proc/self/mountinfo && echo proc-sys-readonly",
  "test -c /dev/null && echo null-device",
  "test -d /proc/self && echo proc-alive",
  "grep -c 'nameserver\\|localhost' /etc/hosts /etc/resolv.conf",
  // Writes to the names that symlinks of the image have; the host must not notice.
  "for file in /etc/hosts /etc/resolv.conf /etc/hostname /etc/mtab; do echo written-inside >> $file; done 2>/dev/null",
  "chmod 600 /etc/hosts /dev/null /dev/pts /dev/shm 2>/dev/null",
  "true",
].join("\n");
const ARGV = ["/bin/sh", "-c", LOOK];

security(test.serial as TestFn, "T05", "nothing mounts over, or through, /proc, /sys and /dev", async (trial) => {
  await trial.store.addImage("plain", { ...BUSYBOX_TREE, ...LINKS_INSIDE });
  await controls(trial);
  await hostileImages(trial);
  await mountFlags(trial);
  await volumes(trial);
  if (hasPodman()) await anchors(trial);
});

async function controls(trial: Trial): Promise<void> {
  const sacrifice = trial.store.addDirectoryNamed("sacrifice");
  const file = join(sacrifice, "file");
  const evil = trial.store.addDirectoryNamed("evil-proc");
  mkdirSync(join(evil, "sys"));
  writeFileSync(file, "host\n");
  writeFileSync(join(evil, "sys", "setting"), "");

  const linked = await trial.store.addTree(
    without({ ...BUSYBOX_TREE, "/dev": { link: sacrifice }, "/etc/resolv.conf": { link: file } }),
  );
  const mounted = await naiveRun(linked, [], {
    prepare: 'mount -n -t tmpfs tmpfs "$root/dev"',
    enter: `grep -q " ${sacrifice} " /proc/self/mountinfo && echo over-the-host`,
  });
  trial.control("naive: /dev is a symlink", mounted.stdout.includes("over-the-host"), mounted);
  await naiveRun(linked, [], { prepare: 'mkdir -p "$root/dev/shm"; echo nameserver > "$root/etc/resolv.conf"', enter: "true" });
  trial.control("naive: resolv.conf is a symlink", readFileSync(file, "utf8") === "nameserver\n");
  trial.control("naive: a mount point below /dev", existsSync(join(sacrifice, "shm")));

  const plain = await trial.store.addTree(BUSYBOX_TREE);
  await naiveRun(plain, [], {
    prepare: `mount -n -t proc proc "$root/proc"; mount -n --bind ${evil} "$root/proc"; echo 1 > "$root/proc/sys/setting"`,
    enter: "true",
  });
  trial.control("naive: settings go to a volume over /proc", readFileSync(join(evil, "sys", "setting"), "utf8") === "1\n");
}

/** Every place that the runtime mounts on or writes to × every kind of link. */
async function hostileImages(trial: Trial): Promise<void> {
  const directories = ["/proc", "/sys", "/dev", "/etc", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup", "/proc/sys"];
  const files = [
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/mtab",
    "/dev/null",
    "/dev/console",
    "/dev/ptmx",
    "/dev/tty",
    "/.dockerenv",
    "/etc/passwd",
    "/etc/group",
  ];
  const canaryDirectory = join(trial.canary, "empty");
  const canaryFile = join(trial.canary, "secret");
  const up = "../".repeat(30);
  const linksTo = (host: string): Record<string, Node> => ({
    absolute: { link: host },
    relative: { link: up + relative("/", host) },
    missing: { link: join(trial.canary, "made-by-the-runtime") },
  });
  const cases: [what: string, image: string, flags: string[]][] = [];
  const attack = async (what: string, tree: TreeSpec, flags: string[] = []): Promise<void> => {
    cases.push([what, await trial.store.addImage(`hostile-${cases.length}`, without(tree)), flags]);
  };
  for (const place of [...directories, ...files]) {
    const links = linksTo(directories.includes(place) ? canaryDirectory : canaryFile);
    for (const [kind, link] of Object.entries(links))
      await attack(`image: ${place} is a symlink, ${kind}`, { ...BUSYBOX_TREE, [place]: link });
  }
  for (const place of ["/proc", "/sys", "/dev", "/etc"]) {
    await attack(`image: ${place} leads to a directory of the image`, {
      ...BUSYBOX_TREE,
      "/real": { directory: true },
      [place]: { link: "/real" },
    });
    await attack(`image: ${place} is a file`, { ...BUSYBOX_TREE, [place]: "file" });
    await attack(`image: ${place} is a loop`, { ...BUSYBOX_TREE, [place]: { link: place } });
  }
  await attack("image: /etc leads to /proc", { ...BUSYBOX_TREE, "/etc": { link: "/proc" } });
  await attack("image: /etc leads to /dev", { ...BUSYBOX_TREE, "/etc": { link: "dev" } });
  await attack(
    "image: /dev/console is a symlink, with -t",
    { ...BUSYBOX_TREE, "/dev/console": { link: canaryFile }, "/dev/pts/0": { link: canaryFile } },
    ["-t"],
  );
  await attack("image: /etc is a symlink, read-only", { ...BUSYBOX_TREE, "/etc": { link: canaryDirectory } }, ["--read-only"]);
  await attack("image: /dev/null is a FIFO", { ...BUSYBOX_TREE, "/dev/null": { fifo: true } });
  await attack("image: /etc/hosts is a FIFO", { ...BUSYBOX_TREE, "/etc/hosts": { fifo: true } });
  await attack("image: /etc/hosts is a device", { ...BUSYBOX_TREE, "/etc/hosts": { device: ["c", 1, 5] } });
  await attack("image: nothing but a shell", { "/bin/busybox": BUSYBOX_TREE["/bin/busybox"]!, "/bin/sh": { link: "busybox" } });
  await eachTwoAtATime(cases, async ([what, image, flags]) => judge(trial, what, await trial.run(flags, image, ARGV)));
}

/** Targets that are, or lead to, the kernel's file systems. Links are the image's own. */
const LINKS_INSIDE: TreeSpec = {
  "/links/proc": { link: "/proc" },
  "/links/sys": { link: "../sys" },
  "/links/dev": { link: "/dev" },
  "/links/settings": { link: "/proc/sys/kernel" },
  "/links/self": { link: "/proc/self/attr" },
  "/links/up": { link: "../../../../../../.." },
};
const TARGETS = [
  ...[
    "/proc",
    "/proc/",
    "//proc",
    "/proc/.",
    "/x/../proc",
    "/../proc",
    "/proc/self",
    "/proc/self/attr",
    "/proc/sys",
    "/proc/sys/kernel",
    "/proc/bus",
    "/proc/1",
  ],
  ...["/sys", "/sys/", "/sys/fs/cgroup", "/sys/fs", "/sys/firmware", "/sys/kernel"],
  ...["/dev", "/dev/", "/dev/.", "/./dev"],
  ...[
    "/links/proc",
    "/links/proc/sys",
    "/links/sys",
    "/links/sys/kernel",
    "/links/dev",
    "/links/settings",
    "/links/self",
    "/links/up/proc",
    "/links/up",
  ],
  ...["/", "/.", "/proc/..", "/proc/self/root", "/proc/self/cwd", "/proc/self/fd/7"],
];
/** Below /dev a mount is allowed: there it must be, and nowhere else. */
const ALLOWED = [
  "/dev/shm",
  "/dev/pts",
  "/dev/mqueue",
  "/dev/new",
  "/dev/new/deeper",
  "/dev/null",
  "/dev/console",
  "/dev/fd",
  "/dev/stdin",
  "/links/new",
  "/etc/hosts",
];

async function mountFlags(trial: Trial): Promise<void> {
  const source = evilVolume(trial, "evil");
  const before = treeLines(source);
  const ways = (from: string, target: string): [string, string[]][] => [
    [`-v ${target}`, ["-v", `${from}:${target}`]],
    [`--tmpfs ${target}`, ["--tmpfs", target]],
    [`--mount bind ${target}`, ["--mount", `type=bind,src=${from},dst=${target}`]],
    [`--mount tmpfs ${target}`, ["--mount", `type=tmpfs,dst=${target}`]],
    [`-v file ${target}`, ["-v", `${join(from, "file")}:${target}`]],
  ];
  // Other spellings of one path, and other flags for one mount, meet the same code.
  const isSpelling = (target: string): boolean => /\/$|\/\/|\/\.|^\/x/.test(target);
  const everyWay = ["/proc", "/proc/sys", "/sys", "/dev", "/links/proc", "/links/sys", "/links/dev"];
  const cases = TARGETS.flatMap((target) =>
    ways(source, target).filter(
      ([name]) =>
        everyWay.includes(target) || (!name.startsWith("--mount") && !(isSpelling(target) && name.startsWith("-v file"))),
    ),
  );
  await eachTwoAtATime(cases, async ([name, flags]) => judge(trial, name, await trial.run(flags, "plain", ARGV)));
  // What the payload writes there it may write: it was given that directory.
  const given = evilVolume(trial, "given");
  const allowed = ALLOWED.flatMap((target) => ways(given, target).filter(([name]) => !name.startsWith("--mount")));
  await eachTwoAtATime(allowed, async ([name, flags]) => judge(trial, name, await trial.run(flags, "plain", ARGV), true));
  const changed = treeLines(source).filter((line) => !before.includes(line));
  trial.glassbox("the mounted source is as it was", changed.length === 0, changed);
}

/** A volume that looks like /proc and /dev, for a runtime that would write its settings there. */
function evilVolume(trial: Trial, name: string): string {
  const source = trial.store.addDirectoryNamed(name);
  for (const directory of ["sys/net/ipv4", "sys/kernel", "self/attr", "self/fd", "pts"])
    mkdirSync(join(source, directory), { recursive: true });
  for (const file of [
    "sys/net/ipv4/ip_unprivileged_port_start",
    "sys/kernel/core_pattern",
    "self/attr/exec",
    "oom_score_adj",
    "null",
    "file",
  ])
    writeFileSync(join(source, file), "");
  return source;
}

/** VOLUME and WORKDIR of an image name the same places; both through a symlink, too. */
async function volumes(trial: Trial): Promise<void> {
  for (const [i, volume] of [
    "/proc",
    "/sys",
    "/dev",
    "/proc/sys",
    "/../../etc",
    "/links/up/etc",
    "/links/proc",
    "/links/settings",
    "relative/../../x",
  ].entries()) {
    const name = await trial.store.addImage(`volume-${i}`, { ...BUSYBOX_TREE, ...LINKS_INSIDE }, { Volumes: { [volume]: {} } });
    judge(trial, `VOLUME ${volume}`, await trial.run([], name, ARGV));
  }
  for (const directory of ["/proc/made", "/sys/made", "/dev/made", "/links/proc/made", "/links/settings/made"]) {
    judge(trial, `-w ${directory}`, await trial.run(["-w", directory], "plain", ARGV));
  }
}

async function anchors(trial: Trial): Promise<void> {
  const source = evilVolume(trial, "anchor");
  const plain = await trial.store.addTree({ ...BUSYBOX_TREE, ...LINKS_INSIDE });
  for (const target of ["/proc", "/proc/sys", "/sys", "/dev", "/links/proc", "/links/settings", "/links/sys"]) {
    const result = await podmanRun(trial.scratch, plain, ARGV, { flags: ["-v", `${source}:${target}`] });
    trial.anchor("podman", anchorRan(result) ? soundInside(result) : true);
  }
}

/** Entries below a link of the tree would be made through it, on the host. */
function without(tree: TreeSpec): TreeSpec {
  const isBelowLink = (path: string): boolean =>
    Object.entries(tree).some(([other, node]) => path.startsWith(`${other}/`) && (typeof node === "string" || "link" in node));
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !isBelowLink(path)));
}

function soundInside({ stdout }: ProgramResult): boolean {
  const wanted = ["started", "/proc proc", "/sys sysfs", "proc-sys-readonly", "null-device", "proc-alive"];
  return wanted.every((word) => stdout.includes(word));
}

/** Refused in words, or sound inside; never on the host. `replaces`: the user asked for another /dev/null, so only /proc and /sys count. */
function judge(trial: Trial, name: string, result: ProgramResult, replaces = false): void {
  const { code, stdout, stderr, timedOut } = result;
  const refused = code !== null && code >= 125 && code <= 127 && !stdout.includes("started") && /^glassbox: \S/.test(stderr);
  const sound = soundInside(replaces ? { ...result, stdout: `${stdout}null-device` } : result);
  // The canary's content is compared at the end; here, so that the case is named.
  const made = [...readdirSync(join(trial.canary, "empty")), ...readdirSync(trial.canary).slice(2)];
  trial.glassbox(
    name,
    !timedOut && (refused || sound) && made.length === 0,
    `code ${code} made ${made.join(" ")} ${stdout} ${stderr}`,
  );
}
