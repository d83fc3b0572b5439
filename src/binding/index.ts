/** Loads the addon and gives it its types: thin, no decisions. */

import { join } from "node:path";

import { GlassboxError, SyscallError } from "../base/errors";
import type { ExitStatus, Kernel, RelayPair } from "./kernel";

export type { ExitStatus, FileStat, Kernel, RelayPair, ResolveOptions, Spawned, SpawnRequest } from "./kernel";

/** What the addon really exports where it differs from `Kernel`: callbacks instead of promises. */
type Native = Omit<Kernel, "wait" | "relay"> & {
  waitPidfd(pidfd: number, done: (error: number, code: number, signal: number) => void): void;
  relay(pairs: RelayPair[], done: () => void): () => void;
};

interface NativeFailure extends Error {
  code: string;
  syscall: string;
  reason: string;
  path?: string;
}

/** dist/src/binding → the package's root. */
const PACKAGE_ROOT = join(__dirname, "..", "..", "..");

/** Path of the built glassbox-init. */
export const INIT_PATH: string = join(PACKAGE_ROOT, "build", "Release", "glassbox-init");

function asSyscallError(error: unknown): unknown {
  const failure = error as Partial<NativeFailure> | undefined;
  if (failure?.syscall === undefined || failure.code === undefined) return error;
  const where = failure.path === undefined ? "" : ` ${failure.path}`;
  return new SyscallError({
    syscall: failure.syscall,
    errno: failure.code,
    what: `${failure.syscall}${where}: ${(failure.reason ?? failure.code).toLowerCase()}`,
    cause: error,
  });
}

let loaded: Kernel | undefined;

/**
 * Gives the native calls, loading the addon once. Every call throws SyscallError.
 * Throws GlassboxError "addon-missing" when it was not built for this machine.
 */
export function loadKernel(): Kernel {
  if (loaded !== undefined) return loaded;
  const native = requireAddon();
  const kernel: Record<string, unknown> = {};
  for (const [name, call] of Object.entries(native) as [string, (...args: unknown[]) => unknown][]) {
    kernel[name] = typeof call === "function" && !/^[A-Z]/.test(name) ? guarded(call) : call;
  }
  kernel.wait = (pidfd: number): Promise<ExitStatus> =>
    new Promise((resolve, reject) => {
      native.waitPidfd(pidfd, (error, code, signal) => {
        if (error === 0) return resolve({ code, signal });
        reject(
          new SyscallError({ syscall: "waitid", errno: native.errnoName(error), what: `waitid: ${native.errnoName(error)}` }),
        );
      });
    });
  kernel.relay = (pairs: RelayPair[]) => {
    let stop!: () => void;
    const done = new Promise<void>((resolve) => (stop = native.relay(pairs, resolve)));
    return { done, stop };
  };
  loaded = kernel as unknown as Kernel;
  return loaded;
}

function guarded(call: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      throw asSyscallError(error);
    }
  };
}

function requireAddon(): Native {
  const path = join(PACKAGE_ROOT, "build", "Release", "glassbox.node");
  try {
    return require(path) as Native;
  } catch (cause) {
    throw new GlassboxError({
      code: "addon-missing",
      what: `cannot load ${path}`,
      why: (cause as Error).message.split("\n")[0],
      hint: {
        en: "build it with `npm run build:native` (make, g++ and python3 are needed)",
        zh: "用 `npm run build:native` 编译它（需要 make、g++ 和 python3）",
      },
      cause,
    });
  }
}
