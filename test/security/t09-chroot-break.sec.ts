/**
 * A root that was changed by chroot can be left, one that was changed by pivot_root cannot: there is nothing outside it in the mount
 * namespace. The classic second chroot, its descriptor variants, /proc/PID/root, what lies under the root, and rejoining one's own mount
 * namespace, with the capabilities that containers have, with more, and with all.
 *
 * Not shown: with --privileged a container owns the host's disks and needs no such trick; that row says only that the root itself holds.
 */

import { join, resolve } from "node:path";
import test, { type TestFn } from "ava";
import { anchorRan, hasPodman, podmanRun } from "../helpers/anchor";
import { security } from "../helpers/arms";
import { naiveRun } from "../helpers/naive";
import { BUSYBOX_TREE, compileStatic } from "../helpers/tree";

const SOURCE = resolve(__dirname, "../../../test/security/escape.c");
const WAYS = ["chroot", "fchdir", "descriptor", "proc", "under", "rejoin"];
/** Against a bare chroot; "proc" needs processes of the host and is controlled by the host's /proc. */
const CONTROLS: [way: string, off: string[]][] = [
  ["chroot", ["root=chroot"]],
  ["fchdir", ["root=chroot"]],
  ["descriptor", ["root=chroot"]],
  ["rejoin", ["root=chroot", "caps=all", "seccomp=off"]],
  ["proc", ["proc=host", "pidns=off", "caps=all"]],
];
const STRENGTHS: Record<string, string[]> = {
  default: [],
  CAP_SYS_CHROOT: ["--cap-add", "SYS_CHROOT"],
  CAP_SYS_ADMIN: ["--cap-add", "SYS_ADMIN"],
  "all capabilities, no seccomp": ["--cap-add", "ALL", "--security-opt", "seccomp=unconfined"],
  privileged: ["--privileged"],
  "--read-only": ["--read-only", "--tmpfs", "/tmp"],
  "--init": ["--init"],
};

security(test.serial as TestFn, "T09", "the root cannot be left", async (trial) => {
  const program = await compileStatic(SOURCE, join(trial.scratch, "escape"));
  const tree = await trial.store.addTree({ ...BUSYBOX_TREE, "/bin/escape": { copy: program, mode: 0o755 } });
  await trial.store.addDirectory("escape", tree);
  const target = join(trial.canary, "secret");

  for (const way of ["chroot", "fchdir", "descriptor", "rejoin"]) {
    const naive = await naiveRun(tree, ["/bin/escape", way, target]);
    trial.control(`naive: ${way}`, naive.stdout.includes(trial.secret), naive);
  }
  for (const [way, off] of CONTROLS) {
    const broken = await trial.runUnsafe(off, "escape", ["/bin/escape", way, target]);
    trial.control(`--unsafe ${off.join(" ")}: ${way}`, broken.stdout.includes(trial.secret), broken);
  }
  for (const [strength, flags] of Object.entries(STRENGTHS)) {
    for (const way of WAYS) {
      const held = await trial.run(flags, "escape", ["/bin/escape", way, target]);
      trial.glassbox(`${way}, ${strength}`, held.stdout.startsWith("tried") && !held.stdout.includes(trial.secret), held);
    }
  }
  if (!hasPodman()) return;
  for (const way of WAYS) {
    const podman = await podmanRun(trial.scratch, tree, ["/bin/escape", way, target], { flags: ["--cap-add", "SYS_CHROOT"] });
    trial.anchor("podman", anchorRan(podman) ? !podman.stdout.includes(trial.secret) : undefined);
  }
});
