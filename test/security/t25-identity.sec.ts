/**
 * Users, groups and capabilities are exactly those that were asked for: every set of every kind of start is compared as a number, written here
 * and not taken from the code under test. Set-uid and file-capability programs gain nothing under no-new-privileges; users that the image makes
 * up cannot become root by number (CVE-2024-40635, CVE-2026-46680); the caller's own groups, inheritable and ambient capabilities stay outside
 * (CVE-2022-36109, CVE-2022-24769); a hostile /etc/passwd hangs nobody.
 *
 * Not shown: exec, which does not exist yet; user namespaces.
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test, { type TestFn } from "ava";
import { anchorRan, hasPodman, podmanRun } from "../helpers/anchor";
import { eachTwoAtATime, security, type Trial } from "../helpers/arms";
import { type ProgramResult, runProgram } from "../helpers/cli";
import { naiveRun } from "../helpers/naive";
import { BUSYBOX_TREE, compileStatic, type Node, type TreeSpec } from "../helpers/tree";

const source = (name: string): string => resolve(__dirname, "../../../test/security", name);
const SHOW = ["/bin/show"];

/** CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP, by linux/capability.h. */
const DEFAULT_MASK = mask(0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31);
const NET_ADMIN = 12;
const NET_RAW = 13;
const SYS_ADMIN = 21;

function mask(...bits: number[]): bigint {
  return bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
}

interface Identity {
  uid: string;
  gid: string;
  groups: string;
  inheritable: bigint;
  permitted: bigint;
  effective: bigint;
  bounding: bigint;
  ambient: bigint;
  noNewPrivs: string;
}

function parse(text: string): Identity {
  const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, "m").exec(text)?.[1] ?? "absent";
  const set = (name: string): bigint => {
    const value = field(name);
    return value === "absent" ? -1n : BigInt(`0x${value}`);
  };
  return {
    uid: field("Uid"),
    gid: field("Gid"),
    groups: field("Groups"),
    inheritable: set("CapInh"),
    permitted: set("CapPrm"),
    effective: set("CapEff"),
    bounding: set("CapBnd"),
    ambient: set("CapAmb"),
    noNewPrivs: field("NoNewPrivs"),
  };
}

const id = (number: number): string => Array.from({ length: 4 }, () => number).join("\t");

/** What a start should give: ids, then its sets; inheritable and ambient are always empty. */
function expected(uid: number, gid: number, groups: string, active: bigint, bounding: bigint, noNewPrivs = "0"): Identity {
  return {
    uid: id(uid),
    gid: id(gid),
    groups,
    inheritable: 0n,
    permitted: active,
    effective: active,
    bounding,
    ambient: 0n,
    noNewPrivs,
  };
}

function shown(identity: Identity): string {
  return JSON.stringify(identity, (_, value: unknown) => (typeof value === "bigint" ? value.toString(16) : value));
}

security(test.serial as TestFn, "T25", "users, groups and capabilities are exact", async (trial) => {
  const show = await compileStatic(source("show.c"), join(trial.scratch, "show"));
  const wrap = await compileStatic(source("wrap.c"), join(trial.scratch, "wrap"));
  const spec: TreeSpec = {
    ...BUSYBOX_TREE,
    "/bin/show": { copy: show, mode: 0o755 },
    "/bin/wrap": { copy: wrap, mode: 0o755 },
    "/bin/setuid": { copy: show, mode: 0o4755 },
    "/bin/setgid": { copy: show, mode: 0o2755 },
    "/bin/capable": { copy: show, mode: 0o755, capabilities: "cap_chown+ep" },
    "/bin/too-capable": { copy: show, mode: 0o755, capabilities: "cap_sys_admin+ep" },
  };
  const tree = await trial.store.addTree(spec);
  await trial.store.addDirectory("show", tree);
  await capabilitySets(trial);
  await callersOwn(trial, tree);
  await gains(trial);
  await numbers(trial, tree, spec);
  await passwdFiles(trial, spec);
  if (hasPodman()) await anchors(trial, tree);
});

