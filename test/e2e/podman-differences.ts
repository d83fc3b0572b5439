/** Every difference between a default container of ours and podman's, with the reason: the test holds it against the two, the document prints it. */

export interface Difference {
  /** Name of the fact; "*" stands for anything. */
  fact: string;
  /** What is observed; "*" stands for anything, undefined: there is no such thing. */
  glassbox: string | undefined;
  podman: string | undefined;
  why: { en: string; zh: string };
  /** Only on hosts with this kind of cgroups. */
  cgroup?: "v1";
}

const HOST_FILE = "file of the host rw,relatime";
const INIT_LAYER = {
  en: "We write it into the container's -init layer, so it needs no mount and the program can replace it; podman binds a file of the host over it.",
  zh: "我们把它写进容器的 -init 层，不需要挂载，程序也能整个替换它；podman 则把宿主机的一个文件绑定上去。",
};
const MASK = {
  en: "The empty directory that covers it: ours is limited to size 0 and two inodes, so that it cannot hold anything even if it became writable.",
  zh: "遮盖它的空目录：我们限定大小为 0、inode 为 2，即使变得可写也放不下东西。",
};
const MARK = {
  en: "A mark by which programs see that they are in a container: we leave Docker's, podman its own.",
  zh: "供程序判断自己是否在容器里的标记：我们用 Docker 的，podman 用自己的。",
};
const HIERARCHIES = {
  en: "A container of ours joins the hierarchies that limit something for it (and the v2 tree); podman joins all of v1, and not the v2 tree of a hybrid host.",
  zh: "我们的容器只加入对它有限制作用的层级（以及 v2 树）；podman 加入 v1 的全部层级，但不加入混合主机上的 v2 树。",
};
const SHARES = {
  en: "Without --cpu-shares or --cpus the container stays out of the cpu hierarchy: joining costs time and would change nothing.",
  zh: "没有 --cpu-shares 或 --cpus 时，容器不进入 cpu 层级：加入要花时间，却什么也不改变。",
};

