import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { GlassboxError } from "../../../src/base/errors";
import { CLONE_FLAGS, type CloneRequest, toCloneRequest } from "../../../src/cli/clone-flags";
import { parseFlags } from "../../../src/cli/flags";
import { cloneProgramC } from "../../../src/explain/clone-c";
import type { CloneOptions } from "../../../src/runtime/clone-options";

function request(...argv: string[]): CloneRequest {
  return toCloneRequest(parseFlags(argv, CLONE_FLAGS, true, "en"), { SHELL: "/bin/zsh" });
}

test("what clone takes", (t) => {
  t.deepEqual(request(), { options: { namespaces: [], mounts: [], shared: false, args: ["/bin/zsh"] }, quiet: false });
  t.deepEqual(request("--ns", "mnt,pid", "--ns=net,pid", "--mount", "tmpfs:/tmp/", "--mount", "proc:/proc", "--", "ls", "-l"), {
    options: {
      namespaces: ["mnt", "pid", "net"],
      mounts: [
        { fstype: "tmpfs", target: "/tmp" },
        { fstype: "proc", target: "/proc" },
      ],
      shared: false,
      args: ["ls", "-l"],
    },
    quiet: false,
  });
  t.deepEqual(request("--ns", "mount,network,user,uts,ipc,cgroup", "sh").options.namespaces, [
    "mnt",
    "net",
    "user",
    "uts",
    "ipc",
    "cgroup",
  ]);
  t.true(request("--shared", "sh").options.shared);
  t.true(request("--no-private", "sh").options.shared);
  t.is(request("--as", "c", "sh").as, "c");
  t.is(request("--explain", "sh").explain, "steps");
  t.is(request("--explain=calls", "sh").explain, "calls");
  t.deepEqual(request("sh", "--ns").options.args, ["sh", "--ns"]);
});

test("what clone refuses", (t) => {
  const cases: [string[], string][] = [
    [["--ns", "foo"], '"foo" is not one of mnt, pid, uts, ipc, net, user, cgroup'],
    [["--ns", ""], '"" is not one of'],
    [["--ns", "mnt,__proto__"], '"__proto__" is not one of'],
    [["--mount", "tmpfs:/tmp"], "--mount needs a new mount namespace"],
    [["--ns", "mnt", "--mount", "/tmp"], "it is not of the form TYPE:PATH"],
    [["--ns", "mnt", "--mount", "ext4:/tmp"], '"ext4" is not one of tmpfs, proc, sysfs, mqueue'],
    [["--ns", "mnt", "--mount", "tmpfs:tmp"], "'tmp' is not an absolute path"],
    [["--as", "rust"], 'must be "c"'],
    [["--explain=all"], 'must be "steps" or "calls"'],
    [["--", ""], "the command is empty"],
  ];
  for (const [argv, what] of cases) {
    const error = t.throws(() => request(...argv), { instanceOf: GlassboxError }, argv.join(" "));
    t.true(error?.what.includes(what), error?.what);
  }
});

const HAS_GCC = spawnSync("gcc", ["--version"]).status === 0;
const withCompiler = HAS_GCC ? test : test.skip;

function compile(source: string, directory: string): string {
  writeFileSync(join(directory, "ns.c"), source);
  const program = join(directory, "ns");
  const result = spawnSync(
    "gcc",
    ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-trigraphs", "-o", program, join(directory, "ns.c")],
    {
      encoding: "utf8",
    },
  );
  if (result.status !== 0) throw new Error(result.stderr);
  return program;
}

const cloneProgram = ({ args, ...rest }: CloneOptions, lang: "en" | "zh"): string =>
  cloneProgramC({ ...rest, command: args }, lang);

withCompiler("the printed program compiles without a warning and passes any argument on unchanged", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "glassbox-clone-c-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const hostile = 'a"b\\n%s??/\n\u001b[31m中*/é';
  const options: CloneOptions = { namespaces: [], mounts: [], shared: false, args: ["printf", "%s", hostile] };
  const program = compile(cloneProgram(options, "zh"), directory);
  const result = spawnSync(program, { encoding: "utf8" });
  t.is(result.status, 0);
  t.is(result.stdout, `Parent - start a container!\nContainer - inside the container!\n${hostile}Parent - container stopped!\n`);
});

withCompiler("the printed program with everything in it compiles, and an unprivileged part of it runs", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "glassbox-clone-c-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const all: CloneOptions = {
    namespaces: ["mnt", "pid", "uts", "ipc", "net", "user", "cgroup"],
    mounts: [{ fstype: "tmpfs", target: "/tmp" }],
    shared: false,
    args: ["sh", "-c", "id -u; echo $$; ls -A /tmp; exit 7"],
  };
  const program = compile(cloneProgram(all, "en"), directory);
  const result = spawnSync(program, { encoding: "utf8" });
  // A host may forbid user namespaces; then the program says so.
  if (result.stderr.startsWith("clone:")) t.log(result.stderr.trim());
  else {
    t.is(result.status, 7);
    t.is(result.stdout, "Parent - start a container!\nContainer - inside the container!\n0\n1\nParent - container stopped!\n");
  }
  t.notRegex(cloneProgram({ ...all, shared: true }, "en"), /MS_PRIVATE/);
});

test("any arguments give options or a GlassboxError", (t) => {
  const word = fc.oneof(fc.string(), fc.constantFrom("--ns", "--mount", "mnt", "tmpfs:/x", "--as", "--", "--explain"));
  const property = fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
    try {
      request(...argv);
      return true;
    } catch (error) {
      return error instanceof GlassboxError;
    }
  });
  t.notThrows(() => fc.assert(property));
  const started = performance.now();
  for (const text of ["mnt,".repeat(25_000), ":".repeat(100_000), "tmpfs:/" + "../".repeat(33_000)]) {
    t.notThrows(() => {
      for (const flag of ["--ns", "--mount"]) {
        try {
          request("--ns", "mnt", flag, text, "sh");
        } catch (error) {
          if (!(error instanceof GlassboxError)) throw error;
        }
      }
    });
  }
  t.true(performance.now() - started < 200);
});
