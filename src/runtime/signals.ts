/** Signals of the CLI go to the payload, as Docker's --sig-proxy does; a PID 1 that ignores them does not make the terminal a trap. */

import { constants } from "node:os";

import { SyscallError } from "../base/errors";
import type { Kernel } from "../binding";

const FORWARDED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGALRM"] as const;

/** So many of SIGINT or SIGTERM in a row mean it. */
const INSISTENCE = 3;

export interface SignalForwarding {
  /** Says who gets them. */
  to(pidfd: number): void;
  stop(): void;
}

/**
 * Takes signals over from now on, so that one which arrives during the start does not end this process and leave the container to itself; it is
 * delivered when there is somebody to get it. After three SIGINT or SIGTERM that changed nothing, the payload is killed: the kernel delivers to
 * PID 1 only what it has a handler for (pid_namespaces(7)).
 */
export function forwardSignals(kernel: Kernel, onKill: () => void): SignalForwarding {
  let insisted = 0;
  let target: number | undefined;
  const early: number[] = [];
  const send = (signal: number): void => {
    if (target === undefined) return void early.push(signal);
    try {
      kernel.pidfdSendSignal(target, signal);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== "ESRCH") throw error;
    }
  };
  const handlers = FORWARDED.map((name) => {
    const handler = (): void => {
      if ((name === "SIGINT" || name === "SIGTERM") && ++insisted >= INSISTENCE) {
        onKill();
        return send(constants.signals.SIGKILL);
      }
      send(constants.signals[name]);
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  return {
    to(pidfd) {
      target = pidfd;
      early.splice(0).forEach(send);
    },
    stop() {
      for (const [name, handler] of handlers) process.removeListener(name, handler);
    },
  };
}
