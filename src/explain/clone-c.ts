/**
 * `clone --as c`: the smallest container as a C program of one page, commented for somebody who reads such a program
 * for the first time. The text compiles without warnings (-Wall -Wextra -Werror) and does what `clone` does.
 */

import type { Bilingual, Lang } from "../base/lang";

export interface CloneProgram {
  /** As /proc/PID/ns names them: mnt, pid, uts, ipc, net, user, cgroup. Unknown names throw a RangeError. */
  namespaces: readonly string[];
  /** Made by the child, in order. */
  mounts: readonly { fstype: string; target: string }[];
  /** Leave the propagation of / as the host has it: the mounts may show up outside. */
  shared: boolean;
  /** Program and arguments; a program without a slash is looked up in PATH. */
  command: readonly string[];
}

const NAMESPACES: Readonly<Record<string, { flag: string; note: Bilingual }>> = {
  mnt: { flag: "CLONE_NEWNS", note: { en: "its own list of mounts", zh: "自己的挂载表" } },
  pid: {
    flag: "CLONE_NEWPID",
    note: { en: "its own process numbers, beginning with 1", zh: "自己的进程号，从 1 数起" },
  },
  uts: { flag: "CLONE_NEWUTS", note: { en: "its own host name", zh: "自己的主机名" } },
  ipc: {
    flag: "CLONE_NEWIPC",
    note: { en: "its own shared memory and message queues", zh: "自己的共享内存和消息队列" },
  },
  net: {
    flag: "CLONE_NEWNET",
    note: { en: "its own network, at first only lo", zh: "自己的网络，一开始只有 lo" },
  },
  user: { flag: "CLONE_NEWUSER", note: { en: "its own user numbers", zh: "自己的用户号" } },
  cgroup: {
    flag: "CLONE_NEWCGROUP",
    note: { en: "its own view of the cgroup tree", zh: "自己眼中的 cgroup 树" },
  },
};

const COMMENTS = {
  head: {
    en: ["The smallest container: one clone(2), a few mounts, one program.", "Compile and run:  gcc -o ns ns.c && sudo ./ns"],
    zh: ["最小的容器：一次 clone(2)，几个挂载，一个程序。", "编译并运行：  gcc -o ns ns.c && sudo ./ns"],
  },
  stack: {
    en: ["clone() starts the child in a function of its own, so the child needs a stack of its own."],
    zh: ["clone() 让子进程从另一个函数开始执行，所以要给它一个自己的栈。"],
  },
  gate: {
    en: ["The child waits here until the parent has written its id maps."],
    zh: ["父进程写好 id 对照表之前，子进程在这根管道上等着。"],
  },
  wait: {
    en: ["read() returns 0 when the parent has closed its end: the maps are in place."],
    zh: ["父进程关掉它那一头，read() 就返回 0：对照表已经写好。"],
  },
  map: {
    en: ["Write one file of the child's user namespace, see user_namespaces(7)."],
    zh: ["写子进程用户命名空间的一个文件，见 user_namespaces(7)。"],
  },
  maps: {
    en: [
      "User 0 inside is the caller outside. setgroups has to be given up first,",
      "or the kernel refuses gid_map from a caller without privilege.",
    ],
    zh: ["里面的 0 号用户就是外面的调用者。要先放弃 setgroups，", "不然没有特权的调用者写不了 gid_map。"],
  },
  child: {
    en: ["From here on we are in the new process, inside its namespaces."],
    zh: ["从这里起，是在新进程里，也就在新的命名空间里。"],
  },
  private: {
    en: [
      "On most hosts / is shared: what is mounted here would appear there as well.",
      "MS_PRIVATE ends that, MS_REC for every mount below / too.",
    ],
    zh: ["多数宿主机的 / 是共享的：这里挂载什么，那边也会出现。", "MS_PRIVATE 断开这种联系，MS_REC 把 / 下面的挂载一并断开。"],
  },
  shared: {
    en: ["Propagation stays as it is: if / is shared on this host,", "the mounts below appear outside too."],
    zh: ["不改传播方式：如果这台宿主机的 / 是共享的，", "下面的挂载在外面也会出现。"],
  },
  mounts: {
    en: ["A mount namespace alone changes nothing visible. Only mounting does."],
    zh: ["光有挂载命名空间，什么也看不出来；挂载之后，看到的才不一样。"],
  },
  exec: {
    en: ["The program takes over this process. exec returns only when it has failed."],
    zh: ["目标程序接管这个进程。exec 只有失败时才会返回。"],
  },
  buffer: {
    en: ["Without a buffer, no line is printed twice or late."],
    zh: ["不用缓冲区，就不会有哪一行打印两遍，或迟迟不出来。"],
  },
  clone: {
    en: [
      "The stack grows downwards, so its upper end is handed over.",
      "SIGCHLD tells the parent when the child has ended, as after fork().",
    ],
    zh: ["栈向下长，所以交出去的是它的高端。", "子进程结束时，父进程会收到 SIGCHLD，和 fork() 一样。"],
  },
} as const satisfies Record<string, { en: readonly string[]; zh: readonly string[] }>;

