/** mount(2), and overlayfs above all, whose EINVAL has a dozen reasons that otherwise stand only in the kernel log. */

import { isAbsolute, join } from "node:path";
import { mountMaxCause } from "./cause-clone";
import type { Cause, CauseContext } from "./causes";
import { filesystemName, parseFilesystems, upperProblem } from "./filesystems";
import { isBelow, type MountEntry, mountOf, parseMountinfo } from "./mountinfo";

export interface OverlayOptions {
  lowerdirs: string[];
  upperdir: string | undefined;
  workdir: string | undefined;
}

/**
 * Directories named by an overlay data string (or the super options of a mountinfo entry), made absolute against `cwd`. In a string "\:" and
 * "\," are a colon and a comma in a name.
 */
export function overlayOptions(data: string | readonly string[], cwd = "/"): OverlayOptions {
  const resolve = (path: string) => (isAbsolute(path) ? path : join(cwd, path));
  const options: OverlayOptions = { lowerdirs: [], upperdir: undefined, workdir: undefined };
  for (const option of typeof data === "string" ? data.split(/(?<!\\),/) : data) {
    const equals = option.indexOf("=");
    const key = option.slice(0, equals);
    const value = option.slice(equals + 1);
    if (key === "lowerdir") options.lowerdirs = value.split(/(?<!\\):/).map((path) => resolve(path.replace(/\\([:,])/g, "$1")));
    else if (key === "upperdir") options.upperdir = resolve(value.replace(/\\,/g, ","));
    else if (key === "workdir") options.workdir = resolve(value.replace(/\\,/g, ","));
  }
  return options;
}

function missing(path: string, role: string): Cause {
  return {
    id: "overlay-missing-directory",
    why: { en: `the ${role} ${path} does not exist`, zh: `${role} ${path} 不存在` },
    hint: { en: "make it before mounting; for a layer, load the image again", zh: "挂载前先创建它；若是镜像层，请重新载入镜像" },
  };
}

/** How deep file systems are stacked below a path: 0 for a disk, 1 inside an overlay, … following each overlay's own layers. */
function stackDepth(path: string, mounts: MountEntry[], seen = 0): number {
  const mount = mountOf(mounts, path);
  if (mount?.fstype !== "overlay" || seen > 4) return 0;
  const { lowerdirs, upperdir } = overlayOptions(mount.superOptions);
  return 1 + Math.max(0, ...[...lowerdirs, ...(upperdir ? [upperdir] : [])].map((layer) => stackDepth(layer, mounts, seen + 1)));
}

function overlayInvalid(
  data: string,
  options: OverlayOptions,
  mounts: MountEntry[],
  probe: CauseContext["probe"],
): Cause | undefined {
  if (Buffer.byteLength(data) >= 4096) {
    return {
      id: "overlay-options-page",
      why: {
        en: `the mount options are ${Buffer.byteLength(data)} bytes long, and mount(2) takes one page (4096)`,
        zh: `挂载选项长 ${Buffer.byteLength(data)} 字节，而 mount(2) 只收一页（4096）`,
      },
      hint: {
        en: "use fewer layers, or shorter names relative to the working directory",
        zh: "减少层数，或使用相对于工作目录的短名字",
      },
    };
  }
  const { upperdir, workdir, lowerdirs } = options;
  if (upperdir !== undefined && workdir === undefined) {
    return {
      id: "overlay-no-workdir",
      why: { en: "upperdir is given without workdir", zh: "给了 upperdir 却没有 workdir" },
      hint: { en: "add workdir=, an empty directory on the same file system", zh: "加上 workdir=，须是同一文件系统上的空目录" },
    };
  }
  if (upperdir !== undefined && workdir !== undefined) {
    const space = probe.space(upperdir);
    const problem = space && upperProblem(space.type);
    if (space && problem) {
      const name = filesystemName(space.type);
      return {
        id: "overlay-upper-unsupported",
        why: {
          en: `the upper directory ${upperdir} is on ${name}, which overlayfs does not take as upper${problem === "overlay" ? " (an overlay on an overlay: we are inside a container)" : ""}`,
          zh: `上层目录 ${upperdir} 位于 ${name}，overlayfs 不接受它作为上层${problem === "overlay" ? "（overlay 之上再叠 overlay：说明身在容器之中）" : ""}`,
        },
        hint: {
          en: "put the store on ext4, xfs, btrfs or tmpfs: --root DIR, or a volume of the outer container",
          zh: "把存储放到 ext4、xfs、btrfs 或 tmpfs 上：--root 目录，或使用外层容器的卷",
        },
      };
    }
    if (mountOf(mounts, probe.realpath(upperdir)) !== mountOf(mounts, probe.realpath(workdir))) {
      return {
        id: "overlay-work-elsewhere",
        why: { en: `${workdir} and ${upperdir} are not on the same mount`, zh: `${workdir} 与 ${upperdir} 不在同一个挂载上` },
        hint: { en: "put both side by side", zh: "把两者放在一起" },
      };
    }
    if (isBelow(workdir, upperdir) || isBelow(upperdir, workdir)) {
      return {
        id: "overlay-work-inside-upper",
        why: { en: `of ${workdir} and ${upperdir}, one lies inside the other`, zh: `${workdir} 与 ${upperdir} 互相包含` },
        hint: { en: "put both side by side", zh: "把两者并列放置" },
      };
    }
  }
  const deep = lowerdirs.find((lower) => stackDepth(probe.realpath(lower), mounts) >= 2);
  if (deep !== undefined) return depthCause(deep);
  if (lowerdirs.length > 500) {
    return {
      id: "overlay-too-many-lowers",
      why: {
        en: `${lowerdirs.length} lower directories, and overlayfs takes 500`,
        zh: `下层目录有 ${lowerdirs.length} 个，而 overlayfs 最多 500 个`,
      },
      hint: { en: "merge layers: build with --squash", zh: "合并一些层：构建时用 --squash" },
    };
  }
  return undefined;
}

