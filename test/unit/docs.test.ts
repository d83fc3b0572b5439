/** The documents as a test: links lead somewhere, the two languages say the same, and every command and flag in them exists. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

import test from "ava";

import { GLOBAL_FLAGS } from "../../src/cli/globals";
import type { Verb } from "../../src/cli/verb";
import { GROUPS, VERBS } from "../../src/cli/verbs";

const ROOT = join(__dirname, "..", "..", "..");
const SKIPPED = new Set(["node_modules", "dist", "build", ".git", "coverage"]);

function markdownFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : markdownFiles(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const FILES = markdownFiles(ROOT);
const name = (path: string): string => relative(ROOT, path);

interface Block {
  info: string;
  lines: string[];
}

interface Document {
  /** Everything but the code blocks. */
  prose: string[];
  blocks: Block[];
}

function parse(path: string): Document {
  const document: Document = { prose: [], blocks: [] };
  let block: Block | undefined;
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) {
      (block?.lines ?? document.prose).push(line);
    } else if (block === undefined) {
      block = { info: fence[1] ?? "", lines: [] };
      document.blocks.push(block);
    } else {
      block = undefined;
    }
  }
  return document;
}

const headings = ({ prose }: Document): string[] => prose.filter((line) => /^#{1,6} /.test(line));

/** What a forge makes of a heading: lower case, spaces to hyphens, other punctuation gone. */
function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

test("links lead to files and headings that exist", (t) => {
  const broken: string[] = [];
  for (const file of FILES) {
    // A link inside a code span is an example.
    const prose = parse(file)
      .prose.join("\n")
      .replace(/`[^`\n]*`/g, "");
    const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? match[2] ?? "");
    for (const target of targets) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const full = path === "" ? file : resolve(dirname(file), path);
      if (!existsSync(full)) broken.push(`${name(file)}: ${target}`);
      else if (anchor !== undefined && !headings(parse(full)).map(anchorOf).includes(decodeURIComponent(anchor))) {
        broken.push(`${name(file)}: ${target} (no such heading)`);
      }
    }
  }
  t.deepEqual(broken, []);
});

const CHINESE = FILES.filter((file) => file.endsWith(".zh-CN.md"));

test("each document for users has its twin", (t) => {
  const english = FILES.filter(
    (file) => name(file) === "README.md" || (name(file).startsWith("docs/") && !file.endsWith(".zh-CN.md")),
  );
  t.deepEqual(english.map((file) => name(file).replace(/\.md$/, ".zh-CN.md")).sort(), CHINESE.map(name).sort());
});

/** Output may be in the reader's language; what is typed is the same, and code is. */
const typed = ({ info, lines }: Block): string[] => [
  info,
  ...(info === "console" ? lines.filter((line) => line.startsWith("# ")) : lines),
];

for (const chinese of CHINESE) {
  test(`${name(chinese)} has the headings, tables and code of its English twin`, (t) => {
    const twin = parse(chinese.replace(/\.zh-CN\.md$/, ".md"));
    const own = parse(chinese);
    const depths = (document: Document): number[] => headings(document).map((line) => line.indexOf(" "));
    t.deepEqual(depths(own), depths(twin));
    t.deepEqual(own.blocks.map(typed), twin.blocks.map(typed));
    const rows = ({ prose }: Document): number => prose.filter((line) => line.startsWith("|")).length;
    t.is(rows(own), rows(twin));
    for (const heading of headings(own).slice(1)) t.regex(heading, /[\u4e00-\u9fff]|^#+ [\w-]+$/, heading);
  });
}

/** Command lines in a document: console prompts, sh blocks, and code spans that begin with the command. */
function commandLines(path: string): string[] {
  const { prose, blocks } = parse(path);
  const lines = blocks.flatMap(({ info, lines: all }) => {
    if (info === "console") return all.filter((line) => line.startsWith("# ")).map((line) => line.slice(2));
    return info === "sh" ? all : [];
  });
  const spans = [...prose.join("\n").matchAll(/`((?:npx )?glassbox [^`\n]*)`/g)].map((match) => match[1] ?? "");
  return [...lines, ...spans];
}

interface Use {
  line: string;
  words: string[];
}

/** Each `glassbox …` of a line, up to the end of its simple command. Good enough for documents, not a shell. */
function uses(line: string): Use[] {
  const parts = line.split(/&&|\|\||[|;]|(?<=\s)>/).filter((part) => /(^|\s)glassbox\s/.test(part));
  return parts.map((part) => ({
    line,
    words: part
      .slice(part.search(/(^|\s)glassbox\s/))
      .trim()
      .split(/\s+/)
      .slice(1),
  }));
}

function findVerb(words: string[]): { verb: Verb; rest: string[] } | undefined {
  const group = GROUPS[words[0] ?? ""];
  const grouped = group?.verbs[words[1] ?? ""];
  const entry = VERBS[grouped ?? words[0] ?? ""];
  return entry === undefined ? undefined : { verb: entry.load(), rest: words.slice(grouped === undefined ? 1 : 2) };
}

/** Names, without dashes, of flags in `words` that the verb's help does not have. Stops where the verb's own options stop. */
function unknownFlags(verb: Verb, words: readonly string[]): string[] {
  const table = { ...GLOBAL_FLAGS, ...verb.flags };
  const shorts = new Map(
    Object.entries(table).flatMap(([long, flag]) => (flag.short === undefined ? [] : [[flag.short, long] as const])),
  );
  const unknown: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") break;
    if (!word.startsWith("-") || word === "-") {
      if (verb.stopAtOperand) break;
      continue;
    }
    const [text = ""] = word.replace(/^--?/, "").split("=");
    const names = word.startsWith("--") ? [text] : [...text].map((letter) => shorts.get(letter) ?? letter);
    unknown.push(...names.filter((flag) => !Object.hasOwn(table, flag)));
    const last = table[names.at(-1) ?? ""];
    if (last?.takes !== undefined && last.bare === undefined && !word.includes("=")) i++;
  }
  return unknown;
}

test("every glassbox command and flag in the documents exists", (t) => {
  const wrong: string[] = [];
  let seen = 0;
  for (const file of FILES.filter((path) => !name(path).startsWith("src/decisions/"))) {
    for (const { line, words } of commandLines(file).flatMap(uses)) {
      while (words[0] === "--root" || words[0] === "--lang") words.splice(0, 2);
      if (words[0] === undefined || !/^[a-z]+$/.test(words[0])) continue;
      seen++;
      const found = findVerb(words);
      if (found === undefined) wrong.push(`${name(file)}: ${line}: no command ${words[0]}`);
      else for (const flag of unknownFlags(found.verb, found.rest)) wrong.push(`${name(file)}: ${line}: no flag ${flag}`);
    }
  }
  t.deepEqual(wrong, []);
  t.true(seen > 60, `only ${seen} commands found`);
});

test("flags in the tables of the documents exist in run's or clone's help", (t) => {
  const known = new Set(Object.values(VERBS).flatMap(({ load }) => Object.keys({ ...GLOBAL_FLAGS, ...load().flags })));
  const wrong = FILES.filter((file) => /^(README|docs\/)/.test(name(file))).flatMap((file) =>
    [
      ...parse(file)
        .prose.join("\n")
        .matchAll(/`--([a-z][a-z-]*)/g),
    ].flatMap((match) => (known.has(match[1] ?? "") ? [] : [`${name(file)}: --${match[1]}`])),
  );
  t.deepEqual(wrong, []);
});

test("every flag of run stands in docs/run.md", (t) => {
  const text = readFileSync(join(ROOT, "docs", "run.md"), "utf8");
  const run = VERBS["run"]?.load();
  const described = run?.help().flags.map((flag) => flag.name) ?? [];
  t.true(described.length > 40);
  t.deepEqual(
    described.filter((flag) => !text.includes(`--${flag}`) && !text.includes(`\`-${run?.flags[flag]?.short}\``)),
    [],
  );
});

test("every folder of src and native says its one job", (t) => {
  const folders = ["src", "native"].flatMap((top) =>
    readdirSync(join(ROOT, top))
      .map((entry) => join(ROOT, top, entry))
      .filter((path) => statSync(path).isDirectory()),
  );
  const silent = [join(ROOT, "src"), join(ROOT, "native"), ...folders].filter(
    (path) => !path.endsWith("decisions") && !existsSync(join(path, "README.md")),
  );
  t.deepEqual(silent.map(name), []);
});

test("src/README.md names every folder of src, and decisions are numbered without gaps", (t) => {
  const map = readFileSync(join(ROOT, "src", "README.md"), "utf8");
  const folders = readdirSync(join(ROOT, "src"), { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name !== "decisions",
  );
  t.deepEqual(
    folders.map((entry) => entry.name).filter((folder) => !map.includes(`| [${folder}](`)),
    [],
  );
  const files = readdirSync(join(ROOT, "src", "decisions")).sort();
  files.forEach((file, i) => t.true(file.startsWith(String(i + 1).padStart(4, "0")), file));
  for (const file of files) {
    const [first = ""] = readFileSync(join(ROOT, "src", "decisions", file), "utf8").split("\n");
    t.true(first.startsWith(`# ${file.slice(0, 4)} `), file);
  }
});

test("files that src/README.md names exist", (t) => {
  const map = readFileSync(join(ROOT, "src", "README.md"), "utf8");
  const named = [...map.matchAll(/`((?:[a-z-]+\/)+[a-z0-9.-]+\.(?:ts|cc|h|md))`/g)].map((match) => match[1] ?? "");
  t.true(named.length > 30);
  t.deepEqual(
    named.filter((file) => !existsSync(join(ROOT, "src", file)) && !existsSync(join(ROOT, file))),
    [],
  );
});

test("pictures are small and well-formed enough to be shown", (t) => {
  for (const lang of ["en", "zh"]) {
    const svg = readFileSync(join(ROOT, "docs", "pictures", `explain.${lang}.svg`), "utf8");
    t.true(svg.length < 60_000);
    t.regex(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=/);
    t.is(svg.match(/<text/g)?.length, svg.match(/<\/text>/g)?.length);
    // oxlint-disable-next-line no-control-regex
    t.notRegex(svg, /[\u0000-\u0008\u000b-\u001f]/);
  }
});
