/** A default container of ours and podman's of the same files, seen from inside: every difference has its reason in podman-differences.ts. */

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { asRoot, boxForFile } from "./box";
import { type Facts, OBSERVE_SCRIPT, parseObservation } from "./observe-container";
import { DIFFERENCES, differenceTable, fits } from "./podman-differences";

// ava runs these in the order in which they are given, so podman's store is gone before the directory around it.
test.after.always(() => {
  if (podmanRoot === undefined) return;
  podman(["rmi", "--all", "--force"]);
  spawnSync("umount", [join(podmanRoot, "overlay")]);
});
const file = boxForFile();
let podmanRoot: string | undefined;

/** podman with a store of its own. runc by its path: crun refuses hosts that have controllers on both versions of cgroups. */
function podman(args: string[], input?: Buffer): SpawnSyncReturns<Buffer> {
  const root = (podmanRoot = file.box.path("podman"));
  const own = [
    "--root",
    root,
    "--runroot",
    `${root}-run`,
    "--tmpdir",
    `${root}-tmp`,
    "--storage-driver",
    "overlay",
    "--cgroup-manager",
    "cgroupfs",
  ];
  return spawnSync(
    "podman",
    [...own, "--events-backend", "none", "--log-level", "error", "--runtime", "/usr/sbin/runc", ...args],
    {
      input,
      maxBuffer: 64 * 1024 * 1024,
      timeout: 60_000,
    },
  );
}

function hostNamespaces(): Map<string, string> {
  return new Map(
    readdirSync("/proc/self/ns").map((name) => [name, /\d+/.exec(readlinkSync(`/proc/self/ns/${name}`))?.[0] ?? ""]),
  );
}

/** The image's only layer, which both start from. */
function importIntoPodman(t: ExecutionContext): void {
  const overlay = join(file.box.root, "overlay2");
  const layer = readdirSync(overlay).find((name) => /^[0-9a-f]{64}$/.test(name)) as string;
  const tar = spawnSync("tar", ["-C", join(overlay, layer, "diff"), "-c", "."], { maxBuffer: 64 * 1024 * 1024 });
  const imported = podman(["import", "-", "same"], tar.stdout);
  t.is(imported.status, 0, imported.stderr.toString());
}

interface Pair {
  name: string;
  glassbox: string | undefined;
  podman: string | undefined;
}

function differences(ours: Facts, theirs: Facts): Pair[] {
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .map((name) => ({ name, glassbox: ours.get(name), podman: theirs.get(name) }))
    .filter(({ glassbox, podman: other }) => glassbox !== other);
}

asRoot(
  "run-compared-with-podman: S0-C1 S1-C9 each difference of a default container is explained, and each explanation is needed",
  async (t) => {
    importIntoPodman(t);
    // Without CAP_SYS_RESOURCE podman cannot set its own default limits.
    const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? "1024";
    const limits = ["--ulimit", "nproc=4000:4000"];
    const theirs = podman([
      "run",
      "--rm",
      "--network",
      "none",
      ...limits,
      "--ulimit",
      `nofile=${hard}:${hard}`,
      "same",
      "sh",
      "-c",
      OBSERVE_SCRIPT,
    ]);
    t.is(theirs.status, 0, theirs.stderr.toString());
    const ours = await file.box.run(...limits, "busybox", "sh", "-c", OBSERVE_SCRIPT);
    t.is(ours.code, 0, ours.stderr);
    const host = hostNamespaces();
    const glassboxFacts = parseObservation(ours.stdout, host);
    const found = differences(glassboxFacts, parseObservation(theirs.stdout.toString(), host));
    // Guards against two empty lists being equal.
    t.true(glassboxFacts.size > 80, `${glassboxFacts.size} facts`);

    const used = new Set<number>();
    for (const pair of found) {
      const at = DIFFERENCES.findIndex(
        ({ fact, glassbox, podman: other }) => fits(fact, pair.name) && fits(glassbox, pair.glassbox) && fits(other, pair.podman),
      );
      if (at < 0) t.fail(`not explained: ${pair.name}\n  glassbox: ${pair.glassbox}\n  podman:   ${pair.podman}`);
      used.add(at);
    }
    const onV1 = existsSync("/sys/fs/cgroup/devices");
    const unneeded = DIFFERENCES.filter(({ cgroup }, at) => !used.has(at) && (cgroup !== "v1" || onV1)).map(({ fact }) => fact);
    t.deepEqual(unneeded, [], "explained, but there is no such difference");
  },
);

asRoot("run-compared-with-podman: S0-C1 kernel, boot id and clock of a container are the host's", async (t) => {
  const script = "uname -r; cat /proc/sys/kernel/random/boot_id; date +%s";
  const [kernel, bootId, seconds] = (await file.box.output(t, "busybox", "sh", "-c", script)).split("\n");
  t.is(kernel, spawnSync("uname", ["-r"]).stdout.toString().trim());
  t.is(bootId, readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  t.true(Math.abs(Number(seconds) - Date.now() / 1000) < 5);
});

for (const [lang, file] of [
  ["en", "compared-with-podman.md"],
  ["zh", "compared-with-podman.zh-CN.md"],
] as const) {
  test(`run-compared-with-podman: docs/${file} has the table that is tested`, (t) => {
    const text = readFileSync(join(__dirname, "../../../docs", file), "utf8");
    t.true(text.includes(`\n${differenceTable(lang)}\n`), `the table should be:\n\n${differenceTable(lang)}`);
  });
}
