/** `glassbox deps`: what a program needs to start, with the reason for each file; copied out, or made an image. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import type { ClosureExtra } from "../elf/closure";
import { escapeControls } from "./escape";
import { clip, type Parsed } from "./flags";
import { print } from "./output";
import type { Globals, Verb } from "./verb";

const EXTRAS: readonly ClosureExtra[] = ["nss", "locale", "terminfo"];

export const deps: Verb = {
  name: "deps",
  flags: {
    into: { takes: "string" },
    image: { takes: "string" },
    with: { takes: "list" },
    format: { takes: "string" },
    quiet: { short: "q" },
  },
  stopAtOperand: false,
  operands: { min: 1, max: Infinity },
  help: () => ({
    usage: "[OPTIONS] FILE [FILE...]",
    summary: { en: "Show, or copy, all files that a program needs", zh: "列出或复制一个程序所需的全部文件" },
    description: {
      en: "Reads ELF headers as the kernel and the dynamic loader do; nothing is executed. A name without a slash is looked up in PATH.",
      zh: "像内核和动态加载器那样读 ELF 头，不执行任何程序。不含斜杠的名字在 PATH 里找。",
    },
    aliases: [],
    flags: [
      { name: "format", text: { en: "'json': Print in JSON format", zh: "'json'：以 JSON 打印" } },
      { name: "image", text: { en: "Make an image of the files, with this name", zh: "用这些文件做一个镜像，取这个名字" } },
      { name: "into", text: { en: "Copy the files into this directory", zh: "把文件复制到这个目录" } },
      { name: "quiet", text: { en: "Only show paths", zh: "只显示路径" } },
      {
        name: "with",
        text: {
          en: "Add what no header names: nss (users and hosts), locale, terminfo",
          zh: "加上文件头里没有写的东西：nss（用户和主机名）、locale、terminfo",
        },
      },
    ],
    examples: [
      { command: "glassbox deps /bin/bash", text: { en: "Which libraries, and why", zh: "需要哪些库，为什么" } },
      {
        command: "glassbox deps bash ls --image tools && glassbox run -it --rm tools bash",
        text: { en: "An image of two programs and nothing else", zh: "只有两个程序的镜像" },
      },
    ],
  }),
  async run(parsed, globals) {
    const programs = parsed.operands.map((name) => findProgram(name, globals));
    const extras = parsed.all("with").map((name) => extra(name, parsed));
    const into = parsed.last("into");
    const image = parsed.last("image");
    if (into !== undefined && image !== undefined) {
      throw new GlassboxError({ code: "bad-flag", what: "conflicting options: --into and --image cannot both be given" });
    }
    const { closureOf } = require("../elf/closure") as typeof import("../elf/closure");
    const { DirectoryReader } = require("../elf/root-reader") as typeof import("../elf/root-reader");
    const reader = new DirectoryReader("/");
    const closure = closureOf(reader, programs, { path: process.env["PATH"], extras });
    show(closure, parsed, globals);
    if (closure.missing.length > 0 && (into !== undefined || image !== undefined)) {
      throw new GlassboxError({
        code: "deps-missing",
        what: say(
          globals.lang,
          `nothing was copied: ${closure.missing.length} needed file(s) cannot be found`,
          `没有复制任何文件：缺少 ${closure.missing.length} 个所需的文件`,
        ),
        exitCode: 1,
      });
    }
    if (into !== undefined) {
      const { copyClosure } = require("../elf/copy-closure") as typeof import("../elf/copy-closure");
      copyClosure(closure, reader, resolve(into));
    }
    if (image !== undefined) {
      const { closureImage } = require("./image-actions") as typeof import("./image-actions");
      print(await closureImage(closure, reader, image, globals));
    }
    return closure.missing.length === 0 ? 0 : 1;
  },
};

function show(closure: import("../elf/closure").Closure, parsed: Parsed, globals: Globals): void {
  const format = parsed.last("format");
  if (format === "json") {
    print(JSON.stringify(closure));
    return;
  }
  if (format !== undefined) throw parsed.invalid("format", format, 'must be "json"', "--format json");
  if (parsed.on("quiet")) {
    for (const { path } of closure.files) print(escapeControls(path));
    return;
  }
  const { renderClosure } = require("../elf/render-closure") as typeof import("../elf/render-closure");
  for (const line of renderClosure(closure, globals.lang)) print(escapeControls(line));
}

function extra(name: string, parsed: Parsed): ClosureExtra {
  const found = EXTRAS.find((known) => known === name);
  if (found === undefined) throw parsed.invalid("with", name, `must be one of ${EXTRAS.join(", ")}`, "--with nss");
  return found;
}

function findProgram(name: string, globals: Globals): string {
  if (name.includes("/")) return resolve(name);
  for (const directory of (process.env["PATH"] ?? "").split(":")) {
    const path = `${directory || "."}/${name}`;
    if (existsSync(path)) return resolve(path);
  }
  if (existsSync(name)) return resolve(name);
  throw new GlassboxError({
    code: "elf-not-found",
    what: `${clip(name)}: no such file or directory`,
    why: say(globals.lang, "it is not in any directory of PATH, nor in the current one", "PATH 的目录和当前目录里都没有它"),
    exitCode: 1,
  });
}
