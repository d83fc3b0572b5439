/** The ways in which an exec fails, as files below a root; the same table is diagnosed without root and really executed with it. */

import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { makeElf } from "./make-elf";

export interface ExecCase {
  title: string;
  /** argv[0]; a name without "/" is looked for in /bin and /usr/bin. */
  argv0: string;
  errno: string;
  code: string;
  exitCode: 126 | 127;
  /** Words that the reason must have, in every language. */
  names: string[];
  uid?: number;
}

export const EXEC_CASES: ExecCase[] = [
  { title: "not in PATH", argv0: "foo", errno: "ENOENT", code: "exec-not-found", exitCode: 127, names: ["foo", "/bin:/usr/bin"] },
  { title: "path does not exist", argv0: "/opt/x", errno: "ENOENT", code: "exec-path-missing", exitCode: 127, names: ["/opt"] },
  { title: "dangling link", argv0: "/dangling", errno: "ENOENT", code: "exec-path-missing", exitCode: 127, names: ["/gone"] },
  {
    title: "glibc program without its loader",
    argv0: "/root/httpd",
    errno: "ENOENT",
    code: "exec-interpreter-missing",
    exitCode: 127,
    names: ["/root/httpd", "/lib64/ld-linux-x86-64.so.2", "glibc", "/lib/ld-musl-x86_64.so.1"],
  },
  {
    title: "found in PATH, loader missing",
    argv0: "httpd",
    errno: "ENOENT",
    code: "exec-interpreter-missing",
    exitCode: 127,
    names: ["/bin/httpd"],
  },
  {
    title: "shebang interpreter missing",
    argv0: "/py.sh",
    errno: "ENOENT",
    code: "exec-shebang-missing",
    exitCode: 127,
    names: ["/usr/bin/python9"],
  },
  {
    title: "CR LF shebang",
    argv0: "/crlf.sh",
    errno: "ENOENT",
    code: "exec-shebang-crlf",
    exitCode: 127,
    names: ["/crlf.sh", "\\r", "CR LF"],
  },
  {
    title: "script whose interpreter lacks its loader",
    argv0: "/deep.sh",
    errno: "ENOENT",
    code: "exec-interpreter-missing",
    exitCode: 127,
    names: ["/deep.sh", "/root/httpd", "ld-linux"],
  },
  {
    title: "other architecture",
    argv0: "/arm",
    errno: "ENOEXEC",
    code: "exec-wrong-machine",
    exitCode: 126,
    names: ["aarch64", "x86_64", "linux/amd64"],
  },
  {
    title: "loader of another architecture",
    argv0: "/badld",
    errno: "ELIBBAD",
    code: "exec-interpreter-elf-interpreter-bad",
    exitCode: 126,
    names: ["/arm", "aarch64"],
  },
  {
    title: "loader that is text",
    argv0: "/textld",
    errno: "ELIBBAD",
    code: "exec-interpreter-elf-interpreter-bad",
    exitCode: 126,
    names: ["/long-text.sh"],
  },
  {
    title: "Mach-O",
    argv0: "/mac",
    errno: "ENOEXEC",
    code: "exec-mach-o",
    exitCode: 126,
    names: ["Mach-O", "arm64", "linux/amd64"],
  },
  {
    title: "Windows program",
    argv0: "/win.exe",
    errno: "ENOEXEC",
    code: "exec-pe",
    exitCode: 126,
    names: ["Windows", "linux/amd64"],
  },
  {
    title: "text without shebang",
    argv0: "/long-text.sh",
    errno: "ENOEXEC",
    code: "exec-text",
    exitCode: 126,
    names: ["#!/bin/sh"],
  },
  { title: "byte order mark", argv0: "/bom.sh", errno: "ENOEXEC", code: "exec-byte-order-mark", exitCode: 126, names: ["UTF-8"] },
  { title: "empty file", argv0: "/empty", errno: "ENOEXEC", code: "exec-empty", exitCode: 126, names: ["/empty"] },
  { title: "empty shebang", argv0: "/noname.sh", errno: "ENOEXEC", code: "exec-shebang-broken", exitCode: 126, names: ["#!"] },
  {
    title: "too long shebang",
    argv0: "/toolong.sh",
    errno: "ENOEXEC",
    code: "exec-shebang-too-long",
    exitCode: 126,
    names: ["256"],
  },
  { title: "cut ELF", argv0: "/cut", errno: "ENOEXEC", code: "exec-elf-damaged", exitCode: 126, names: ["ELF"] },
  { title: "object file", argv0: "/object.o", errno: "ENOEXEC", code: "exec-elf-not-program", exitCode: 126, names: ["ELF"] },
  { title: "gzip archive", argv0: "/a.gz", errno: "ENOEXEC", code: "exec-other-format", exitCode: 126, names: ["gzip"] },
  { title: "no x bit", argv0: "/noexec.sh", errno: "EACCES", code: "exec-no-x-bit", exitCode: 126, names: ["0644", "chmod"] },
  {
    title: "x bit for the owner only",
    argv0: "/owner.sh",
    errno: "EACCES",
    code: "exec-no-x-bit",
    exitCode: 126,
    names: ["0700", "1000"],
    uid: 1000,
  },
  {
    title: "interpreter without x bit",
    argv0: "/via-noexec.sh",
    errno: "EACCES",
    code: "exec-interpreter-no-x-bit",
    exitCode: 126,
    names: ["/via-noexec.sh", "/noexec.sh"],
  },
  { title: "directory", argv0: "/etc", errno: "EACCES", code: "exec-directory", exitCode: 126, names: ["/etc"] },
  {
    title: "directory not searchable",
    argv0: "/private/tool",
    errno: "EACCES",
    code: "exec-not-searchable",
    exitCode: 126,
    names: ["1000", "/private"],
    uid: 1000,
  },
  {
    title: "file as directory",
    argv0: "/empty/tool",
    errno: "ENOTDIR",
    code: "exec-not-a-directory",
    exitCode: 127,
    names: ["/empty"],
  },
  { title: "link loop", argv0: "/loop", errno: "ELOOP", code: "exec-link-loop", exitCode: 126, names: ["/loop"] },
  {
    title: "scripts of scripts",
    argv0: "/s1",
    errno: "ELOOP",
    code: "exec-interpreter-script-loop",
    exitCode: 126,
    names: ["/s6"],
  },
];

