/** The sentences of the exec diagnosis, in both languages. Loaded only after something has failed. */

import { type Lang, say } from "../base/lang";
import type { ClosureFile, MissingFile } from "./closure";
import type { EarlyExit, ExecDiagnosis, ExecFailure } from "./diagnose";
import type { ExecFinding, ExecProblem } from "./exec-check";
import { type Libc, libcOfInterpreter, machineOfArch, platformOfMachine } from "./parse";
import { describeInWords, lookedInWords } from "./render-closure";
import type { RootReader } from "./root-reader";
import { walk } from "./walk";

interface Text {
  why: string;
  hint?: string | undefined;
}

const LOADERS: readonly (readonly [Libc, string])[] = [
  ["musl", "/lib/ld-musl-x86_64.so.1"],
  ["musl", "/lib/ld-musl-aarch64.so.1"],
  ["glibc", "/lib64/ld-linux-x86-64.so.2"],
  ["glibc", "/lib/ld-linux-aarch64.so.1"],
];

/** Why and hint for a finding; the chain of interpreters that led to it comes first. */
export function explain(finding: ExecFinding, failure: ExecFailure): Text {
  const last = finding.chain.at(-1);
  if (last !== undefined && finding.problem === "absent") {
    // The last link is told by the sentence itself.
    const text = last.by === "elf" ? missingElfInterpreter(finding, failure) : missingScriptInterpreter(finding, failure);
    return withLead(finding.chain.slice(0, -1), text, failure.lang);
  }
  return withLead(finding.chain, PROBLEMS[finding.problem](finding, failure), failure.lang);
}

function withLead(chain: ExecFinding["chain"], text: Text, lang: Lang): Text {
  const links = chain.slice(-3).map((link) => {
    const asked = visible(link.asked);
    return link.by === "elf"
      ? say(lang, `${link.path} needs the ELF interpreter ${asked}`, `${link.path} 需要 ELF 解释器 ${asked}`)
      : say(lang, `${link.path} starts with "#!${asked}"`, `${link.path} 的第一行是 "#!${asked}"`);
  });
  return { ...text, why: [...links, text.why].join(say(lang, "; ", "；")) };
}

function missingElfInterpreter(finding: ExecFinding, failure: ExecFailure): Text {
  const { lang, reader } = failure;
  const program = finding.chain.at(-1)?.path ?? failure.argv0;
  const libc = libcOfInterpreter(finding.path);
  const other = LOADERS.find(([kind, path]) => kind !== libc && walk(reader, path).ok);
  const whose =
    libc === "unknown"
      ? ""
      : say(lang, ` (the loader of ${libc}, which the program was linked for)`, `（${libc} 的动态加载器，程序是为它链接的）`);
  const instead =
    other === undefined
      ? ""
      : say(lang, `; this root has ${other[0]} (${other[1]})`, `；这个根文件系统里是 ${other[0]}（${other[1]}）`);
  return {
    why: say(
      lang,
      `${program} exists; its ELF interpreter ${finding.path} does not${whose}${instead}`,
      `${program} 存在，但它的 ELF 解释器 ${finding.path} 不存在${whose}${instead}`,
    ),
    hint: say(
      lang,
      `use an image that has ${libc === "unknown" ? "this loader" : libc}, link the program statically (gcc -static, CGO_ENABLED=0), or copy what it needs: glassbox deps ${program} --into DIR`,
      `改用带有${libc === "unknown" ? "这个加载器" : ` ${libc} `}的镜像，或静态链接（gcc -static、CGO_ENABLED=0），或用 glassbox deps ${program} --into DIR 复制它需要的文件`,
    ),
  };
}

