/** `glassbox doctor`: the pre-flight list. */

import { escapeControls } from "./escape";
import { print, useColour } from "./output";
import type { Verb } from "./verb";

export const doctor: Verb = {
  name: "doctor",
  flags: { fs: {}, verbose: {}, format: { takes: "string" }, json: {} },
  stopAtOperand: false,
  operands: { min: 0, max: 0 },
  help: () => ({
    usage: "[OPTIONS]",
    summary: { en: "Check this host, with one remedy per gap", zh: "检查本机，每个缺口给一个补救办法" },
    description: {
      en: "Looks at what a container start needs, in that order, and leaves nothing behind. The exit code is 1 when something that is needed is missing.",
      zh: "按容器启动的顺序检查所需的一切，不留下任何东西。缺少必需的东西时退出码为 1。",
    },
    aliases: [],
    flags: [
      { name: "format", text: { en: "'json': Print in JSON format", zh: "'json'：以 JSON 打印" } },
      { name: "fs", text: { en: "File systems only", zh: "只检查文件系统" } },
      { name: "json", text: { en: "The same as --format json", zh: "同 --format json" } },
      {
        name: "verbose",
        text: { en: "Show for every check the command that shows the same", zh: "每一项都给出能看到同一事实的命令" },
      },
    ],
    examples: [
      { command: "glassbox doctor", text: { en: "Will containers start here?", zh: "这里能启动容器吗？" } },
      {
        command: "glassbox doctor --fs",
        text: { en: "Which file systems does this kernel have?", zh: "这个内核有哪些文件系统？" },
      },
    ],
  }),
  run(parsed, globals) {
    const format = parsed.last("format") ?? (parsed.on("json") ? "json" : undefined);
    if (format !== undefined && format !== "json") throw parsed.invalid("format", format, 'must be "json"', "--format json");
    const host = require("../host/doctor") as typeof import("../host/doctor");
    const checks = host.doctor({ storeRoot: globals.root, kernel: kernelIfBuilt(), onlyFilesystems: parsed.on("fs") });
    const failed = checks.some((check) => check.status === "fail");
    if (format === "json") {
      print(JSON.stringify(host.doctorJson(checks, globals.lang)));
    } else {
      const colour = useColour(1);
      for (const line of host.renderDoctor(checks, globals.lang, parsed.on("verbose")))
        print(paint(escapeControls(line), colour));
    }
    return failed ? 1 : 0;
  },
};

/** Doctor is what one runs when things are broken, so a missing addon must not stop it. */
function kernelIfBuilt(): import("../binding/kernel").Kernel | undefined {
  try {
    return (require("../binding/index") as typeof import("../binding/index")).loadKernel();
  } catch {
    return undefined;
  }
}

const COLOURS: Readonly<Record<string, string>> = { ok: "32", warn: "33", fail: "31" };

function paint(line: string, colour: boolean): string {
  const mark = colour ? /^\[(ok|warn|fail)\]/.exec(line) : null;
  if (mark === null) return line;
  return `\u001b[${COLOURS[mark[1] ?? ""]}m${mark[0]}\u001b[0m${line.slice(mark[0].length)}`;
}
