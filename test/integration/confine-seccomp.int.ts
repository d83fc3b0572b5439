/**
 * The kernel under our filter against the simulator: every number from 0 to 600 by both doors of x86-64. Needs no root
 * (no_new_privs), but a C compiler and x86-64.
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { CAPABILITIES } from "../../src/base/capabilities";
import { DEFAULT_CAPABILITIES } from "../../src/confine/capabilities";
import { compileSeccomp } from "../../src/confine/seccomp/compile";
import { defaultProfile } from "../../src/confine/seccomp/default-profile";
import { simulateBpf } from "../../src/confine/seccomp/simulate";
import { syscallNumbers } from "../../src/confine/seccomp/numbers";

const run = promisify(execFile);
const SOURCE = resolve(__dirname, "../../../test/integration/confine-calls.c");
const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const ALL_ONES = (1n << 64n) - 1n;

/** Each result becomes an errno of its own, so that nothing passes and every result can be seen. */
const MARKS = new Map([
  [0x7fff0000, 4000],
  [0x00050001, 4001],
  [0x00050016, 4002],
  [0x00050026, 4003],
  [0x00050061, 4004],
  [0x80000000, 4005],
]);

function marked(program: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(program);
  const view = new DataView(copy.buffer);
  for (let at = 0; at < copy.length; at += 8) {
    if (view.getUint16(at, true) !== 6) continue;
    const mark = MARKS.get(view.getUint32(at + 4, true));
    if (mark === undefined) throw new Error(`a result without a mark at ${at / 8}`);
    view.setUint32(at + 4, 0x00050000 | mark, true);
  }
  return copy;
}

interface Call {
  door: 64 | 32;
  nr: number;
  args: bigint[];
}

function sweep(): Call[] {
  const edges = [0n, 9n, 16n, 38n, 40n, 0x100000028n, 0x01200011n, 0x7e020000n, 0xffffffffn, ALL_ONES];
  const special = ["clone", "socket", "socketpair", "personality", "socketcall", "ipc"];
  const calls: Call[] = [];
  for (const door of [64, 32] as const) {
    const numbers = syscallNumbers(door === 64 ? "x86_64" : "i386");
    for (let nr = 0; nr <= 600; nr++) {
      // The kernel passes its own trampolines' calls without asking the filter.
      if (door === 64 && (nr === 335 || nr === 336)) continue;
      for (const arg of [ALL_ONES, 0n]) calls.push({ door, nr, args: [arg, arg, arg, arg, arg, arg] });
    }
    for (const nr of special.map((name) => numbers.get(name))) {
      if (nr === undefined) continue;
      for (const first of edges) for (const third of edges) calls.push({ door, nr, args: [first, 0n, third, 0n, 0n, 0n] });
    }
  }
  for (let nr = 0; nr < 600; nr += 7) calls.push({ door: 64, nr: 0x40000000 + nr, args: [0n, 0n, 0n, 0n, 0n, 0n] });
  return calls;
}

/** Whether this kernel has the i386 door; a kernel without it kills who knocks. */
async function hasI386Door(binary: string, directory: string, filter: string): Promise<boolean> {
  const list = join(directory, "knock");
  await writeFile(list, "32 14 0 0 0 0 0 0\n");
  return run(binary, [filter, list]).then(
    () => true,
    () => false,
  );
}

const check = process.arch === "x64" ? test : test.skip;

check("the kernel answers as the simulator says, for each call of both doors", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "glassbox-confine-"));
  t.teardown(() => rm(directory, { recursive: true }));
  const binary = join(directory, "calls");
  await run("cc", ["-O1", "-o", binary, SOURCE]);
  const filter = join(directory, "filter");
  const list = join(directory, "list");
  let calls = sweep();

  for (const capabilities of [DEFAULT_CAPABILITIES, CAPABILITIES]) {
    const program = compileSeccomp(defaultProfile({ arch: "x64", capabilities }), { arch: "x64" });
    await writeFile(filter, marked(program));
    if (!(await hasI386Door(binary, directory, filter))) {
      t.log("this kernel has no i386 door: only the other is tried");
      calls = calls.filter((call) => call.door === 64);
    }
    await writeFile(list, calls.map(callLine).join(""));
    const { stdout } = await run(binary, [filter, list]);
    const answers = stdout.trim().split("\n").map(Number);
    const wrong = calls.filter((call, index) => {
      const arch = call.door === 64 ? X86_64 : I386;
      const { result } = simulateBpf(program, { nr: call.nr, arch, args: call.args });
      return MARKS.get(result) !== answers[index];
    });
    t.deepEqual(wrong, []);
    t.is(answers.length, calls.length);
  }
});

function callLine(call: Call): string {
  return `${call.door} ${call.nr.toString(16)} ${call.args.map((arg) => arg.toString(16)).join(" ")}\n`;
}
