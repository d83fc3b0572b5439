/** The terminal, under tmux: what a person at a keyboard has, and what is left of it whatever dies. */

import { createHash } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { asRoot, boxForFile, CLI, eventually, payloadOf, processesOf } from "./box";
import { Terminal } from "./tmux";

const file = boxForFile();
const MEBIBYTE = 1024 * 1024;

asRoot("run-terminal: S4-1 run -it: a prompt, job control, and exit gives the terminal back as it was", async (t) => {
  const terminal = new Terminal(t, file.box.env());
  const before = await terminal.command("stty -a");
  terminal.line("clear; glassbox run --rm -it busybox sh");
  await terminal.shows(/\/ #$/);
  terminal.line("touch /newfile; tty; stty size");
  await terminal.shows(/\/dev\/pts\/0\n24 80\n/);
  terminal.line("sleep 100 &");
  terminal.line("jobs");
  await terminal.shows(/\[1\]\+? +Running +sleep 100/);
  terminal.line("fg");
  await terminal.shows(/fg\nsleep 100$/);
  terminal.press("C-z");
  await terminal.shows(/\[1\]\+ +Stopped +sleep 100/);
  terminal.line("fg");
  await terminal.shows(/fg\nsleep 100\n[^]*fg\nsleep 100$/);
  terminal.press("C-c");
  terminal.line("echo status $?");
  await terminal.shows(/\nstatus 130\n/);
  terminal.line("ls /newfile; exit 5");
  await terminal.prompt();
  t.is(await terminal.command("stty -a"), before);
});

asRoot("run-terminal: S4-1 the code of the payload is the command's, and Ctrl-D ends the shell", async (t) => {
  const terminal = new Terminal(t, file.box.env());
  terminal.line("clear; glassbox run --rm -it busybox sh; echo code $?");
  await terminal.shows(/\/ #$/);
  terminal.press("C-d");
  await terminal.shows(/\ncode 0\n/);
  t.is(await terminal.command("glassbox run --rm -it busybox sh -c 'exit 9'; echo code $?"), "code 9");
});

asRoot("run-terminal: the window's size follows, with SIGWINCH inside", async (t) => {
  const terminal = new Terminal(t, file.box.env());
  terminal.line(
    "clear; glassbox run --rm -it busybox sh -c \"trap 'stty size' WINCH; stty size; echo ready; while ! read -t 1 line; do :; done\"",
  );
  await terminal.shows(/24 80\nready/);
  terminal.resize(100, 30);
  await terminal.shows(/ready\n[^]*30 100/);
  terminal.resize(61, 17);
  await terminal.shows(/17 61/);
  terminal.press("Enter");
  await terminal.prompt();
  t.pass();
});

asRoot(
  "run-terminal: kill -9 of the command: the terminal is whole again, and the next command clears what is left",
  async (t) => {
    const terminal = new Terminal(t, file.box.env());
    const before = await terminal.command("stty -a");
    terminal.line("clear; glassbox run --rm -it busybox sh");
    await terminal.shows(/\/ #$/);
    const payload = await payloadOf(file.box);
    const [container] = file.box.running();
    const [command] = readFileSync(`/proc/${terminal.shellPid}/task/${terminal.shellPid}/children`, "utf8")
      .trim()
      .split(" ")
      .map(Number);
    process.kill(command as number, "SIGKILL");
    await terminal.shows(/Killed/);
    await eventually(() => !existsSync(`/proc/${payload}`), "the payload's end: PR_SET_PDEATHSIG");
    t.is(await terminal.command("stty -a"), before);
    t.is(await terminal.command("glassbox run --rm busybox echo next"), "next");
    t.deepEqual(file.box.mounts(), []);
    for (const { path } of container?.cgroups ?? []) t.false(existsSync(path), path);
    t.deepEqual(file.box.store.leftovers(), []);
  },
);

asRoot("run-terminal: without -t, Ctrl-C in a terminal reaches the payload", async (t) => {
  const terminal = new Terminal(t, file.box.env());
  terminal.line(
    "clear; glassbox run --rm busybox sh -c \"trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done\"; echo code $?",
  );
  await terminal.shows(/\nready$/);
  terminal.press("C-c");
  await terminal.shows(/caught\n[^]*code 3\n/);
  t.pass();
});

asRoot("run-terminal: three Ctrl-C kill a PID 1 that ignores them, and it is said why", async (t) => {
  const terminal = new Terminal(t, file.box.env());
  terminal.line("clear; glassbox run --rm busybox sh -c 'echo ready; sleep 1000; echo never'; echo code $?");
  await terminal.shows(/\nready$/);
  const [container] = file.box.running();
  for (let i = 0; i < 3; i++) {
    terminal.press("C-c");
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await terminal.shows(/code 137\n/);
  t.regex(terminal.screen().replaceAll("\n", " "), /third signal: killing.*--init/);
  for (const { path } of container?.cgroups ?? []) t.deepEqual(processesOf(path), []);
});

asRoot("run-terminal: output without -t in a terminal is whole and plain", async (t) => {
  const terminal = new Terminal(t, file.box.env());
  t.is(
    await terminal.command("glassbox run --rm busybox sh -c 'ls /etc | head -n 3; echo to-stderr >&2'"),
    `${await firstNames()}\nto-stderr`,
  );
  t.is(await terminal.command("glassbox run --rm -t busybox sh -c 'test -t 1 && echo terminal'"), "terminal");
  t.is(await terminal.command("glassbox run --rm busybox sh -c 'test -t 1 || test -t 0 || echo none'"), "none");
  // Nobody inside can type into the caller's shell (TIOCSTI), for its terminal is not there.
  t.is(await terminal.command("glassbox run --rm -i busybox readlink /proc/self/fd/0 < /dev/tty | cut -c 1-5"), "pipe:");
});

async function firstNames(): Promise<string> {
  return (await file.box.run("busybox", "sh", "-c", "ls /etc | head -n 3")).stdout.trim();
}

asRoot("run-terminal: output and errors into one file keep their order", async (t) => {
  const log = file.box.path("log");
  const script = "for i in $(seq 1 200); do echo out $i; echo err $i >&2; done";
  const command = `'${process.execPath}' '${CLI}' run --rm busybox sh -c '${script}' > '${log}' 2>&1`;
  execFileSync("sh", ["-c", command], { env: file.box.env() });
  const want = Array.from({ length: 200 }, (_, i) => `out ${i + 1}\nerr ${i + 1}\n`).join("");
  t.is(readFileSync(log, "utf8"), want);
});

asRoot("run-terminal: S0-14 bytes are exact both ways: 100 MiB out of a container, and through one", async (t) => {
  const big = file.box.path("big");
  execFileSync("dd", ["if=/dev/urandom", `of=${big}`, "bs=1M", "count=100", "status=none"]);
  const want = await digest(big);
  const node = `'${process.execPath}' '${CLI}'`;
  const shell = (script: string): void =>
    void execFileSync("sh", ["-c", script], { env: file.box.env(), stdio: ["ignore", "ignore", "inherit"] });
  const out = file.box.path("out");
  shell(`${node} run --rm -v '${big}:/big:ro' busybox cat /big > '${out}'`);
  t.is(await digest(out), want, "to a file");
  shell(`${node} run --rm -i busybox cat < '${big}' | cat > '${out}'`);
  t.is(await digest(out), want, "from a file, to a pipe");
  shell(`cat '${big}' | ${node} run --rm -i busybox cat > '${out}'`);
  t.is(await digest(out), want, "from a pipe, to a file");
});

asRoot("run-terminal: S0-14 with -t it is not: the terminal adds a CR to each line", async (t) => {
  const { stdout } = await file.box.run("-t", "busybox", "printf", "a\\nb\\n");
  t.is(stdout, "a\r\nb\r\n");
  t.is((await file.box.run("busybox", "printf", "a\\nb\\n")).stdout, "a\nb\n");
});

asRoot("run-terminal: a reader that leaves (| head -n 1) or a full disk ends it cleanly", async (t) => {
  const errors = file.box.path("errors");
  const glassbox = `'${process.execPath}' '${CLI}' run --rm`;
  const cases: [script: string, out: string][] = [
    [`${glassbox} busybox yes 2>'${errors}' | head -n 1`, "y\n"],
    // A shell that is PID 1 survives SIGPIPE and takes no note of EPIPE; as PID 2 it ends as on the host.
    [`${glassbox} --init busybox sh -c 'while :; do echo line; done' 2>'${errors}' | head -n 1`, "line\n"],
    [`${glassbox} -t busybox yes 2>'${errors}' | head -n 1`, "y\r\n"],
    [`${glassbox} busybox yes 2>'${errors}' > /dev/full`, ""],
    [`${glassbox} -t busybox yes 2>'${errors}' > /dev/full`, ""],
  ];
  for (const [script, want] of cases) {
    const { stdout, signal } = spawnSync("sh", ["-c", script], { env: file.box.env(), timeout: 20_000, encoding: "utf8" });
    t.is(signal, null, script);
    t.is(stdout, want, script);
    await eventually(() => file.box.running().length === 0, `the end of ${script}`);
    t.notRegex(readFileSync(errors, "utf8"), /internal error|at .*\.js:/);
  }
});

function digest(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash("sha256");
    createReadStream(path, { highWaterMark: MEBIBYTE })
      .on("data", (part) => hash.update(part))
      .on("end", () => resolve(hash.digest("hex")))
      .on("error", reject);
  });
}
