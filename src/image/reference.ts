/** Image references by Docker's grammar: [domain[:port]/]path[:tag][@digest]. Linear in the length of the text. */

import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";

export interface Reference {
  /** As people write it: "busybox", "user/app", "quay.io/app". */
  name: string;
  /** "docker.io" when none was written. */
  domain: string;
  /** "library/busybox" */
  path: string;
  tag: string | undefined;
  /** "sha256:…" */
  digest: string | undefined;
}

const DEFAULT_DOMAIN = "docker.io";
const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MAX_NAME = 255;
/** Name, tag and digest at their longest. */
const MAX_TEXT = MAX_NAME + 1 + 128 + 1 + 71;

/** Parses a reference; no tag is added. Throws "bad-reference" with Docker's words. */
export function parseReference(text: string): Reference {
  if (text === "") throw bad(text, undefined, { en: "the name is empty", zh: "名字是空的" });
  if (text.length > MAX_TEXT + DEFAULT_DOMAIN.length) throw bad(text, "repository name must not be more than 255 characters");
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw bad(text, undefined, {
      en: "64 hexadecimal digits are an image id, not a name",
      zh: "64 位十六进制数是镜像 id，不是名字",
    });
  }
  const { domain, remainder } = splitDomain(text);
  const at = remainder.indexOf("@");
  const digest = at < 0 ? undefined : remainder.slice(at + 1);
  const named = at < 0 ? remainder : remainder.slice(0, at);
  const colon = named.indexOf(":");
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const path = colon < 0 ? named : named.slice(0, colon);
  if (path !== path.toLowerCase()) throw bad(text, `repository name (${shorten(path)}) must be lowercase`);
  if (!DOMAIN.test(domain)) throw notA(text, domain, { en: "a registry's host name", zh: "镜像仓库的主机名" });
  for (const component of path.split("/")) if (!COMPONENT.test(component)) throw bad(text, undefined, nameRule(component));
  if (tag !== undefined && !TAG.test(tag)) throw notA(text, tag, { en: "a tag", zh: "标签" });
  if (digest !== undefined && !DIGEST.test(digest)) throw notA(text, digest, { en: "a sha256 digest", zh: "sha256 摘要" });
  if (domain.length + 1 + path.length > MAX_NAME) throw bad(text, "repository name must not be more than 255 characters");
  return { name: familiarName(domain, path), domain, path, tag, digest };
}

/** As parseReference, and a reference with neither tag nor digest gets the tag "latest". */
export function parseTaggedReference(text: string): Reference {
  const reference = parseReference(text);
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

/** "busybox:latest"; a digest wins over a tag, as in Docker's store: "busybox@sha256:…". */
export function formatReference(reference: Reference): string {
  if (reference.digest !== undefined) return `${reference.name}@${reference.digest}`;
  return reference.tag === undefined ? reference.name : `${reference.name}:${reference.tag}`;
}

/** The part before the first slash is a host only when it looks like one. */
function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, slash);
  let domain = DEFAULT_DOMAIN;
  let remainder = text;
  if (slash >= 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase())) {
    domain = first;
    remainder = text.slice(slash + 1);
  }
  if (domain === "index.docker.io") domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && !remainder.includes("/")) remainder = `library/${remainder}`;
  return { domain, remainder };
}

function familiarName(domain: string, path: string): string {
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`;
  const short = path.startsWith("library/") ? path.slice("library/".length) : path;
  // "docker.io/library/a/b" would read as the user repository "a/b" when written short.
  return short.includes("/") && short !== path ? path : short;
}

function nameRule(component: string): Bilingual {
  if (component === "") return { en: "a part of the name is empty", zh: "名字里有一段是空的" };
  return {
    en: `"${shorten(component)}" may have lower-case letters and digits, with . _ __ or - between them`,
    zh: `"${shorten(component)}" 只能用小写字母和数字，中间可以有 . _ __ 或 -`,
  };
}

function notA(text: string, part: string, kind: Bilingual): GlassboxError {
  return bad(text, undefined, { en: `"${shorten(part)}" is not ${kind.en}`, zh: `"${shorten(part)}" 不是${kind.zh}` });
}

function bad(text: string, detail?: string, why?: Bilingual): GlassboxError {
  return new GlassboxError({
    code: "bad-reference",
    what: detail === undefined ? "invalid reference format" : `invalid reference format: ${detail}`,
    why: why ?? (detail === undefined ? `"${shorten(text)}"` : undefined),
    hint: {
      en: "write NAME[:TAG], such as busybox, busybox:1.36 or quay.io/user/app:v2",
      zh: "写成 NAME[:TAG]，例如 busybox、busybox:1.36 或 quay.io/user/app:v2",
    },
  });
}

/** For messages: short, and free of bytes that would drive a terminal. */
function shorten(text: string): string {
  const visible = text.slice(0, 80).replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "?");
  return text.length > 80 ? `${visible}…` : visible;
}
