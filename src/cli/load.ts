/** `glassbox load`: images from an archive. */

import { createReadStream } from "node:fs";
import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import { formatSize } from "../base/sizes";
import type { LoadedImage, LoadProgress } from "../image/load-archive";
import { escapeControls } from "./escape";
import { isTerminal, print, printError, writeTo } from "./output";
import { store } from "./store";
import type { Globals, Verb } from "./verb";

export const load: Verb = {
  name: "load",
  flags: { input: { short: "i", takes: "string" }, quiet: { short: "q" } },
  stopAtOperand: false,
  operands: { min: 0, max: 0 },
  help: () => ({
    usage: "[OPTIONS]",
    summary: { en: "Load an image from a tar archive or STDIN", zh: "从 tar 归档或标准输入载入镜像" },
    description: {
      en: "Reads docker-archive and OCI archives, plain or compressed, and OCI layout directories. All or nothing: every digest is checked first.",
      zh: "可读 docker-archive 和 OCI 归档（压缩与否均可）以及 OCI layout 目录。要么全部载入，要么什么都不留：先核对每个摘要。",
    },
    aliases: ["image load"],
    flags: [
      { name: "input", text: { en: "Read from tar archive file, instead of STDIN", zh: "从归档文件读，而不是标准输入" } },
      { name: "quiet", text: { en: "Suppress the load output", zh: "不显示载入过程" } },
    ],
    examples: [
      {
        command: "glassbox load -i busybox.tar",
        text: { en: "From a file that docker save wrote", zh: "从 docker save 写的文件" },
      },
      {
        command: "skopeo copy docker://busybox docker-archive:/dev/stdout | glassbox load",
        text: { en: "From a pipe", zh: "从管道" },
      },
    ],
  }),
  async run(parsed, globals) {
    const input = parsed.last("input");
    if (input === undefined && isTerminal(0)) throw noInput(globals);
    const { loadArchive } = require("../image/load-archive") as typeof import("../image/load-archive");
    const onProgress = !parsed.on("quiet") && isTerminal(2) ? progressLine() : undefined;
    // autoClose: the store has read to the end of the archive before anything is published.
    const source = input ?? createReadStream("", { fd: 0, autoClose: false });
    const loaded = await loadArchive(store(globals), source, onProgress === undefined ? {} : { onProgress });
    if (onProgress !== undefined) writeTo(2, "\r\u001b[K");
    for (const image of loaded) report(image, globals);
    return 0;
  },
};

function noInput(globals: Globals): GlassboxError {
  return new GlassboxError({
    code: "bad-arguments",
    what: "requested load from stdin, but stdin is empty",
    hint: say(globals.lang, "name a file with -i, or pipe an archive in", "用 -i 指定文件，或者从管道输入归档"),
    exitCode: 1,
  });
}

/** One line that is written over: which layer, how far. */
function progressLine(): (progress: LoadProgress) => void {
  let lastMs = 0;
  return ({ layer, layers, diffId, bytes, totalBytes, exists }) => {
    const nowMs = Date.now();
    if (nowMs - lastMs < 80 && bytes < totalBytes) return;
    lastMs = nowMs;
    const state = exists ? "already there" : `${formatSize(bytes)}/${formatSize(totalBytes)}`;
    writeTo(2, `\r\u001b[K${diffId.slice(7, 19)}: Loading layer ${layer}/${layers}  ${state}`);
  };
}

function report(image: LoadedImage, globals: Globals): void {
  for (const { reference, previousId } of image.renamed) {
    const name = escapeControls(reference);
    printError(
      say(
        globals.lang,
        `The image ${name} already exists, renaming the old one with ID ${previousId} to empty string`,
        `镜像 ${name} 已存在，旧的（ID ${previousId}）不再有名字`,
      ),
    );
  }
  if (image.references.length === 0) print(`Loaded image ID: ${image.id}`);
  for (const reference of image.references) print(`Loaded image: ${escapeControls(reference)}`);
}
