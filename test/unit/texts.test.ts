/** What a reader meets stands in both languages, and the Chinese is punctuated as Chinese. */

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import test from "ava";

import { GlassboxError } from "../../src/base/errors";
import { unpackMessage } from "../../src/image/unpack-texts";

const ROOT = join(__dirname, "..", "..", "..");
const SRC = join(ROOT, "src");

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

interface Token {
  /** "inner": a literal inside `${}`. */
  kind: "text" | "inner" | "code";
  /** A literal's words, with "…" for what is put in; or one character of code. */
  value: string;
  line: number;
}

/** Literals and single characters of code; comments and regular expressions are left out. Literals inside `${}` follow the template's own. */
function tokens(source: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  let line = 1;
  const next = (): string => {
    const character = source[at++] ?? "";
    if (character === "\n") line++;
    return character;
  };
  const skipTo = (end: string): void => {
    while (at < source.length && !source.startsWith(end, at)) next();
    for (let i = 0; i < end.length; i++) next();
  };
  const literal = (quote: string): void => {
    const token: Token = { kind: "text", value: "", line };
    found.push(token);
    while (at < source.length && source[at] !== quote) {
      if (source[at] === "\\") {
        next();
        token.value += next();
      } else if (quote === "`" && source.startsWith("${", at)) {
        at += 2;
        token.value += "…";
        const inner = found.length;
        code(true);
        // The code around them would only disturb the reader of the statement.
        for (const token of found.splice(inner)) if (token.kind !== "code") found.push({ ...token, kind: "inner" });
      } else token.value += next();
    }
    next();
  };
  const code = (inTemplate: boolean): void => {
    let depth = 0;
    let before = "";
    while (at < source.length) {
      if (source.startsWith("//", at)) skipTo("\n");
      else if (source.startsWith("/*", at)) skipTo("*/");
      else if (source[at] === "/" && "=(,:!&|?{;".includes(before)) regularExpression();
      else {
        const character = next();
        if (`"'\``.includes(character)) literal(character);
        else {
          if (character === "{") depth++;
          if (character === "}" && depth-- === 0 && inTemplate) return;
          found.push({ kind: "code", value: character, line });
        }
        if (!/\s/.test(character)) before = character;
      }
    }
  };
  const regularExpression = (): void => {
    next();
    for (let inClass = false; at < source.length && (inClass || source[at] !== "/");) {
      if (source[at] === "\\") next();
      else if (source[at] === "[") inClass = true;
      else if (source[at] === "]") inClass = false;
      next();
    }
    next();
  };
  code(false);
  return found;
}

/** Literals that are the whole value of a `why:` or `hint:`, or a branch of it; not those in `{ en, zh }` or in a call. */
function oneLanguage(source: string): Token[] {
  const all = tokens(source);
  const found: Token[] = [];
  let word = "";
  for (const [i, token] of all.entries()) {
    if (token.kind !== "code") word = "";
    else if (/[\w?]/.test(token.value)) word += token.value;
    else {
      if (token.value === ":" && /^(why|hint)$/.test(word)) found.push(...literalsOfValue(all, i + 1));
      word = "";
    }
  }
  return found;
}

function literalsOfValue(all: readonly Token[], from: number): Token[] {
  const found: Token[] = [];
  let depth = 0;
  for (const token of all.slice(from)) {
    if (token.kind !== "code") {
      if (depth === 0 && token.kind === "text") found.push(token);
    } else if ("({[".includes(token.value)) depth++;
    else if (")}]".includes(token.value)) {
      if (depth-- === 0) break;
    } else if (depth === 0 && (token.value === "," || token.value === ";")) break;
  }
  return found;
}

/** A comparison's word, a flag or a bare value is no sentence; neither is a command, which is the same everywhere. */
const isSentence = (text: string): boolean => / /.test(text.trim()) && /[a-z]{2}/.test(text) && !/^(sudo )?glassbox /.test(text);

/** There the texts are chosen before they get to the error. */
const IN_READERS_LANGUAGE = /^src\/(cli\/|elf\/diagnose|explain\/)/;

test("every why and hint in the sources has both languages", (t) => {
  const lacking = sources(SRC).flatMap((path) => {
    const name = relative(ROOT, path);
    return oneLanguage(readFileSync(path, "utf8"))
      .filter(({ value }) => isSentence(value))
      .map(({ value, line }) => `${name}:${line}: ${value}`);
  });
  t.deepEqual(lacking, []);
});

