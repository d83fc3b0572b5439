/** Docker's flags that are not there: each says so, and what to use meanwhile. Silence would be worse than an error. */

import { GlassboxError } from "../base/errors";
import { type Bilingual, say } from "../base/lang";
import { type Parsed, quote } from "./flags";

const DETACH: Bilingual = {
  en: "containers in the background come later; use a second terminal, or `glassbox run … &`",
  zh: "后台容器以后才有；现在请另开一个终端，或者用 `glassbox run … &`",
};
const NETWORKS: Bilingual = {
  en: "networks between containers come later; use --network none (the default: loopback only) or --network host",
  zh: "容器之间的网络以后才有；现在请用 --network none（默认：只有回环）或 --network host",
};
const VOLUMES: Bilingual = {
  en: "volumes come later; bind a directory of the host: -v /path/on/host:/path/inside",
  zh: "卷以后才有；现在请绑定宿主机上的目录：-v /宿主机路径:/容器路径",
};
const HEALTH: Bilingual = {
  en: "health checks come with background containers; leave the flag out",
  zh: "健康检查随后台容器一起到来；现在请去掉这个选项",
};
const DISK: Bilingual = {
  en: "limits on disk traffic come later; -m, --cpus and --pids-limit are there",
  zh: "磁盘读写的限制以后才有；现在可用 -m、--cpus 和 --pids-limit",
};
const CPU: Bilingual = {
  en: "use --cpus, which sets period and quota: --cpus 1.5",
  zh: "请用 --cpus，它同时设定周期和配额：--cpus 1.5",
};
const WINDOWS: Bilingual = { en: "this flag is for Windows containers", zh: "这个选项只用于 Windows 容器" };
const DNS: Bilingual = {
  en: "own name servers come with networks; meanwhile bind a file: -v ./resolv.conf:/etc/resolv.conf",
  zh: "自定义 DNS 随网络一起到来；现在可以绑定一个文件：-v ./resolv.conf:/etc/resolv.conf",
};
const LOGS: Bilingual = {
  en: "logs come with background containers; redirect the output: glassbox run … > file",
  zh: "日志随后台容器一起到来；现在请重定向输出：glassbox run … > 文件",
};

interface Later {
  /** Values that ask for what happens anyway. */
  harmless?: readonly string[];
  instead: Bilingual;
}

