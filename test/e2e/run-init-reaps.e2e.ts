/** `--init`: zombies go, signals arrive, the exit code stays; and what happens without it. */

import { readdirSync, readFileSync } from "node:fs";
import { asRoot, boxForFile, eventually, payloadOf, statusField } from "./box";

const file = boxForFile();

/** Two orphans, which end while the payload is a program that collects nobody. */
const ORPHANS = "(sleep 0.2 &); (sleep 0.2 &); exec sleep 100";

/** "Z" or "S" of each child of a process. */
function childStates(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map((child) => statusField(Number(child), "State").slice(0, 1));
}

for (const [flags, want, title] of [
  [["--init"], ["S"], "with --init no zombie stays"],
  [[], ["Z", "Z"], "without it they stay: PID 1 does not collect them"],
] as const) {
  asRoot(`run-init-reaps: ${title}`, async (t) => {
    await file.box.while([...flags, "busybox", "sh", "-c", ORPHANS], async (_, pid) => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      t.deepEqual(childStates(pid), [...want]);
    });
  });
}

asRoot("run-init-reaps: signals are forwarded to the payload, which PID 1 alone would never see", async (t) => {
  const script =
    "for s in HUP USR1 USR2 TERM; do trap \"echo $s\" $s; done; trap 'echo INT; exit 6' INT; echo ready; while :; do sleep 0.05; done";
  const command = file.box.start(["run", "--rm", "--init", "busybox", "sh", "-c", script]);
  let out = "";
  command.stdout?.on("data", (part) => (out += part));
  const code = new Promise((resolve) => command.on("close", resolve));
  await eventually(() => out.includes("ready"), "ready");
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGINT"] as const) {
    command.kill(signal);
    await eventually(() => out.includes(`${signal.slice(3)}\n`), signal);
  }
  t.is(await code, 6);
});

asRoot("run-init-reaps: SIGTERM without a handler ends the payload only under --init", async (t) => {
  for (const [flags, ends] of [
    [["--init"], true],
    [[], false],
  ] as const) {
    const command = file.box.start(["run", "--rm", ...flags, "busybox", "sleep", "100"]);
    const code = new Promise((resolve) => command.on("close", resolve));
    const pid = await payloadOf(file.box);
    command.kill("SIGTERM");
    if (ends) {
      t.is(await code, 143);
    } else {
      await new Promise((resolve) => setTimeout(resolve, 300));
      t.true(readdirSync("/proc").includes(String(pid)), "still there");
      process.kill(pid, "SIGKILL");
      t.is(await code, 137);
    }
  }
});

asRoot("run-init-reaps: the exit code passes, and processes that are left end with the container", async (t) => {
  t.is((await file.box.run("--init", "busybox", "sh", "-c", "sleep 1000 & exit 33")).code, 33);
  t.is((await file.box.run("busybox", "sh", "-c", "sleep 1000 & exit 34")).code, 34);
});