export const DIFFERENCES: readonly Difference[] = [
  {
    fact: "env container",
    glassbox: undefined,
    podman: "podman",
    why: {
      en: "podman's mark for systemd inside; Docker sets no such variable, and we keep to Docker's environment.",
      zh: "podman 给容器内 systemd 看的标记；Docker 不设这个变量，我们与 Docker 的环境保持一致。",
    },
  },
  {
    fact: "env TERM",
    glassbox: undefined,
    podman: "xterm",
    why: {
      en: "TERM names a terminal; without -t there is none, and Docker sets it only with one.",
      zh: "TERM 说的是终端；没有 -t 就没有终端，Docker 也只在有终端时设置它。",
    },
  },
  {
    fact: "namespace cgroup",
    glassbox: "its own",
    podman: "the host's",
    cgroup: "v1",
    why: {
      en: "With its own cgroup namespace a container does not see where in the host's tree it is. podman makes one only on pure v2 hosts.",
      zh: "有了自己的 cgroup 命名空间，容器就看不到自己在宿主机树中的位置。podman 只在纯 v2 主机上才建它。",
    },
  },
  { fact: "mount /etc/hosts", glassbox: undefined, podman: HOST_FILE, why: INIT_LAYER },
  { fact: "mount /etc/hostname", glassbox: undefined, podman: HOST_FILE, why: INIT_LAYER },
  { fact: "mount /run/.containerenv", glassbox: undefined, podman: HOST_FILE, why: MARK },
  { fact: "file /run/.containerenv", glassbox: undefined, podman: "regular empty file 644", why: MARK },
  { fact: "file /.dockerenv", glassbox: "regular empty file 644", podman: undefined, why: MARK },
  {
    fact: "file /etc/resolv.conf",
    glassbox: "regular file 644",
    podman: undefined,
    why: {
      en: "As Docker, we give every container the host's resolver settings; podman leaves them out with --network none, with which this comparison runs.",
      zh: "和 Docker 一样，我们给每个容器宿主机的域名解析设置；这里的对比用了 --network none，此时 podman 不给。",
    },
  },
  {
    fact: "mount /dev/shm",
    glassbox: "tmpfs rw,nosuid,nodev,noexec,relatime | rw,size=65536k",
    podman: "tmpfs rw,nosuid,nodev,noexec,relatime | rw,size=64000k",
    why: {
      en: "64 MiB, as Docker has it; podman's default is 64,000 KiB.",
      zh: "64 MiB，与 Docker 相同；podman 的默认值是 64000 KiB。",
    },
  },
  {
    fact: "mount /sys/fs/cgroup",
    glassbox: "tmpfs ro,nosuid,nodev,noexec,relatime | rw,mode=755",
    podman: "tmpfs rw,nosuid,nodev,noexec,relatime | rw,mode=755",
    cgroup: "v1",
    why: {
      en: "The small tmpfs that carries the cgroup mounts: when they are in place there is nothing more to make in it, so it becomes read-only.",
      zh: "承载各 cgroup 挂载点的小 tmpfs：挂好之后不再需要新建东西，所以改成只读。",
    },
  },
  {
    fact: "mount /sys/fs/cgroup/*",
    glassbox: undefined,
    podman: "cgroup ro,nosuid,nodev,noexec,relatime",
    cgroup: "v1",
    why: HIERARCHIES,
  },
  {
    fact: "mount /sys/fs/cgroup/unified",
    glassbox: "cgroup2 ro,nosuid,nodev,noexec,relatime",
    podman: undefined,
    cgroup: "v1",
    why: HIERARCHIES,
  },
  { fact: "cgroup cpu.shares", glassbox: undefined, podman: "1024", cgroup: "v1", why: SHARES },
  { fact: "cgroup cpu.cfs_quota_us", glassbox: undefined, podman: "-1", cgroup: "v1", why: SHARES },
  {
    fact: "cgroup devices",
    glassbox: "*c 5:1 rwm*",
    podman: "*c 10:200 rwm*",
    cgroup: "v1",
    why: {
      en: "We allow c 5:1, /dev/console, which a container with -t has; runc allows c 10:200, /dev/net/tun, an exception from its early days that a container without CAP_NET_ADMIN has no use for.",
      zh: "我们允许 c 5:1，即带 -t 的容器里的 /dev/console；runc 允许 c 10:200，即 /dev/net/tun，这是它早年留下的例外，没有 CAP_NET_ADMIN 的容器用不上。",
    },
  },
  {
    fact: "mount /proc/acpi",
    glassbox: "tmpfs ro,relatime | ro,size=0k,nr_inodes=2",
    podman: "tmpfs ro,relatime | ro",
    why: MASK,
  },
  {
    fact: "mount /sys/firmware",
    glassbox: "tmpfs ro,relatime | ro,size=0k,nr_inodes=2",
    podman: "tmpfs ro,relatime | ro",
    why: MASK,
  },
  {
    fact: "mount /proc/interrupts",
    glassbox: "tmpfs of /null rw,nosuid,noexec | rw,size=65536k,mode=755",
    podman: undefined,
    why: {
      en: "Interrupt counts betray when keys are pressed on the host; newer Docker releases cover the file, too.",
      zh: "中断计数会泄露宿主机何时有按键；较新的 Docker 也遮盖这个文件。",
    },
  },
  {
    fact: "mount /sys/dev/block",
    glassbox: undefined,
    podman: "tmpfs ro,relatime | ro",
    why: {
      en: "Links by number to the block devices of the host: podman covers them. The same devices are listed in /sys/block, which both show; so we follow Docker and cover neither.",
      zh: "按设备号指向宿主机块设备的链接：podman 遮盖它。同样的设备在 /sys/block 里也列着，两家都不遮；所以我们跟随 Docker，两处都不遮。",
    },
  },
  {
    fact: "rlimit open files",
    glassbox: "1024 *",
    podman: "*",
    why: {
      en: "A soft limit of 1024 is what a login shell has, and what select(2) can deal with; the hard one is the caller's. podman raises both to 1048576 (here: to what the caller may).",
      zh: "软限制 1024 和登录 shell 一样，也是 select(2) 能处理的上限；硬限制取自调用者。podman 把两者都提到 1048576（此处提到调用者允许的最大值）。",
    },
  },
  {
    fact: "sysctl net/ipv4/ip_unprivileged_port_start",
    glassbox: "0",
    podman: "1024",
    why: {
      en: "In a network of its own a container may use every port whoever its user is, as with Docker since 20.10.",
      zh: "容器有自己的网络，任何用户都可以使用任意端口，与 Docker 20.10 起的做法相同。",
    },
  },
  {
    fact: "sysctl net/ipv4/ping_group_range",
    glassbox: "0 2147483647",
    podman: "0 0",
    why: {
      en: "Every user inside may ping without CAP_NET_RAW, as with Docker since 20.10; podman opens it to group 0.",
      zh: "里面的任何用户不用 CAP_NET_RAW 就能 ping，与 Docker 20.10 起的做法相同；podman 只对组 0 开放。",
    },
  },
];

const HEADS = {
  en: { cells: ["What", "glassbox", "podman", "Why"], none: "–" },
  zh: { cells: ["项目", "glassbox", "podman", "原因"], none: "–" },
} as const;

/** The table of the document. Neighbouring rows keep the order of DIFFERENCES. */
export function differenceTable(lang: "en" | "zh"): string {
  const { cells, none } = HEADS[lang];
  const value = (text: string | undefined): string => (text === undefined ? none : `\`${text.replaceAll("|", "\\|")}\``);
  const rows = DIFFERENCES.map(({ fact, glassbox, podman, why }) => [`\`${fact}\``, value(glassbox), value(podman), why[lang]]);
  return [cells, cells.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Does `value` have the form that `pattern` says ("*" for anything)? */
export function fits(pattern: string | undefined, value: string | undefined): boolean {
  if (pattern === undefined || value === undefined) return pattern === value;
  const source = pattern
    .split("*")
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${source}$`).test(value);
}
