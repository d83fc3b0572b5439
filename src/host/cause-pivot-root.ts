/** The EINVALs of pivot_root(2), told apart, and its EBUSY and ENOTDIR. Conditions as in path_pivot_root, fs/namespace.c. */

import { isAbsolute, join } from "node:path";
import type { Cause, CauseContext } from "./causes";
import { isBelow, type MountEntry, mountOf, parseMountinfo, propagationName } from "./mountinfo";

const shared = (entry: MountEntry | undefined): entry is MountEntry => entry?.propagation.shared !== undefined;

function sharedCause(id: string, entry: MountEntry, what: { en: string; zh: string }): Cause {
  const word = propagationName(entry.propagation);
  return {
    id,
    why: {
      en: `${what.en} ${entry.mountpoint} is a ${word} mount (peer group ${entry.propagation.shared}): the move would have to happen in every other mount namespace too`,
      zh: `${what.zh} ${entry.mountpoint} 是 ${word} 挂载（peer group ${entry.propagation.shared}）：若允许移动，其他挂载命名空间也得跟着移动`,
    },
    hint: {
      en: `first, in the new mount namespace: mount --make-rprivate / (or rslave)`,
      zh: "先在新的挂载命名空间里执行：mount --make-rprivate /（或 rslave）",
    },
  };
}

function invalidCause(newRoot: string, putOld: string, mounts: MountEntry[]): Cause | undefined {
  const root = mounts.findLast((entry) => entry.mountpoint === "/");
  const newMount = mounts.findLast((entry) => entry.mountpoint === newRoot);
  if (root && (root.fstype === "rootfs" || (root.parentId === root.id && root.fstype !== "overlay"))) {
    return {
      id: "pivot-root-on-rootfs",
      why: {
        en: `the present root is the initial ${root.fstype} of the kernel (initramfs), which has no parent mount and cannot be put elsewhere`,
        zh: `当前的根是内核最初的 ${root.fstype}（initramfs），它没有父挂载，无法挪到别处`,
      },
      hint: {
        en: "switch_root to a real file system first, or use --unsafe root=chroot",
        zh: "先 switch_root 到真正的文件系统，或使用 --unsafe root=chroot",
      },
    };
  }
  if (!root) {
    return {
      id: "pivot-root-chrooted",
      why: {
        en: "the present root directory is not a mount point (no line for / in mountinfo): this process was started under chroot",
        zh: "当前的根目录不是挂载点（mountinfo 里没有 / 这一行）：这个进程是在 chroot 之下启动的",
      },
      hint: {
        en: "bind the directory onto itself before the chroot: mount --bind DIR DIR",
        zh: "在 chroot 之前先把目录绑定到自身：mount --bind 目录 目录",
      },
    };
  }
  if (!newMount) {
    return {
      id: "pivot-root-not-a-mount-point",
      why: { en: `${newRoot} is not a mount point, only a directory`, zh: `${newRoot} 不是挂载点，只是一个目录` },
      hint: {
        en: `bind it onto itself: mount --bind ${newRoot} ${newRoot}`,
        zh: `把它绑定到自身：mount --bind ${newRoot} ${newRoot}`,
      },
    };
  }
  if (!isBelow(putOld, newRoot)) {
    return {
      id: "pivot-root-put-old-outside",
      why: {
        en: `${putOld}, where the old root is to go, is not below the new root ${newRoot}`,
        zh: `旧根要放到 ${putOld}，但它不在新根 ${newRoot} 之下`,
      },
      hint: {
        en: `use a directory below ${newRoot}, or "." for both arguments`,
        zh: `改用 ${newRoot} 之下的目录，或两个参数都写 "."`,
      },
    };
  }
  const parent = mounts.find((entry) => entry.id === newMount.parentId);
  if (shared(parent)) {
    return sharedCause("pivot-root-parent-shared", parent, { en: "the mount that holds the new root,", zh: "新根所在的父挂载" });
  }
  const putOldMount = mountOf(mounts, putOld);
  if (putOldMount !== newMount && shared(putOldMount)) {
    return sharedCause("pivot-root-put-old-shared", putOldMount, { en: "the place for the old root,", zh: "放旧根的位置" });
  }
  if (shared(newMount)) return sharedCause("pivot-root-new-root-shared", newMount, { en: "the new root", zh: "新根" });
  const rootParent = mounts.find((entry) => entry.id === root.parentId);
  if (rootParent !== root && shared(rootParent)) {
    return sharedCause("pivot-root-old-root-shared", rootParent, {
      en: "the mount that holds the present root,",
      zh: "当前根的父挂载",
    });
  }
  return undefined;
}

/** Cause of a failed pivot_root; needs params.newRoot (putOld and relative paths default to it). */
export function pivotRootCause({ syscall, errno, params, mountinfo, probe }: CauseContext): Cause | undefined {
  if (syscall !== "pivot_root" || params.newRoot === undefined) return undefined;
  const newRoot = probe.realpath(params.newRoot);
  const given = params.putOld ?? params.newRoot;
  const putOld = probe.realpath(isAbsolute(given) ? given : join(newRoot, given));
  if (errno === "ENOTDIR" || errno === "ENOENT") {
    for (const path of [newRoot, putOld]) {
      const kind = probe.kind(path);
      if (kind === "directory") continue;
      const missing = kind === "missing";
      return {
        id: missing ? "pivot-root-missing" : "pivot-root-not-a-directory",
        why: {
          en: missing ? `${path} does not exist` : `${path} is not a directory`,
          zh: missing ? `${path} 不存在` : `${path} 不是目录`,
        },
        hint: { en: "both arguments must be directories", zh: "两个参数都必须是目录" },
      };
    }
    return undefined;
  }
  const mounts = parseMountinfo(mountinfo);
  if (errno === "EBUSY") {
    const root = mounts.findLast((entry) => entry.mountpoint === "/");
    const guilty = [newRoot, putOld].find((path) => mountOf(mounts, path) === root);
    if (guilty === undefined) return undefined;
    return {
      id: "pivot-root-same-mount",
      why: { en: `${guilty} lies on the same mount as the present root`, zh: `${guilty} 与当前的根在同一个挂载上` },
      hint: {
        en: `make it a mount of its own: mount --bind ${newRoot} ${newRoot}`,
        zh: `让它成为独立的挂载：mount --bind ${newRoot} ${newRoot}`,
      },
    };
  }
  return errno === "EINVAL" ? invalidCause(newRoot, putOld, mounts) : undefined;
}
