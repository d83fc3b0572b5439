/**
 * /proc/PID/mountinfo, one entry per mount: proc_pid_mountinfo(5).
 */

import { readFileSync } from "node:fs";

/** How mount events cross to other mounts: mount_namespaces(7). */
export interface Propagation {
  /** Peer group when shared. */
  shared?: number;
  /** Peer group that this mount receives events from when slave. */
  master?: number;
  /** Nearest dominant peer group visible under this process's root. */
  propagateFrom?: number;
  unbindable: boolean;
}

export interface MountEntry {
  id: number;
  parentId: number;
  major: number;
  minor: number;
  /** The directory of the file system that is the root of this mount: not "/" for a bind mount of a part. */
  root: string;
  mountpoint: string;
  /** Per mount: ["rw","relatime"]. */
  options: string[];
  propagation: Propagation;
  fstype: string;
  source: string;
  /** Per file system: ["rw","lowerdir=/a:/b"]. */
  superOptions: string[];
}

/**
 * Undoes the kernel's octal escapes (space, tab, newline, backslash; "#" in sources) of a mountinfo field.
 * The kernel escapes bytes, so the bytes are put back before the text is read as UTF-8.
 */
export function unescapeOctal(field: string): string {
  if (!field.includes("\\")) return field;
  const bytes: Buffer[] = [];
  let rest = 0;
  for (const match of field.matchAll(/\\([0-7]{3})/g)) {
    bytes.push(Buffer.from(field.slice(rest, match.index)), Buffer.of(parseInt(match[1]!, 8) & 0xff));
    rest = match.index + 4;
  }
  bytes.push(Buffer.from(field.slice(rest)));
  return Buffer.concat(bytes).toString();
}

function parsePropagation(fields: string[]): Propagation {
  const propagation: Propagation = { unbindable: false };
  for (const field of fields) {
    const [tag, value] = field.split(":");
    if (tag === "shared") propagation.shared = Number(value);
    else if (tag === "master") propagation.master = Number(value);
    else if (tag === "propagate_from") propagation.propagateFrom = Number(value);
    else if (tag === "unbindable") propagation.unbindable = true;
    // Tags that a later kernel may add are passed over, as the man page asks.
  }
  return propagation;
}

/** Parses one line; undefined when it is not a mountinfo line. */
export function parseMountLine(line: string): MountEntry | undefined {
  const fields = line.split(" ");
  // The number of optional fields is open; a lone "-" ends them.
  const dash = fields.indexOf("-", 6);
  if (dash === -1 || fields.length < dash + 3) return undefined;
  const [major, minor] = fields[2]!.split(":");
  return {
    id: Number(fields[0]),
    parentId: Number(fields[1]),
    major: Number(major),
    minor: Number(minor),
    root: unescapeOctal(fields[3]!),
    mountpoint: unescapeOctal(fields[4]!),
    options: fields[5]!.split(","),
    propagation: parsePropagation(fields.slice(6, dash)),
    fstype: unescapeOctal(fields[dash + 1]!),
    source: unescapeOctal(fields[dash + 2]!),
    // A comma inside a value is written as \054, so every "," separates.
    superOptions: (fields[dash + 3] ?? "").split(",").map(unescapeOctal),
  };
}

/** Parses the text of a mountinfo file, in the file's order (mounts made later come later). */
export function parseMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const entry = parseMountLine(line);
    if (entry) entries.push(entry);
  }
  return entries;
}

/** Reads and parses /proc/PID/mountinfo. Throws node's ENOENT when the process is gone. */
export function readMountinfo(pid: number | "self" = "self"): MountEntry[] {
  return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
}

/** Is `path` the directory itself or below it? Both absolute and normalised. */
export function isBelow(path: string, directory: string): boolean {
  return path === directory || directory === "/" || path.startsWith(`${directory}/`);
}

/**
 * The mount that a path lies on: the one with the longest mount point above it, the topmost (last) of those that share it.
 * `path` is absolute and free of symlinks.
 */
export function mountOf(entries: readonly MountEntry[], path: string): MountEntry | undefined {
  let best: MountEntry | undefined;
  for (const entry of entries) {
    if (!isBelow(path, entry.mountpoint)) continue;
    if (!best || entry.mountpoint.length >= best.mountpoint.length) best = entry;
  }
  return best;
}

/** The word of mount(8) for a propagation: "shared", "slave", "shared,slave", "private", "unbindable". */
export function propagationName(propagation: Propagation): string {
  if (propagation.unbindable) return "unbindable";
  if (propagation.shared !== undefined) return propagation.master === undefined ? "shared" : "shared,slave";
  return propagation.master === undefined ? "private" : "slave";
}
