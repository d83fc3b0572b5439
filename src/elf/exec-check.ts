/**
 * What execve(2) would object to in a file, found by looking: the checks of the kernel's do_open_execat(), load_script() and
 * load_elf_binary() in their order. Nothing is executed.
 */

import { type BinaryDescription, describeSource, machineOfArch } from "./parse";
import { byteSourceOf, isType, type RootReader, S_IFDIR, S_IFREG } from "./root-reader";
import { mayExecute, type Searcher, walk } from "./walk";

export type ExecProblem =
  | "absent"
  | "not-a-directory"
  | "link-loop"
  | "not-searchable"
  | "directory"
  | "not-regular"
  | "noexec"
  | "no-x-bit"
  | "empty"
  | "shebang-broken"
  | "shebang-too-long"
  | "script-loop"
  | "text"
  | "byte-order-mark"
  | "wrong-machine"
  | "elf-damaged"
  | "elf-not-program"
  | "elf-interpreter-bad"
  | "mach-o"
  | "pe"
  | "other-format";

export interface ExecFinding {
  problem: ExecProblem;
  errno: "ENOENT" | "ENOTDIR" | "ELOOP" | "EACCES" | "ENOEXEC" | "ELIBBAD";
  /** The file concerned: the program itself, or an interpreter. */
  path: string;
  /** The component that stopped a walk, when that is not the file itself. */
  at: string;
  description?: BinaryDescription | undefined;
  mode?: number | undefined;
  /** Who asked for `path`: scripts (`#!`) and at last perhaps an ELF file, outermost first. */
  chain: { path: string; by: "shebang" | "elf"; asked: string }[];
}

/** Five levels of interpreters are run, the sixth is ELOOP (exec_binprm). */
const MAX_INTERPRETERS = 5;

/** Looks at `path` as the kernel does on behalf of `searcher`; undefined when nothing speaks against it. */
export function checkExec(
  reader: RootReader,
  path: string,
  searcher: Searcher,
  hostArch: string,
  cwd = "/",
): ExecFinding | undefined {
  return check(path, []);

  function check(file: string, chain: ExecFinding["chain"]): ExecFinding | undefined {
    const finding = (problem: ExecProblem, errno: ExecFinding["errno"], more: Partial<ExecFinding> = {}): ExecFinding => ({
      problem,
      errno,
      path: file,
      at: file,
      chain,
      ...more,
    });
    const found = walk(reader, file.startsWith("/") ? file : `${cwd}/${file}`, searcher);
    if (!found.ok) {
      const problems = { ENOENT: "absent", ENOTDIR: "not-a-directory", ELOOP: "link-loop", EACCES: "not-searchable" } as const;
      return finding(problems[found.errno], found.errno, { at: found.at });
    }
    const mode = found.stat.mode;
    if (isType(found.stat, S_IFDIR)) return finding("directory", "EACCES");
    if (!isType(found.stat, S_IFREG)) return finding("not-regular", "EACCES");
    if (found.stat.noexec === true) return finding("noexec", "EACCES");
    if (!mayExecute(found.stat, searcher)) return finding("no-x-bit", "EACCES", { mode });
    const description = describeSource(byteSourceOf(reader, found.realPath, found.stat.sizeBytes));
    const more = { description };
    const last = chain.at(-1);
    if (last?.by === "elf") {
      const right = description.kind === "elf" && runsOn(description.machine, hostArch);
      return right ? undefined : finding("elf-interpreter-bad", "ELIBBAD", more);
    }
    switch (description.kind) {
      case "script":
        if (chain.length >= MAX_INTERPRETERS) return finding("script-loop", "ELOOP", more);
        return check(description.interpreter, [...chain, { path: file, by: "shebang", asked: description.interpreter }]);
      case "broken-script":
        return finding(description.problem === "too-long" ? "shebang-too-long" : "shebang-broken", "ENOEXEC", more);
      case "elf":
        if (!runsOn(description.machine, hostArch)) return finding("wrong-machine", "ENOEXEC", more);
        if (description.damage === "header" || description.damage === "program-headers" || description.damage === "interpreter") {
          return finding("elf-damaged", "ENOEXEC", more);
        }
        if (description.linkage === "relocatable" || description.linkage === "core") {
          return finding("elf-not-program", "ENOEXEC", more);
        }
        if (description.interpreter === undefined) return undefined;
        return check(description.interpreter, [...chain, { path: file, by: "elf", asked: description.interpreter }]);
      case "empty":
        return finding("empty", "ENOEXEC", more);
      case "text":
        return finding(description.hiddenShebang ? "byte-order-mark" : "text", "ENOEXEC", more);
      case "mach-o":
        return finding("mach-o", "ENOEXEC", more);
      case "pe":
        return finding("pe", "ENOEXEC", more);
      default:
        return finding("other-format", "ENOEXEC", more);
    }
  }
}

/** Can a kernel of this architecture run programs of `machine`? The 32-bit sibling counts: most kernels have it built in. */
function runsOn(machine: string, hostArch: string): boolean {
  const host = machineOfArch(hostArch);
  const siblings: Record<string, string> = { x86_64: "i386", aarch64: "arm", s390x: "s390", ppc64: "ppc" };
  return machine === host || siblings[host] === machine;
}