function missingScriptInterpreter(finding: ExecFinding, failure: ExecFailure): Text {
  const { lang } = failure;
  const link = finding.chain.at(-1);
  const script = link?.path ?? failure.argv0;
  const asked = link?.asked ?? finding.path;
  if (asked.endsWith("\r")) {
    return {
      why: say(
        lang,
        `${script} exists; its first line "#!${visible(asked)}" ends in CR LF, so the kernel looks for a file named "${visible(asked)}"`,
        `${script} 存在，但第一行 "#!${visible(asked)}" 以 CR LF 结尾，内核要找的文件名因此变成 "${visible(asked)}"`,
      ),
      hint: say(
        lang,
        `save it with unix line ends: sed -i 's/\\r$//' ${baseName(script)} (in git: "*.sh text eol=lf" in .gitattributes)`,
        `改成 unix 换行：sed -i 's/\\r$//' ${baseName(script)}（git 中可在 .gitattributes 写 "*.sh text eol=lf"）`,
      ),
    };
  }
  return {
    why: say(
      lang,
      `${script} exists; the interpreter ${asked} of its first line does not`,
      `${script} 存在，但它第一行指定的解释器 ${asked} 不存在`,
    ),
    hint: say(
      lang,
      `install ${baseName(asked)} in the image, or change the first line to an interpreter that it has${shellHint(failure.reader, lang)}`,
      `在镜像中安装 ${baseName(asked)}，或把第一行改成镜像里有的解释器${shellHint(failure.reader, lang)}`,
    ),
  };
}

/** No directory of PATH has the command. */
export function notInPath(failure: ExecFailure): Text {
  const { lang, argv0, reader } = failure;
  const directories = [...new Set(failure.candidates.map((path) => path.slice(0, Math.max(1, path.lastIndexOf("/")))))];
  const list = directories.join(":");
  const shell = baseName(argv0) === "bash" || baseName(argv0) === "zsh" || baseName(argv0) === "ash";
  const empty = reader.listDirectory?.("/")?.length === 0;
  return {
    why:
      directories.length === 0
        ? say(lang, "PATH is empty", "PATH 为空")
        : say(lang, `there is no ${argv0} in ${list} of the container`, `容器的 ${list} 中都没有 ${argv0}`),
    hint: empty
      ? say(lang, "the root of this image is empty", "这个镜像的根文件系统是空的")
      : shell && walk(reader, "/bin/sh").ok
        ? say(lang, "this image has /bin/sh: try sh", "这个镜像有 /bin/sh：请用 sh")
        : say(lang, "check the spelling, or give the full path of the program", "检查拼写，或写出程序的完整路径"),
  };
}

/** Nothing in the file explains this errno. */
export function unexplained(failure: ExecFailure, candidate: string): Text {
  const { lang, errno } = failure;
  const found = walk(failure.reader, candidate);
  if (errno === "EPERM" && found.ok && found.stat.fileCapabilities === true) {
    return {
      why: say(
        lang,
        `${candidate} carries file capabilities that the container's bounding set does not have`,
        `${candidate} 带有文件能力（file capabilities），而容器的 边界集里没有这些能力`,
      ),
      hint: say(
        lang,
        "give the capability with --cap-add, or remove it from the file with setcap -r",
        "用 --cap-add 加上该能力，或用 setcap -r 从文件上去掉",
      ),
    };
  }
  const known: Record<string, [string, string]> = {
    ETXTBSY: ["somebody has the file open for writing", "有进程正在写这个文件"],
    E2BIG: ["arguments and environment together are too long for the kernel", "参数和环境变量的总长度超过内核限制"],
    ENAMETOOLONG: ["the path is longer than the kernel allows", "路径超过内核允许的长度"],
    ENOMEM: ["no memory for the new program: the memory limit may be too small", "没有足够内存装入新程序：内存限制可能太小"],
    EPERM: ["a security module or the bounding set forbids it", "被安全模块或能力的 边界集禁止"],
  };
  const text = known[errno];
  if (text !== undefined) return { why: say(lang, text[0], text[1]) };
  return {
    why: say(
      lang,
      `${candidate} ${found.ok ? "exists" : "does not exist"}, and nothing in it explains this error`,
      `${candidate} ${found.ok ? "存在" : "不存在"}，从文件本身看不出这个错误的原因`,
    ),
    hint: say(lang, "see the exec step with --explain", "用 --explain 查看 exec 这一步"),
  };
}

