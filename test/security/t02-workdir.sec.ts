/**
 * The working directory is inside the root, or the start fails (CVE-2024-21626): an image's WORKDIR and -w that name descriptors of the runtime,
 * directly, through symlinks of the image, and with "..". Every number from 3 to 40 is a directory of the host that the caller left open, so
 * that a single descriptor that survives is enough.
 *
 * Not shown: exec and build, which do not exist yet.
 */

import { closeSync, openSync } from "node:fs";
import test, { type TestFn } from "ava";
import { anchorRan, hasPodman, podmanRun } from "../helpers/anchor";
import { eachTwoAtATime, security, type Trial } from "../helpers/arms";
import type { ProgramResult } from "../helpers/cli";
import { naiveRun } from "../helpers/naive";
import { BUSYBOX_TREE, type TreeSpec } from "../helpers/tree";

const FIRST = 3;
const LAST = 40;
const numbers = Array.from({ length: LAST - FIRST + 1 }, (_, i) => FIRST + i);

/** In the image: links that lead to descriptors, one after the other, and out of the root. */
const LINKS: TreeSpec = {
  ...Object.fromEntries(numbers.map((n) => [`/links/fd${n}`, { link: `/proc/self/fd/${n}` }])),
  "/links/up": { link: "../../../../../../../.." },
  "/links/relative": { link: "../proc/self/fd/7" },
  "/links/chain": { link: "/links/chain2" },
  "/links/chain2": { link: "fd8" },
  "/links/thread": { link: "/proc/thread-self/fd/9" },
  "/links/first": { link: "/proc/1/root" },
  "/links/cwd": { link: "/proc/self/cwd" },
  "/links/loop": { link: "loop" },
};

/** Ways to name a host directory as working directory beside /proc/self/fd/N. */
const OTHERS = [
  "/proc/self/fd/7/..",
  "/proc/self/fd/7/../../../../..",
  "/proc/self/fd/../fd/8",
  "/proc/1/fd/7",
  "/proc/1/cwd",
  "/proc/1/root",
  "/proc/self/root/../../..",
  "/proc/thread-self/fd/7",
  "/dev/fd/7",
  "/../../../../../..",
  "/links/up",
  "/links/relative",
  "/links/chain",
  "/links/thread",
  "/links/first",
  "/links/first/../..",
  "/links/cwd",
  "/links/loop",
  "/etc/passwd",
  "/new/directory/of/its/own",
];

security(test.serial as TestFn, "T02", "the working directory is never outside the root", async (trial) => {
  const tree = await trial.store.addTree({ ...BUSYBOX_TREE, ...LINKS });
  await trial.store.addDirectory("links", tree);
  const canary = openSync(trial.canary, "r");
  const fds = new Map(numbers.map((n) => [n, canary]));
  const argv = ["/bin/sh", "-c", ATTACK, "attack", trial.canary];

  for (const path of ["/proc/self/fd/7", "/links/fd7", "/proc/self/fd/8/../canary"]) {
    // The runtime changes directory by name while its descriptors are open, as runc did.
    const naive = await naiveRun(tree, argv, {
      fds,
      enter: `exec chroot "$root" /bin/sh -c 'cd -P "$0" && exec "$@"' "${path}" "$@"`,
    });
    trial.control(`naive: ${path}`, naive.stdout.includes(trial.secret), naive.stdout + naive.stderr);
  }

  const paths = [...numbers.flatMap((n) => [`/proc/self/fd/${n}`, `/links/fd${n}`]), ...OTHERS];
  await eachTwoAtATime(paths, async (path) => judge(trial, `-w ${path}`, await trial.run(["-w", path], "links", argv, { fds })));

  const images = [...numbers.map((n) => `/proc/self/fd/${n}`), "/links/fd9", "proc/self/fd/7", "../../..", ".", ...OTHERS];
  for (const [i, path] of images.entries()) {
    await trial.store.addDirectory(`workdir-${i}`, tree, { WorkingDir: path });
  }
  await eachTwoAtATime([...images.entries()], async ([i, path]) =>
    judge(trial, `WORKDIR ${path}`, await trial.run([], `workdir-${i}`, argv, { fds })),
  );

  if (hasPodman()) {
    for (const path of ["/proc/self/fd/7", "/proc/self/fd/8", "/links/fd7", "/links/up"]) {
      const result = await podmanRun(trial.scratch, tree, argv, { fds, flags: ["-w", path] });
      trial.anchor("podman", anchorRan(result) || result.stderr !== "" ? !result.stdout.includes(trial.secret) : undefined);
    }
  }
  closeSync(canary);
});

/** Reads the host's canary from wherever it stands: here, above, and by every name of the working directory. */
const ATTACK = [
  "echo started; pwd; readlink /proc/self/cwd",
  "for up in . .. ../.. ../../.. ../../../.. ../../../../.. ../../../../../../../..; do",
  '  cat "$up/secret" "$up/canary/secret" "$up$1/secret" 2>/dev/null',
  "done",
  'cat "/proc/self/cwd/secret" "/proc/$$/cwd/../canary/secret" 2>/dev/null',
  "true",
].join("\n");

function judge(trial: Trial, name: string, result: ProgramResult): void {
  const { code, stdout, stderr } = result;
  const said = stdout + stderr;
  const outside = said.includes(trial.secret) || stdout.includes("(unreachable)") || stdout.includes(trial.canary);
  const inside = code === 0 && stdout.startsWith("started\n/");
  const refused =
    code !== null && code >= 125 && code <= 127 && stdout === "" && stderr.startsWith("glassbox: ") && stderr.length > 20;
  trial.glassbox(name, !outside && (inside || refused), `code ${code} ${said}`);
}
