/**
 * Every error that a user can meet is a GlassboxError: what happened, why (looked up, never guessed), what to do.
 * Messages are lower case, have no full stop and name the path, id or flag concerned.
 */

import type { Bilingual, Lang } from "./lang";

/** Exit codes as Docker's: 125 glassbox itself failed, 126 found but cannot run, 127 not found. */
export type ExitCode = 1 | 125 | 126 | 127;

export interface ErrorParts {
  /** Stable key, e.g. "image-not-found", "bad-flag", "exec-interpreter-missing". */
  code: string;
  /** What happened; kernel's words first where the kernel spoke. */
  what: string;
  /** The cause that was looked up. */
  why?: string | Bilingual | undefined;
  /** What to do about it. */
  hint?: string | Bilingual | undefined;
  cause?: unknown;
  exitCode?: ExitCode | undefined;
}

export class GlassboxError extends Error {
  readonly code: string;
  readonly what: string;
  readonly exitCode: ExitCode;
  readonly #why: string | Bilingual | undefined;
  readonly #hint: string | Bilingual | undefined;

  constructor(parts: ErrorParts) {
    const why = inLanguage(parts.why, "en");
    super(why === undefined ? parts.what : `${parts.what}: ${why}`, { cause: parts.cause });
    this.name = "GlassboxError";
    this.code = parts.code;
    this.what = parts.what;
    this.exitCode = parts.exitCode ?? 125;
    this.#why = parts.why;
    this.#hint = parts.hint;
  }

  /** The cause in English (or in the language in which it was looked up). */
  get why(): string | undefined {
    return inLanguage(this.#why, "en");
  }

  get hint(): string | undefined {
    return inLanguage(this.#hint, "en");
  }

  /** Cause and remedy for a reader of `lang`. */
  explained(lang: Lang): { why: string | undefined; hint: string | undefined } {
    return { why: inLanguage(this.#why, lang), hint: inLanguage(this.#hint, lang) };
  }
}

function inLanguage(text: string | Bilingual | undefined, lang: Lang): string | undefined {
  return typeof text === "object" ? text[lang] : text;
}

/** A system call failed. `errno` is the symbolic name ("ENOENT"), `syscall` its man page name ("openat2"). */
export class SyscallError extends GlassboxError {
  readonly syscall: string;
  readonly errno: string;
  /** Id of the plan step that made the call, when one did. */
  readonly stepId: string | undefined;

  constructor(parts: Omit<ErrorParts, "code"> & { code?: string; syscall: string; errno: string; stepId?: string | undefined }) {
    super({ ...parts, code: parts.code ?? `syscall-${parts.errno.toLowerCase()}` });
    this.name = "SyscallError";
    this.syscall = parts.syscall;
    this.errno = parts.errno;
    this.stepId = parts.stepId;
  }
}
