/** Tools, users, terminal, locale, environment, network switch, clock. */

import { openSync, readSync, closeSync } from "node:fs";
import type { Check, DoctorContext } from "./doctor";

const TOOLS: readonly { name: string; package: string; en: string; zh: string }[] = [
  { name: "newuidmap", package: "uidmap", en: "id ranges without root", zh: "非 root 时映射 id 区间" },
  { name: "debootstrap", package: "debootstrap", en: "bootstrap debian", zh: "bootstrap debian" },
  { name: "nft", package: "nftables", en: "published ports", zh: "端口发布" },
  { name: "ip", package: "iproute2", en: "looking at networks", zh: "查看网络" },
];

function findTool(name: string, { env, probe }: DoctorContext): string | undefined {
  const places = new Set([...(env.PATH ?? "").split(":").filter(Boolean), "/usr/sbin", "/sbin", "/usr/bin", "/bin"]);
  for (const place of places) if (probe.kind(`${place}/${name}`) === "file") return `${place}/${name}`;
  return undefined;
}

/** Is this ELF file free of PT_INTERP (type 3), that is: static? undefined when it cannot be read as 64-bit little-endian ELF. */
function isStatic(path: string): boolean | undefined {
  const head = Buffer.alloc(4096);
  try {
    const fd = openSync(path, "r");
    readSync(fd, head, 0, head.length, 0);
    closeSync(fd);
  } catch {
    return undefined;
  }
  if (head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1) return undefined;
  const [offset, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)];
  for (let index = 0; index < count; index++) {
    const at = offset + index * size;
    if (at + 4 <= head.length && head.readUInt32LE(at) === 3) return false;
  }
  return true;
}

function toolChecks(context: DoctorContext): Check[] {
  const checks = TOOLS.map(({ name, package: debian, en, zh }): Check => {
    const path = findTool(name, context);
    const check: Check = {
      id: `tool-${name}`,
      status: path ? "ok" : "warn",
      title: { en: `${name} (${en})`, zh: `${name}(${zh})` },
      observed: path ? { en: path, zh: path } : { en: "not found", zh: "没有找到" },
      where: `command -v ${name}`,
    };
    if (!path) check.remedy = { en: `apt-get install ${debian}`, zh: `apt-get install ${debian}` };
    return check;
  });
  const busybox = findTool("busybox", context);
  const fixed = busybox === undefined ? undefined : isStatic(busybox);
  const check: Check = {
    id: "tool-busybox",
    status: fixed ? "ok" : "warn",
    title: { en: "static busybox (bootstrap busybox)", zh: "静态 busybox（bootstrap busybox）" },
    observed:
      busybox === undefined
        ? { en: "not found", zh: "没有找到" }
        : { en: `${busybox}, ${fixed ? "static" : "not static"}`, zh: `${busybox}，${fixed ? "静态链接" : "不是静态链接"}` },
    where: "file -L $(command -v busybox)",
  };
  if (!fixed) check.remedy = { en: "apt-get install busybox-static", zh: "apt-get install busybox-static" };
  return [...checks, check];
}

function subordinateIdCheck({ probe, env, facts, run }: DoctorContext): Check {
  const name = env.SUDO_USER ?? run("id", ["-un"])?.stdout.trim() ?? "root";
  const line = (path: string) =>
    (probe.read(path) ?? "").split("\n").find((entry) => entry.startsWith(`${name}:`) || entry.startsWith(`${facts.euid}:`));
  const [uids, gids] = [line("/etc/subuid"), line("/etc/subgid")];
  const root = facts.euid === 0;
  const check: Check = {
    id: "subordinate-ids",
    status: (uids && gids) || root ? "ok" : "warn",
    title: { en: "subordinate ids", zh: "从属 id（subuid/subgid）" },
    observed:
      uids && gids
        ? { en: `${uids}, ${gids}`, zh: `${uids},${gids}` }
        : { en: `none for ${name}${root ? ", and root needs none" : ""}`, zh: `${name} 没有${root ? ",root 也不需要" : ""}` },
    where: `grep ^${name}: /etc/subuid /etc/subgid`,
  };
  if (check.status !== "ok") {
    check.remedy = {
      en: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`,
      zh: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`,
    };
  }
  return check;
}