const PROBLEMS: Record<ExecProblem, (finding: ExecFinding, failure: ExecFailure) => Text> = {
  absent: (finding, { lang }) => ({
    why:
      finding.at === finding.path
        ? say(lang, `${finding.path} does not exist in the container`, `容器里没有 ${finding.path}`)
        : say(
            lang,
            `${finding.path}: ${finding.at} does not exist in the container`,
            `${finding.path}：容器里没有 ${finding.at}`,
          ),
    hint: say(lang, "check the path; paths are the container's, not the host's", "检查路径；这里的路径是容器里的，不是宿主机的"),
  }),
  "not-a-directory": (finding, { lang }) => ({
    why: say(lang, `${finding.at} is a file, not a directory`, `${finding.at} 是文件，不是目录`),
    hint: say(
      lang,
      "a mount or COPY may have put a file where a directory was meant",
      "可能是挂载或 COPY 把文件放到了本该是目录的位置",
    ),
  }),
  "link-loop": (finding, { lang }) => ({
    why: say(lang, `the symbolic link ${finding.at} leads back to itself`, `符号链接 ${finding.at} 绕回了自己`),
    hint: say(lang, "follow it with ls -l and correct its target", "用 ls -l 逐个查看并改正它的目标"),
  }),
  "not-searchable": (finding, { lang, searcher }) => ({
    why: say(
      lang,
      `uid ${searcher?.uid ?? 0} may not enter the directory ${finding.at} (no x bit for it)`,
      `uid ${searcher?.uid ?? 0} 不能进入目录 ${finding.at}（没有对应的 x 位）`,
    ),
    hint: say(
      lang,
      `chmod a+x ${finding.at} in the image, or run as its owner (-u)`,
      `在镜像中执行 chmod a+x ${finding.at}，或用 -u 以其属主运行`,
    ),
  }),
  directory: (finding, { lang }) => ({
    why: say(lang, `${finding.path} is a directory`, `${finding.path} 是一个目录`),
    hint: say(lang, "name a program inside it", "请指定其中的程序"),
  }),
  "not-regular": (finding, { lang }) => ({
    why: say(
      lang,
      `${finding.path} is not a regular file (a device, pipe or socket)`,
      `${finding.path} 不是普通文件（是设备、管道或套接字）`,
    ),
  }),
  noexec: (finding, { lang }) => ({
    why: say(lang, `${finding.path} lies on a mount with the noexec option`, `${finding.path} 所在的挂载带有 noexec 选项`),
    hint: say(
      lang,
      "mount it with exec (--tmpfs DIR:exec), or move the program elsewhere",
      "挂载时加 exec（--tmpfs DIR:exec），或把程序放到别处",
    ),
  }),
  "no-x-bit": (finding, { lang, searcher }) => ({
    why: say(
      lang,
      `${finding.path} has mode ${octal(finding.mode)}: no x bit for uid ${searcher?.uid ?? 0}`,
      `${finding.path} 的权限是 ${octal(finding.mode)}：uid ${searcher?.uid ?? 0} 没有 x 位`,
    ),
    hint: say(
      lang,
      `chmod +x ${baseName(finding.path)} (in a Dockerfile: COPY --chmod=755)`,
      `chmod +x ${baseName(finding.path)}（Dockerfile 中用 COPY --chmod=755）`,
    ),
  }),
  empty: (finding, { lang }) => ({
    why: say(lang, `${finding.path} is empty`, `${finding.path} 是空文件`),
    hint: say(lang, "copy or build it again", "请重新复制或构建它"),
  }),
  "shebang-broken": (finding, { lang }) => ({
    why: say(
      lang,
      `the first line of ${finding.path} is "#!" without an interpreter`,
      `${finding.path} 的第一行只有 "#!"，没有解释器`,
    ),
    hint: say(lang, "write the interpreter after it: #!/bin/sh", "在后面写上解释器：#!/bin/sh"),
  }),
  "shebang-too-long": (finding, { lang }) => ({
    why: say(
      lang,
      `the interpreter in the first line of ${finding.path} does not end within the 256 bytes that the kernel reads`,
      `${finding.path} 第一行的解释器路径超过了内核读取的 256 字节`,
    ),
    hint: say(lang, "use a shorter path, or #!/usr/bin/env NAME", "换用较短的路径，或写 #!/usr/bin/env NAME"),
  }),
  "script-loop": (finding, { lang }) => ({
    why: say(
      lang,
      `${finding.path} is itself a script: more than five interpreters in a row`,
      `${finding.path} 本身又是脚本：解释器连续嵌套超过五层`,
    ),
    hint: say(lang, "let one of the scripts name a real program", "让其中一个脚本指向真正的程序"),
  }),
  text: (finding, { lang, reader }) => ({
    why: say(lang, `${finding.path} is text without a "#!" line`, `${finding.path} 是没有 "#!" 行的文本`),
    hint: say(
      lang,
      `begin it with #!/bin/sh${walk(reader, "/bin/sh").ok ? `, or run it as: sh ${finding.path}` : ""}`,
      `在开头加上 #!/bin/sh${walk(reader, "/bin/sh").ok ? `，或者这样运行：sh ${finding.path}` : ""}`,
    ),
  }),
  "byte-order-mark": (finding, { lang }) => ({
    why: say(
      lang,
      `${finding.path} begins with a UTF-8 byte order mark, so the kernel does not see its "#!"`,
      `${finding.path} 以 UTF-8 字节序标记（BOM）开头，内核看不到后面的 "#!"`,
    ),
    hint: say(
      lang,
      `remove it: sed -i '1s/^\\xef\\xbb\\xbf//' ${baseName(finding.path)}`,
      `去掉它：sed -i '1s/^\\xef\\xbb\\xbf//' ${baseName(finding.path)}`,
    ),
  }),
  "wrong-machine": (finding, { lang, hostArch }) => {
    const machine = finding.description?.kind === "elf" ? finding.description.machine : "unknown";
    const host = machineOfArch(hostArch);
    return {
      why: say(
        lang,
        `${finding.path} is an ELF program for ${machine}; this machine is ${host}`,
        `${finding.path} 是 ${machine} 的 ELF 程序，而本机是 ${host}`,
      ),
      hint: say(
        lang,
        `use an image (or build the program) for linux/${platformOfMachine(host)}, or register an emulator such as qemu-user with binfmt_misc`,
        `使用 linux/${platformOfMachine(host)} 的镜像（或重新编译），或通过 binfmt_misc 注册 qemu-user 之类的模拟器`,
      ),
    };
  },
  "elf-damaged": (finding, { lang }) => ({
    why: say(
      lang,
      `${finding.path} begins like an ELF program, but its headers are broken: it may have been cut off`,
      `${finding.path} 开头是 ELF，但头部已损坏：文件可能不完整`,
    ),
    hint: say(lang, "compare its size and checksum with the original", "与原文件比较大小和校验和"),
  }),
  "elf-not-program": (finding, { lang }) => ({
    why: say(
      lang,
      `${finding.path} is ELF, but no program: ${describeOf(finding, lang)}`,
      `${finding.path} 是 ELF，但不是程序：${describeOf(finding, lang)}`,
    ),
    hint: say(lang, "link it into a program first", "先把它链接成程序"),
  }),
  "elf-interpreter-bad": (finding, { lang }) => ({
    why: say(
      lang,
      `${finding.path} exists but is no ELF interpreter for this machine: ${describeOf(finding, lang)}`,
      `${finding.path} 存在，但不是本机可用的 ELF 解释器：${describeOf(finding, lang)}`,
    ),
    hint: say(
      lang,
      "the root holds libraries of another architecture, or the file was overwritten",
      "根文件系统里的库属于其他架构，或该文件被覆盖了",
    ),
  }),
  "mach-o": (finding, { lang, hostArch }) => {
    const cpus = finding.description?.kind === "mach-o" ? finding.description.cpus.join("+") : "";
    const platform = platformOfMachine(machineOfArch(hostArch));
    return {
      why: say(
        lang,
        `${finding.path} is a macOS program: Mach-O for ${cpus} on linux/${platform}`,
        `${finding.path} 是 macOS 程序：在 linux/${platform} 上运行 ${cpus} 的 Mach-O`,
      ),
      hint: say(
        lang,
        `containers share the linux kernel: build it for linux (GOOS=linux GOARCH=${platform} go build, or build inside a container)`,
        `容器共用 linux 内核：请为 linux 编译（GOOS=linux GOARCH=${platform} go build，或在容器里编译）`,
      ),
    };
  },
  pe: (finding, { lang, hostArch }) => ({
    why: say(
      lang,
      `${finding.path} is a Windows program (PE) on linux/${platformOfMachine(machineOfArch(hostArch))}`,
      `${finding.path} 是 Windows 程序（PE），而这里是 linux/${platformOfMachine(machineOfArch(hostArch))}`,
    ),
    hint: say(lang, "build it for linux", "请为 linux 编译"),
  }),
  "other-format": (finding, { lang }) => ({
    why: say(
      lang,
      `${finding.path} is no program the kernel knows: ${describeOf(finding, lang)}`,
      `${finding.path} 不是内核认识的程序：${describeOf(finding, lang)}`,
    ),
    hint:
      finding.description?.kind === "archive"
        ? say(lang, "unpack it, or run it with the program it belongs to", "先解包，或用对应的程序来运行它")
        : say(lang, "check that it was built and copied whole", "检查它是否正确编译、完整复制"),
  }),
};