/** Fills a root in which every case of the table fails as said; `staticProgram` is a real program that can run, if there is one. */
export function makeExecRoot(root: string, staticProgram?: string): void {
  const put = (path: string, content: Buffer | string, mode = 0o755): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    chmodSync(join(root, path), mode);
  };
  chmodSync(root, 0o755);
  mkdirSync(join(root, "etc"), { recursive: true });
  mkdirSync(join(root, "bin"), { recursive: true });
  if (staticProgram === undefined) put("/bin/sh", makeElf({ type: 2 }));
  else copyFileSync(staticProgram, join(root, "bin/sh"));
  put("/lib/ld-musl-x86_64.so.1", makeElf({ soname: "libc.musl-x86_64.so.1" }));
  const glibc = makeElf({ interpreter: "/lib64/ld-linux-x86-64.so.2", needed: ["libc.so.6"] });
  put("/root/httpd", glibc);
  put("/bin/httpd", glibc);
  put("/py.sh", "#!/usr/bin/python9\n");
  put("/crlf.sh", "#!/bin/sh\r\necho hi\r\n");
  put("/env-crlf.sh", "#!/usr/bin/env sh\r\n");
  put("/deep.sh", "#!/root/httpd\n");
  put("/arm", makeElf({ machine: 183, type: 2 }));
  put("/badld", makeElf({ interpreter: "/arm", type: 2 }));
  put("/textld", makeElf({ interpreter: "/long-text.sh", type: 2 }));
  put("/mac", Buffer.concat([Buffer.from([0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1]), Buffer.alloc(4096)]));
  put("/win.exe", Buffer.concat([Buffer.from("MZ"), Buffer.alloc(4096)]));
  put("/long-text.sh", "echo hello\n".repeat(20));
  put("/bom.sh", "\ufeff#!/bin/sh\necho hi\n");
  put("/empty", "");
  put("/noname.sh", "#!\n");
  put("/toolong.sh", `#!/${"x".repeat(300)}\n`);
  put("/cut", makeElf({ interpreter: "/x" }).subarray(0, 70));
  put("/object.o", makeElf({ type: 1 }));
  put("/a.gz", Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(300)]));
  put("/noexec.sh", "#!/bin/sh\n", 0o644);
  put("/owner.sh", "#!/bin/sh\n", 0o700);
  put("/via-noexec.sh", "#!/noexec.sh\n");
  put("/private/tool", "#!/bin/sh\n");
  chmodSync(join(root, "private"), 0o700);
  symlinkSync("loop", join(root, "loop"));
  symlinkSync("/gone", join(root, "dangling"));
  for (let index = 1; index <= 6; index++) put(`/s${index}`, `#!/s${index + 1}\n`);
  put("/s7", "#!/bin/sh\n");
}

/** What the runtime would try for argv[0]. */
export function candidatesOf(argv0: string): string[] {
  return argv0.includes("/") ? [argv0] : [`/bin/${argv0}`, `/usr/bin/${argv0}`];
}
