/** --help for every command, laid out as Docker's, from the same tables that the flags are read by. */

import { Command, type Help, Option } from "commander";
import { GlassboxError } from "../base/errors";
import { type Bilingual, type Lang, say } from "../base/lang";
import { nearest } from "../base/suggest";
import { padEnd, stringWidth, wrap } from "../explain/width";
import { clip } from "./flags";
import { print, terminalWidth } from "./output";
import type { Globals, Verb } from "./verb";
import { GROUPS, VERBS } from "./verbs";

const GLOBAL_HELP: readonly { flags: string; text: Bilingual }[] = [
  { flags: "-D, --debug", text: { en: "Print stack traces with errors", zh: "出错时打印调用栈" } },
  {
    flags: "--lang <en|zh>",
    text: { en: "Language (default: from LC_ALL, LC_MESSAGES, LANG)", zh: "语言（默认取自 LC_ALL、LC_MESSAGES、LANG）" },
  },
  {
    flags: "--root <dir>",
    text: {
      en: "Directory of the store (default: GLASSBOX_ROOT, else /var/lib/glassbox)",
      zh: "存储目录（默认取 GLASSBOX_ROOT，否则 /var/lib/glassbox）",
    },
  },
  { flags: "-v, --version", text: { en: "Print version information and quit", zh: "打印版本后退出" } },
];

/** Prints the help of a command, of a group of commands, or of all; gives the exit code. Throws "unknown-command". */
export function printHelp(words: readonly string[], globals: Globals): number {
  const width = Math.min(terminalWidth(), 120);
  print(helpText(words, globals.lang, width));
  return 0;
}

/** The same as text without a last line break. `width` in columns. */
export function helpText(words: readonly string[], lang: Lang, width: number): string {
  const all = program(lang, width);
  let command: Command = all;
  const path = words.flatMap((word) => word.split(" ")).filter((word) => !word.startsWith("-"));
  for (const word of path) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) {
      // What follows a command are its operands, not further commands.
      if (command.commands.length === 0) break;
      const near = nearest(
        word,
        command.commands.map((one) => one.name()),
      );
      throw new GlassboxError({
        code: "unknown-command",
        what: `'${clip(path.join(" "))}' is not a glassbox command.`,
        hint: near === undefined ? undefined : say(lang, `did you mean '${near}'?`, `是不是 '${near}'？`),
        exitCode: 1,
      });
    }
    command = next;
  }
  return command.helpInformation().trimEnd();
}

/** Every command as a tree of commander's, which knows how the parts of a help text are called and found. */
export function program(lang: Lang, width: number): Command {
  const layout = {
    helpWidth: width,
    displayWidth: stringWidth,
    boxWrap: (text: string, columns: number) => wrap(text, columns).join("\n"),
  };
  const make = (name: string, summary: Bilingual): Command =>
    new Command(name)
      .summary(say(lang, summary.en, summary.zh))
      .helpOption(false)
      .helpCommand(false);
  const root = new Command("glassbox")
    .usage("[OPTIONS] COMMAND")
    .description(say(lang, "The container runtime you can see through", "看得透的容器运行时"))
    .helpOption(false)
    .helpCommand(false);
  for (const { flags, text } of GLOBAL_HELP) root.addOption(new Option(flags, say(lang, text.en, text.zh)));
  root.configureHelp({ ...layout, formatHelp: (_, helper) => formatProgram(root, helper, lang) });
  for (const [name, entry] of Object.entries(VERBS)) {
    const command = make(name, entry.summary);
    command.configureHelp({ ...layout, formatHelp: (_, helper) => formatVerb(command, entry.load(), helper, lang) });
    root.addCommand(command);
  }
  for (const [name, group] of Object.entries(GROUPS)) {
    const command = make(name, group.summary)
      .usage("COMMAND")
      .description(say(lang, group.summary.en, group.summary.zh));
    command.configureHelp({ ...layout, formatHelp: (_, helper) => formatGroup(command, helper, lang) });
    for (const [word, target] of Object.entries(group.verbs)) {
      const entry = VERBS[target];
      if (entry === undefined) continue;
      const sub = make(word, entry.summary);
      sub.configureHelp({ ...layout, formatHelp: (_, helper) => formatVerb(sub, entry.load(), helper, lang) });
      command.addCommand(sub);
    }
    root.addCommand(command);
  }
  return root;
}

const USAGE = { en: "Usage:  ", zh: "用法：  " };

function title(lang: Lang, en: string, zh: string): string {
  return `${say(lang, en, zh)}${say(lang, ":", "：")}`;
}

