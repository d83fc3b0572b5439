import type { FlagContext } from "../../../src/cli/flag-context";
import { type Parsed, parseFlags } from "../../../src/cli/flags";
import { GLOBAL_FLAGS } from "../../../src/cli/globals";
import { LATER_FLAGS, RUN_FLAGS } from "../../../src/cli/run-flag-table";
import { type RunRequest, toRunRequest } from "../../../src/cli/run-flags";

export const FILES: Record<string, string> = {
  "/here/plain.env": 'A=1\n# comment\n\n  B=two words \nHOME\nNOT_SET\nQ="kept"\n',
  "/here/crlf.env": "A=1\r\nB=2\r\n",
  "/here/bom.env": "\ufeffA=1\n",
  "/here/space.env": "A=1\nB C=2\n",
  "/here/noname.env": "=1\n",
  "/here/profile.json": "{}",
  "/here/taken.cid": "",
};

export const CONTEXT: FlagContext = {
  env: { HOME: "/home/ava", EMPTY: "" },
  cwd: "/here",
  lang: "en",
  cpuCount: () => 2,
  readFile(path) {
    if (path === "/here/binary.env") return new Uint8Array([65, 61, 49, 10, 255, 61, 49]);
    const text = FILES[path];
    if (text === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    return Buffer.from(text);
  },
  exists: (path) => path in FILES,
};

export function parseRun(argv: readonly string[]): Parsed {
  return parseFlags(argv, { ...GLOBAL_FLAGS, ...RUN_FLAGS, ...LATER_FLAGS }, true, "en");
}

export function runRequest(...argv: string[]): RunRequest {
  return toRunRequest(parseRun(argv), CONTEXT);
}
