/**
 * No descriptor of the host reaches a payload (CVE-2024-21626), and those that it is given, 0 to 2, are no handles on files of the host.
 *
 * Not shown: that a pipe or socket of the caller is harmless. It is handed over as it is, so the payload may set O_NONBLOCK on it or read
 * back what other writers put into the same pipe; that is what its caller connected it to.
 */

import { chownSync, closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test, { type TestFn } from "ava";
import { loadKernel } from "../../src/binding";
import { anchorRan, hasPodman, podmanRun } from "../helpers/anchor";
import { security, type Trial } from "../helpers/arms";
import { MAIN, type ProgramOptions, type ProgramResult, runProgram } from "../helpers/cli";
import { naiveRun } from "../helpers/naive";
import { BUSYBOX_TREE, compileStatic } from "../helpers/tree";

const SOURCE = resolve(__dirname, "../../../test/security/descriptors.c");
/** Numbers that the caller leaves open: low, past Node's own, and past any small table. */
const NUMBERS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 33, 63, 64, 100, 255, 256, 1023, 4000];

security(test.serial as TestFn, "T01", "descriptors of the caller do not reach the container", async (trial) => {
  const tree = await probeTree(trial);
  await trial.store.addDirectory("probe", tree);
  await leaks(trial, tree);
  await relayedFiles(trial, tree);
  await nullDevice(trial, tree);
  await namedPipe(trial, tree);
  await terminal(trial, tree);
});

async function probeTree(trial: Trial): Promise<string> {
  const program = await compileStatic(SOURCE, join(trial.scratch, "descriptors"));
  return trial.store.addTree({ ...BUSYBOX_TREE, "/bin/descriptors": { copy: program, mode: 0o755 } });
}

/** Twenty descriptors: directories and files of the host, a pipe, a socket. */
async function leaks(trial: Trial, tree: string): Promise<void> {
  const kernel = loadKernel();
  const [socket, otherSocket] = kernel.socketpair();
  const [pipe, otherPipe] = kernel.pipe();
  const directories = [trial.canary, "/", "/sys/fs/cgroup", trial.canary].map((path) => openSync(path, "r"));
  const files = [openSync(join(trial.canary, "secret"), "r"), openSync(process.execPath, "r")];
  const ours = [...directories, ...files, socket, pipe];
  const fds = new Map(NUMBERS.map((number, i) => [number, ours[i % ours.length]!]));
  const leaked = (result: ProgramResult): string[] =>
    result.stderr.split("\n").filter((line) => /^open ([3-9]|\d\d)/.test(line) || line.includes(trial.secret));
  const first = (result: ProgramResult): string[] => result.stderr.split("\n").filter((line) => /^first ([3-9]|\d\d)/.test(line));
  const scan = ["/bin/descriptors", "scan"];

  const naive = await naiveRun(tree, scan, { fds });
  trial.control(
    "naive: inherited descriptors",
    naive.stderr.includes(trial.secret) && leaked(naive).length >= NUMBERS.length,
    naive.stderr,
  );

  const ways: Record<string, string[]> = {
    default: [],
    "-i": ["-i"],
    "--init": ["--init"],
    "-u 1000": ["-u", "1000"],
    "--privileged": ["--privileged"],
    "--explain": ["--explain"],
    "--explain=calls": ["--explain=calls"],
    "-v": ["-v", `${trial.store.addDirectoryNamed("volume")}:/volume`],
    "--network host": ["--network", "host"],
  };
  for (const [way, flags] of Object.entries(ways)) {
    const result = await trial.run(flags, "probe", scan, { fds });
    const report = [...leaked(result), ...first(result)];
    trial.glassbox(
      `inherited descriptors, ${way}`,
      result.stderr.includes("done") && report.length === 0,
      report.length > 0 ? report : result.stderr,
    );
  }
  // -t: all of the payload's output comes through its terminal.
  const tty = await trial.run(["-t"], "probe", scan, { fds });
  trial.glassbox(
    "inherited descriptors, -t",
    /done/.test(tty.stdout) && !/open ([3-9]|\d\d)/.test(tty.stdout) && !/first ([3-9]|\d\d)/.test(tty.stdout),
    tty.stdout,
  );
  if (hasPodman()) {
    const podman = await podmanRun(trial.scratch, tree, scan, { fds });
    trial.anchor("podman", anchorRan(podman) && podman.stderr.includes("done") ? leaked(podman).length === 0 : undefined);
  }
  for (const fd of [...directories, ...files]) closeSync(fd);
  for (const fd of [socket, otherSocket, pipe, otherPipe]) kernel.close(fd);
}

