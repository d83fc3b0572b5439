/** Every limit of `run` on cgroup v2: written, read back from outside, seen from inside, and kept by the kernel. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type GuestTest, CGROUP, eventually, glassbox, Held, outputOf, PROBE, run } from "./box";

const MIB = 1024 * 1024;

/** flag and value, v2 file, what it must hold. The weight is worked out in plan/cgroup-wishes. */
const LIMITS: readonly (readonly [flags: string[], file: string, value: string])[] = [
  [["--memory", "64m"], "memory.max", String(64 * MIB)],
  [["--memory-swap", "96m"], "memory.swap.max", String(32 * MIB)],
  [["--memory-reservation", "32m"], "memory.low", String(32 * MIB)],
  [["--pids-limit", "40"], "pids.max", "40"],
  [["--cpus", "0.5"], "cpu.max", "50000 100000"],
  [["--cpu-shares", "2048"], "cpu.weight", "174"],
  [["--cpuset-cpus", "1"], "cpuset.cpus", "1"],
  [["--cpuset-mems", "0"], "cpuset.mems", "0"],
];

export const limits: readonly GuestTest[] = [
  {
    title: "every limit is in its v2 file, outside and inside",
    async body() {
      const files = LIMITS.map(([, file]) => file);
      const show = `for file in ${files.join(" ")}; do echo $file $(cat ${CGROUP}/$file); done; nproc`;
      const held = await Held.start(
        LIMITS.flatMap(([flags]) => flags),
        show,
      );
      const expected = LIMITS.map(([, file, value]) => `${file} ${value}`);
      assert.deepEqual(
        files.map((file) => `${file} ${held.read(file)}`),
        expected,
      );
      assert.deepEqual(held.output.trim().split("\n"), [...expected, "1"]);
      assert.equal(held.read("cpuset.cpus.effective"), "1");
      await held.finish();
    },
  },
  {
    title: "no limit is max, but for the number of processes; --memory alone allows as much swap again",
    async body() {
      const cases = [
        { flags: [], expected: ["max", "max", "2048"] },
        { flags: ["--pids-limit", "-1", "-m", "64m", "--memory-swap", "-1"], expected: [String(64 * MIB), "max", "max"] },
        { flags: ["-m", "48m"], expected: [String(48 * MIB), String(48 * MIB), "2048"] },
      ];
      for (const { flags, expected } of cases) {
        const files = ["memory.max", "memory.swap.max", "pids.max"].map((file) => `${CGROUP}/${file}`);
        assert.deepEqual((await outputOf(run(flags, ["cat", ...files]))).trim().split("\n"), expected);
      }
    },
  },
  {
    title: "processors that the machine does not have are refused",
    async body() {
      for (const list of ["0-2", "1,x"]) {
        const { code, stderr } = await run(["--cpuset-cpus", list], ["true"]);
        assert.equal(code, 125, `--cpuset-cpus ${list}: ${code} ${stderr}`);
        assert.match(stderr, /--cpuset-cpus/);
      }
    },
  },
  {
    title: "a memory hog is killed with 137, and the record says so",
    async body() {
      const flags = ["--network", "none", "-v", `${PROBE}:/probe:ro`, "--cidfile", "/tmp/hog-id", "-m", "24m"];
      const { code, stdout } = await glassbox(["run", ...flags, "--memory-swap", "24m", "busybox", "/probe", "hog", "80"]);
      assert.equal(code, 137);
      assert.equal(stdout, "");
      const id = readFileSync("/tmp/hog-id", "utf8");
      const record = JSON.parse(readFileSync(`/var/lib/glassbox/containers/${id}/config.v2.json`, "utf8")) as {
        State: { OOMKilled: boolean; ExitCode: number };
      };
      assert.deepEqual([record.State.OOMKilled, record.State.ExitCode], [true, 137]);
    },
  },
  {
    title: "fork ends with EAGAIN at the limit",
    async body() {
      assert.equal(await outputOf(run(["--pids-limit", "10"], ["/probe", "fork", "30"])), "forked=9 errno=EAGAIN\n");
    },
  },
  {
    title: "control: below their limits memory can be touched and processes forked",
    async body() {
      const text = await outputOf(run(["-m", "96m", "--pids-limit", "40"], ["sh", "-c", "/probe hog 48; /probe fork 30"]));
      assert.equal(text, "touched\nforked=30 errno=ok\n");
    },
  },
  {
    title: "--cpus holds a busy loop back",
    alone: true,
    async body() {
      // The guest's seconds are a shared host's: loose bounds.
      const text = await outputOf(run(["--cpus", "0.2"], ["sh", "-c", `/probe spin 2000; cat ${CGROUP}/cpu.stat`]));
      const [, cpu, wall] = /cpu=(\d+) wall=(\d+)/.exec(text)!.map(Number);
      assert.ok(cpu! / wall! > 0.05 && cpu! / wall! < 0.4, text);
      assert.ok(Number(/nr_throttled (\d+)/.exec(text)?.[1]) >= 5, text);
    },
  },
  {
    title: "four containers at once, each with its own limits, none in another's way",
    async body() {
      const runs = Array.from({ length: 4 }, (_, index) => {
        const pids = 20 + index;
        return outputOf(
          run(["--pids-limit", String(pids), "-m", `${32 + index}m`], ["cat", `${CGROUP}/pids.max`, `${CGROUP}/memory.max`]),
        );
      });
      const texts = await Promise.all(runs);
      assert.deepEqual(
        texts,
        texts.map((_, index) => `${20 + index}\n${(32 + index) * MIB}\n`),
      );
    },
  },
  {
    title: "what a container leaves running ends with it, and its cgroups too",
    async body() {
      const held = await Held.start([], "sleep 1234 & setsid sleep 1234 &");
      assert.ok(held.read("cgroup.procs").split("\n").length >= 3);
      await held.finish();
      const sleeping = (): boolean =>
        readdirSync("/proc").some((pid) => {
          try {
            return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("sleep\x001234");
          } catch {
            return false;
          }
        });
      await eventually("the processes left behind are gone", () => !sleeping());
    },
  },
  {
    title: "a killed command line leaves nothing once the next command ran",
    alone: true,
    async body() {
      const held = await Held.start(["-m", "64m"], "sleep 1000 &");
      process.kill(held.pid, "SIGKILL");
      await held.end();
      await outputOf(run([], ["true"]));
      assert.ok(!existsSync(held.cgroup), "its cgroup is still there");
      assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(held.id), "its mount is still there");
    },
  },
];
