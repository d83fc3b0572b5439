/** `clone --as c`: the same start as a C program of one page, for reading, changing and compiling. */

import { type Lang, say } from "../base/lang";
import type { CloneNamespace, CloneOptions } from "../runtime/clone-options";

const FLAG: Readonly<Record<CloneNamespace, string>> = {
  mnt: "CLONE_NEWNS",
  pid: "CLONE_NEWPID",
  uts: "CLONE_NEWUTS",
  ipc: "CLONE_NEWIPC",
  net: "CLONE_NEWNET",
  user: "CLONE_NEWUSER",
  cgroup: "CLONE_NEWCGROUP",
};

/** The program's text, C11 with GNU extensions, without warnings under -Wall -Wextra. Any bytes in arguments and paths are safe in it. */
export function cloneProgram(options: CloneOptions, lang: Lang): string {
  const user = options.namespaces.includes("user");
  const mounts = options.namespaces.includes("mnt");
  const flags = [...options.namespaces.map((name) => FLAG[name]), "SIGCHLD"].join(" | ");
  const args = [...options.args.map(cString), "NULL"].join(", ");
  return [
    `/* ${say(lang, "Compile and run", "编译并运行")}: gcc -o ns ns.c && sudo ./ns */`,
    "#define _GNU_SOURCE",
    ...headers(user, mounts),
    "",
    "#define STACK_SIZE (1024 * 1024)",
    "static char container_stack[STACK_SIZE];",
    `static char *const container_args[] = {${args}};`,
    ...(user ? ["static int released[2];"] : []),
    "",
    ...dieFunction(),
    ...(user ? mapFunction() : []),
    ...childFunction(options, user, lang),
    "",
    ...mainFunction(flags, user, lang),
    "",
  ].join("\n");
}

function headers(user: boolean, mounts: boolean): string[] {
  const names = ["sched.h", "signal.h", "stdio.h", "stdlib.h", "sys/wait.h", "unistd.h"];
  if (user) names.push("fcntl.h", "string.h");
  if (mounts) names.push("sys/mount.h");
  return names.sort().map((name) => `#include <${name}>`);
}

function dieFunction(): string[] {
  return ["static void die(const char *what)", "{", "    perror(what);", "    _exit(1);", "}", ""];
}

function mapFunction(): string[] {
  return [
    "static void write_map(pid_t pid, const char *file, const char *text)",
    "{",
    "    char path[64];",
    '    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);',
    "    int fd = open(path, O_WRONLY);",
    "    if (fd < 0 || write(fd, text, strlen(text)) < 0)",
    "        die(path);",
    "    close(fd);",
    "}",
    "",
  ];
}

function childFunction(options: CloneOptions, user: boolean, lang: Lang): string[] {
  const lines = ["static int container_main(void *unused)", "{", "    (void)unused;"];
  if (user) {
    lines.push(
      `    /* ${say(lang, "Wait until the parent has written the id maps.", "等父进程写好 id 映射。")} */`,
      "    char byte;",
      "    close(released[1]);",
      "    if (read(released[0], &byte, 1) < 0)",
      '        die("read");',
    );
  }
  lines.push('    printf("Container - inside the container!\\n");');
  if (options.namespaces.includes("mnt") && !options.shared) {
    lines.push(
      `    /* ${say(lang, "Mounts made below must not travel back to the host (mount_namespaces(7)).", "下面的挂载不能传回宿主机（mount_namespaces(7)）。")} */`,
      '    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)',
      '        die("mount /");',
    );
  }
  for (const { fstype, target } of options.mounts) {
    lines.push(
      `    if (mount("none", ${cString(target)}, ${cString(fstype)}, 0, "") < 0)`,
      `        die(${cString(`mount ${target}`)});`,
    );
  }
  lines.push("    execvp(container_args[0], container_args);", "    perror(container_args[0]);", "    return 127;", "}");
  return lines;
}

function mainFunction(flags: string, user: boolean, lang: Lang): string[] {
  const lines = ["int main(void)", "{", "    setvbuf(stdout, NULL, _IONBF, 0);", '    printf("Parent - start a container!\\n");'];
  if (user) lines.push("    if (pipe(released) < 0)", '        die("pipe");');
  lines.push(
    `    /* ${say(lang, "The stack grows down, so the child gets its upper end.", "栈向下生长，所以把它的高端交给子进程。")} */`,
    `    pid_t pid = clone(container_main, container_stack + STACK_SIZE, ${flags}, NULL);`,
    "    if (pid < 0)",
    '        die("clone");',
  );
  if (user) {
    lines.push(
      "    char map[64];",
      '    snprintf(map, sizeof map, "0 %d 1", (int)geteuid());',
      '    write_map(pid, "uid_map", map);',
      '    write_map(pid, "setgroups", "deny");',
      '    snprintf(map, sizeof map, "0 %d 1", (int)getegid());',
      '    write_map(pid, "gid_map", map);',
      "    close(released[0]);",
      "    close(released[1]);",
    );
  }
  lines.push(
    "    int status = 0;",
    "    if (waitpid(pid, &status, 0) < 0)",
    '        die("waitpid");',
    '    printf("Parent - container stopped!\\n");',
    "    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);",
    "}",
  );
  return lines;
}

/** A C string literal with the same bytes: everything but plain printable ASCII as octal escapes of fixed length. */
function cString(text: string): string {
  let literal = "";
  for (const byte of Buffer.from(text)) {
    // A question mark could be half of a trigraph.
    if (byte === 0x22 || byte === 0x5c || byte === 0x3f) literal += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) literal += String.fromCharCode(byte);
    else literal += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `"${literal}"`;
}
