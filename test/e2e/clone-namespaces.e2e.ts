/** `clone`: the article's C program, and the program itself. */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import type { ExecutionContext } from "ava";
import { asRoot, boxForFile, CLI, eventually } from "./box";

const file = boxForFile();
const NAMES = ["mnt", "pid", "uts", "ipc", "net", "user", "cgroup", "time"];

const links = (pid: number | "self"): Map<string, string> =>
  new Map(NAMES.map((name) => [name, readlinkSync(`/proc/${pid}/ns/${name}`)]));

function clone(...args: string[]): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(process.execPath, [CLI, "clone", ...args], { env: file.box.env(), encoding: "utf8", timeout: 20_000 });
}

/** Targets of mounts in a namespace; without /tmp, where other tests come and go. */
const targets = (mountinfo: string): string[] =>
  mountinfo
    .trim()
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((target) => !target.startsWith("/tmp/"))
    .sort();

asRoot(
  "clone-namespaces: S3-1 S3-5 the three sentences of the program, in their order, around the command's output; its code passes",
  (t) => {
    const { stdout, status } = clone("--ns", "mnt", "--", "/bin/sh", "-c", "echo here; exit 6");
    t.is(stdout, "Parent - start a container!\nContainer - inside the container!\nhere\nParent - container stopped!\n");
    t.is(status, 6);
    t.is(clone("-q", "--ns", "mnt", "--", "/bin/echo", "here").stdout, "here\n");
  },
);

asRoot("clone-namespaces: S3-1 S3-5 the asked namespaces are new, the others the caller's, and gone afterwards", async (t) => {
  const mine = links("self");
  for (const [ns, fresh] of [
    ["mnt", ["mnt"]],
    ["pid,uts", ["pid", "uts"]],
    ["mnt,pid,uts,ipc,net,user,cgroup", ["mnt", "pid", "uts", "ipc", "net", "user", "cgroup"]],
  ] as const) {
    const command = spawn(process.execPath, [CLI, "clone", "-q", "--ns", ns, "--", "/bin/sh", "-c", "echo $$; read line"], {
      env: file.box.env(),
      stdio: ["pipe", "pipe", "inherit"],
    });
    let out = "";
    command.stdout.on("data", (part) => (out += part));
    await eventually(() => out.includes("\n"), "the shell");
    const child = Number(readFileSync(`/proc/${command.pid}/task/${command.pid}/children`, "utf8").trim().split(" ")[0]);
    const theirs = links(child);
    for (const name of NAMES)
      t.is(theirs.get(name) !== mine.get(name), (fresh as readonly string[]).includes(name), `${ns}: ${name}`);
    if (fresh.includes("pid" as never)) t.is(out, "1\n");
    // Numbers of namespaces are used again, so its members are followed, not the number.
    const first = fresh[0];
    const inside = members(first, theirs.get(first) as string);
    t.deepEqual(inside, [child]);
    const ended = new Promise((resolve) => command.on("close", resolve));
    command.stdin.end("\n");
    await ended;
    for (const pid of inside) t.false(existsSync(`/proc/${pid}`), `${pid} is gone, and the namespace with it`);
  }
});

