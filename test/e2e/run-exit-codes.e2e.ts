/** What a shell sees of a container's end: Docker's codes and words, and causes that were looked up. */

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { removeContainerLayers } from "../../src/image/container-layers";
import type { TestStore } from "../helpers/store";
import type { TreeSpec } from "../helpers/tree";
import { asRoot, boxForFile, payloadOf } from "./box";

const file = boxForFile();

asRoot("run-exit-codes: 0 to 255 are passed on", async (t) => {
  for (const code of [0, 1, 2, 42, 124, 125, 126, 127, 128, 137, 200, 254, 255]) {
    const { code: seen, stderr } = await file.box.run("busybox", "sh", "-c", `exit ${code}`);
    t.is(seen, code);
    t.is(stderr, "");
  }
});

asRoot("run-exit-codes: 128 + n when signal n ends the payload", async (t) => {
  for (const [signal, number] of [
    ["HUP", 1],
    ["INT", 2],
    ["ABRT", 6],
    ["KILL", 9],
    ["SEGV", 11],
    ["TERM", 15],
  ] as const) {
    // A shell that is PID 1 is immune to its own signals (pid_namespaces(7)); under --init it is PID 2.
    t.is((await file.box.run("--init", "busybox", "sh", "-c", `kill -${signal} $$`)).code, 128 + number, `--init, SIG${signal}`);
  }
  t.is((await file.box.run("busybox", "sh", "-c", "kill -9 $$; exit 7")).code, 7, "PID 1 cannot kill itself");
  const command = file.box.start(["run", "--rm", "busybox", "sleep", "100"]);
  const code = new Promise((resolve) => command.on("close", resolve));
  process.kill(await payloadOf(file.box), "SIGKILL");
  t.is(await code, 137);
});

asRoot("run-exit-codes: 137 when the kernel's OOM killer ends it", async (t) => {
  t.is((await file.box.run("-m", "16m", "busybox", "tail", "/dev/zero")).code, 137);
});

asRoot("run-exit-codes: usage errors speak and end as Docker's", async (t) => {
  const cases: [args: string[], code: number, words: RegExp][] = [
    [["run", "--bogus", "busybox"], 125, /^glassbox: unknown flag: --bogus\n[^]*See 'glassbox run --help'/],
    [["run"], 1, /^glassbox: 'glassbox run' requires at least 1 argument/],
    [["run", "-e"], 125, /^glassbox: flag needs an argument: 'e' in -e/],
    [["bogus"], 1, /^glassbox: 'bogus' is not a glassbox command\./],
    [["rn"], 1, /did you mean 'run'\?/],
    [["run", "-m", "lots", "busybox"], 125, /invalid argument "lots" for "-m, --memory" flag: invalid size: 'lots'/],
    [["run", "-m", "1k", "busybox"], 125, /[Mm]inimum memory limit/],
    [["run", "busybox@", "true"], 125, /invalid reference format/],
    [["run", "BusyBox", "true"], 125, /must be lowercase/],
    [["run", "--name", "a b", "busybox"], 125, /Invalid container name \(a b\)/],
    [["run", "-w", "relative", "busybox"], 125, /working directory 'relative' is invalid, it needs to be an absolute path/],
    [["run", "--ulimit", "nofile=2:1", "busybox"], 125, /soft limit must be less than or equal to hard limit/],
    [["run", "--rm", "no-such-image"], 125, /No such image: no-such-image:latest/],
    [["run", "--cap-add", "NOPE", "busybox"], 125, /NOPE/],
    [["run", "-it", "busybox"], 1, /the input device is not a TTY/],
    [["run", "--rm", "busybox", ""], 125, /no command specified/],
  ];
  for (const [args, code, words] of cases) {
    const result = await file.box.glassbox(args);
    t.is(result.code, code, args.join(" "));
    t.regex(result.stderr, words, args.join(" "));
    t.is(result.stdout, "", args.join(" "));
  }
});

/** Programs that do not start, each with the cause that is to be told. */
interface Broken {
  path: string;
  code: 126 | 127;
  /** First line, Docker's and the kernel's words. */
  what: RegExp;
  why: { en: RegExp; zh: RegExp };
}

