/** After a failed exec: the kernel's words, the cause that was looked up inside the root, and what to do. */

import { errnoWords } from "../base/errno-text";
import type { ErrorParts } from "../base/errors";
import type { Lang } from "../base/lang";
import { checkExec, type ExecFinding } from "./exec-check";
import type { RootReader } from "./root-reader";
import { type Searcher, walk } from "./walk";

export interface ExecFailure {
  /** The command as the user wrote it. */
  argv0: string;
  /** Absolute paths that were tried, in order: one for each directory of PATH, or one alone. */
  candidates: readonly string[];
  /** Symbolic errno of the last execve, "ENOENT". */
  errno: string;
  reader: RootReader;
  /** node's word: "x64", "arm64". */
  hostArch: string;
  lang: Lang;
  /** Who was to run it; root unless given. */
  searcher?: Searcher | undefined;
  /** Working directory of the process, for relative interpreters; "/" unless given. */
  cwd?: string | undefined;
}

export interface ExecDiagnosis extends ErrorParts {
  code: string;
  /** Already in the reader's language. */
  why?: string | undefined;
  hint?: string | undefined;
  exitCode: 126 | 127;
}

const ROOT: Searcher = { uid: 0, gid: 0 };

/**
 * The parts of a GlassboxError for a failed exec. Exit codes as Docker's: 127 when something does not exist (ENOENT, ENOTDIR),
 * 126 when it exists but cannot be run.
 */
export function diagnoseExec(failure: ExecFailure): ExecDiagnosis {
  const texts = require("./diagnose-texts") as typeof import("./diagnose-texts");
  const { finding, candidate } = findCause(failure);
  const errno = failure.errno;
  const exitCode = errno === "ENOENT" || errno === "ENOTDIR" ? 127 : 126;
  const words = errnoWords(errno);
  if (finding === undefined) {
    const text = texts.unexplained(failure, candidate);
    return { code: `exec-${errno.toLowerCase()}`, what: `exec ${candidate}: ${words}`, ...text, exitCode };
  }
  const searched = !failure.argv0.includes("/");
  if (finding.problem === "absent" && finding.chain.length === 0 && searched) {
    return {
      code: "exec-not-found",
      what: `exec: "${failure.argv0}": executable file not found in $PATH`,
      ...texts.notInPath(failure),
      exitCode: 127,
    };
  }
  return {
    code: codeOf(finding),
    what: whatOf(failure, finding, candidate, words),
    ...texts.explain(finding, failure),
    exitCode,
  };
}

/** The first candidate whose looked-up objection is the errno that the kernel gave; else the first that exists. */
function findCause(failure: ExecFailure): { finding: ExecFinding | undefined; candidate: string } {
  const searcher = failure.searcher ?? ROOT;
  const findings = failure.candidates.map((candidate) => ({
    candidate,
    finding: checkExec(failure.reader, candidate, searcher, failure.hostArch, failure.cwd),
  }));
  const isThere = (finding: ExecFinding | undefined): boolean => finding !== undefined && finding.chain.length > 0;
  const same = findings.filter(({ finding }) => finding?.errno === failure.errno);
  // ENOENT of a program that is there (its interpreter is not) tells more than ENOENT of one that is not.
  const chosen = same.find(({ finding }) => isThere(finding)) ?? same[0];
  if (chosen !== undefined) return chosen;
  if (failure.errno === "ENOEXEC") {
    const foreign = failure.candidates.map((candidate) => foreignSibling(failure, candidate)).find((one) => one !== undefined);
    if (foreign !== undefined) return { finding: foreign, candidate: foreign.path };
  }
  const existing = failure.candidates.find((candidate) => walk(failure.reader, candidate, searcher).ok);
  return { finding: undefined, candidate: existing ?? failure.candidates[0] ?? failure.argv0 };
}

/** ENOEXEC for a 32-bit program: this kernel was built without its 32-bit half after all. */
function foreignSibling(failure: ExecFailure, candidate: string): ExecFinding | undefined {
  const finding = checkExec(failure.reader, candidate, failure.searcher ?? ROOT, "none", failure.cwd);
  return finding?.problem === "wrong-machine" && finding.description?.kind === "elf" && finding.description.bits === 32
    ? finding
    : undefined;
}

function codeOf(finding: ExecFinding): string {
  const last = finding.chain.at(-1);
  if (last === undefined) return finding.problem === "absent" ? "exec-path-missing" : `exec-${finding.problem}`;
  if (finding.problem !== "absent") return `exec-interpreter-${finding.problem}`;
  if (last.by === "elf") return "exec-interpreter-missing";
  return last.asked.endsWith("\r") ? "exec-shebang-crlf" : "exec-shebang-missing";
}

/** Docker's words: before the exec runc looks for the file itself, afterwards the kernel speaks. */
function whatOf(failure: ExecFailure, finding: ExecFinding, candidate: string, words: string): string {
  if (finding.chain.length > 0) return `exec ${candidate}: ${words}`;
  const name = failure.argv0.includes("/") ? failure.argv0 : candidate;
  if (finding.problem === "absent" || finding.problem === "not-a-directory" || finding.problem === "link-loop") {
    return `exec: "${name}": stat ${candidate}: ${words}`;
  }
  return failure.errno === "EACCES" ? `exec: "${name}": ${words}` : `exec ${candidate}: ${words}`;
}

export interface EarlyExit {
  /** Absolute path of the program that was run. */
  path: string;
  reader: RootReader;
  lang: Lang;
  /** LD_LIBRARY_PATH and PATH of the process. */
  libraryPath?: string | undefined;
  searchPath?: string | undefined;
}

/**
 * For a program that exits with 127 at once, after a successful exec: the libraries that ld.so could not find, or a CR at the end
 * of `#!/usr/bin/env NAME`. undefined when neither is the case.
 */
export function explainMissingLibraries(exit: EarlyExit): ExecDiagnosis | undefined {
  const { closureOf } = require("./closure") as typeof import("./closure");
  const texts = require("./diagnose-texts") as typeof import("./diagnose-texts");
  const file = walk(exit.reader, exit.path);
  if (!file.ok) return undefined;
  const { describeSource } = require("./parse") as typeof import("./parse");
  const { byteSourceOf } = require("./root-reader") as typeof import("./root-reader");
  const description = describeSource(byteSourceOf(exit.reader, file.realPath, file.stat.sizeBytes));
  if (description.kind === "script" && description.carriageReturn && /(^|\/)env$/.test(description.interpreter)) {
    return texts.envCarriageReturn(exit, description.argument ?? "");
  }
  if (description.kind !== "elf" && description.kind !== "script") return undefined;
  const options = { libraryPath: exit.libraryPath, path: exit.searchPath };
  try {
    const closure = closureOf(exit.reader, [exit.path], options);
    // What only ld.so.conf names counts as missing here: the loader reads the cache alone.
    const late = closure.files.find((other) => other.rule.kind === "ld.so.conf");
    const missing = closure.missing.find((other) => other.role === "library");
    return missing === undefined && late === undefined ? undefined : texts.missingLibrary(exit, missing, late);
  } catch {
    return undefined;
  }
}
