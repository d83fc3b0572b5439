/** path_resolution(7) inside a root: symlinks, absolute targets and ".." never leave it. */

import { isType, type ReaderStat, type RootReader, S_IFDIR, S_IFLNK } from "./root-reader";

/** A symlink met on the way: where it is and what it says. */
export interface LinkStep {
  path: string;
  target: string;
}

export type WalkFailure = "ENOENT" | "ENOTDIR" | "ELOOP" | "EACCES";

export type WalkResult =
  | { ok: true; /** Without any symlink. */ realPath: string; stat: ReaderStat; links: LinkStep[] }
  | {
      ok: false;
      errno: WalkFailure;
      /** The component that stopped the walk. */
      at: string;
      links: LinkStep[];
    };

/** Whose rights are applied to the directories on the way; uid 0 passes everywhere. */
export interface Searcher {
  uid: number;
  gid: number;
  additionalGids?: readonly number[] | undefined;
}

/** MAXSYMLINKS of the kernel. */
const MAX_LINKS = 40;
const MAX_COMPONENTS = 4096;

/** Resolves `path` in the root as the kernel would for `searcher`; relative paths start at "/". */
export function walk(reader: RootReader, path: string, searcher?: Searcher): WalkResult {
  const links: LinkStep[] = [];
  const pending = components(path).toReversed();
  const stack: string[] = [];
  let stat = reader.stat("/");
  let steps = 0;
  const fail = (errno: WalkFailure, at: string): WalkResult => ({ ok: false, errno, at, links });
  while (pending.length > 0) {
    const name = pending.pop() as string;
    const here = `/${stack.join("/")}`;
    if (++steps > MAX_COMPONENTS) return fail("ELOOP", here);
    if (stat === undefined) return fail("ENOENT", here);
    if (!isType(stat, S_IFDIR)) return fail("ENOTDIR", here);
    if (searcher !== undefined && !mayExecute(stat, searcher)) return fail("EACCES", here);
    if (name === "..") {
      stack.pop();
      stat = reader.stat(`/${stack.join("/")}`);
      continue;
    }
    const next = here === "/" ? `/${name}` : `${here}/${name}`;
    const found = reader.stat(next);
    if (found === undefined) return fail("ENOENT", next);
    if (isType(found, S_IFLNK)) {
      const target = reader.readlink(next);
      if (target === undefined || target === "") return fail("ENOENT", next);
      links.push({ path: next, target });
      if (links.length > MAX_LINKS) return fail("ELOOP", next);
      if (target.startsWith("/")) {
        stack.length = 0;
        stat = reader.stat("/");
      }
      pending.push(...components(target).toReversed());
      continue;
    }
    stack.push(name);
    stat = found;
  }
  const realPath = `/${stack.join("/")}`;
  if (stat === undefined) return fail("ENOENT", realPath);
  if (path.endsWith("/") && !isType(stat, S_IFDIR)) return fail("ENOTDIR", realPath);
  return { ok: true, realPath, stat, links };
}

function components(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** The x bit that applies to `searcher`: owner, else group, else others; root needs any (for files) or none (directories). */
export function mayExecute(stat: ReaderStat, searcher: Searcher): boolean {
  if (searcher.uid === 0) return isType(stat, S_IFDIR) || (stat.mode & 0o111) !== 0;
  if (stat.uid === searcher.uid) return (stat.mode & 0o100) !== 0;
  if (stat.gid === searcher.gid || searcher.additionalGids?.includes(stat.gid)) return (stat.mode & 0o010) !== 0;
  return (stat.mode & 0o001) !== 0;
}