/** Files of the caller as standard input and output: the payload must not be able to open them again with more rights. */
async function relayedFiles(trial: Trial, tree: string): Promise<void> {
  const attack = async (
    runIt: (options: ProgramOptions) => Promise<ProgramResult>,
  ): Promise<{ broke: string[]; ran: boolean; detail: string }> => {
    const directory = trial.store.addDirectoryNamed(`sacrifice-${Math.random().toString(36).slice(2)}`);
    const file = (name: string): string => {
      writeFileSync(join(directory, name), `${trial.secret} of ${name}\n`);
      return join(directory, name);
    };
    mkdirSync(join(directory, "input"));
    writeFileSync(join(directory, "input", "secret"), trial.secret);
    const broke: string[] = [];
    const outputs: string[] = [];
    const withFd = async (path: string, flags: string, use: "stdin" | "stdout"): Promise<string> => {
      const fd = openSync(path, flags);
      const result = await runIt({ [use]: { fd }, timeoutMs: 10_000 });
      closeSync(fd);
      outputs.push(`${use} ${path}: code ${result.code} ${result.stderr}`);
      if (result.timedOut) broke.push(`${use} ${path}: hung`);
      return result.stderr;
    };
    const readOnly = file("read-only");
    await withFd(readOnly, "r", "stdin");
    if (readFileSync(readOnly, "utf8").includes("OVERWRITTEN")) broke.push("a read-only stdin was written");
    const appended = file("appended");
    if ((await withFd(appended, "a", "stdout")).includes(trial.secret)) broke.push("an append-only stdout was read");
    if (readFileSync(appended, "utf8").startsWith("OVERWRITTEN")) broke.push("an append-only stdout was overwritten");
    if ((await withFd(join(directory, "input"), "r", "stdin")).includes(trial.secret))
      broke.push("a file beside a directory stdin was read");
    return { broke, ran: outputs.every((text) => text.includes("done")), detail: [...broke, ...outputs].join("\n") };
  };
  const argv = ["/bin/descriptors", "stdio"];
  const naive = await attack((options) => naiveRun(tree, argv, options));
  trial.control("naive: files as stdio", naive.broke.length === 4, naive.detail);
  const ours = await attack((options) => trial.run(["-i"], "probe", argv, options));
  trial.glassbox("files as stdio", ours.ran && ours.broke.length === 0, ours.detail);
  const reaped = await attack((options) => trial.run(["-i", "--init"], "probe", argv, options));
  trial.glassbox("files as stdio, --init", reaped.ran && reaped.broke.length === 0, reaped.detail);
  if (hasPodman()) {
    const podman = await attack((options) => podmanRun(trial.scratch, tree, argv, { ...options, flags: ["-i"] }));
    trial.anchor("podman", podman.ran ? podman.broke.length === 0 : undefined);
  }
}

