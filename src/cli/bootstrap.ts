/** `glassbox bootstrap`: images made on this host, for when there is no registry. */

import { GlassboxError } from "../base/errors";
import { clip } from "./flags";
import { print } from "./output";
import { store } from "./store";
import type { Verb } from "./verb";

export const bootstrap: Verb = {
  name: "bootstrap",
  flags: { list: {}, quiet: { short: "q" } },
  stopAtOperand: false,
  operands: { min: 0, max: Infinity },
  help: () => ({
    usage: "[OPTIONS] [NAME[:TAG]...]",
    summary: { en: "Make an image from this host, without a registry", zh: "不靠镜像仓库，用本机的材料做一个镜像" },
    description: {
      en: "Without a name it lists what can be made. `run` makes busybox by itself when it is not there.",
      zh: "不给名字就列出能做什么。缺少 busybox 时 `run` 会自己做。",
    },
    aliases: [],
    flags: [
      { name: "list", text: { en: "List what can be made", zh: "列出能做的镜像" } },
      { name: "quiet", text: { en: "Only print the image's ID", zh: "只打印镜像 ID" } },
    ],
    examples: [
      { command: "glassbox bootstrap busybox", text: { en: "A static busybox, in a second", zh: "静态 busybox，一秒做好" } },
      { command: "sudo glassbox bootstrap debian:bookworm", text: { en: "Debian's minimal system", zh: "Debian 最小系统" } },
    ],
  }),
  async run(parsed, globals) {
    const { canBootstrap, renderRecipes } = require("../bootstrap/recipes") as typeof import("../bootstrap/recipes");
    if (parsed.on("list") || parsed.operands.length === 0) {
      for (const line of renderRecipes(globals.lang)) print(line);
      return 0;
    }
    // All names are judged before the first image is made.
    for (const name of parsed.operands) {
      if (canBootstrap(name) !== undefined) continue;
      throw new GlassboxError({
        code: "bootstrap-unknown",
        what: `${clip(name)}: no recipe for this image`,
        hint: renderRecipes(globals.lang).join("\n"),
        exitCode: 1,
      });
    }
    const { bootstrapNow } = require("./image-actions") as typeof import("./image-actions");
    const opened = store(globals);
    for (const name of parsed.operands) print((await bootstrapNow(name, opened, globals, parsed.on("quiet"))).id);
    return 0;
  },
};
