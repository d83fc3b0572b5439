/**
 * The map of what can be opened for writing below /proc, /sys and /dev in a container, held against a committed list with a reason for each
 * entry (write-open-allowed.txt). An entry that is opened and not listed fails: a new kernel's new file has to be looked at by somebody.
 *
 * Not shown: that a write to what opened is harmless; nothing is written, so the reasons in the list are read from the kernel's source, not
 * measured. Left out: `--ipc host`, whose /dev/shm is the host's because that was asked for; a process's own /proc/PID, disks, and files whose opening alone does something (watchdog, snapshot, trace pipes).
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test, { type TestFn } from "ava";
import { anchorRan, hasPodman, podmanRun } from "../helpers/anchor";
import { security } from "../helpers/arms";
import { naiveRun } from "../helpers/naive";
import { BUSYBOX_TREE, compileStatic } from "../helpers/tree";

const HERE = resolve(__dirname, "../../../test/security");
const SCAN = ["/bin/write-open", "/proc", "/sys", "/dev"];
/** One write to each of these is the host. */
const DEADLY = [
  "/proc/sys/kernel/core_pattern",
  "/proc/sysrq-trigger",
  "/proc/sys/kernel/modprobe",
  "/sys/kernel/mm/ksm/run",
  "/proc/sys/vm/drop_caches",
];

interface Allowed {
  /** Path → device numbers, or "" for a regular file. */
  root: Map<string, string>;
  anyone: Map<string, string>;
}

function allowList(): Allowed {
  const allowed: Allowed = { root: new Map(), anyone: new Map() };
  for (const line of readFileSync(join(HERE, "write-open-allowed.txt"), "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [who, what, reason] = line.split("\t");
    const [path, device = ""] = what!.split(" = ");
    if (reason === undefined) throw new Error(`no reason: ${line}`);
    allowed.root.set(path!, device);
    if (who === "anyone") allowed.anyone.set(path!, device);
  }
  return allowed;
}

interface Opened {
  path: string;
  device: string;
}

/** undefined when the scan did not come to its end. */
function parse(stdout: string): { opened: Opened[]; seen: number } | undefined {
  const lines = stdout.split(/\r?\n/).filter((line) => line !== "");
  const seen = /^seen (\d+) opened/.exec(lines.pop() ?? "")?.[1];
  if (seen === undefined) return undefined;
  const opened = lines.map((line) => {
    const [, path = "", device = ""] = /^(.*?) (?:c (\d+:\d+)|[0-7]+)$/.exec(line) ?? [];
    return { path, device };
  });
  return { opened, seen: Number(seen) };
}

security(test.serial as TestFn, "T26", "only listed files open for writing", async (trial, t) => {
  const program = await compileStatic(join(HERE, "write-open.c"), join(trial.scratch, "write-open"));
  const tree = await trial.store.addTree({ ...BUSYBOX_TREE, "/bin/write-open": { copy: program, mode: 0o755 } });
  await trial.store.addDirectory("scan", tree);
  const allowed = allowList();

  const naive = parse(
    (await naiveRun(tree, SCAN, { prepare: 'mount -n -t proc proc "$root/proc"; mount -n -t sysfs sysfs "$root/sys"' })).stdout,
  );
  const deadly = (result: ReturnType<typeof parse>): string[] =>
    DEADLY.filter((path) => result?.opened.some((one) => one.path === path));
  trial.control("naive: the kernel's settings open", deadly(naive).length >= 3, deadly(naive));
  for (const [name, off] of [
    ["--unsafe sysfs=rw", ["--unsafe", "sysfs=rw", "--yes-unsafe"]],
    ["--privileged", ["--privileged"]],
  ] as const) {
    const found = parse((await trial.run(off, "scan", SCAN)).stdout);
    trial.control(`${name}: many more open`, (found?.opened.length ?? 0) > 1000 && deadly(found).length >= 2, {
      opened: found?.opened.length,
      deadly: deadly(found),
    });
  }

  const ways: [flags: string[], list: Map<string, string>][] = [
    [[], allowed.root],
    [["-u", "1000"], allowed.anyone],
    [["-t"], allowed.root],
    [["--init"], allowed.root],
    [["--read-only"], allowed.root],
    [["--network", "host"], allowed.root],
    [["--cap-add", "NET_ADMIN"], allowed.root],
    [["--cap-add", "ALL"], allowed.root],
    [["--cap-drop", "ALL"], allowed.anyone],
    [["--security-opt", "seccomp=unconfined"], allowed.root],
  ];
  for (const [flags, list] of ways) {
    const name = flags.join(" ") || "default";
    const result = await trial.run(flags, "scan", SCAN);
    const found = parse(result.stdout);
    const unlisted = found?.opened.filter(({ path, device }) => list.get(path) !== device) ?? [];
    trial.glassbox(`${name}: the scan saw /proc and /sys`, (found?.seen ?? 0) > 500, result);
    trial.glassbox(`${name}: nothing unlisted`, found !== undefined && unlisted.length === 0, unlisted);
    if (flags.length === 0)
      t.log(`default: ${found?.opened.length} of ${found?.seen} open; naive: ${naive?.opened.length} of ${naive?.seen}`);
  }
  if (!hasPodman()) return;
  const podman = await podmanRun(trial.scratch, tree, SCAN);
  const found = parse(podman.stdout);
  const beyond = found?.opened.filter(({ path }) => !allowed.root.has(path)) ?? [];
  trial.anchor("podman", anchorRan(podman) && found !== undefined ? beyond.length === 0 : undefined);
});
