/** ENOSPC: the disk, its inodes, or something that is not a disk at all. EROFS and ENOENT of a path. */

import { dirname } from "node:path";
import type { Cause, CauseContext } from "./causes";
import { filesystemName } from "./filesystems";
import { mountOf, parseMountinfo } from "./mountinfo";

/** The deepest directory of the path that exists. */
function existing(path: string, probe: CauseContext["probe"]): string {
  let at = path;
  while (at !== "/" && at !== "." && probe.kind(at) === "missing") at = dirname(at);
  return at;
}

/** Cause of ENOSPC, EDQUOT, EROFS or ENOENT for params.path (or params.target). */
export function spaceCause({ errno, params, mountinfo, probe }: CauseContext): Cause | undefined {
  const path = params.path ?? params.target;
  if (path === undefined) return undefined;
  const there = existing(path, probe);
  if (errno === "ENOENT" && there !== path) {
    return {
      id: "path-missing",
      why: { en: `${path} does not exist; ${there} does`, zh: `${path} 不存在；存在的只到 ${there}` },
      hint: { en: "check the spelling", zh: "请检查拼写" },
    };
  }
  if (errno === "EROFS") {
    const mount = mountOf(parseMountinfo(mountinfo), probe.realpath(there));
    if (!mount || (!mount.options.includes("ro") && !mount.superOptions.includes("ro"))) return undefined;
    return {
      id: "read-only-mount",
      why: {
        en: `${mount.mountpoint} (${mount.fstype}) is mounted read-only`,
        zh: `${mount.mountpoint}（${mount.fstype}）是只读挂载`,
      },
      hint: {
        en: `mount -o remount,rw ${mount.mountpoint}, or use another place`,
        zh: `mount -o remount,rw ${mount.mountpoint}，或换个位置`,
      },
    };
  }
  if (errno !== "ENOSPC" && errno !== "EDQUOT") return undefined;
  const space = probe.space(there);
  if (!space) return undefined;
  const name = filesystemName(space.type);
  if (space.totalInodes > 0 && space.freeInodes === 0) {
    return {
      id: "no-inodes",
      why: {
        en: `the file system of ${there} (${name}) has no inode left, with ${Math.floor(space.freeBytes / 1048576)} MiB still free`,
        zh: `${there} 所在的文件系统（${name}）inode 已用完，而空间还剩 ${Math.floor(space.freeBytes / 1048576)} MiB`,
      },
      hint: { en: "remove many small files; see df -i", zh: "删除大量小文件；用 df -i 查看" },
    };
  }
  // A page or two may be left that the request did not fit into.
  if (space.freeBytes < 1048576) {
    return {
      id: "disk-full",
      why: { en: `the file system of ${there} (${name}) is full`, zh: `${there} 所在的文件系统（${name}）已满` },
      hint: { en: "remove containers and images that are not needed; see df -h", zh: "删除不需要的容器和镜像；用 df -h 查看" },
    };
  }
  return undefined;
}
