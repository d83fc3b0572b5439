/** `glassbox import`: a root file system becomes an image of one layer. */

import { createReadStream } from "node:fs";
import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import { clip } from "./flags";
import { isTerminal, print } from "./output";
import { store } from "./store";
import type { Globals, Verb } from "./verb";

export const importVerb: Verb = {
  name: "import",
  flags: {
    change: { short: "c", takes: "list" },
    message: { short: "m", takes: "string" },
    platform: { takes: "string" },
  },
  stopAtOperand: false,
  operands: { min: 1, max: 2 },
  help: () => ({
    usage: "[OPTIONS] file|directory|- [REPOSITORY[:TAG]]",
    summary: {
      en: "Import the contents from a tarball to create a filesystem image",
      zh: "把 tar 包或目录的内容导入为镜像",
    },
    aliases: ["image import"],
    flags: [
      { name: "change", text: { en: "Apply Dockerfile instruction to the created image", zh: "对所建镜像应用 Dockerfile 指令" } },
      { name: "message", text: { en: "Set commit message for imported image", zh: "设置镜像的说明" } },
    ],
    examples: [
      {
        command: "glassbox import -c 'CMD [\"/bin/sh\"]' rootfs.tar mine:1",
        text: { en: "A root file system with a default command", zh: "一个带默认命令的根文件系统" },
      },
      { command: "tar -C rootfs -c . | glassbox import - mine", text: { en: "From a pipe", zh: "从管道" } },
    ],
  }),
  async run(parsed, globals) {
    const platform = parsed.last("platform");
    if (platform !== undefined) {
      throw new GlassboxError({
        code: "flag-not-available",
        what: "--platform is not available",
        hint: say(globals.lang, "imported images are for this host's platform", "导入的镜像总是本机的平台"),
      });
    }
    const [input = "", reference] = parsed.operands;
    refuseInput(input, globals);
    const { importRootfs } = require("../image/import-rootfs") as typeof import("../image/import-rootfs");
    const source = input === "-" ? createReadStream("", { fd: 0, autoClose: false }) : input;
    print(
      await importRootfs(store(globals), source, { reference, message: parsed.last("message"), changes: parsed.all("change") }),
    );
    return 0;
  },
};

function refuseInput(input: string, globals: Globals): void {
  if (/^https?:\/\//.test(input)) {
    throw new GlassboxError({
      code: "not-available",
      what: `import ${clip(input)}: addresses are not available`,
      hint: say(
        globals.lang,
        "download it first: curl -fL ADDRESS | glassbox import - NAME",
        "请先下载：curl -fL 地址 | glassbox import - 名字",
      ),
    });
  }
  if (input === "-" && isTerminal(0)) {
    throw new GlassboxError({
      code: "bad-arguments",
      what: "standard input is a terminal",
      hint: say(
        globals.lang,
        "pipe a tar in: tar -C rootfs -c . | glassbox import - NAME",
        "请从管道输入：tar -C rootfs -c . | glassbox import - 名字",
      ),
      exitCode: 1,
    });
  }
}
