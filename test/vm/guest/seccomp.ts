/** The filter on kernels that know fewer calls than it does, or more. */

import assert from "node:assert/strict";
import { release } from "node:os";
import { type GuestTest, outputOf, run, runUnsafe } from "./box";

/** Numbers that no kernel of these years has, and x32's door. */
const UNKNOWN = ["336", "423", "600", "1000", "1073742363"];
/** Calls of x86-64 by number: what the default answers. */
const REFUSED: readonly (readonly [number: string, errno: string, name: string])[] = [
  ["175", "EPERM", "init_module"],
  ["246", "EPERM", "kexec_load"],
  ["321", "EPERM", "bpf"],
  ["165", "EPERM", "mount"],
  ["155", "EPERM", "pivot_root"],
  ["169", "EPERM", "reboot"],
  ["248", "EPERM", "add_key"],
  ["323", "EPERM", "userfaultfd"],
  ["425", "EPERM", "io_uring_setup"],
  ["435", "ENOSYS", "clone3"],
];

/** cachestat 6.5, fchmodat2 6.6, map_shadow_stack 6.6, futex_wake 6.7, statmount 6.8, mseal 6.10 */
const NEWER = ["451", "452", "453", "454", "457", "462"];

let asked: Promise<ReadonlyMap<string, string>> | undefined;

/** What each call answers under the default filter: one container for all questions. */
function answers(): Promise<ReadonlyMap<string, string>> {
  const numbers = [...UNKNOWN, ...REFUSED.map(([number]) => number), ...NEWER];
  return (asked ??= outputOf(run([], ["/probe", "syscall", ...numbers])).then(
    (text) =>
      new Map(
        text
          .trim()
          .split("\n")
          .map((line) => line.split(" ", 2) as [string, string]),
      ),
  ));
}

export const seccomp: readonly GuestTest[] = [
  {
    title: "calls that nobody knows answer ENOSYS, so that programs fall back",
    async body() {
      const all = await answers();
      assert.deepEqual(
        UNKNOWN.filter((number) => all.get(number) !== "ENOSYS"),
        [],
      );
    },
  },
  {
    title: "calls that this kernel does not have answer ENOSYS, although the filter allows them",
    async body() {
      const all = await answers();
      const missing = NEWER.filter((number) => all.get(number) === "ENOSYS");
      if (release().startsWith("6.1.")) assert.deepEqual(missing, NEWER);
      else assert.ok(!missing.includes("452"), "fchmodat2 is kept from a kernel that has it");
    },
  },
  {
    title: "dangerous calls are refused",
    async body() {
      const all = await answers();
      assert.deepEqual(
        REFUSED.filter(([number, errno]) => all.get(number) !== errno).map(([number, , name]) => `${name}: ${all.get(number)}`),
        [],
      );
    },
  },
  {
    title: "control: without the filter the kernel itself answers",
    async body() {
      // bpf(0), userfaultfd(0), clone3(NULL, 0): harmless with these arguments.
      const text = await outputOf(runUnsafe(["seccomp=off", "caps=all"], [], ["/probe", "syscall", "321", "323", "435"]));
      assert.ok(!text.includes("435 ENOSYS") && !text.includes("323 EPERM"), text);
    },
  },
  {
    title: "the payload runs under the filter, and with no_new_privs when that is asked for",
    async body() {
      const status = ["grep", "-E", "^(Seccomp|NoNewPrivs):", "/proc/self/status"];
      assert.equal(await outputOf(run([], status)), "NoNewPrivs:\t0\nSeccomp:\t2\n");
      assert.equal(await outputOf(run(["--security-opt", "no-new-privileges"], status)), "NoNewPrivs:\t1\nSeccomp:\t2\n");
    },
  },
];
