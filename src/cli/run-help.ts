/** The help of `run`: Docker's words for Docker's flags, our own for ours. */

import type { FlagHelp, VerbHelp } from "./verb";

function flag(name: string, en: string, zh: string): FlagHelp {
  return { name, text: { en, zh } };
}

const FLAGS: readonly FlagHelp[] = [
  flag("cap-add", "Add Linux capabilities", "添加 Linux 能力"),
  flag("cap-drop", "Drop Linux capabilities", "去掉 Linux 能力"),
  flag(
    "cgroupns",
    "Cgroup namespace to use (host|private)\n'host':    Run the container in the host's cgroup namespace\n'private': Run the container in its own private cgroup namespace (default)",
    "使用的 cgroup 命名空间（host|private）\n'host'：宿主机的\n'private'：容器自己的（默认）",
  ),
  flag("cidfile", "Write the container ID to the file", "把容器 ID 写入文件"),
  flag("cpu-shares", "CPU shares (relative weight)", "CPU 份额（相对权重）"),
  flag("cpus", "Number of CPUs", "CPU 数量"),
  flag("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)", "允许在哪些 CPU 上运行（0-3、0,1）"),
  flag("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)", "允许使用哪些内存节点（0-3、0,1）"),
  flag("device", "Add a host device to the container", "把宿主机设备加入容器"),
  flag("domainname", "Container NIS domain name", "容器的 NIS 域名"),
  flag(
    "dry-run",
    "Print instead of running: the steps as a list (default), 'plan' (the steps as JSON) or 'oci' (the runtime-spec's config.json)",
    "只打印不运行：步骤列表（默认）、'plan'（各步骤的 JSON）或 'oci'（运行时规范的 config.json）",
  ),
  flag("entrypoint", "Overwrite the default ENTRYPOINT of the image", "覆盖镜像的默认 ENTRYPOINT"),
  flag("env", "Set environment variables", "设置环境变量"),
  flag("env-file", "Read in a file of environment variables", "从文件读入环境变量"),
  flag(
    "explain",
    "Tell every step of the start: the kernel call with its arguments, result, time and reason; 'calls' tells every system call",
    "讲解启动的每一步：内核调用及其参数、结果、用时和理由；'calls' 列出每个系统调用",
  ),
  flag("group-add", "Add additional groups to join", "加入额外的组"),
  flag("hostname", "Container host name", "容器的主机名"),
  flag(
    "init",
    "Run an init inside the container that forwards signals and reaps processes",
    "在容器里运行一个 init，转发信号并回收进程",
  ),
  flag("interactive", "Keep STDIN open even if not attached", "保持标准输入打开"),
  flag("ipc", "IPC mode to use", "使用的 IPC 模式（private|host|none）"),
  flag("label", "Set meta data on a container", "给容器加标签"),
  flag("memory", "Memory limit", "内存上限"),
  flag("memory-reservation", "Memory soft limit", "内存软上限"),
  flag(
    "memory-swap",
    "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    "内存与交换之和的上限：'-1' 表示交换不限",
  ),
  flag("mount", "Attach a filesystem mount to the container", "给容器挂载文件系统（type=bind|tmpfs）"),
  flag("name", "Assign a name to the container", "给容器起名"),
  flag(
    "network",
    "Connect a container to a network (none|host; default: loopback only)",
    "容器的网络（none|host；默认只有回环）",
  ),
  flag("oom-score-adj", "Tune host's OOM preferences (-1000 to 1000)", "调整内存不足时被杀的倾向（-1000 到 1000）"),
  flag("pid", "PID namespace to use", "使用的 PID 命名空间（private|host）"),
  flag("pids-limit", "Tune container pids limit (set -1 for unlimited)", "容器的进程数上限（-1 为不限）"),
  flag("platform", "Set platform if server is multi-platform capable", "镜像有多个平台时选哪一个"),
  flag("privileged", "Give extended privileges to this container", "给容器扩展权限"),
  flag(
    "pull",
    'Pull image before running ("always", "missing", "never") (default "missing")',
    '运行前取镜像（"always"、"missing"、"never"，默认 "missing"）',
  ),
  flag("quiet", "Suppress the pull output", "不显示取镜像的过程"),
  flag("read-only", "Mount the container's root filesystem as read only", "以只读方式挂载容器的根文件系统"),
  flag("rm", "Automatically remove the container and its associated anonymous volumes when it exits", "容器退出后自动删除"),
  flag("security-opt", "Security Options", "安全选项（no-new-privileges、seccomp=文件|unconfined）"),
  flag("shm-size", "Size of /dev/shm", "/dev/shm 的大小"),
  flag("stop-signal", "Signal to stop the container", "停止容器用的信号"),
  flag("sysctl", "Sysctl options", "sysctl 选项"),
  flag("tmpfs", "Mount a tmpfs directory", "挂载 tmpfs 目录"),
  flag("tty", "Allocate a pseudo-TTY", "分配伪终端"),
  flag("ulimit", "Ulimit options", "ulimit 选项"),
  flag(
    "unsafe",
    "Take one protection off to see what it holds (repeatable): root=chroot, private=off, pidns=off, proc=host, nnp=off, caps=all, seccomp=off, initlayer=off, devices=host, sysfs=rw, cgroup=off",
    "去掉一个保护，看它挡住了什么（可重复）：root=chroot、private=off、pidns=off、proc=host、nnp=off、caps=all、seccomp=off、initlayer=off、devices=host、sysfs=rw、cgroup=off",
  ),
  flag("user", "Username or UID (format: <name|uid>[:<group|gid>])", "用户名或 UID（格式：<名字|uid>[:<组名|gid>]）"),
  flag("userns", "User namespace to use", "使用的用户命名空间（host|private）"),
  flag("uts", "UTS namespace to use", "使用的 UTS 命名空间（private|host）"),
  flag("volume", "Bind mount a volume", "绑定挂载宿主机目录"),
  flag("workdir", "Working directory inside the container", "容器内的工作目录"),
  flag("yes-unsafe", "Accept --unsafe without a terminal to read the warning on", "没有终端显示警告时也接受 --unsafe"),
];

export const RUN_HELP: VerbHelp = {
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: { en: "Create and run a new container from an image", zh: "从镜像创建并运行一个新容器" },
  aliases: ["container run"],
  flags: FLAGS,
  examples: [
    {
      command: "glassbox run -it --rm busybox sh",
      text: { en: "A shell in a new container, removed when it ends", zh: "在新容器里开一个 shell，结束即删除" },
    },
    {
      command: "glassbox run --rm --explain busybox true",
      text: { en: "Every step of the start, told by the kernel calls that made it", zh: "用真实的内核调用讲解启动的每一步" },
    },
    {
      command: "glassbox run --rm -m 64m --pids-limit 20 -v .:/src:ro busybox ls /src",
      text: { en: "Limits, and the current directory read-only inside", zh: "加上限制，并把当前目录只读地放进容器" },
    },
    {
      command: "glassbox run --dry-run=oci busybox sh > config.json",
      text: { en: "The same container for runc or crun", zh: "把同一个容器写给 runc 或 crun" },
    },
  ],
};
