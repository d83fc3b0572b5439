/** The system calls that a start cannot do without. */

import type { Check, DoctorContext, TriedCalls } from "./doctor";
import { parseStatus } from "./proc";

/** System calls that a start uses, with the Linux version that brought them. */
const SYSCALLS: readonly { name: string; since: string; need: "fail" | "warn"; en: string; zh: string }[] = [
  { name: "clone3", since: "5.3", need: "fail", en: "makes the child", zh: "创建子进程" },
  { name: "pidfd_open", since: "5.3", need: "fail", en: "holds a process without its number", zh: "不靠 PID 号持有进程" },
  { name: "openat2", since: "5.6", need: "fail", en: "resolves paths inside the root only", zh: "只在根之内解析路径" },
  { name: "open_tree", since: "5.2", need: "fail", en: "pins the source of a bind mount", zh: "固定 bind 挂载的来源" },
  { name: "move_mount", since: "5.2", need: "fail", en: "puts it where it belongs", zh: "把挂载放到位" },
  { name: "mount_setattr", since: "5.12", need: "fail", en: "read-only with everything below", zh: "连同其下一起设为只读" },
  { name: "close_range", since: "5.9", need: "warn", en: "leaves no descriptor open", zh: "不遗留打开的描述符" },
  {
    name: "landlock_create_ruleset",
    since: "5.13",
    need: "warn",
    en: "file access rules without root",
    zh: "无需 root 的文件访问规则",
  },
];

/** Compares major and minor of kernel versions: negative when a is older. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map((part) => Number.parseInt(part, 10));
  const [bMajor = 0, bMinor = 0] = b.split(".").map((part) => Number.parseInt(part, 10));
  return aMajor - bMajor || aMinor - bMinor;
}

/** Makes the call, where that is harmless: true, false, or undefined when it was not tried. */
function trySyscall(name: string, kernel: TriedCalls | undefined): boolean | undefined {
  if (!kernel || (name !== "pidfd_open" && name !== "openat2")) return undefined;
  try {
    if (name === "pidfd_open") {
      kernel.close(kernel.pidfdOpen(process.pid));
    } else {
      const root = kernel.open("/", ["O_PATH", "O_DIRECTORY"]);
      try {
        kernel.close(kernel.openInRoot(root, "proc", ["O_PATH"]));
      } finally {
        kernel.close(root);
      }
    }
    return true;
  } catch {
    return false;
  }
}

/** One check per system call: tried where that is harmless, else looked up in the kernel's symbol table. */
export function syscallChecks({ probe, facts, kernel }: DoctorContext): Check[] {
  // The symbol table of the running kernel, readable by all (with zeros for addresses). Some kernels have none.
  const symbols = probe.read("/proc/kallsyms");
  const filtered = parseStatus(probe.read("/proc/self/status") ?? "").seccomp === 2;
  return SYSCALLS.map(({ name, since, need, en, zh }) => {
    const symbol = symbols === undefined ? undefined : new RegExp(` [TtWw] (?:__\\w+_)?sys_${name}$`, "m").test(symbols);
    const tried = trySyscall(name, kernel);
    const has = tried ?? symbol ?? compareVersions(facts.kernelRelease, since) >= 0;
    const source = symbol === undefined ? `Linux ${facts.kernelRelease}` : "/proc/kallsyms";
    const unsure = filtered && tried === undefined;
    const check: Check = {
      id: `syscall-${name}`,
      status: has ? (unsure ? "warn" : "ok") : need,
      title: { en: `${name} (${en})`, zh: `${name}(${zh})` },
      observed:
        tried === undefined
          ? {
              en: `${has ? "in the kernel" : "not in the kernel"}, by ${source}${unsure ? "; but a seccomp filter is on this process and may hide it" : ""}`,
              zh: `${has ? "内核有" : "内核没有"}，依据 ${source}${unsure ? "；但本进程带有 seccomp 过滤器，可能把它挡住" : ""}`,
            }
          : { en: has ? "called, and it works" : "called, and it fails", zh: has ? "已实际调用，可用" : "已实际调用，失败" },
      where: `grep -w '.*sys_${name}' /proc/kallsyms`,
    };
    if (!has) check.remedy = { en: `Linux ${since} or later`, zh: `Linux ${since} 或更新` };
    else if (unsure)
      check.remedy = {
        en: "we run in a container: start the outer one with --privileged",
        zh: "当前身在容器中：外层容器请加 --privileged",
      };
    return check;
  });
}