/** ld.so's own words for a library that it did not find. */
export function missingLibrary(exit: EarlyExit, missing: MissingFile | undefined, late: ClosureFile | undefined): ExecDiagnosis {
  const { lang } = exit;
  const name = missing?.name ?? late?.name ?? "";
  const what = `error while loading shared libraries: ${name}: cannot open shared object file: No such file or directory`;
  if (missing === undefined && late !== undefined) {
    return {
      code: "exec-library-not-cached",
      what,
      why: say(
        lang,
        `${late.path} exists, but ld.so reads /etc/ld.so.cache, which does not list it`,
        `${late.path} 存在，但 ld.so 只看 /etc/ld.so.cache，而其中没有它`,
      ),
      hint: say(lang, "run ldconfig in the image", "在镜像中运行 ldconfig"),
      exitCode: 127,
    };
  }
  const needers = missing?.neededBy.join(", ") ?? exit.path;
  const places = (missing?.looked ?? []).slice(0, 8).map((looked) => lookedInWords(looked, lang));
  return {
    code: "exec-library-missing",
    what,
    why: say(lang, `${needers} needs it; looked at: ${places.join("; ")}`, `${needers} 需要它；找过的位置：${places.join("；")}`),
    hint: say(
      lang,
      `install the package that has ${name}, or copy the program with all it needs: glassbox deps ${exit.path} --into DIR`,
      `安装包含 ${name} 的软件包，或连同所需文件一起复制：glassbox deps ${exit.path} --into DIR`,
    ),
    exitCode: 127,
  };
}