test("no function takes a why or a hint as a plain string", (t) => {
  const lacking = sources(SRC).flatMap((path) => {
    const name = relative(ROOT, path);
    if (IN_READERS_LANGUAGE.test(name)) return [];
    const parameter = /[(,]\s*(?:why|hint)\??: string(?! \|)/;
    return parameter.test(readFileSync(path, "utf8")) ? [name] : [];
  });
  t.deepEqual(lacking, []);
});

test("the search for one-language texts finds them", (t) => {
  const find = (code: string): string[] => oneLanguage(code).map(({ value }) => value);
  t.deepEqual(find('f({ why: "the cause", hint: x ? `do ${y} now` : "or this" })'), ["the cause", "do … now", "or this"]);
  t.deepEqual(find('f({ why: { en: "the cause", zh: "原因" }, hint: say(lang, "do it", "办吧") })'), []);
  t.deepEqual(find('// why: "in a comment"\nf({ why: text, hint: list.join(", ") })'), []);
});

/** Where a half-width sign belongs to a command or a form between Chinese words. */
const CODE_IN_CHINESE = ["类型:路径", "/宿主机路径:/容器路径", "<(命令)"];

test("Chinese texts have full-width punctuation", (t) => {
  const lacking = sources(SRC).flatMap((path) =>
    tokens(readFileSync(path, "utf8")).flatMap(({ kind, value, line }) => {
      if (kind === "code") return [];
      const text = CODE_IN_CHINESE.reduce((rest, known) => rest.replaceAll(known, ""), value).replace(/\w\(\d\w?\)/g, "");
      const half = /[\u4e00-\u9fff\uff00-\uffef][,:;()!]|[,:;()!][\u4e00-\u9fff\uff00-\uffef]|[\u4e00-\u9fff].*…[,:;][^\s\d]/;
      return half.test(text) ? [`${relative(ROOT, path)}:${line}: ${value}`] : [];
    }),
  );
  t.deepEqual(lacking, []);
});

test("an error speaks the reader's language", (t) => {
  const error = new GlassboxError({ code: "x", what: "w", why: { en: "because", zh: "因为" }, hint: "sudo x" });
  t.deepEqual(error.explained("zh"), { why: "因为", hint: "sudo x" });
  t.is(error.message, "w: because");
});

/** The messages of the unpacker as C++ builds them; "x1" for what it puts in. */
function unpackerMessages(): string[] {
  const directory = join(ROOT, "native", "addon");
  const texts = ["tar-extract.cc", "tar-reader.cc"].map((name) => readFileSync(join(directory, name), "utf8"));
  const calls = texts.flatMap((text) =>
    [...text.matchAll(/\b(?:System|Refuse|Fail)\(error, (.*?)\);?(?: };)?$/gm)].map((m) => m[1]!),
  );
  return calls.flatMap((call) => {
    const message = call.slice(/^(?:"[^"]*"|[^,]*), (?:[\w.]+, )?(?=\S)/.exec(call)?.[0].length ?? 0);
    const branches = /\? ("(?:[^"\\]|\\.)*") : ("(?:[^"\\]|\\.)*")/.exec(message)?.slice(1) ?? [message];
    return branches.map((branch) =>
      branch
        .split(" + ")
        .map((part) => (/^(?:std::string\()?"((?:[^"\\]|\\.)*)"\)?$/.exec(part)?.[1] ?? "x1").replaceAll('\\"', '"'))
        .join(""),
    );
  });
}

test("every message of the unpacker has a Chinese twin", (t) => {
  // The one that ends in a variable ("… is " + kind) is tried with its values below.
  const messages = unpackerMessages().filter((message) => !message.endsWith("x1") || /^cannot (open|set|restore)/.test(message));
  t.true(messages.length > 70, `${messages.length}`);
  t.deepEqual(
    messages.filter((message) => !/[\u4e00-\u9fff]/.test(unpackMessage(message).zh)),
    [],
  );
  t.is(unpackMessage('the name leaves the root file system through ".."').zh, '名字经 ".." 跑出了根文件系统');
  t.is(unpackMessage("an extended header of 70000 bytes is above the limit of 65536").zh, "扩展头有 70000 字节，超过上限 65536");
  t.is(unpackMessage('"a/b", above it, is not a directory').zh, '它上级的 "a/b" 不是目录');
  t.is(unpackMessage("something new").zh, "something new");
});
