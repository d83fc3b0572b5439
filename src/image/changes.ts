/** `--change`: Dockerfile instructions that touch only the configuration. */

import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { ImageConfig } from "./config";

const ALLOWED: Bilingual = {
  en: "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR",
  zh: "CMD、ENTRYPOINT、ENV、EXPOSE、LABEL、ONBUILD、STOPSIGNAL、USER、VOLUME、WORKDIR",
};

/** A configuration with the changes applied in turn; the given one stays as it is. Throws "bad-change", naming the line. */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  const result: ImageConfig = structuredClone(config);
  for (const change of changes) applyChange(result, change);
  return result;
}

function applyChange(config: ImageConfig, change: string): void {
  const match = /^\s*([A-Za-z]+)\s+(\S[^]*)$/.exec(change.slice(0, 65_536));
  const [, word, value] = match ?? [];
  const text = value?.trimEnd();
  if (word === undefined || text === undefined || text === "")
    throw bad(change, {
      en: `write an instruction and its value; ${ALLOWED.en} are taken`,
      zh: `写一条指令和它的值；可用的有 ${ALLOWED.zh}`,
    });
  switch (word.toUpperCase()) {
    case "CMD":
      config.Cmd = command(text, config.Shell);
      return;
    case "ENTRYPOINT":
      config.Entrypoint = command(text, config.Shell);
      return;
    case "ENV":
      for (const [name, setting] of pairs(text, change)) setEnv(config, name, setting);
      return;
    case "LABEL":
      config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(text, change)) };
      return;
    case "EXPOSE":
      for (const port of words(text, change)) {
        const parsed = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(port);
        if (parsed === null || Number(parsed[1]) > 65_535)
          throw bad(change, {
            en: `${JSON.stringify(port)} is not PORT[/tcp|udp|sctp]`,
            zh: `${JSON.stringify(port)} 不是 PORT[/tcp|udp|sctp]`,
          });
        config.ExposedPorts = { ...config.ExposedPorts, [`${parsed[1]}/${parsed[2] ?? "tcp"}`]: {} };
      }
      return;
    case "VOLUME":
      for (const path of jsonList(text) ?? words(text, change)) config.Volumes = { ...config.Volumes, [path]: {} };
      return;
    case "ONBUILD":
      config.OnBuild = [...(config.OnBuild ?? []), text];
      return;
    case "STOPSIGNAL":
      config.StopSignal = text;
      return;
    case "USER":
      config.User = text;
      return;
    case "WORKDIR":
      config.WorkingDir = text.startsWith("/") ? text : `${(config.WorkingDir ?? "").replace(/\/$/, "")}/${text}`;
      return;
    default:
      throw bad(change, {
        en: `${word.toUpperCase()} is not a valid change; ${ALLOWED.en} are`,
        zh: `${word.toUpperCase()} 不能用在这里；可用的有 ${ALLOWED.zh}`,
      });
  }
}

function command(text: string, shell: string[] | null | undefined): string[] {
  return jsonList(text) ?? [...(shell ?? ["/bin/sh", "-c"]), text];
}

/** The exec form, when it is one. */
function jsonList(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  } catch {
    // Docker takes what is not JSON as the shell form.
  }
  return undefined;
}

/** "a=1 b='x y'" or the old "a the rest". */
function pairs(text: string, change: string): [string, string][] {
  const parts = words(text, change);
  if (!parts[0]?.includes("=")) {
    const space = text.search(/\s/);
    if (space < 0) throw bad(change, { en: "write NAME=VALUE", zh: "写成 NAME=VALUE" });
    return [[text.slice(0, space), text.slice(space).trim()]];
  }
  return parts.map((part) => {
    const equals = part.indexOf("=");
    if (equals <= 0) {
      throw bad(change, { en: `${JSON.stringify(part)} is not NAME=VALUE`, zh: `${JSON.stringify(part)} 不是 NAME=VALUE` });
    }
    return [part.slice(0, equals), part.slice(equals + 1)];
  });
}

/** Splits at blanks, with quotes and backslashes as in a Dockerfile. */
function words(text: string, change: string): string[] {
  const result: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === "\\" && quote !== "'" && i + 1 < text.length) word = (word ?? "") + text[++i];
    else if (quote !== "") {
      if (c === quote) quote = "";
      else word = (word ?? "") + c;
    } else if (c === "'" || c === '"') {
      quote = c;
      word ??= "";
    } else if (/\s/.test(c)) {
      if (word !== undefined) result.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  if (quote !== "") throw bad(change, { en: `the quote ${quote} is not closed`, zh: `引号 ${quote} 没有闭合` });
  if (word !== undefined) result.push(word);
  return result;
}

function setEnv(config: ImageConfig, name: string, value: string): void {
  const others = (config.Env ?? []).filter((entry) => !entry.startsWith(`${name}=`));
  config.Env = [...others, `${name}=${value}`];
}

function bad(change: string, why: Bilingual): GlassboxError {
  return new GlassboxError({ code: "bad-change", what: `bad --change ${JSON.stringify(change.slice(0, 120))}`, why });
}
