import test from "ava";
import { helpText } from "../../../src/cli/help";
import { LATER_FLAGS, RUN_FLAGS } from "../../../src/cli/run-flag-table";
import type { Verb } from "../../../src/cli/verb";
import { GROUPS, VERBS } from "../../../src/cli/verbs";
import { stringWidth } from "../../../src/explain/width";

const ALL: [string, Verb][] = Object.entries(VERBS).map(([name, entry]) => [name, entry.load()]);

test("every flag is described, in English and in Chinese, and nothing else is", (t) => {
  const undocumented = new Set(["net", "no-private", ...Object.keys(LATER_FLAGS)]);
  // import's --platform is understood only to be refused.
  for (const [name, verb] of ALL) {
    const described = verb.help().flags.map((flag) => flag.name);
    const expected = Object.keys(verb.flags).filter(
      (flag) => !undocumented.has(flag) && !(name === "import" && flag === "platform"),
    );
    t.deepEqual([...described].sort(), expected.sort(), name);
    for (const { text } of verb.help().flags) {
      t.true(text.en !== "" && text.zh !== "");
      t.regex(text.zh, /[\u4e00-\u9fff]/, `${name}: ${text.zh}`);
    }
  }
});

test("every command has a summary, an example that names it, and its own name", (t) => {
  for (const [name, verb] of ALL) {
    const help = verb.help();
    t.is(verb.name, name);
    t.true(help.examples.length > 0, name);
    t.true(
      help.examples.some(({ command }) => new RegExp(`glassbox ${name}\\b`).test(command)),
      name,
    );
    t.deepEqual(VERBS[name]?.summary, help.summary, name);
  }
});

test("aliases of the help are the groups' commands, and the other way round", (t) => {
  const fromGroups = Object.entries(GROUPS).flatMap(([group, { verbs }]) =>
    Object.entries(verbs).map(([word, verb]) => `${verb}: ${group} ${word}`),
  );
  const fromHelp = ALL.flatMap(([name, verb]) => verb.help().aliases.map((alias) => `${name}: ${alias}`));
  t.deepEqual(fromGroups.sort(), fromHelp.sort());
});

test("no line is wider than the terminal, in either language, but for commands to copy", (t) => {
  for (const lang of ["en", "zh"] as const) {
    for (const width of [60, 80, 120]) {
      for (const words of [[], ...Object.keys(VERBS).map((name) => [name]), ["image"]]) {
        for (const line of helpText(words, lang, width).split("\n")) {
          if (/^ {2}(\S.*)?glassbox |^(Usage|用法)/.test(line)) continue;
          t.true(stringWidth(line) <= width, `${words.join(" ")} ${lang} ${width}: ${line}`);
        }
      }
    }
  }
});

test("the flags of run are spelled as Docker spells them", (t) => {
  const text = helpText(["run"], "en", 100).replaceAll(/  +/g, "  ");
  for (const line of [
    "  -c, --cpu-shares int  CPU shares (relative weight)",
    "  -e, --env list  Set environment variables",
    "  -m, --memory bytes  Memory limit",
    "  --mount mount  Attach a filesystem mount to the container",
    "  --read-only  Mount the container's root filesystem as read only",
    "  --explain[=string]  Tell every step of the start",
  ]) {
    t.true(text.includes(line), line);
  }
  t.false(text.includes("--publish"));
  t.true(Object.keys(RUN_FLAGS).length > 50);
});
