/** Privilege, namespaces, system calls, overlay, seccomp, propagation. */

import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { NAMESPACES } from "./cause-clone";
import type { Check, DoctorContext } from "./doctor";
import { compareVersions, syscallChecks } from "./doctor-syscalls";
import { upperProblem } from "./filesystems";
import { existingParent } from "./info";
import { parseMountinfo, propagationName } from "./mountinfo";
import { parseStatus } from "./proc";

function rootCheck({ facts, probe }: DoctorContext): Check {
  const status = parseStatus(probe.read("/proc/self/status") ?? "");
  const admin = ((status.capabilities.effective >> 21n) & 1n) === 1n;
  const hex = status.capabilities.effective.toString(16);
  const check: Check = {
    id: "root",
    status: admin ? "ok" : facts.euid === 0 ? "fail" : "warn",
    title: { en: "privilege", zh: "权限" },
    observed: {
      en: `uid ${facts.euid}, CapEff ${hex}, ${admin ? "with" : "without"} CAP_SYS_ADMIN`,
      zh: `uid ${facts.euid}，CapEff ${hex}，${admin ? "有" : "没有"} CAP_SYS_ADMIN`,
    },
    where: "id -u; grep CapEff /proc/self/status",
  };
  if (!admin) {
    check.remedy =
      facts.euid === 0
        ? {
            en: "root of an outer container: start that with --privileged",
            zh: "你是外层容器里的 root：请给外层容器加 --privileged",
          }
        : { en: "use sudo", zh: "使用 sudo" };
  }
  return check;
}