const LATER: Readonly<Record<string, Later>> = {
  "add-host": {
    instead: {
      en: "own host entries come with networks; meanwhile bind a file: -v ./hosts:/etc/hosts",
      zh: "自定义主机名随网络一起到来；现在可以绑定一个文件：-v ./hosts:/etc/hosts",
    },
  },
  annotation: { instead: { en: "use a label: -l key=value", zh: "请用标签：-l key=value" } },
  attach: {
    instead: {
      en: "output is always attached; for the input use -i",
      zh: "输出总是连着的；要连输入请用 -i",
    },
  },
  "blkio-weight": { harmless: ["0"], instead: DISK },
  "blkio-weight-device": { instead: DISK },
  "cgroup-parent": {
    instead: {
      en: "containers get a cgroup below /glassbox; leave the flag out",
      zh: "容器的 cgroup 都在 /glassbox 之下；请去掉这个选项",
    },
  },
  "cpu-count": { harmless: ["0"], instead: WINDOWS },
  "cpu-percent": { harmless: ["0"], instead: WINDOWS },
  "cpu-period": { harmless: ["0"], instead: CPU },
  "cpu-quota": { harmless: ["0"], instead: CPU },
  "cpu-rt-period": { harmless: ["0"], instead: CPU },
  "cpu-rt-runtime": { harmless: ["0"], instead: CPU },
  detach: { harmless: ["false"], instead: DETACH },
  "detach-keys": { instead: DETACH },
  "device-cgroup-rule": { instead: { en: "name the device: --device /dev/NAME", zh: "请写出设备：--device /dev/名字" } },
  "device-read-bps": { instead: DISK },
  "device-read-iops": { instead: DISK },
  "device-write-bps": { instead: DISK },
  "device-write-iops": { instead: DISK },
  "disable-content-trust": {
    harmless: ["true", "false"],
    instead: { en: "leave the flag out", zh: "请去掉这个选项" },
  },
  dns: { instead: DNS },
  "dns-opt": { instead: DNS },
  "dns-option": { instead: DNS },
  "dns-search": { instead: DNS },
  expose: { instead: NETWORKS },
  gpus: {
    instead: { en: "give the device itself: --device /dev/dri/renderD128", zh: "请直接给出设备：--device /dev/dri/renderD128" },
  },
  "health-cmd": { instead: HEALTH },
  "health-interval": { instead: HEALTH },
  "health-retries": { harmless: ["0"], instead: HEALTH },
  "health-start-interval": { instead: HEALTH },
  "health-start-period": { instead: HEALTH },
  "health-timeout": { instead: HEALTH },
  "io-maxbandwidth": { instead: WINDOWS },
  "io-maxiops": { instead: WINDOWS },
  ip: { instead: NETWORKS },
  ip6: { instead: NETWORKS },
  isolation: { harmless: ["", "default"], instead: WINDOWS },
  "kernel-memory": {
    instead: {
      en: "the kernel has no such limit of its own any more; -m counts kernel memory too",
      zh: "内核已不再单独提供这个限制；-m 也计入内核内存",
    },
  },
  "label-file": { instead: { en: "give the labels one by one: -l key=value", zh: "请逐个给出标签：-l key=value" } },
  link: { instead: NETWORKS },
  "link-local-ip": { instead: NETWORKS },
  "log-driver": { instead: LOGS },
  "log-opt": { instead: LOGS },
  "mac-address": { instead: NETWORKS },
  "memory-swappiness": {
    harmless: ["-1"],
    instead: {
      en: "limit the swap itself: -m 64m --memory-swap 64m leaves none",
      zh: "请直接限制交换空间：-m 64m --memory-swap 64m 即不许交换",
    },
  },
  "net-alias": { instead: NETWORKS },
  "network-alias": { instead: NETWORKS },
  "no-healthcheck": { harmless: ["true", "false"], instead: HEALTH },
  "oom-kill-disable": {
    harmless: ["false"],
    instead: {
      en: "a container that cannot be killed can hang the host; use --oom-score-adj",
      zh: "杀不掉的容器会拖住整台宿主机；请用 --oom-score-adj",
    },
  },
  publish: { instead: NETWORKS },
  "publish-all": { harmless: ["false"], instead: NETWORKS },
  restart: {
    harmless: ["no", ""],
    instead: {
      en: "restart policies come with background containers; use a loop of your shell",
      zh: "重启策略随后台容器一起到来；现在请用 shell 的循环",
    },
  },
  runtime: { instead: { en: "glassbox is the runtime; leave the flag out", zh: "glassbox 自己就是运行时；请去掉这个选项" } },
  "sig-proxy": {
    harmless: ["true"],
    instead: {
      en: "signals are always passed on; send SIGKILL to glassbox to leave without asking",
      zh: "信号总会转给容器；要直接离开请对 glassbox 发 SIGKILL",
    },
  },
  "stop-timeout": { instead: { en: "`stop` comes later; leave the flag out", zh: "`stop` 以后才有；请去掉这个选项" } },
  "storage-opt": { instead: { en: "there is no size limit on a container's layer yet", zh: "容器层还没有大小限制" } },
  "use-api-socket": { instead: { en: "glassbox has no daemon and so no socket", zh: "glassbox 没有守护进程，也就没有套接字" } },
  "volume-driver": { instead: VOLUMES },
  "volumes-from": { instead: VOLUMES },
};

/** Throws "flag-not-available" unless the values of this flag ask for nothing but what happens anyway. */
export function refuseLater(name: string, parsed: Parsed): void {
  const later = LATER[name];
  const values = parsed.all(name);
  if (later === undefined || values.every((value) => later.harmless?.includes(value))) return;
  const short = parsed.table[name]?.short;
  const flag = short === undefined ? `--${name}` : `-${short}, --${name}`;
  throw new GlassboxError({
    code: "flag-not-available",
    what: `${flag} is not available`,
    hint: say(parsed.lang, later.instead.en, later.instead.zh),
  });
}

/** The error for a volume that would have to be made: `-v name:/x`, `-v /x`, `--mount type=volume`. */
export function volumeNotAvailable(flag: string, text: string, parsed: Parsed): GlassboxError {
  return new GlassboxError({
    code: "flag-not-available",
    what: `${flag} ${quote(text)} asks for a volume, which is not available`,
    hint: say(parsed.lang, VOLUMES.en, VOLUMES.zh),
  });
}

/** The error for networks other than none and host. */
export function networkNotAvailable(text: string, parsed: Parsed): GlassboxError {
  return new GlassboxError({
    code: "flag-not-available",
    what: `--network ${quote(text)} is not available`,
    hint: say(parsed.lang, NETWORKS.en, NETWORKS.zh),
  });
}
