/** The place of the store: file system, room, mount flags. */

import type { Check, DoctorContext } from "./doctor";
import { filesystemName, upperProblem } from "./filesystems";
import { binarySize, existingParent, supportsDType } from "./info";
import { mountOf, parseMountinfo } from "./mountinfo";

/** Checks of the directory that holds (or will hold) the store. */
export function storeChecks({ probe, storeRoot }: DoctorContext): Check[] {
  const there = existingParent(storeRoot, probe);
  const space = probe.space(there);
  if (!space) return [];
  const name = filesystemName(space.type);
  const missing =
    there === storeRoot
      ? { en: "", zh: "" }
      : { en: ` (not made yet; measured at ${there})`, zh: `（尚未创建；在 ${there} 处测得）` };
  const problem = upperProblem(space.type);
  const filesystem: Check = {
    id: "store-filesystem",
    status: problem ? "fail" : "ok",
    title: { en: `store ${storeRoot}`, zh: `存储 ${storeRoot}` },
    observed: {
      en: `on ${name}${missing.en}${problem === "overlay" ? ": an overlay cannot hold another's upper directory" : ""}`,
      zh: `位于 ${name}${missing.zh}${problem === "overlay" ? ":overlay 不能作另一个 overlay 的上层" : ""}`,
    },
    where: `stat -f -c %T ${there}`,
  };
  if (problem)
    filesystem.remedy = {
      en: "--root DIR on ext4, xfs, btrfs or tmpfs",
      zh: "用 --root 指定 ext4、xfs、btrfs 或 tmpfs 上的目录",
    };

  const low = space.freeBytes < 1024 ** 3;
  const inodes = space.totalInodes === 0 ? undefined : space.freeInodes;
  const fewInodes = inodes !== undefined && inodes < 50_000;
  const room: Check = {
    id: "store-space",
    status: space.freeBytes < 64 * 1024 ** 2 || inodes === 0 ? "fail" : low || fewInodes ? "warn" : "ok",
    title: { en: "room for images", zh: "镜像可用空间" },
    observed: {
      en: `${binarySize(space.freeBytes)} of ${binarySize(space.totalBytes)} free, ${inodes ?? "unlimited"} inodes free`,
      zh: `剩余 ${binarySize(space.freeBytes)}，共 ${binarySize(space.totalBytes)}；剩余 inode ${inodes ?? "不限"}`,
    },
    where: `df -h ${there}; df -i ${there}`,
  };
  if (room.status !== "ok")
    room.remedy = {
      en: "remove images that are not needed, or use --root on a larger disk",
      zh: "删除不用的镜像，或用 --root 换到更大的磁盘",
    };

  const dType = supportsDType(name, there);
  const types: Check = {
    id: "store-d-type",
    status: dType === true ? "ok" : dType === false ? "fail" : "warn",
    title: { en: "file types in readdir (d_type)", zh: "readdir 给出文件类型（d_type）" },
    observed: {
      en: dType === undefined ? "xfs, and no xfs_info to ask" : String(dType),
      zh: dType === undefined ? "是 xfs，但没有 xfs_info 可查" : dType ? "支持" : "不支持",
    },
    where: name === "xfs" ? `xfs_info ${there} | grep ftype` : `stat -f -c %T ${there}`,
  };
  if (types.status !== "ok")
    types.remedy = { en: "an xfs made with ftype=1 (the default since 2015)", zh: "使用 ftype=1 的 xfs（2015 年起为默认）" };

  const mount = mountOf(parseMountinfo(probe.read("/proc/self/mountinfo") ?? ""), probe.realpath(there));
  const bad = (mount?.options ?? []).filter((option) => ["ro", "noexec", "nodev", "nosuid"].includes(option));
  const blocking = bad.includes("ro") || bad.includes("noexec");
  const flags: Check = {
    id: "store-mount-flags",
    status: blocking ? "fail" : bad.length > 0 ? "warn" : "ok",
    title: { en: "mount flags at the store", zh: "存储所在挂载的标志" },
    observed: {
      en: `${mount?.mountpoint ?? "?"}: ${mount?.options.join(",") ?? "?"}`,
      zh: `${mount?.mountpoint ?? "?"}:${mount?.options.join(",") ?? "?"}`,
    },
    where: `findmnt -T ${there}`,
  };
  if (bad.length > 0 && mount) {
    flags.remedy = {
      en: `mount -o remount,${bad.map((flag) => ({ ro: "rw", noexec: "exec", nodev: "dev", nosuid: "suid" })[flag]).join(",")} ${mount.mountpoint}, or --root elsewhere`,
      zh: `mount -o remount,${bad.map((flag) => ({ ro: "rw", noexec: "exec", nodev: "dev", nosuid: "suid" })[flag]).join(",")} ${mount.mountpoint}，或用 --root 换个位置`,
    };
  }
  return [filesystem, room, types, flags];
}