/** The program's text. Any bytes in targets and arguments are safe in it. */
export function cloneProgramC(program: CloneProgram, lang: Lang): string {
  const names = program.namespaces.map((name) => {
    const known = NAMESPACES[name];
    if (known === undefined) throw new RangeError(`no such namespace: ${name}`);
    return known;
  });
  const user = program.namespaces.includes("user");
  const mountNamespace = program.namespaces.includes("mnt");
  const note = (key: keyof typeof COMMENTS, indent = ""): string[] => comment(COMMENTS[key][lang], indent);
  const head: string[] = [...COMMENTS.head[lang], ...names.map(({ flag, note: text }) => `${flag.padEnd(16)} ${text[lang]}`)];
  return [
    ...comment(head, ""),
    "#define _GNU_SOURCE",
    ...headers(user, mountNamespace || program.mounts.length > 0),
    "",
    ...note("stack"),
    "#define STACK_SIZE (1024 * 1024)",
    "static char container_stack[STACK_SIZE] __attribute__((aligned(16)));",
    "",
    `static char *const container_args[] = {${[...program.command.map(cString), "NULL"].join(", ")}};`,
    "",
    "static void die(const char *what)",
    "{",
    "    perror(what);",
    "    _exit(1);",
    "}",
    "",
    ...(user ? [...note("gate"), "static int gate[2];", "", ...mapFunction(note("map"))] : []),
    ...childFunction(program, user, mountNamespace, note),
    "",
    ...mainFunction([...names.map(({ flag }) => flag), "SIGCHLD"].join(" | "), user, note),
    "",
  ].join("\n");
}

function comment(lines: readonly string[], indent: string): string[] {
  if (lines.length === 1) return [`${indent}/* ${lines[0]} */`];
  return [`${indent}/*`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`];
}

function headers(user: boolean, mounts: boolean): string[] {
  const names = ["sched.h", "signal.h", "stdio.h", "sys/types.h", "sys/wait.h", "unistd.h"];
  if (mounts) names.push("sys/mount.h");
  if (user) names.push("fcntl.h", "string.h");
  return names.toSorted().map((name) => `#include <${name}>`);
}

function mapFunction(note: string[]): string[] {
  return [
    ...note,
    "static void write_map(pid_t pid, const char *file, const char *text)",
    "{",
    "    char path[64];",
    '    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);',
    "    int fd = open(path, O_WRONLY | O_CLOEXEC);",
    "    if (fd < 0 || write(fd, text, strlen(text)) < 0)",
    "        die(path);",
    "    close(fd);",
    "}",
    "",
  ];
}

type Note = (key: keyof typeof COMMENTS, indent?: string) => string[];

function childFunction(program: CloneProgram, user: boolean, mountNamespace: boolean, note: Note): string[] {
  const lines = ["static int container_main(void *unused)", "{", "    (void)unused;", ...note("child", "    ")];
  if (user) {
    lines.push(
      "    char byte;",
      "    close(gate[1]);",
      ...note("wait", "    "),
      "    if (read(gate[0], &byte, 1) < 0)",
      '        die("read");',
      "    close(gate[0]);",
    );
  }
  lines.push('    printf("Container - inside the container!\\n");');
  if (mountNamespace && program.shared) lines.push("", ...note("shared", "    "));
  else if (mountNamespace) {
    lines.push(
      "",
      ...note("private", "    "),
      '    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)',
      '        die("mount /");',
    );
  }
  if (program.mounts.length > 0) lines.push("", ...note("mounts", "    "));
  for (const { fstype, target } of program.mounts) {
    lines.push(
      `    if (mount("none", ${cString(target)}, ${cString(fstype)}, 0, "") < 0)`,
      `        die(${cString(`mount ${target}`)});`,
    );
  }
  const exec = program.command[0]?.includes("/") ? "execv" : "execvp";
  lines.push(
    "",
    ...note("exec", "    "),
    `    ${exec}(container_args[0], container_args);`,
    "    perror(container_args[0]);",
    "    return 127;",
    "}",
  );
  return lines;
}

function mainFunction(flags: string, user: boolean, note: Note): string[] {
  const lines = [
    "int main(void)",
    "{",
    ...note("buffer", "    "),
    "    setvbuf(stdout, NULL, _IONBF, 0);",
    '    printf("Parent - start a container!\\n");',
    "",
  ];
  if (user) lines.push("    if (pipe(gate) < 0)", '        die("pipe");', "");
  lines.push(
    ...note("clone", "    "),
    "    pid_t pid = clone(container_main, container_stack + STACK_SIZE,",
    `                      ${flags}, NULL);`,
    "    if (pid < 0)",
    '        die("clone");',
  );
  if (user) {
    lines.push(
      "",
      ...note("maps", "    "),
      "    char map[64];",
      '    snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());',
      '    write_map(pid, "uid_map", map);',
      '    write_map(pid, "setgroups", "deny");',
      '    snprintf(map, sizeof map, "0 %u 1", (unsigned)getegid());',
      '    write_map(pid, "gid_map", map);',
      "    close(gate[0]);",
      "    close(gate[1]);",
    );
  }
  lines.push(
    "",
    "    int status = 0;",
    "    if (waitpid(pid, &status, 0) < 0)",
    '        die("waitpid");',
    '    printf("Parent - container stopped!\\n");',
    "    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);",
    "}",
  );
  return lines;
}

/** A C string literal of the same bytes; octal escapes have three digits, so that a digit may follow. */
function cString(text: string): string {
  let literal = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const character = String.fromCharCode(byte);
    // "?" is escaped too: two of them can begin a trigraph.
    if (character === '"' || character === "\\" || character === "?") literal += `\\${character}`;
    else if (byte >= 0x20 && byte < 0x7f) literal += character;
    else literal += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `"${literal}"`;
}
