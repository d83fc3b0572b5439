/** `glassbox version` and `glassbox --version`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { print, writeTo } from "./output";
import type { Verb } from "./verb";

/** Version of this package, from package.json. */
export function packageVersion(): string {
  const text = readFileSync(join(__dirname, "../../../package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** The one line of --version, in the form of Docker's; gives exit code 0. */
export function printShort(): number {
  writeTo(1, `glassbox version ${packageVersion()}\n`);
  return 0;
}

export const version: Verb = {
  name: "version",
  flags: { format: { short: "f", takes: "string" } },
  stopAtOperand: false,
  operands: { min: 0, max: 0 },
  help: () => ({
    usage: "[OPTIONS]",
    summary: { en: "Show the glassbox version information", zh: "显示 glassbox 的版本信息" },
    aliases: [],
    flags: [{ name: "format", text: { en: "'json': Print in JSON format", zh: "'json'：以 JSON 打印" } }],
    examples: [{ command: "glassbox version", text: { en: "What is running here", zh: "这里运行的是什么" } }],
  }),
  run(parsed) {
    const facts = {
      Version: packageVersion(),
      NodeVersion: process.version,
      Os: process.platform,
      Arch: process.arch,
      KernelVersion: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    };
    const format = parsed.last("format");
    if (format === "json") print(JSON.stringify(facts));
    else if (format !== undefined) throw parsed.invalid("format", format, 'must be "json"', "--format json");
    else {
      print("glassbox:");
      print(` Version:        ${facts.Version}`);
      print(` Node version:   ${facts.NodeVersion}`);
      print(` OS/Arch:        ${facts.Os}/${facts.Arch}`);
      print(` Kernel version: ${facts.KernelVersion}`);
    }
    return 0;
  },
};
