/** kill -9 of the command at any moment of a start: the next command finds the machine as if nothing had been. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { asRoot, boxForFile, eventually, type RunningContainer } from "./box";

const file = boxForFile();
const TRIES = 30;
const LONGEST_MS = 260;

/** Payloads of this test that still run. */
function strangers(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("glassbox-crash-payload");
    } catch {
      return false;
    }
  });
}

asRoot(
  `run-crash: ${TRIES} times kill -9 at a random moment, then one command: no mount, cgroup, process, run file or layer is left`,
  async (t) => {
    const seen = new Map<string, RunningContainer>();
    let alive = 0;
    for (let i = 0; i < TRIES; i++) {
      const command = file.box.start([
        "run",
        "--rm",
        ...(i % 3 === 0 ? ["--init"] : []),
        "busybox",
        "sh",
        "-c",
        "sleep 1000; : glassbox-crash-payload",
      ]);
      const ended = new Promise((resolve) => command.on("close", resolve));
      // Spread evenly, with a little chance: the early moments are the short ones.
      await new Promise((resolve) => setTimeout(resolve, (i / TRIES) * LONGEST_MS + Math.random() * 10));
      command.kill("SIGKILL");
      await ended;
      for (const container of file.box.running()) seen.set(container.id, container);
      if (file.box.running().length > 0) alive++;
      const next = await file.box.run("busybox", "echo", "next");
      t.is(next.stdout, "next\n", `${i}: ${next.stderr}`);
      t.is(next.stderr, "");
      t.deepEqual(file.box.mounts(), [], `mounts after try ${i}`);
      t.deepEqual(file.box.store.leftovers(), [], `store after try ${i}`);
    }
    // The moments were neither all too early nor all too late.
    t.true(alive >= 3, `${alive} of ${TRIES} had begun`);
    for (const { id, cgroups } of seen.values()) for (const { path } of cgroups) t.false(existsSync(path), `${id}: ${path}`);
    await eventually(() => strangers().length === 0, "the payloads' end");
  },
);