function depthCause(path: string): Cause {
  return {
    id: "overlay-stacking-depth",
    why: {
      en: `${path} already lies on an overlay whose layers are on an overlay; the kernel stacks two and no more`,
      zh: `${path} 所在的 overlay 的层本身又在另一个 overlay 上；内核最多叠两层`,
    },
    hint: { en: "put the store on a real file system (--root DIR)", zh: "把存储放到真正的文件系统上（--root 目录）" },
  };
}

function overlayCause(context: CauseContext): Cause | undefined {
  const { errno, params, mountinfo, probe } = context;
  const data = params.data ?? "";
  const options = overlayOptions(data, params.cwd);
  const mounts = parseMountinfo(mountinfo);
  const roles: [string, string][] = options.lowerdirs.map((lower) => [lower, "lowerdir"]);
  if (options.upperdir !== undefined) roles.push([options.upperdir, "upperdir"]);
  if (options.workdir !== undefined) roles.push([options.workdir, "workdir"]);
  switch (errno) {
    case "ENOENT": {
      const gone = roles.find(([path]) => probe.kind(path) === "missing");
      return gone && missing(...gone);
    }
    case "EINVAL":
      return overlayInvalid(data, options, mounts, probe);
    case "ELOOP": {
      const paths = roles.map(([path]) => probe.realpath(path));
      const inner = paths.find((path, index) => paths.some((other, at) => at !== index && isBelow(path, other)));
      if (inner !== undefined) {
        return {
          id: "overlay-overlapping",
          why: { en: `${inner} is named twice or lies inside another of the layers`, zh: `${inner} 重复出现，或位于另一层之内` },
          hint: {
            en: "every lowerdir, the upperdir and the workdir must be apart",
            zh: "各 lowerdir、upperdir 与 workdir 必须彼此分开",
          },
        };
      }
      const deep = paths.find((path) => stackDepth(path, mounts) >= 1);
      return deep === undefined ? undefined : depthCause(deep);
    }
    case "EBUSY": {
      const user = mounts.find((entry) => {
        if (entry.fstype !== "overlay" || options.upperdir === undefined) return false;
        const other = overlayOptions(entry.superOptions);
        return other.upperdir === options.upperdir || other.workdir === options.workdir;
      });
      if (!user) return undefined;
      return {
        id: "overlay-upper-in-use",
        why: {
          en: `${options.upperdir} is the upper directory of the overlay on ${user.mountpoint} already`,
          zh: `${options.upperdir} 已是挂在 ${user.mountpoint} 的 overlay 的上层目录`,
        },
        hint: {
          en: `umount ${user.mountpoint}, or give each mount its own upperdir and workdir`,
          zh: `umount ${user.mountpoint}，或给每个挂载各自的 upperdir 和 workdir`,
        },
      };
    }
    default:
      return undefined;
  }
}

/** Cause of a failed mount, fsopen, fsconfig or move_mount; needs params.fstype for file systems, params.target. */
export function mountCause(context: CauseContext): Cause | undefined {
  const { syscall, errno, params, mountinfo, probe } = context;
  if (!["mount", "fsopen", "fsconfig", "fsmount", "move_mount", "open_tree"].includes(syscall)) return undefined;
  if (errno === "ENODEV" && params.fstype !== undefined) {
    if (parseFilesystems(probe.read("/proc/filesystems") ?? "").includes(params.fstype)) return undefined;
    return {
      id: "filesystem-not-built",
      why: {
        en: `the kernel has no file system ${params.fstype}: it is not in /proc/filesystems`,
        zh: `内核没有 ${params.fstype} 文件系统：/proc/filesystems 里找不到它`,
      },
      hint: {
        en: `modprobe ${params.fstype}, or use a kernel that is built with it`,
        zh: `modprobe ${params.fstype}，或换用编译了它的内核`,
      },
    };
  }
  if (errno === "ENOSPC") {
    const mounts = parseMountinfo(mountinfo).length;
    const mountMax = Number(probe.read("/proc/sys/fs/mount-max") ?? Infinity);
    if (mounts >= mountMax) return mountMaxCause(mounts, mountMax);
  }
  if (params.fstype === "overlay") {
    const cause = overlayCause(context);
    if (cause) return cause;
  }
  if ((errno === "ENOENT" || errno === "ENOTDIR") && params.target !== undefined && probe.kind(params.target) === "missing") {
    return {
      id: "mount-target-missing",
      why: { en: `the mount point ${params.target} does not exist`, zh: `挂载点 ${params.target} 不存在` },
      hint: { en: `mkdir -p ${params.target}`, zh: `mkdir -p ${params.target}` },
    };
  }
  return undefined;
}