/** `#!/usr/bin/env NAME` with CR LF: the exec succeeds, env does not find "NAME\r". */
export function envCarriageReturn(exit: EarlyExit, argument: string): ExecDiagnosis {
  const { lang, path } = exit;
  return {
    code: "exec-shebang-crlf",
    what: `env: '${visible(argument)}': No such file or directory`,
    why: say(
      lang,
      `the first line of ${path} ends in CR LF, so env looks for a program named "${visible(argument)}"`,
      `${path} 的第一行以 CR LF 结尾，env 要找的程序名因此变成 "${visible(argument)}"`,
    ),
    hint: say(
      lang,
      `save it with unix line ends: sed -i 's/\\r$//' ${baseName(path)}`,
      `改成 unix 换行：sed -i 's/\\r$//' ${baseName(path)}`,
    ),
    exitCode: 127,
  };
}

function describeOf(finding: ExecFinding, lang: Lang): string {
  return finding.description === undefined ? "" : describeInWords(finding.description, lang);
}

function shellHint(reader: RootReader, lang: Lang): string {
  return walk(reader, "/bin/sh").ok ? say(lang, " (/bin/sh)", "（/bin/sh）") : "";
}

/** Control characters made visible: a CR is the point of the message, an escape sequence must not reach the terminal. */
function visible(value: string): string {
  return JSON.stringify(value)
    .slice(1, -1)
    .replaceAll("\\\\", "\\")
    .replace(/[\u007f-\u009f]/g, "?");
}

function octal(mode: number | undefined): string {
  return `0${((mode ?? 0) & 0o7777).toString(8)}`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
