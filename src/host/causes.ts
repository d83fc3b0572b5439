/**
 * A system call failed: which of its causes is it here? The man page lists what an errno can mean; each candidate is looked at on the host
 * and the one that is found is named. What cannot be told is not guessed: the answer is undefined then.
 * Loaded only after a failure.
 */

import { cgroupCause } from "./cause-cgroup";
import { cloneCause } from "./cause-clone";
import { mountCause } from "./cause-mount";
import { pivotRootCause } from "./cause-pivot-root";
import { spaceCause } from "./cause-space";
import { parseStatus } from "./proc";
import { host, type HostProbe } from "./probe";
import type { Text } from "./text";

export interface Cause {
  /** Stable key: "pivot-root-not-a-mount-point". */
  id: string;
  why: Text;
  hint: Text;
}

export interface CauseRequest {
  /** Man page name: "pivot_root", "mount", "clone3", "mkdir", "write", "open", "umount2", "setns", … */
  syscall: string;
  errno: string;
  params?: {
    /** pivot_root. */
    newRoot?: string;
    putOld?: string;
    /** mount. */
    source?: string;
    target?: string;
    fstype?: string;
    data?: string;
    /** Directory against which relative overlay paths are resolved. */
    cwd?: string;
    /** clone, unshare, setns: CLONE_… names. */
    flags?: string[];
    /** CLONE_INTO_CGROUP: the directory. */
    cgroupPath?: string;
    /** mkdir, write, open, …: the path. */
    path?: string;
    /** write: what was written. */
    value?: string;
  };
  /** mountinfo of the process that failed, when it was another than this one and could still be read. */
  mountinfo?: string;
  /** Tests pass another host. */
  probe?: HostProbe;
}

/** What the cause files get: everything is present. */
export interface CauseContext {
  syscall: string;
  errno: string;
  params: NonNullable<CauseRequest["params"]>;
  mountinfo: string;
  probe: HostProbe;
}

const CAP_SYS_ADMIN = 21n;

/** EPERM and EACCES that have the same cause whatever the call: not privileged. */
function privilegeCause({ errno, probe, syscall }: CauseContext): Cause | undefined {
  if (errno !== "EPERM" && errno !== "EACCES") return undefined;
  const text = probe.read("/proc/self/status");
  if (text === undefined) return undefined;
  const status = parseStatus(text);
  if ((status.capabilities.effective >> CAP_SYS_ADMIN) & 1n) return undefined;
  const uid = status.uid.effective;
  if (uid !== 0) {
    return {
      id: "not-root",
      why: {
        en: `${syscall} needs CAP_SYS_ADMIN, and uid ${uid} does not have it`,
        zh: `${syscall} 需要 CAP_SYS_ADMIN，而 uid ${uid} 没有这项能力`,
      },
      hint: { en: "run it with sudo", zh: "用 sudo 运行" },
    };
  }
  return {
    id: "root-without-sys-admin",
    why: {
      en: `this process is uid 0 but has no CAP_SYS_ADMIN (CapEff in /proc/self/status): it probably runs in a container`,
      zh: "当前进程虽是 uid 0，却没有 CAP_SYS_ADMIN（见 /proc/self/status 的 CapEff）：它很可能在容器里",
    },
    hint: {
      en: "start the outer container with --privileged, or run on the host",
      zh: "外层容器加 --privileged 启动，或直接在宿主机上运行",
    },
  };
}

/**
 * Finds the cause of a failed call by looking at the host. undefined: nothing was found, only the kernel's words can be given.
 * Never throws.
 */
export function explainErrno(request: CauseRequest): Cause | undefined {
  const probe = request.probe ?? host;
  const context: CauseContext = {
    syscall: request.syscall,
    errno: request.errno,
    params: request.params ?? {},
    mountinfo: request.mountinfo ?? probe.read("/proc/self/mountinfo") ?? "",
    probe,
  };
  // The special causes first: EPERM of clone has more to say than "not root".
  for (const find of [pivotRootCause, mountCause, cloneCause, cgroupCause, privilegeCause, spaceCause]) {
    const cause = find(context);
    if (cause) return cause;
  }
  return undefined;
}