const BROKEN: readonly Broken[] = [
  {
    path: "/broken/dynamic",
    code: 127,
    what: /^glassbox: exec \/broken\/dynamic: no such file or directory$/m,
    why: {
      en: /\/broken\/dynamic exists; its ELF interpreter \/lib\S*\/ld-linux-\S+ does not/,
      zh: /\/broken\/dynamic 存在，但它的 ELF 解释器 \/lib\S*\/ld-linux-\S+ 不存在/,
    },
  },
  {
    path: "/broken/crlf",
    code: 127,
    what: /no such file or directory$/m,
    why: { en: /first line "#!\/bin\/sh\\r" ends in CR LF/, zh: /CR LF/ },
  },
  {
    path: "/broken/perl",
    code: 127,
    what: /no such file or directory$/m,
    why: { en: /the interpreter \/nowhere\/perl of its first line does not/, zh: /\/nowhere\/perl/ },
  },
  {
    path: "/broken/other-machine",
    code: 126,
    what: /exec format error$/m,
    why: { en: /is an ELF program for \w+; this machine is \w+/, zh: /ELF/ },
  },
  {
    path: "/broken/macho",
    code: 126,
    what: /exec format error$/m,
    why: { en: /macOS program: Mach-O for arm64 on linux\/\w+/, zh: /macOS 程序.*Mach-O/ },
  },
  { path: "/broken/empty", code: 126, what: /exec format error$/m, why: { en: /is empty/, zh: /空/ } },
  { path: "/broken/no-line", code: 126, what: /exec format error$/m, why: { en: /text without a "#!" line/, zh: /#!/ } },
  { path: "/broken/no-x", code: 126, what: /permission denied$/m, why: { en: /has mode 0644: no x bit/, zh: /0644/ } },
  { path: "/broken/directory", code: 126, what: /permission denied$/m, why: { en: /is a directory/, zh: /目录/ } },
  { path: "/noexec/busybox", code: 126, what: /permission denied$/m, why: { en: /noexec/, zh: /noexec/ } },
  {
    path: "/broken/missing",
    code: 127,
    what: /no such file or directory$/m,
    why: { en: /does not exist in the container/, zh: /容器/ },
  },
  {
    path: "./missing",
    code: 127,
    what: /no such file or directory$/m,
    why: { en: /does not exist in the container/, zh: /容器/ },
  },
  {
    path: "missing-program",
    code: 127,
    what: /^glassbox: exec: "missing-program": executable file not found in \$PATH$/m,
    why: { en: /there is no missing-program in/, zh: /missing-program/ },
  },
];

/** Bytes of busybox said to be for another machine (ELF e_machine). */
function forAnotherMachine(): Buffer {
  const bytes = readFileSync("/bin/busybox");
  bytes.writeUInt16LE(process.arch === "arm64" ? 0x3e : 0xb7, 18);
  return bytes;
}

const BROKEN_TREE: TreeSpec = {
  "/broken/dynamic": { copy: "/bin/ls", mode: 0o755 },
  "/broken/crlf": { file: "#!/bin/sh\r\necho hi\r\n", mode: 0o755 },
  "/broken/perl": { file: "#!/nowhere/perl\nprint 1;\n", mode: 0o755 },
  // MH_MAGIC_64, CPU_TYPE_ARM64, MH_EXECUTE.
  "/broken/macho": {
    file: Buffer.concat([Buffer.from("cffaedfe0c000001000000000200000010000000", "hex"), Buffer.alloc(100)]),
    mode: 0o755,
  },
  "/broken/empty": { file: "", mode: 0o755 },
  "/broken/no-line": { file: "echo hi\n", mode: 0o755 },
  "/broken/no-x": { copy: "/bin/busybox", mode: 0o644 },
  "/broken/directory": { directory: true },
};

asRoot("run-exit-codes: S1-C5 S4-C6 a program that does not start: the kernel's words, the cause, both languages", async (t) => {
  const directory = await file.box.store.addTree({
    ...BROKEN_TREE,
    "/broken/other-machine": { file: forAnotherMachine(), mode: 0o755 },
  });
  const noexec = file.box.store.addDirectoryNamed("noexec");
  execFileSync("mount", ["-t", "tmpfs", "-o", "noexec,size=16m", "tmpfs", noexec]);
  t.teardown(() => execFileSync("umount", [noexec]));
  copyFileSync("/bin/busybox", `${noexec}/busybox`);
  for (const { path, code, what, why } of BROKEN) {
    for (const lang of ["en", "zh"] as const) {
      const args = [
        "run",
        "--lang",
        lang,
        "--rm",
        "-v",
        `${directory}/broken:/broken`,
        "-v",
        `${noexec}:/noexec`,
        "busybox",
        path,
      ];
      const { code: seen, stderr, stdout } = await file.box.glassbox(args);
      t.is(seen, code, `${path} ${stderr}`);
      t.regex(stderr, what, path);
      t.regex(stderr, why[lang], path);
      t.regex(stderr, lang === "en" ? /^ {2}do: {2}\S/m : /^ {2}办法：\S/m, path);
      t.is(stdout, "");
    }
  }
});

asRoot("run-exit-codes: S1-C5 a dynamic program whose library is missing", async (t) => {
  const stdout = execFileSync("ldd", ["/bin/ls"], { encoding: "utf8" });
  const loader = /^\s*(\/lib\S*ld-linux\S*) /m.exec(stdout)?.[1];
  if (loader === undefined) throw new Error(`no loader in ${stdout}`);
  const image = await file.box.store.addImage("halfway", {
    "/bin/ls": { copy: "/bin/ls", mode: 0o755 },
    [loader]: { copy: loader, mode: 0o755 },
  });
  const { code, stderr } = await file.box.run(image, "/bin/ls");
  t.is(code, 127);
  t.regex(stderr, /error while loading shared libraries: lib\S+: cannot open shared object file/);
  t.regex(stderr, /^ {2}why: .*lib\S+\.so[^]*\n {2}do: {2}\S/m, "the cause, looked up");
  t.is(stderr.match(/error while loading/g)?.length, 1, "what the loader said is not said again");
  const chinese = await file.box.glassbox(["run", "--lang", "zh", "--rm", image, "/bin/ls"]);
  t.regex(chinese.stderr, /^ {2}原因：.*需要它[^]*\n {2}办法：\S/m);
});

asRoot("run-exit-codes: S4-C7 a scratch image: a static program runs on the host's kernel, ls is not there", async (t) => {
  const image = await file.box.store.addImage("scratch-like", { "/busybox": { copy: "/bin/busybox", mode: 0o755 } });
  const { code, stdout } = await file.box.run(image, "/busybox", "uname", "-r");
  t.is(code, 0);
  t.is(stdout, execFileSync("uname", ["-r"], { encoding: "utf8" }));
  const ls = await file.box.run(image, "ls");
  t.is(ls.code, 127);
  t.regex(ls.stderr, /exec: "ls": executable file not found in \$PATH/);
});

asRoot("run-exit-codes: S3-6 the names in the root of an image", async (t) => {
  const names = (await file.box.output(t, "busybox", "ls", "/")).split("\n");
  for (const name of ["bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "var"])
    t.true(names.includes(name), name);
});

asRoot("run-exit-codes: without --rm the layer and the record stay, with the code", async (t) => {
  const cidfile = file.box.path("kept-id");
  const { code } = await file.box.glassbox([
    "run",
    "--cidfile",
    cidfile,
    "--name",
    "kept",
    "busybox",
    "sh",
    "-c",
    "touch /newfile; exit 3",
  ]);
  t.is(code, 3);
  const id = readFileSync(cidfile, "utf8");
  const record = JSON.parse(readFileSync(`${file.box.store.store.paths.containers}/${id}/config.v2.json`, "utf8"));
  t.like(record.State, { Status: "exited", ExitCode: 3, OOMKilled: false });
  // S4-1: what was written is in the upper directory alone.
  t.is(readFileSync(`${file.box.store.store.paths.overlay}/${id}/diff/newfile`, "utf8"), "");
  forget(file.box.store, id, "kept");
});

/** There is no `rm` yet. */
function forget({ store }: TestStore, id: string, name: string): void {
  removeContainerLayers(store, id);
  rmSync(`${store.paths.containers}/${id}`, { recursive: true });
  rmSync(`${store.paths.containers}/names/${name}`);
}