/** PIDs of the processes in a namespace. */
function members(name: string, link: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/${name}`) === link;
      } catch {
        return false;
      }
    });
}

asRoot("clone-namespaces: S3-2 a new mount namespace alone changes nothing that is seen", (t) => {
  t.deepEqual(
    targets(clone("-q", "--ns", "mnt", "--", "/bin/cat", "/proc/self/mountinfo").stdout),
    targets(readFileSync("/proc/self/mountinfo", "utf8")),
  );
  const place = file.box.store.addDirectoryNamed("listed");
  writeFileSync(`${place}/file`, "");
  t.is(clone("-q", "--ns", "mnt", "--", "/bin/ls", place).stdout, "file\n");
});

asRoot("clone-namespaces: S3-3 a tmpfs of its own: empty inside, unchanged outside", (t) => {
  const place = file.box.store.addDirectoryNamed("covered");
  writeFileSync(`${place}/file`, "");
  const { stdout } = clone(
    "-q",
    "--ns",
    "mnt",
    "--mount",
    `tmpfs:${place}`,
    "--",
    "/bin/sh",
    "-c",
    `ls ${place}; grep ' ${place} ' /proc/self/mountinfo; touch ${place}/inside`,
  );
  t.regex(stdout, /^\d+ [^\n]* - tmpfs none [^\n]*\n$/);
  t.deepEqual(readdirSync(place), ["file"]);
  t.notRegex(readFileSync("/proc/self/mountinfo", "utf8"), new RegExp(` ${place} `));
});

/** Runs in a sacrificial namespace whose root is shared; gives what is mounted at `place` there afterwards. */
function underSharedRoot(t: ExecutionContext, command: string, place: string): string {
  const script = `mount --make-rshared /; ${command} >/dev/null || exit 9; grep ' ${place} ' /proc/self/mountinfo; true`;
  const { stdout, status, stderr } = spawnSync("unshare", ["-m", "--propagation", "private", "sh", "-c", script], {
    env: file.box.env(),
    encoding: "utf8",
  });
  t.is(status, 0, stderr);
  return stdout;
}

asRoot("clone-namespaces: S3-4 under a shared root the mount leaks with --shared (or --no-private), and not by default", (t) => {
  const place = file.box.store.addDirectoryNamed("leaking");
  const glassbox = (flag: string): string =>
    `'${process.execPath}' '${CLI}' clone ${flag} --ns mnt --mount tmpfs:${place} -- /bin/true`;
  t.is(underSharedRoot(t, glassbox(""), place), "");
  t.regex(underSharedRoot(t, glassbox("--shared"), place), / - tmpfs none /);
  t.regex(underSharedRoot(t, glassbox("--no-private"), place), / - tmpfs none /);
});

asRoot("clone-namespaces: S3-1 S3-3 --as c compiles without a warning and does the same", (t) => {
  const place = file.box.store.addDirectoryNamed("by-c");
  writeFileSync(`${place}/file`, "");
  const compile = (name: string, ...flags: string[]): string => {
    const { stdout, status } = clone("--as", "c", ...flags);
    t.is(status, 0);
    const source = file.box.path(`${name}.c`);
    writeFileSync(source, stdout);
    execFileSync("gcc", ["-Wall", "-Wextra", "-Werror", "-o", file.box.path(name), source]);
    return file.box.path(name);
  };
  const same = ["--ns", "mnt,pid,uts", "--mount", `tmpfs:${place}`, "--", "/bin/sh", "-c", `ls ${place}; echo "I am $$"; exit 7`];
  const ours = clone(...same);
  const theirs = spawnSync(compile("ns", ...same), [], { encoding: "utf8", timeout: 20_000 });
  t.is(theirs.stdout, ours.stdout);
  t.is(theirs.status, 7);
  t.is(ours.status, 7);
  t.deepEqual(readdirSync(place), ["file"]);
  // S3-4: the break-it variant is the article's first program, without its commented line.
  const shared = compile("shared", "--shared", "--ns", "mnt", "--mount", `tmpfs:${place}`, "--", "/bin/true");
  t.regex(underSharedRoot(t, shared, place), / - tmpfs none /);
});

asRoot("clone-namespaces: bad input is answered with one cause", (t) => {
  for (const [args, words] of [
    [["--ns", "nope", "--", "/bin/true"], /nope/],
    [["--mount", "tmpfs:/tmp", "--", "/bin/true"], /--mount needs a new mount namespace/],
    [["--ns", "mnt", "--mount", "tmpfs:relative", "--", "/bin/true"], /'relative' is not an absolute path/],
    [["--ns", "mnt", "--mount", "tmpfs:/not/there", "--", "/bin/true"], /\/not\/there/],
  ] as const) {
    const { status, stderr } = clone(...args);
    t.is(status, 125, args.join(" "));
    t.regex(stderr, words);
  }
  t.is(clone("--ns", "mnt", "--", "/not/there").status, 127);
});