/** A null device as 0, 1 and 2. Not the host's own: the control does change it. */
async function nullDevice(trial: Trial, tree: string): Promise<void> {
  const attack = async (runIt: (options: ProgramOptions) => Promise<ProgramResult>): Promise<string> => {
    const path = join(trial.scratch, `null-${Math.random().toString(36).slice(2)}`);
    loadKernel().mknod(path, "c", 0o666, 1, 3);
    // Some runtimes give stdio to the payload's user.
    chownSync(path, 77, 77);
    const fd = openSync(path, "r+");
    const state = (): string => {
      const { mode, uid, gid } = statSync(path);
      return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
    };
    const before = state();
    const result = await runIt({ stdin: { fd }, stdout: { fd }, stderr: { fd } });
    closeSync(fd);
    return state() === before ? (result.code === 0 ? "" : `did not run: ${result.code}`) : `changed to ${state()}`;
  };
  const argv = ["/bin/descriptors", "change", "0", "1", "2"];
  const naive = await attack((options) => naiveRun(tree, argv, options));
  trial.control("naive: chmod of a null device as stdio", naive.startsWith("changed"), naive);
  for (const flags of [[], ["-i"], ["--privileged", "-i"], ["--init"]]) {
    const ours = await attack((options) => trial.run(flags, "probe", argv, options));
    trial.glassbox(`chmod of a null device as stdio ${flags.join(" ")}`, ours === "", ours);
  }
  if (hasPodman()) {
    const podman = await attack((options) => podmanRun(trial.scratch, tree, argv, { ...options, flags: ["-i"] }));
    trial.anchor("podman", podman.startsWith("did not") ? undefined : podman === "");
  }
}

/** A named pipe is an inode of the host's file system, unlike the anonymous one of a shell's `|`. */
async function namedPipe(trial: Trial, tree: string): Promise<void> {
  const attack = async (runIt: (options: ProgramOptions) => Promise<ProgramResult>): Promise<string> => {
    const path = join(trial.scratch, `fifo-${Math.random().toString(36).slice(2)}`);
    loadKernel().mknod(path, "p", 0o600, 0, 0);
    const [reader, writer] = [openSync(path, "r+"), openSync(path, "w")];
    const result = await runIt({ stdout: { fd: writer }, timeoutMs: 10_000 });
    closeSync(reader);
    closeSync(writer);
    const { mode, uid } = statSync(path);
    if ((mode & 0o777) !== 0o600 || uid !== 0) return `changed to ${(mode & 0o777).toString(8)} ${uid}`;
    return result.stderr.includes("done") ? "" : `did not run: ${result.code} ${result.stderr}`;
  };
  const argv = ["/bin/descriptors", "change", "1"];
  const naive = await attack((options) => naiveRun(tree, argv, options));
  trial.control("naive: chmod of a named pipe as stdout", naive.startsWith("changed"), naive);
  const ours = await attack((options) => trial.run([], "probe", argv, options));
  trial.glassbox("chmod of a named pipe as stdout", ours === "", ours);
}

/** A terminal of the caller: without -t the payload sees a pipe, with -t a pty of its own devpts. */
async function terminal(trial: Trial, tree: string): Promise<void> {
  const quote = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");
  const onTerminal = (command: string): Promise<ProgramResult> =>
    runProgram("script", ["-qec", command, "/dev/null"], { stdin: "", timeoutMs: 15_000 });
  const main = join(trial.runtime, MAIN);
  const glassbox = (flags: string[], argv: string[]): string =>
    `GLASSBOX_ROOT=${trial.store.root} ${quote([process.execPath, main, "run", "--rm", ...flags, "probe", ...argv])}`;
  // The host's devpts is another file system than the container's: st_dev of the terminal tells.
  const hostDevice = statSync("/dev/pts").dev;
  const look = ["/bin/sh", "-c", "test -t 0 && echo is-a-tty; stat -L -c 'dev=%d' /proc/self/fd/0; echo looked"];
  const naive = await onTerminal(
    `unshare --mount --propagation private --pid --fork sh -c ${quote([`mount -n -t proc proc ${tree}/proc; exec chroot ${tree} ${quote(look).replaceAll("'", '"')}`])}`,
  );
  trial.control(
    "naive: the caller's terminal",
    naive.stdout.includes("is-a-tty") && naive.stdout.includes(`dev=${hostDevice}`),
    naive.stdout,
  );
  const piped = await onTerminal(glassbox(["-i"], look));
  trial.glassbox(
    "the caller's terminal, -i",
    piped.stdout.includes("looked") && !piped.stdout.includes("is-a-tty") && !piped.stdout.includes(`dev=${hostDevice}`),
    piped.stdout,
  );
  const own = await onTerminal(glassbox(["-it"], look));
  trial.glassbox(
    "the caller's terminal, -it",
    own.stdout.includes("is-a-tty") && !own.stdout.includes(`dev=${hostDevice}`),
    own.stdout,
  );
}
