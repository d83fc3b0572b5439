/** Why a start cannot be prepared, in both languages. Loaded only when it cannot. */

import { GlassboxError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import type { ImageRecord } from "../image/resolve";
import type { RunOptions } from "./run-options";

/** "no-overlay" */
export function noOverlay(): GlassboxError {
  return new GlassboxError({
    code: "no-overlay",
    what: "this kernel offers no overlay file system",
    why: { en: "/proc/filesystems does not list it", zh: "/proc/filesystems 里没有它" },
    hint: {
      en: "try: modprobe overlay; grep overlay /proc/filesystems",
      zh: "试试：modprobe overlay; grep overlay /proc/filesystems",
    },
  });
}

/** "not-yet" for --userns private as root. */
export function noUserNamespace(): GlassboxError {
  return new GlassboxError({
    code: "not-yet",
    what: "--userns private is not available",
    why: {
      en: "image layers are not yet shown with the ids of another user namespace",
      zh: "镜像层还不能以另一个用户命名空间的 id 呈现",
    },
    hint: {
      en: "leave it out, or play with the namespace alone: glassbox clone --ns user,mnt -- sh",
      zh: "去掉它；或单独试验这个命名空间：glassbox clone --ns user,mnt -- sh",
    },
  });
}

/** "needs-root" for a flag whose limit a cgroup keeps. */
export function limitNeedsRoot(flag: string, facts: HostFacts): GlassboxError {
  return new GlassboxError({
    code: "needs-root",
    what: `${flag} needs root here`,
    why: {
      en: `limits are kept by cgroups, and those of this host cannot be written by uid ${facts.euid}`,
      zh: `限额由 cgroup 执行，而本机的 cgroup 不允许 uid ${facts.euid} 写入`,
    },
    hint: {
      en: "leave it out, or: sudo glassbox run …; --ulimit works without root",
      zh: "去掉它，或 sudo glassbox run …；--ulimit 不需要 root",
    },
  });
}

/** "needs-root" for a user other than 0 in a user namespace with one id. */
export function userNeedsRoot(uid: number, gid: number): GlassboxError {
  return new GlassboxError({
    code: "needs-root",
    what: `user ${uid}:${gid} cannot be had without root`,
    why: {
      en: "the container's user namespace has one id, the caller's own, which is 0 inside",
      zh: "容器的用户命名空间里只有一个 id，就是你自己的，在里面是 0",
    },
    hint: {
      en: "run as user 0 (-u 0), or: sudo glassbox run …",
      zh: "用 0 号用户运行（-u 0），或 sudo glassbox run …",
    },
  });
}

/** "not-yet" for --pull always. */
export function noRegistryClient(): GlassboxError {
  return new GlassboxError({
    code: "not-yet",
    what: "--pull always: there is no registry client in this version",
    hint: {
      en: "use --pull missing (the default) or load the image: glassbox load -i FILE",
      zh: "用 --pull missing（默认），或从文件载入镜像：glassbox load -i FILE",
    },
  });
}

const ARCH_WORDS: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", ia32: "386", arm: "arm" };

/** "platform-mismatch" with --platform, or for an image of another system. */
export function wrongPlatform(options: RunOptions, image: ImageRecord, facts: HostFacts): GlassboxError {
  const { os, architecture } = image.config;
  const head = `image ${options.image} is for ${os}/${architecture}`;
  if (options.platform !== undefined) {
    return new GlassboxError({
      code: "platform-mismatch",
      what: `${head}, not for ${options.platform}`,
      hint: {
        en: "load or make the image for that platform, or leave --platform out",
        zh: "载入或制作那个平台的镜像，或去掉 --platform",
      },
    });
  }
  return new GlassboxError({
    code: "platform-mismatch",
    what: `${head}, this host is linux/${ARCH_WORDS[facts.arch] ?? facts.arch}`,
    why: {
      en: "a container's programs run on the host's kernel",
      zh: "容器里的程序跑在宿主机的内核上",
    },
  });
}

/** "no-seccomp"; `what` says what is missing. */
export function noSeccomp(what: string): GlassboxError {
  return new GlassboxError({
    code: "no-seccomp",
    what,
    hint: {
      en: "start without one, on your own risk: --security-opt seccomp=unconfined",
      zh: "不加过滤器启动，风险自负：--security-opt seccomp=unconfined",
    },
  });
}

/** "bind-source-missing" */
export function bindSourceMissing(source: string): GlassboxError {
  return new GlassboxError({
    code: "bind-source-missing",
    what: `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    hint: {
      en: "make it first; -v makes a missing source directory, --mount does not",
      zh: "先创建它；来源目录不存在时 -v 会创建，--mount 不会",
    },
  });
}

/** "bad-device" */
export function badDevice(source: string, problem: string): GlassboxError {
  return new GlassboxError({
    code: "bad-device",
    what: `error gathering device information while adding custom device "${source}": ${problem}`,
    hint: {
      en: "name a device node of the host, such as /dev/loop0 (`ls -l /dev`)",
      zh: "写一个宿主机上的设备节点，例如 /dev/loop0（用 `ls -l /dev` 查看）",
    },
  });
}
