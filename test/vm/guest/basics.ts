/** What works everywhere works here too: doctor, info, run, the story of a start, a terminal. */

import assert from "node:assert/strict";
import { type GuestTest, CLI, glassbox, outputOf, program, run } from "./box";

interface Check {
  id: string;
  status: string;
  observed: unknown;
}

export const basics: readonly GuestTest[] = [
  {
    title: "doctor finds cgroup v2 with every controller, and no failure",
    async body() {
      const text = await outputOf(glassbox(["doctor", "--json"]));
      const parsed = JSON.parse(text) as Check[] | { checks: Check[] };
      const checks = Array.isArray(parsed) ? parsed : parsed.checks;
      const byId = new Map(checks.map((check) => [check.id, check]));
      assert.match(JSON.stringify(byId.get("cgroup-mode")?.observed), /v2 only/);
      for (const name of ["mode", "memory", "pids", "cpu", "cpuset", "devices", "freezer"]) {
        assert.equal(byId.get(`cgroup-${name}`)?.status, "ok", `cgroup-${name}`);
      }
      assert.deepEqual(
        checks.filter(({ status }) => status === "fail"),
        [],
      );
    },
  },
  {
    title: "info says cgroup version 2",
    async body() {
      const info = JSON.parse(await outputOf(glassbox(["info", "--format", "json"]))) as { CgroupVersion: string };
      assert.equal(info.CgroupVersion, "2");
    },
  },
  {
    title: "a default container is PID 1 of its own world, and its exit code comes back",
    async body() {
      const { code, stdout, stderr } = await run(
        [],
        ["sh", "-c", "echo $$ $(hostname); ls /proc | grep -c '^[0-9]'; grep ' / / ' /proc/self/mountinfo; exit 7"],
      );
      assert.equal(code, 7, stderr);
      assert.match(stdout, /^1 [0-9a-f]{12}\n/);
      assert.match(stdout, /^[1-4]$/m);
      assert.match(stdout, / - overlay overlay /);
    },
  },
  {
    title: "--explain tells the calls of the v2 path",
    async body() {
      const { code, stdout, stderr } = await run(["--explain=calls"], ["echo", "payload"]);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "payload\n");
      for (const word of ["CLONE_INTO_CGROUP", "cgroup.subtree_control", "pids.max", "bpf(", "pivot_root(", "cgroup2"]) {
        assert.ok(stderr.includes(word), `no ${word} in\n${stderr}`);
      }
      assert.ok(!stderr.includes("devices.allow"), "speaks of v1");
    },
  },
  {
    title: "--dry-run compiles for v2: no v1 hierarchy is joined",
    async body() {
      const text = await outputOf(run(["--dry-run=plan", "-m", "64m"], ["true"]));
      assert.ok(!text.includes("join-cgroup"), text);
      assert.match(text, /"how": "ebpf"/);
    },
  },
  {
    title: "-t gives a terminal with the caller's size",
    async body() {
      const inner = `stty rows 33 cols 111; ${process.execPath} ${CLI} run --rm -t -i --network none busybox sh -c 'tty; stty size; test -t 0 && echo terminal'`;
      const text = await outputOf(program(["/usr/bin/script", "-qec", inner, "/dev/null"]));
      // script passes the end of its own input on, which a terminal in raw mode echoes as ^@.
      assert.match(text.replaceAll("^@", ""), /\/dev\/(pts\/0|console)\r?\n33 111\r?\nterminal/);
    },
  },
];