function userNamespaceChecks({ probe, run, facts }: DoctorContext): Check[] {
  const value = (path: string) => probe.read(path)?.trim();
  const max = value("/proc/sys/user/max_user_namespaces");
  const debian = value("/proc/sys/kernel/unprivileged_userns_clone");
  const ubuntu = value("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  const tried = run("unshare", ["--user", "--map-root-user", "true"]);
  const works = tried?.status === 0;
  const settings = [
    `max_user_namespaces=${max ?? "-"}`,
    `unprivileged_userns_clone=${debian ?? "-"}`,
    `apparmor_restrict=${ubuntu ?? "-"}`,
  ];
  const closed = max === "0" || debian === "0" || ubuntu === "1";
  const trial =
    tried === undefined
      ? { en: "not tried, no unshare(1)", zh: "未尝试（没有 unshare(1)）" }
      : works
        ? { en: "made one", zh: "已成功创建一个" }
        : { en: `failed: ${tried.stderr.trim()}`, zh: `失败：${tried.stderr.trim()}` };
  const check: Check = {
    id: "user-namespaces",
    status: works && !closed ? "ok" : "warn",
    title: { en: "user namespaces", zh: "用户命名空间" },
    observed: {
      en: `${trial.en} (as uid ${facts.euid}); ${settings.join(", ")}`,
      zh: `${trial.zh}(uid ${facts.euid});${settings.join(",")}`,
    },
    where:
      "unshare --user --map-root-user true; sysctl user.max_user_namespaces kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns",
  };
  if (check.status !== "ok") {
    const set =
      max === "0"
        ? "user.max_user_namespaces=15000"
        : debian === "0"
          ? "kernel.unprivileged_userns_clone=1"
          : ubuntu === "1"
            ? "kernel.apparmor_restrict_unprivileged_userns=0"
            : undefined;
    check.remedy = set
      ? {
          en: `sysctl -w ${set} (needed only without root and for --userns)`,
          zh: `sysctl -w ${set}（仅在非 root 或使用 --userns 时需要）`,
        }
      : {
          en: "needed only without root and for --userns: install util-linux, or a kernel with CONFIG_USER_NS",
          zh: "仅在非 root 或使用 --userns 时需要：安装 util-linux，或换用带 CONFIG_USER_NS 的内核",
        };
  }
  return [check];
}

function namespaceChecks({ probe }: DoctorContext): Check[] {
  const present = new Set(probe.list("/proc/self/ns"));
  return NAMESPACES.map(({ ns, limit, flag }) => {
    const max = Number(probe.read(`/proc/sys/user/${limit}`) ?? Number.NaN);
    const exists = present.has(ns);
    const closed = max === 0;
    // No container needs a time namespace, and a user namespace only when asked for.
    const optional = ns === "time" || ns === "user";
    const check: Check = {
      id: `namespace-${ns}`,
      status: exists && !closed ? "ok" : optional ? "warn" : "fail",
      title: { en: `namespace ${ns} (${flag})`, zh: `${ns} 命名空间（${flag}）` },
      observed: {
        en: exists ? `in the kernel, at most ${Number.isNaN(max) ? "?" : max} per user` : "not in the kernel",
        zh: exists ? `内核支持，每个用户最多 ${Number.isNaN(max) ? "?" : max} 个` : "内核不支持",
      },
      where: `ls -l /proc/self/ns/${ns}; cat /proc/sys/user/${limit}`,
    };
    if (check.status !== "ok") {
      check.remedy = closed
        ? { en: `sysctl -w user.${limit}=15000`, zh: `sysctl -w user.${limit}=15000` }
        : { en: `use a kernel built with ${ns} namespaces`, zh: `换用支持 ${ns} 命名空间的内核` };
    }
    return check;
  });
}

const OVERLAY_SCRIPT = `set -e
mount --make-rprivate /
if [ "$2" = tmpfs ]; then mount -t tmpfs probe "$1"; fi
mkdir "$1/lower" "$1/upper" "$1/work" "$1/merged"
trap 'umount "$1/merged" 2>/dev/null || :; rm -rf "$1/lower" "$1/upper" "$1/work" "$1/merged"' EXIT
echo below > "$1/lower/a"
mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"
rm "$1/merged/a"
test -c "$1/upper/a"`;

/** Mounts an overlay in a mount namespace of its own, deletes a file of the lower layer and looks for the whiteout. */
function tryOverlay(
  context: DoctorContext,
  parent: string,
  kind: "store" | "tmpfs",
): { ok: boolean; observed: string } | undefined {
  let directory: string;
  try {
    directory = mkdtempSync(`${parent === "/" ? "" : parent}/.glassbox-doctor-`);
  } catch (error) {
    return { ok: false, observed: `mkdtemp in ${parent}: ${(error as NodeJS.ErrnoException).code}` };
  }
  try {
    const privilege = context.facts.euid === 0 ? [] : ["--user", "--map-root-user"];
    const result = context.run("unshare", [...privilege, "--mount", "sh", "-c", OVERLAY_SCRIPT, "sh", directory, kind]);
    if (!result) return undefined;
    return { ok: result.status === 0, observed: result.stderr.trim().split("\n")[0] ?? "" };
  } finally {
    try {
      rmdirSync(directory);
    } catch {
      // Left only when the script was killed in the middle; the name says whose it is.
    }
  }
}

function overlayChecks(context: DoctorContext): Check[] {
  const { facts, probe, storeRoot } = context;
  const parent = existingParent(storeRoot, probe);
  const kinds = [
    {
      kind: "store",
      at: parent,
      title: { en: `overlay with its upper directory in ${parent}`, zh: `上层目录在 ${parent} 的 overlay` },
    },
    {
      kind: "tmpfs",
      at: tmpdir(),
      title: { en: "overlay with its upper directory on tmpfs", zh: "上层目录在 tmpfs 的 overlay" },
    },
  ] as const;
  return kinds.map(({ kind, at, title }) => {
    const tried = facts.overlay ? tryOverlay(context, at, kind) : { ok: false, observed: "not in /proc/filesystems" };
    const ok = tried?.ok === true;
    const check: Check = {
      id: kind === "store" ? "overlay" : "overlay-tmpfs-upper",
      status: ok ? "ok" : tried === undefined || kind === "tmpfs" ? "warn" : "fail",
      title,
      observed:
        tried === undefined
          ? {
              en: "listed in /proc/filesystems; not tried, no unshare(1)",
              zh: "/proc/filesystems 中已列出；没有 unshare(1)，未实际尝试",
            }
          : ok
            ? { en: "mounted one, deleted a lower file, found the whiteout", zh: "已试挂：删除下层文件后看到了 whiteout" }
            : { en: tried.observed || "failed", zh: tried.observed || "失败" },
      where: "grep overlay /proc/filesystems; unshare -m mount -t overlay overlay -o lowerdir=…,upperdir=…,workdir=… DIR",
    };
    if (!ok) {
      const problem = upperProblem(probe.space(at)?.type ?? 0);
      check.remedy = !facts.overlay
        ? { en: "modprobe overlay", zh: "modprobe overlay" }
        : problem
          ? {
              en: "put the store on ext4, xfs, btrfs or tmpfs: --root DIR",
              zh: "把存储放到 ext4、xfs、btrfs 或 tmpfs 上：--root 目录",
            }
          : { en: "run as root; dmesg has the kernel's reason", zh: "以 root 运行；内核给出的原因见 dmesg" };
    }
    return check;
  });
}

function seccompCheck({ facts, probe }: DoctorContext): Check {
  const actions = probe.read("/proc/sys/kernel/seccomp/actions_avail")?.trim();
  const status = parseStatus(probe.read("/proc/self/status") ?? "");
  const check: Check = {
    id: "seccomp",
    status: facts.seccomp && actions?.includes("errno") ? "ok" : "fail",
    title: { en: "seccomp", zh: "seccomp" },
    observed: {
      en: facts.seccomp
        ? `actions: ${actions ?? "unknown"}; ${status.seccompFilters ?? 0} filters on this process`
        : "not in the kernel",
      zh: facts.seccomp ? `可用动作：${actions ?? "未知"}；本进程带有 ${status.seccompFilters ?? 0} 个过滤器` : "内核不支持",
    },
    where: "cat /proc/sys/kernel/seccomp/actions_avail; grep Seccomp /proc/self/status",
  };
  if (check.status !== "ok") {
    check.remedy = {
      en: "a kernel with CONFIG_SECCOMP_FILTER, or --security-opt seccomp=unconfined",
      zh: "换用带 CONFIG_SECCOMP_FILTER 的内核，或使用 --security-opt seccomp=unconfined",
    };
  }
  return check;
}

function propagationCheck({ probe, facts }: DoctorContext): Check {
  const root = parseMountinfo(probe.read("/proc/self/mountinfo") ?? "").findLast((entry) => entry.mountpoint === "/");
  const word = root ? propagationName(root.propagation) : "?";
  return {
    id: "root-propagation",
    status: "ok",
    title: { en: "propagation of /", zh: "/ 的传播方式" },
    observed: facts.rootShared
      ? {
          en: `${word}, as systemd makes it: every container first makes its copy a slave`,
          zh: `${word}（systemd 的默认）：容器会先把自己的副本改成 slave`,
        }
      : { en: `${word}: bind mounts with rshared will not reach the host`, zh: `${word}：rshared 的 bind 挂载不会传回宿主机` },
    where: "findmnt -o TARGET,PROPAGATION /",
  };
}

/** Checks of the kernel, in the order of a start. */
export function kernelChecks(context: DoctorContext): Check[] {
  const { facts } = context;
  const old = compareVersions(facts.kernelRelease, "5.12") < 0;
  const version: Check = {
    id: "kernel",
    status: old ? "fail" : "ok",
    title: { en: "kernel", zh: "内核" },
    observed: { en: `Linux ${facts.kernelRelease}, ${facts.arch}`, zh: `Linux ${facts.kernelRelease},${facts.arch}` },
    where: "uname -rm",
  };
  if (old) version.remedy = { en: "Linux 5.12 or later (mount_setattr)", zh: "需要 Linux 5.12 或更新（mount_setattr）" };
  return [
    version,
    rootCheck(context),
    ...userNamespaceChecks(context),
    ...namespaceChecks(context),
    ...syscallChecks(context),
    ...overlayChecks(context),
    seccompCheck(context),
    propagationCheck(context),
  ];
}
