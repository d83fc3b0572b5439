/** `glassbox info`: what is used here, in Docker's layout. */

import { readdirSync } from "node:fs";
import { escapeControls } from "./escape";
import { print, printError } from "./output";
import type { Verb } from "./verb";

export const info: Verb = {
  name: "info",
  flags: { format: { short: "f", takes: "string" } },
  stopAtOperand: false,
  operands: { min: 0, max: 0 },
  help: () => ({
    usage: "[OPTIONS]",
    summary: { en: "Display system-wide information", zh: "显示系统信息" },
    aliases: ["system info"],
    flags: [{ name: "format", text: { en: "'json': Print in JSON format", zh: "'json'：以 JSON 打印" } }],
    examples: [{ command: "glassbox info | grep Storage", text: { en: "Which storage driver is used", zh: "使用哪个存储驱动" } }],
  }),
  run(parsed, globals) {
    const host = require("../host/info") as typeof import("../host/info");
    const { packageVersion } = require("./version") as typeof import("./version");
    const facts = host.hostInfo(globals.root, { version: packageVersion(), counts: countStore(globals.root) });
    const format = parsed.last("format");
    if (format === "json" || format === "{{json .}}") {
      print(JSON.stringify(facts));
      return 0;
    }
    if (format !== undefined) throw parsed.invalid("format", format, 'must be "json"', "--format json");
    for (const line of host.renderInfo(facts)) print(escapeControls(line));
    for (const line of host.renderWarnings(facts, globals.lang)) printError(escapeControls(line));
    return 0;
  },
};

/** Counted from the store's directories; a store that was never made holds nothing, and asking does not make it. */
function countStore(root: string): import("../host/info").Counts {
  const containers = countNames(`${root}/containers`);
  const images = countNames(`${root}/image/overlay2/imagedb/content/sha256`);
  return { containers, running: 0, paused: 0, stopped: containers, images };
}

function countNames(path: string): number {
  try {
    return readdirSync(path).filter((name) => /^[0-9a-f]{64}$/.test(name)).length;
  } catch {
    return 0;
  }
}
