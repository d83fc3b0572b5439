/** Names of file systems by their statfs magic: statfs(2), include/uapi/linux/magic.h. The names are the ones that `docker info` uses. */

const NAMES: Record<number, string> = {
  0x61756673: "aufs",
  0x9123683e: "btrfs",
  0x27e0eb: "cgroup",
  0x63677270: "cgroup2",
  0xff534d42: "cifs",
  0x1cd1: "devpts",
  0xf15f: "ecryptfs",
  0xe0f5e1e2: "erofs",
  0xef53: "extfs",
  0xf2f52010: "f2fs",
  0x65735546: "fuse",
  0x4244: "hfs",
  0x3153464a: "jfs",
  0x4d44: "msdos",
  0x6969: "nfs",
  0x794c7630: "overlayfs",
  0x9fa0: "proc",
  0x858458f6: "ramfs",
  0x52654973: "reiserfs",
  0x517b: "smb",
  0x73717368: "squashfs",
  0x62656572: "sysfs",
  0x01021994: "tmpfs",
  0x01021997: "v9fs",
  0x786f4256: "vboxsf",
  0x58465342: "xfs",
  0x2fc12fc1: "zfs",
};

/** Name of the file system with this f_type, "0x…" when it is not in the table. */
export function filesystemName(type: number): string {
  // f_type is signed on some architectures: 0x9123683e arrives negative.
  return NAMES[type >>> 0] ?? `0x${(type >>> 0).toString(16)}`;
}

/** Why a file system cannot hold an overlay's upper directory; undefined when it can: overlayfs.rst, "Upper and lower filesystem". */
export function upperProblem(type: number): "overlay" | "no-xattr" | "network" | undefined {
  switch (filesystemName(type)) {
    case "overlayfs":
      return "overlay";
    case "nfs":
    case "cifs":
    case "smb":
      return "network";
    case "v9fs":
    case "vboxsf":
    case "msdos":
    case "ecryptfs":
    case "aufs":
      return "no-xattr";
    default:
      return undefined;
  }
}

/** The names in /proc/filesystems, nodev or not. */
export function parseFilesystems(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.split("\t")[1] ?? "")
    .filter(Boolean);
}
