/** A closure in words: pure functions from data to lines, English and Chinese. */

import type { Lang } from "../base/lang";
import type { Closure, ClosureFile, LookedAt, MissingFile } from "./closure";
import type { BinaryDescription } from "./parse";
import type { SearchRule } from "./search-path";

/** One program after the other: what it is, each file with who needs it and which rule found it, then what is missing. */
export function renderClosure(closure: Closure, lang: Lang): string[] {
  const lines: string[] = [];
  const zh = lang === "zh";
  for (const program of closure.programs) {
    const libc = program.libc === undefined || program.libc === "unknown" ? "" : `${zh ? "，" : ", "}${program.libc}`;
    lines.push(`${program.path}: ${describeInWords(program.description, lang)}${libc}`);
  }
  for (const file of closure.files) {
    if (file.role === "program" && file.neededBy.length === 0) continue;
    lines.push(`  ${file.path}${file.realPath === file.path ? "" : ` -> ${file.realPath}`}`);
    lines.push(`      ${reasonOf(file, lang)}`);
  }
  const libraries = closure.files.filter((file) => file.role !== "program");
  const total = new Map(closure.files.map((file) => [file.realPath, file.sizeBytes]));
  const bytes = [...total.values()].reduce((sum, size) => sum + size, 0);
  if (libraries.length === 0 && closure.missing.length === 0) {
    lines.push(zh ? "  不需要任何库：单独复制这个文件就能运行" : "  needs no library: the file alone is enough");
  }
  for (const missing of closure.missing) lines.push(...renderMissing(missing, lang));
  lines.push(
    zh
      ? `共 ${total.size} 个文件，${bytes} 字节${closure.missing.length === 0 ? "" : `；缺少 ${closure.missing.length} 个`}`
      : `${total.size} file${total.size === 1 ? "" : "s"}, ${bytes} bytes${closure.missing.length === 0 ? "" : `; ${closure.missing.length} missing`}`,
  );
  return lines;
}

/** Why a file belongs to the closure, in one line without indentation. */
export function reasonOf(file: ClosureFile, lang: Lang): string {
  const zh = lang === "zh";
  const needers = file.neededBy.slice(0, 3).join(zh ? "、" : ", ");
  const more = file.neededBy.length > 3 ? (zh ? ` 等 ${file.neededBy.length} 个` : ` and ${file.neededBy.length - 3} more`) : "";
  const who = file.neededBy.length === 0 ? "" : zh ? `被 ${needers}${more} 需要；` : `needed by ${needers}${more}; `;
  return `${who}${ruleInWords(file.rule, lang)}`;
}

/** The rule that found a file (or along which it was looked for). */
export function ruleInWords(rule: SearchRule, lang: Lang): string {
  const zh = lang === "zh";
  switch (rule.kind) {
    case "path":
      return zh ? "按路径指定" : "named by its path";
    case "interpreter":
      return zh
        ? "ELF 头 PT_INTERP 指定的解释器，由内核打开"
        : "the interpreter in the ELF header (PT_INTERP), opened by the kernel";
    case "shebang":
      return zh ? "脚本第一行 #! 指定的解释器" : "the interpreter in the first line of the script";
    case "env":
      return zh ? "由 env 在 PATH 中找到" : "found by env in PATH";
    case "rpath":
    case "runpath": {
      const tag = rule.kind === "rpath" ? "DT_RPATH" : "DT_RUNPATH";
      return zh ? `由 ${rule.owner} 的 ${tag}（${rule.written}）找到` : `found by ${tag} of ${rule.owner} (${rule.written})`;
    }
    case "ld-library-path":
      return zh ? "由 LD_LIBRARY_PATH 找到" : "found by LD_LIBRARY_PATH";
    case "ld.so.cache":
      return zh ? "由 /etc/ld.so.cache 找到" : "found by /etc/ld.so.cache";
    case "default-directory":
      return zh ? "在加载器的默认目录中找到" : "found in a default directory of the loader";
    case "ld.so.conf":
      return zh
        ? "目录列在 /etc/ld.so.conf 中，但 ld.so.cache 里没有（需要运行 ldconfig）"
        : "in a directory of /etc/ld.so.conf, but not in ld.so.cache (ldconfig has to run first)";
    case "musl-path-file":
      return zh ? `由 ${rule.file} 找到` : `found by ${rule.file}`;
    case "extra":
      return zh ? `运行时可能打开：${rule.reason}` : `opened at run time: ${rule.reason}`;
  }
}

function renderMissing(missing: MissingFile, lang: Lang): string[] {
  const zh = lang === "zh";
  const needers = missing.neededBy.join(zh ? "、" : ", ");
  const head = zh ? `  ${missing.name}：找不到，被 ${needers} 需要` : `  ${missing.name}: not found, needed by ${needers}`;
  return [head, ...missing.looked.map((looked) => `      ${lookedInWords(looked, lang)}`)];
}

/** One place that was looked at, and why it did not do. */
export function lookedInWords(looked: LookedAt, lang: Lang): string {
  const zh = lang === "zh";
  const words: Record<LookedAt["problem"], [string, string]> = {
    absent: ["not there", "不存在"],
    "wrong-machine": [`is for ${looked.machine ?? "another machine"}`, `属于 ${looked.machine ?? "其他架构"}`],
    "not-elf": ["is not an ELF file", "不是 ELF 文件"],
    "not-a-file": ["is not a regular file", "不是普通文件"],
  };
  return `${looked.path}${zh ? "：" : ": "}${words[looked.problem][zh ? 1 : 0]}`;
}

/** What a file is, in a few words: "dynamic ELF for x86_64". */
export function describeInWords(description: BinaryDescription, lang: Lang): string {
  const zh = lang === "zh";
  switch (description.kind) {
    case "elf": {
      const linkage: Record<string, [string, string]> = {
        static: ["static", "静态链接的"],
        "static-pie": ["static (PIE)", "静态链接的（PIE）"],
        dynamic: ["dynamic", "动态链接的"],
        shared: ["shared library,", "共享库，"],
        relocatable: ["relocatable object,", "目标文件，"],
        core: ["core dump,", "核心转储，"],
        unknown: ["damaged", "损坏的"],
      };
      const [en, chinese] = linkage[description.linkage] ?? ["", ""];
      return zh ? `${chinese} ELF，${description.machine}` : `${en} ELF for ${description.machine}`;
    }
    case "script":
      return zh ? `脚本，解释器是 ${description.interpreter}` : `script for ${description.interpreter}`;
    case "mach-o":
      return `Mach-O${zh ? "（macOS），" : " (macOS) for "}${description.cpus.join(zh ? "、" : " and ")}`;
    case "pe":
      return `PE${zh ? "（Windows），" : " (Windows) for "}${description.machine}`;
    case "archive":
      return zh ? `${description.format} 归档文件` : `${description.format} archive`;
    case "text":
      return zh ? "没有 #! 行的文本" : "text without a #! line";
    case "empty":
      return zh ? "空文件" : "an empty file";
    case "broken-script":
      return zh ? "#! 行不完整的脚本" : "script with a broken #! line";
    case "wasm":
      return zh ? "WebAssembly 模块" : "WebAssembly module";
    case "java-class":
      return zh ? "Java 类文件" : "Java class file";
    case "data":
      return zh ? "内核不认识的数据" : "data of no kind the kernel knows";
  }
}