async function capabilitySets(trial: Trial): Promise<void> {
  const all = BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]!}`);
  const withNetAdmin = DEFAULT_MASK | mask(NET_ADMIN);
  const cases: [string[], Identity][] = [
    [[], expected(0, 0, "", DEFAULT_MASK, DEFAULT_MASK)],
    [["--init"], expected(0, 0, "", DEFAULT_MASK, DEFAULT_MASK)],
    [["-u", "1000"], expected(1000, 1000, "1001", 0n, DEFAULT_MASK)],
    [["-u", "user"], expected(1000, 1000, "1001", 0n, DEFAULT_MASK)],
    [["-u", "4000"], expected(4000, 0, "", 0n, DEFAULT_MASK)],
    [["-u", "1000:7"], expected(1000, 7, "", 0n, DEFAULT_MASK)],
    [["-u", "1000", "--group-add", "55"], expected(1000, 1000, "55 1001", 0n, DEFAULT_MASK)],
    [["-u", "2147483647:2147483647"], expected(2147483647, 2147483647, "", 0n, DEFAULT_MASK)],
    [["--cap-drop", "ALL"], expected(0, 0, "", 0n, 0n)],
    [["--cap-drop", "ALL", "-u", "1000"], expected(1000, 1000, "1001", 0n, 0n)],
    [["--cap-drop", "ALL", "--cap-add", "NET_RAW"], expected(0, 0, "", mask(NET_RAW), mask(NET_RAW))],
    [["--cap-add", "NET_ADMIN"], expected(0, 0, "", withNetAdmin, withNetAdmin)],
    [["--cap-add", "NET_ADMIN", "-u", "1000"], expected(1000, 1000, "1001", 0n, withNetAdmin)],
    [
      ["--cap-drop", "CHOWN", "--cap-drop", "CAP_SETUID"],
      expected(0, 0, "", DEFAULT_MASK & ~mask(0, 7), DEFAULT_MASK & ~mask(0, 7)),
    ],
    [["--privileged"], expected(0, 0, "", all, all)],
    [["--cap-add", "ALL"], expected(0, 0, "", all, all)],
    [["--privileged", "-u", "1000"], expected(1000, 1000, "1001", 0n, all)],
    [["--security-opt", "no-new-privileges"], expected(0, 0, "", DEFAULT_MASK, DEFAULT_MASK, "1")],
  ];
  for (const [flags, wanted] of cases) {
    const result = await trial.run(flags, "show", SHOW);
    const found = parse(result.stdout);
    trial.glassbox(
      `sets of ${flags.join(" ") || "a default start"}`,
      shown(found) === shown(wanted),
      `${shown(found)} wanted ${shown(wanted)} ${result.stderr}`,
    );
  }
  const off = parse((await trial.runUnsafe(["caps=all"], "show", SHOW)).stdout);
  trial.control("--unsafe caps=all: more than the default", off.effective === all && all !== DEFAULT_MASK, shown(off));
}

/** What the caller has and the container must not get. */
async function callersOwn(trial: Trial, tree: string): Promise<void> {
  const prefix = [
    "setpriv",
    "--groups",
    "4242,4343",
    "--inh-caps",
    "+net_raw,+sys_admin",
    "--ambient-caps",
    "+net_raw,+sys_admin",
  ];
  const naive = parse((await naiveRun(tree, SHOW, { prefix })).stdout);
  trial.control("naive: the caller's groups", naive.groups.includes("4242"), shown(naive));
  trial.control("naive: the caller's ambient capabilities", naive.ambient !== 0n && naive.inheritable !== 0n, shown(naive));
  for (const flags of [[], ["-u", "4000"], ["--init"], ["--privileged"]]) {
    const result = await trial.run(flags, "show", SHOW, { prefix });
    const found = parse(result.stdout);
    const clean =
      found.groups === "" && found.inheritable === 0n && found.ambient === 0n && (flags[0] !== "-u" || found.effective === 0n);
    trial.glassbox(`caller with groups and ambient capabilities, ${flags.join(" ")}`, clean, shown(found) + result.stderr);
  }
}

/** Programs of the image that would raise whoever runs them. */
async function gains(trial: Trial): Promise<void> {
  const asUser = async (program: string, flags: string[]): Promise<{ identity: Identity; result: ProgramResult }> => {
    const result = await trial.run(["-u", "4000:4000", ...flags], "show", [program]);
    return { identity: parse(result.stdout), result };
  };
  const gained = ({ uid, gid, effective }: Identity): boolean =>
    uid.split("\t")[1] === "0" || gid.split("\t")[1] === "0" || effective > 0n;
  const nnp = ["--security-opt", "no-new-privileges"];
  for (const program of ["/bin/setuid", "/bin/setgid", "/bin/capable"]) {
    // Docker's default, and ours, lets these work inside the container: that is the control.
    const free = await asUser(program, []);
    trial.control(`without no-new-privileges: ${program}`, gained(free.identity), shown(free.identity) + free.result.stderr);
    const off = await trial.runUnsafe(["nnp=off"], "show", [program], {});
    trial.glassbox(`--unsafe nnp=off still starts ${program}`, off.code === 0, off);
    for (const extra of [[], ["--init"], ["--cap-add", "ALL"]]) {
      const held = await asUser(program, [...nnp, ...extra]);
      const exact = held.result.code === 0 && !gained(held.identity) && held.identity.noNewPrivs === "1";
      trial.glassbox(`no-new-privileges ${extra.join(" ")}: ${program}`, exact, shown(held.identity) + held.result.stderr);
    }
  }
  // The bounding set holds against the file: execve(2) fails with EPERM when a capability that the file demands cannot be given.
  for (const [name, flags] of [
    ["default", []],
    ["all dropped", ["--cap-drop", "ALL"]],
  ] as const) {
    const beyond = await asUser("/bin/too-capable", [...flags]);
    trial.glassbox(
      `a capability outside the bounding set, ${name}`,
      beyond.result.code === 126 || (beyond.identity.effective & mask(SYS_ADMIN)) === 0n,
      beyond.result,
    );
  }
  const within = await asUser("/bin/too-capable", ["--cap-add", "SYS_ADMIN"]);
  trial.control(
    "a capability inside the bounding set",
    (within.identity.effective & mask(SYS_ADMIN)) !== 0n,
    shown(within.identity) + within.result.stderr,
  );
  const dropped = await asUser("/bin/setuid", ["--cap-drop", "ALL"]);
  trial.glassbox(
    "set-uid root without capabilities has none",
    dropped.identity.effective === 0n && dropped.identity.uid.split("\t")[1] === "0",
    shown(dropped.identity),
  );
}

const WRONG_NUMBERS = [
  "4294967295",
  "4294967296",
  "-1",
  "2147483648",
  "18446744073709551616",
  "99999999999999999999999",
  "4294967296:0",
  "0:4294967296",
  "1000:-1",
  "1000:4294967295",
];
const WRONG_NAMES = [
  "0x0",
  "+0",
  "1e3",
  "0.0",
  "nobody-here",
  "1000:no-such-group",
  "user:user:user",
  "1000:0:0",
  ":0:",
  "user/../root",
  "１０００",
];

async function numbers(trial: Trial, tree: string, spec: TreeSpec): Promise<void> {
  for (const number of ["4294967296", "18446744073709551616"]) {
    const naive = parse((await naiveRun(tree, ["/bin/wrap", number, "/bin/show"])).stdout);
    // strtoull gives its maximum for what is too large, which as uid_t is -1: "no change".
    trial.control(`naive: uid ${number} wraps round to root`, naive.uid === id(0), shown(naive));
  }
  const refused = ({ code, stdout, stderr }: ProgramResult): boolean =>
    code === 125 && stdout === "" && /^glassbox: \S/.test(stderr);
  const words = [...WRONG_NUMBERS, ...WRONG_NAMES];
  await eachTwoAtATime(words, async (user) => {
    const result = await trial.run([`--user=${user}`], "show", SHOW);
    trial.glassbox(`-u ${user} is refused`, refused(result), result);
  });
  const images = await users(
    trial,
    spec,
    words.map((user) => ({ user })),
  );
  await eachTwoAtATime(images, async ({ name, user }) => {
    const result = await trial.run([], name, SHOW);
    trial.glassbox(`USER ${user} is refused`, refused(result), result);
  });
  for (const group of ["4294967296", "-1", "4294967295", "no-such-group"]) {
    const result = await trial.run([`--group-add=${group}`], "show", SHOW);
    trial.glassbox(`--group-add ${group} is refused`, refused(result), result);
  }
}

interface UserCase {
  user: string;
  files?: TreeSpec;
}

async function users(trial: Trial, spec: TreeSpec, cases: UserCase[]): Promise<{ name: string; user: string }[]> {
  const made: { name: string; user: string }[] = [];
  for (const { user, files } of cases) {
    const name = `user-${userImages++}`;
    await trial.store.addImage(
      name,
      {
        "/bin/show": spec["/bin/show"]!,
        ...(files ?? { "/etc/passwd": spec["/etc/passwd"]!, "/etc/group": spec["/etc/group"]! }),
      },
      { User: user },
    );
    made.push({ name, user });
  }
  return made;
}
let userImages = 0;

/** /etc/passwd of an image that wants to be root, to hang its reader, or to be read from the host. */
async function passwdFiles(trial: Trial, spec: TreeSpec): Promise<void> {
  const fifo = await trial.store.addTree({ "/etc/passwd": { fifo: true } });
  const hung = await runProgram("cat", [join(fifo, "etc/passwd")], { timeoutMs: 700 });
  trial.control("naive: reading a FIFO hangs", hung.timedOut);
  const linked = await trial.store.addTree({ "/etc/passwd": { link: "/etc/passwd" } });
  trial.control(
    "naive: a symlink leads to the host's file",
    readFileSync(join(linked, "etc/passwd"), "utf8") === readFileSync("/etc/passwd", "utf8"),
  );

  const contents: [name: string, user: string, passwd: Node, wanted: number | "refused"][] = [
    ["a number as name of root", "4294967296", "4294967296:x:0:0::/:/bin/sh\n", "refused"],
    ["a small number as name of root", "1000", "1000:x:0:0::/:/bin/sh\n", 1000],
    ["a negative number as name of root", "-1", "-1:x:0:0::/:/bin/sh\n", "refused"],
    ["an entry whose uid wraps", "wrapped", "wrapped:x:4294967296:0::/:/bin/sh\n", "refused"],
    ["an entry whose uid is -1", "wrapped", "wrapped:x:-1:0::/:/bin/sh\n", "refused"],
    ["an entry whose uid is 4294967295", "wrapped", "wrapped:x:4294967295:0::/:/bin/sh\n", "refused"],
    ["an entry whose uid is no number", "wrapped", "wrapped:x:0x0:0::/:/bin/sh\n", "refused"],
    ["an entry without a uid", "wrapped", "wrapped:x\n", "refused"],
    ["an entry whose gid wraps", "wrapped", "wrapped:x:1:4294967296::/:/bin/sh\n", "refused"],
    ["a name with a NUL", "user", "user\0:x:0:0::/:/bin/sh\n", "refused"],
    ["a name of the host only", "daemon", "root:x:0:0::/:/bin/sh\n", "refused"],
    ["no newline at the end", "user", "user:x:1000:1000::/:/bin/sh", 1000],
    ["a FIFO", "1000", { fifo: true }, "refused"],
    ["a device that never ends", "1000", { device: ["c", 1, 5] }, "refused"],
    ["a directory", "1000", { directory: true }, "refused"],
    ["a symlink to the host's", "daemon", { link: `${"../".repeat(20)}etc/passwd` }, "refused"],
    ["a symlink to the canary", "1000", { link: join(trial.canary, "secret") }, 1000],
    ["a symlink to a process's file", "1000", { link: "/proc/self/environ" }, 1000],
    ["a loop", "1000", { link: "passwd" }, 1000],
    ["ten megabytes", "1000", { file: Buffer.alloc(10 << 20, "x:x:0:0::/:\n") }, "refused"],
    ["half a megabyte of one line", "1000", { file: Buffer.alloc(512 << 10, ":") }, 1000],
  ];
  for (const [what, user, passwd, wanted] of contents) {
    const name = `passwd-${userImages++}`;
    await trial.store.addImage(name, { "/bin/show": spec["/bin/show"]!, "/etc/passwd": passwd }, { User: user });
    const result = await trial.run([], name, SHOW, { timeoutMs: 10_000 });
    const found = parse(result.stdout);
    const exact =
      wanted === "refused"
        ? result.code === 125 && result.stdout === "" && /^glassbox: \S/.test(result.stderr)
        : found.uid === id(wanted);
    trial.glassbox(
      `passwd: ${what}`,
      exact && !result.timedOut && !result.stderr.includes(trial.secret),
      `${shown(found)} code ${result.code} ${result.stderr}`,
    );
  }
  for (const [what, group] of [
    ["a FIFO", { fifo: true }],
    ["a device", { device: ["c", 1, 5] }],
    ["members that want root's group", "root:x:0:user\nbig:x:4294967296:user\n"],
  ] as [string, Node][]) {
    const name = `passwd-${userImages++}`;
    await trial.store.addImage(
      name,
      { "/bin/show": spec["/bin/show"]!, "/etc/passwd": "user:x:1000:1000::/:/bin/sh\n", "/etc/group": group },
      { User: "user" },
    );
    const result = await trial.run([], name, SHOW, { timeoutMs: 10_000 });
    const found = parse(result.stdout);
    // A group file may say that a user is in group 0 of the container: that much is the image's own affair.
    const exact =
      result.code === 125
        ? /^glassbox: \S/.test(result.stderr)
        : found.uid === id(1000) && (found.groups === "" || found.groups === "0");
    trial.glassbox(`group: ${what}`, exact && !result.timedOut, `${shown(found)} code ${result.code} ${result.stderr}`);
  }
}

async function anchors(trial: Trial, tree: string): Promise<void> {
  const usual = await podmanRun(trial.scratch, tree, SHOW);
  const found = parse(usual.stdout);
  trial.anchor(
    "podman",
    anchorRan(usual)
      ? found.effective === DEFAULT_MASK && found.bounding === DEFAULT_MASK && found.inheritable === 0n
      : undefined,
  );
  for (const user of ["4294967295", "4294967296", "-1"]) {
    const result = await podmanRun(trial.scratch, tree, SHOW, { flags: [`--user=${user}`] });
    trial.anchor("podman", !parse(result.stdout).uid.startsWith("0"));
  }
}
