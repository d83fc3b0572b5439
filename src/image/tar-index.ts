/** Where the files of a tar are, so that they can be read in any order. Names are keys of a map here, never paths. */

import { readSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";

export interface TarMember {
  offset: number;
  sizeBytes: number;
}

/** A docker-archive has some five members per layer; an OCI layout fewer. */
const MAX_MEMBERS = 100_000;
const MAX_HEADER = 1 << 20;
const BLOCK = 512;

/**
 * Regular files by their cleaned names ("./a//b" is "a/b"; the later of two wins). Links to members of the same archive are resolved, as
 * Docker once wrote layers twice that way. Throws "archive-corrupt", "archive-truncated".
 */
export function indexTar(fd: number, sizeBytes: number, source: string): Map<string, TarMember> {
  const members = new Map<string, TarMember>();
  const links = new Map<string, string>();
  let longName: string | undefined;
  let longLink: string | undefined;
  let paxSize: number | undefined;
  const corrupt = (offset: number, why: Bilingual): GlassboxError =>
    new GlassboxError({
      code: "archive-corrupt",
      what: `${source} is not an image archive`,
      why: { en: `at byte ${offset}: ${why.en}`, zh: `第 ${offset} 字节处：${why.zh}` },
    });
  for (let offset = 0, count = 0; offset + BLOCK <= sizeBytes; count++) {
    if (count > MAX_MEMBERS)
      throw corrupt(offset, { en: `it has more than ${MAX_MEMBERS} members`, zh: `成员超过 ${MAX_MEMBERS} 个` });
    const header = readAt(fd, offset, BLOCK);
    if (header.every((byte) => byte === 0)) break;
    if (!checksumHolds(header)) {
      throw corrupt(
        offset,
        offset === 0
          ? { en: "it is not a tar", zh: "它不是 tar" }
          : { en: "a header's checksum is wrong", zh: "头部的校验和不对" },
      );
    }
    const type = String.fromCharCode(header[156] ?? 0);
    const data = offset + BLOCK;
    const size = paxSize ?? number(header, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0) throw corrupt(offset, { en: "a size is not a number", zh: "大小不是数字" });
    const stored = type >= "1" && type <= "6" ? 0 : size;
    if (data + stored > sizeBytes) throw truncated(source, data + stored, sizeBytes);
    offset = data + Math.ceil(stored / BLOCK) * BLOCK;
    if ("xgLK".includes(type)) {
      if (stored > MAX_HEADER) throw corrupt(data, { en: "an extended header is too large", zh: "扩展头太大" });
      const text = readAt(fd, data, stored);
      if (type === "L") longName = cString(text);
      if (type === "K") longLink = cString(text);
      if (type === "x") {
        const pax = paxRecords(text);
        longName = pax.get("path") ?? longName;
        longLink = pax.get("linkpath") ?? longLink;
        paxSize = pax.has("size") ? Number(pax.get("size")) : undefined;
      }
      continue;
    }
    const name = cleanName(longName ?? headerName(header));
    if (type === "0" || type === "\0" || type === "7") {
      members.set(name, { offset: data, sizeBytes: stored });
      links.delete(name);
    } else if (type === "1" || type === "2") {
      const target = longLink ?? cString(header.subarray(157, 257));
      links.set(name, cleanName(type === "2" ? `${name}/../${target}` : target));
      members.delete(name);
    }
    longName = longLink = paxSize = undefined;
  }
  resolveLinks(members, links);
  return members;
}

function resolveLinks(members: Map<string, TarMember>, links: Map<string, string>): void {
  for (const [name, first] of links) {
    let target: string | undefined = first;
    for (let hops = 0; target !== undefined && hops < 16 && !members.has(target); hops++) target = links.get(target);
    const member = target === undefined ? undefined : members.get(target);
    if (member !== undefined) members.set(name, member);
  }
}

/** Lexical: "a/../b" is "b"; a ".." above the top is kept out by having nothing to match. */
export function cleanName(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length;) {
    const count = readSync(fd, bytes, at, length - at, offset + at);
    if (count === 0) break;
    at += count;
  }
  return bytes;
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8");
}

function headerName(header: Buffer): string {
  const name = cString(header.subarray(0, 100));
  const posix = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = posix ? cString(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function number(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) {
    let value = BigInt((header[at] ?? 0) & 0x7f);
    for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(header[at + i] ?? 0);
    return Number(value);
  }
  const text = header
    .toString("latin1", at, at + length)
    .replace(/\0.*$/s, "")
    .trim();
  return text === "" ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

function checksumHolds(header: Buffer): boolean {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
  return number(header, 148, 8) === sum;
}

function paxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? 0 : Number(bytes.toString("latin1", at, space));
    if (!Number.isInteger(length) || length < 5 || at + length > bytes.length) break;
    const record = bytes.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

function truncated(source: string, needed: number, sizeBytes: number): GlassboxError {
  return new GlassboxError({
    code: "archive-truncated",
    what: `${source} is truncated`,
    why: {
      en: `it has ${sizeBytes} bytes, and a member reaches to byte ${needed}`,
      zh: `它有 ${sizeBytes} 字节，而有一个成员要到第 ${needed} 字节才结束`,
    },
    hint: { en: "fetch or save it again", zh: "重新下载或导出一次" },
  });
}
