/** `glassbox images`: Docker's listing. */

import { formatAge, formatSize } from "../base/sizes";
import type { ImageListing } from "../image/names";
import type { Parsed } from "./flags";
import { print } from "./output";
import { store } from "./store";
import type { Verb } from "./verb";

export const images: Verb = {
  name: "images",
  flags: {
    all: { short: "a" },
    digests: {},
    format: { takes: "string" },
    "no-trunc": {},
    quiet: { short: "q" },
  },
  stopAtOperand: false,
  operands: { min: 0, max: 1 },
  help: () => ({
    usage: "[OPTIONS] [REPOSITORY[:TAG]]",
    summary: { en: "List images", zh: "列出镜像" },
    aliases: ["image ls", "image list"],
    flags: [
      {
        name: "all",
        text: { en: "Show all images (default hides intermediate images)", zh: "显示全部镜像（默认不显示中间镜像）" },
      },
      { name: "digests", text: { en: "Show digests", zh: "显示摘要" } },
      {
        name: "format",
        text: { en: "'json': Print in JSON format, one object per line", zh: "'json'：以 JSON 打印，每行一个对象" },
      },
      { name: "no-trunc", text: { en: "Don't truncate output", zh: "不截短输出" } },
      { name: "quiet", text: { en: "Only show image IDs", zh: "只显示镜像 ID" } },
    ],
    examples: [
      { command: "glassbox images", text: { en: "All images", zh: "全部镜像" } },
      { command: "glassbox images 'debian:*'", text: { en: "All tags of one repository", zh: "一个仓库的全部标签" } },
    ],
  }),
  run(parsed, globals) {
    const format = parsed.last("format");
    if (format !== undefined && format !== "json") throw parsed.invalid("format", format, 'must be "json"', "--format json");
    const { listImages } = require("../image/names") as typeof import("../image/names");
    const rows = toRows(listImages(store(globals)), parsed.operands[0], Date.now());
    if (format === "json") for (const row of rows) print(JSON.stringify(asJson(row, parsed.on("no-trunc"))));
    else if (parsed.on("quiet")) for (const id of new Set(rows.map((row) => shownId(row, parsed)))) print(id);
    else printTable(rows, parsed);
    return 0;
  },
};

/** One line of the listing: an image under one of its names. */
export interface ImageRow {
  repository: string;
  tag: string;
  digest: string;
  /** "sha256:…" */
  id: string;
  createdAt: string;
  createdSince: string;
  sizeBytes: number;
}

const NONE = "<none>";

/** Rows for the images, each name its own; `pattern` is a repository, or repository:tag, in which * and ? stand for others. */
export function toRows(listing: readonly ImageListing[], pattern: string | undefined, nowMs: number): ImageRow[] {
  const rows: ImageRow[] = [];
  for (const image of listing) {
    const created = Date.parse(image.config.created ?? "");
    const known = Number.isFinite(created) && created > 0;
    const rest = {
      id: image.id,
      createdAt: known ? new Date(created).toISOString() : "N/A",
      createdSince: known ? formatAge(created, nowMs) : "N/A",
      sizeBytes: image.sizeBytes,
    };
    const names = image.references.length > 0 ? image.references : [undefined];
    for (const name of names) {
      const row = { ...splitName(name), ...rest };
      if (pattern === undefined || matchesName(pattern, row)) rows.push(row);
    }
  }
  return rows;
}

function splitName(reference: string | undefined): Pick<ImageRow, "repository" | "tag" | "digest"> {
  if (reference === undefined) return { repository: NONE, tag: NONE, digest: NONE };
  const at = reference.indexOf("@");
  if (at >= 0) return { repository: reference.slice(0, at), tag: NONE, digest: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(":");
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1), digest: NONE };
}

function matchesName(pattern: string, row: ImageRow): boolean {
  const bare = pattern.replace(/^docker\.io\/(library\/)?/, "");
  // A colon before the last slash belongs to a host's port.
  const hasTag = bare.lastIndexOf(":") > bare.lastIndexOf("/");
  return globMatches(bare, hasTag ? `${row.repository}:${row.tag}` : row.repository);
}

/** Go's path.Match without classes: `*` and `?` do not reach over a slash. Goes back to the last star only, so it is never worse than quadratic. */
export function globMatches(pattern: string, text: string): boolean {
  if (pattern.length > 512) return false;
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    const wanted = pattern[p];
    if (wanted === "*") {
      star = p++;
      mark = t;
    } else if (wanted !== undefined && (wanted === text[t] || (wanted === "?" && text[t] !== "/"))) {
      p++;
      t++;
    } else if (star >= 0 && text[mark] !== "/") {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

function shownId(row: ImageRow, parsed: Parsed): string {
  return parsed.on("no-trunc") ? row.id : row.id.slice(7, 19);
}

function printTable(rows: readonly ImageRow[], parsed: Parsed): void {
  const { renderTable } = require("./table") as typeof import("./table");
  const digests = parsed.on("digests");
  const headings = ["REPOSITORY", "TAG", ...(digests ? ["DIGEST"] : []), "IMAGE ID", "CREATED", "SIZE"];
  const cells = rows.map((row) => [
    row.repository,
    row.tag,
    ...(digests ? [row.digest] : []),
    shownId(row, parsed),
    row.createdSince,
    formatSize(row.sizeBytes),
  ]);
  for (const line of renderTable(headings, cells)) print(line);
}

/** The fields of `docker images --format json`. */
function asJson(row: ImageRow, full: boolean): Record<string, string> {
  const size = formatSize(row.sizeBytes);
  return {
    Containers: "N/A",
    CreatedAt: row.createdAt,
    CreatedSince: row.createdSince,
    Digest: row.digest,
    ID: full ? row.id : row.id.slice(7, 19),
    Repository: row.repository,
    SharedSize: "N/A",
    Size: size,
    Tag: row.tag,
    UniqueSize: "N/A",
    VirtualSize: size,
  };
}