/** Lines "  term   text", the text wrapped into its own column. */
function items(rows: readonly (readonly [string, string])[], helper: Help): string[] {
  const termWidth = Math.max(...rows.map(([term]) => stringWidth(term)));
  const column = 2 + termWidth + 3;
  const room = (helper.helpWidth ?? 80) - column;
  return rows.flatMap(([term, text]) => {
    const [first = "", ...more] = helper.boxWrap(text, room).split("\n");
    return [`  ${padEnd(term, termWidth)}   ${first}`.trimEnd(), ...more.map((line) => " ".repeat(column) + line)];
  });
}

function commandRows(command: Command): [string, string][] {
  return command.commands.map((sub) => [sub.name(), sub.summary()]);
}

function formatProgram(root: Command, helper: Help, lang: Lang): string {
  const groups = new Set(Object.keys(GROUPS));
  const rows = commandRows(root);
  return [
    `${USAGE[lang]}glassbox ${root.usage()}`,
    "",
    root.description(),
    "",
    title(lang, "Commands", "命令"),
    ...items(
      rows.filter(([name]) => !groups.has(name)),
      helper,
    ),
    "",
    title(lang, "Management Commands", "管理命令"),
    ...items(
      rows.filter(([name]) => groups.has(name)),
      helper,
    ),
    "",
    title(lang, "Global Options", "全局选项"),
    ...items(
      root.options.map((option) => [optionTerm(option), option.description]),
      helper,
    ),
    "",
    ...wrap(
      say(
        lang,
        "Run 'glassbox COMMAND --help' for more information on a command.",
        "要了解某个命令，请运行 'glassbox 命令 --help'。",
      ),
      helper.helpWidth ?? 80,
    ),
    "",
  ].join("\n");
}

function formatGroup(command: Command, helper: Help, lang: Lang): string {
  return [
    `${USAGE[lang]}glassbox ${command.name()} COMMAND`,
    "",
    command.description(),
    "",
    title(lang, "Commands", "命令"),
    ...items(commandRows(command), helper),
    "",
  ].join("\n");
}

function formatVerb(command: Command, verb: Verb, helper: Help, lang: Lang): string {
  const help = verb.help();
  const parent = command.parent?.parent === null || command.parent === null ? "" : `${command.parent.name()} `;
  const lines = [`${USAGE[lang]}glassbox ${parent}${command.name()} ${help.usage}`, ""];
  const width = helper.helpWidth ?? 80;
  lines.push(...wrap(say(lang, help.summary.en, help.summary.zh), width), "");
  if (help.description !== undefined) lines.push(...wrap(say(lang, help.description.en, help.description.zh), width), "");
  if (help.aliases.length > 0) {
    lines.push(
      title(lang, "Aliases", "别名"),
      `  ${[...help.aliases, verb.name].map((name) => `glassbox ${name}`).join(", ")}`,
      "",
    );
  }
  const options = verbOptions(verb, lang);
  if (options.length > 0) {
    lines.push(
      title(lang, "Options", "选项"),
      ...items(
        options.map((option) => [optionTerm(option), option.description]),
        helper,
      ),
      "",
    );
  }
  if (help.examples.length > 0) {
    lines.push(title(lang, "Examples", "例子"));
    for (const { command: example, text } of help.examples) {
      lines.push(...wrap(say(lang, text.en, text.zh), width - 4).map((line) => `  # ${line}`), `  ${example}`);
    }
    lines.push("");
  }
  return lines.join("\n");
}

/** The described flags of a verb as commander's options, in the order of the alphabet as Docker lists them. */
function verbOptions(verb: Verb, lang: Lang): Option[] {
  const { flags } = verb.help();
  return [...flags]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, text }) => {
      const flag = verb.flags[name] ?? {};
      const short = flag.short === undefined ? "" : `-${flag.short}, `;
      const value = flag.takes === undefined ? "" : flag.bare === undefined ? ` <${flag.takes}>` : ` [${flag.takes}]`;
      return new Option(`${short}--${name}${value}`, say(lang, text.en, text.zh));
    });
}

/** Docker's spelling of an option: `-m, --memory bytes`, `    --rm`, `    --explain[=string]`. */
function optionTerm(option: Option): string {
  const value = /(<|\[)([^\]>]+)[\]>]$/.exec(option.flags);
  const suffix = value === null ? "" : value[1] === "[" ? `[=${value[2]}]` : ` ${value[2]}`;
  const short = option.short === undefined ? "    " : `${option.short}, `;
  return `${short}${option.long ?? ""}${suffix}`;
}
