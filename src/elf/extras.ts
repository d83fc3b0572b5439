/** Files that programs open at run time although no ELF header says so. */

import { text } from "./bytes";
import type { ClosureBuilder, ClosureExtra } from "./closure";
import type { RootReader } from "./root-reader";
import { walk } from "./walk";

const TERMINALS = ["xterm", "xterm-256color", "screen", "screen-256color", "tmux-256color", "linux", "vt100", "dumb"];
const TERMINFO_ROOTS = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];
const LOCALE_PARTS = [
  "LC_ADDRESS",
  "LC_COLLATE",
  "LC_CTYPE",
  "LC_IDENTIFICATION",
  "LC_MEASUREMENT",
  "LC_MESSAGES/SYS_LC_MESSAGES",
  "LC_MONETARY",
  "LC_NAME",
  "LC_NUMERIC",
  "LC_PAPER",
  "LC_TELEPHONE",
  "LC_TIME",
];

/** Adds the chosen groups; what this root does not have is passed over. */
export function addExtras(builder: ClosureBuilder, reader: RootReader, extras: readonly ClosureExtra[]): void {
  if (extras.includes("nss")) addNameServices(builder, reader);
  if (extras.includes("locale")) {
    for (const directory of ["/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8"]) {
      for (const part of LOCALE_PARTS) builder.addPlain(`${directory}/${part}`, "locale C.UTF-8");
    }
  }
  if (extras.includes("terminfo")) {
    for (const root of TERMINFO_ROOTS) {
      for (const name of TERMINALS) builder.addPlain(`${root}/${name[0]}/${name}`, `terminal ${name}`);
    }
  }
}

/** nsswitch.conf(5) names the modules: "hosts: files dns" opens libnss_files.so.2 and libnss_dns.so.2. */
function addNameServices(builder: ClosureBuilder, reader: RootReader): void {
  const file = "/etc/nsswitch.conf";
  const found = walk(reader, file);
  const content = found.ok ? reader.readHead(found.realPath, 65536) : undefined;
  const services = new Set(["files", "dns"]);
  if (content !== undefined) {
    builder.addPlain(file, "name service switch");
    for (const line of text(content).split("\n")) {
      const sources = /^\s*(passwd|group|shadow|hosts|networks):(.*)$/.exec(line.replace(/#.*/, ""))?.[2] ?? "";
      for (const word of sources.replace(/\[[^\]]*\]/g, " ").split(/\s+/)) if (/^[\w-]+$/.test(word)) services.add(word);
    }
  }
  for (const service of services) builder.addOpened(`libnss_${service}.so.2`, `name service "${service}"`);
}