function environmentChecks({ env, isTerminal, probe }: DoctorContext): Check[] {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  const utf8 = /utf-?8/i.test(locale);
  const forward = probe.read("/proc/sys/net/ipv4/ip_forward")?.trim();
  const year = new Date().getFullYear();
  const checks: Check[] = [
    {
      id: "terminal",
      status: isTerminal ? "ok" : "warn",
      title: { en: "terminal", zh: "终端" },
      observed: isTerminal
        ? { en: `standard input and output are one, TERM=${env.TERM ?? ""}`, zh: `标准输入输出都是终端，TERM=${env.TERM ?? ""}` }
        : { en: "standard input or output is not one", zh: "标准输入或输出不是终端" },
      where: "tty; echo $TERM",
      ...(isTerminal
        ? {}
        : {
            remedy: {
              en: "run -t needs one: over ssh use ssh -t; in scripts leave -t out",
              zh: "run -t 需要终端：ssh 请加 -t；脚本里去掉 -t",
            },
          }),
    },
    {
      id: "locale",
      status: utf8 ? "ok" : "warn",
      title: { en: "locale", zh: "语言环境" },
      observed: { en: locale || "not set", zh: locale || "未设置" },
      where: "locale",
      ...(utf8
        ? {}
        : {
            remedy: {
              en: "export LANG=C.UTF-8 (or zh_CN.UTF-8), or Chinese and box drawing will not show",
              zh: "export LANG=zh_CN.UTF-8（或 C.UTF-8），否则中文与框线无法显示",
            },
          }),
    },
    {
      id: "ip-forward",
      status: forward === "0" ? "warn" : "ok",
      title: { en: "IPv4 forwarding", zh: "IPv4 转发" },
      observed: { en: `net.ipv4.ip_forward = ${forward ?? "?"}`, zh: `net.ipv4.ip_forward = ${forward ?? "?"}` },
      where: "sysctl net.ipv4.ip_forward",
      ...(forward === "0"
        ? {
            remedy: {
              en: "sysctl -w net.ipv4.ip_forward=1, when containers are to reach other machines",
              zh: "若容器要访问其他机器：sysctl -w net.ipv4.ip_forward=1",
            },
          }
        : {}),
    },
    {
      id: "clock",
      status: year >= 2025 ? "ok" : "warn",
      title: { en: "clock", zh: "时钟" },
      observed: { en: new Date().toISOString(), zh: new Date().toISOString() },
      where: "date -u",
      ...(year >= 2025
        ? {}
        : {
            remedy: {
              en: "set it: certificates of registries look not yet valid",
              zh: "请校准时间：否则仓库的证书会显得尚未生效",
            },
          }),
    },
  ];
  if (env.NODE_EXTRA_CA_CERTS) {
    checks.push({
      id: "node-extra-ca-certs",
      status: "warn",
      title: { en: "NODE_EXTRA_CA_CERTS", zh: "NODE_EXTRA_CA_CERTS" },
      observed: {
        en: `set to ${env.NODE_EXTRA_CA_CERTS}: node reads the whole file at every start, about 40 ms`,
        zh: `已设为 ${env.NODE_EXTRA_CA_CERTS}：node 每次启动都要读完整个文件，约 40 毫秒`,
      },
      where: "time node -e 0; time env -u NODE_EXTRA_CA_CERTS node -e 0",
      remedy: { en: "unset it for commands that need no network", zh: "不访问网络的命令可以先取消这个变量" },
    });
  }
  return checks;
}

/** Checks of everything around the kernel and the store. */
export function surroundingChecks(context: DoctorContext): Check[] {
  return [...toolChecks(context), subordinateIdCheck(context), ...environmentChecks(context)];
}
