/** Users and groups as the image names them: its own /etc/passwd and /etc/group, never the host's. */

import { GlassboxError } from "../base/errors";

export interface ResolvedUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  /** Home directory from passwd, "/" when there is no entry. */
  home: string;
}

/** Reads a file of the image as text; undefined when there is none. */
export type ReadImageFile = (path: string) => string | undefined;

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

/** uid_t is 32 bits, but -1 means "no change" to the kernel and larger numbers wrap: CVE-2024-40635. */
const MAX_ID = 2 ** 31 - 1;

function parseId(word: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(word)) return undefined;
  const id = Number(word);
  return id <= MAX_ID ? id : undefined;
}

function lines(text: string | undefined): string[][] {
  return (text ?? "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

function passwdEntries(text: string | undefined): PasswdEntry[] {
  return lines(text).flatMap(([name = "", , uid = "", gid = "", , home = ""]) => {
    const [uidNumber, gidNumber] = [parseId(uid), parseId(gid)];
    return uidNumber === undefined || gidNumber === undefined ? [] : [{ name, uid: uidNumber, gid: gidNumber, home }];
  });
}

function groupEntries(text: string | undefined): GroupEntry[] {
  return lines(text).flatMap(([name = "", , gid = "", members = ""]) => {
    const id = parseId(gid);
    return id === undefined ? [] : [{ name, gid: id, members: members.split(",").filter((member) => member !== "") }];
  });
}

function outOfRange(word: string): GlassboxError {
  return new GlassboxError({
    code: "bad-user",
    what: `uid or gid ${word} is out of range`,
    why: { en: "uids and gids must be in range 0-2147483647", zh: "uid 和 gid 必须在 0-2147483647 之内" },
    hint: {
      en: '4294967295 means "no change" to the kernel, and larger numbers wrap around to root',
      zh: "对内核来说 4294967295 表示“不改”，更大的数会绕回去变成 root",
    },
  });
}

function noMatch(what: string, file: string, entries: readonly { name: string }[]): GlassboxError {
  const names = entries.slice(0, 12).map(({ name }) => name);
  return new GlassboxError({
    code: "bad-user",
    what,
    why:
      names.length === 0
        ? { en: `the image has no ${file}`, zh: `镜像里没有 ${file}` }
        : { en: `the image's ${file} names ${names.join(", ")}`, zh: `镜像的 ${file} 里有：${names.join("、")}` },
    hint: { en: "use a name from there, or a number such as 1000", zh: "用其中的名字，或写数字，例如 1000" },
  });
}

const isNumber = (word: string): boolean => /^-?[0-9]+$/.test(word);

/**
 * The id that a word means: a number is itself, anything else a name in `entries`. A number is never a name: an image whose passwd calls root
 * "1000" must not be root where 1000 was asked for (CVE-2024-40635).
 */
function findId<Entry extends { name: string }>(
  word: string,
  kind: "user" | "group",
  entries: readonly Entry[],
  idOf: (entry: Entry) => number,
): number {
  if (isNumber(word)) {
    const id = parseId(word);
    if (id === undefined) throw outOfRange(word);
    return id;
  }
  const byName = entries.find(({ name }) => name === word);
  if (byName !== undefined) return idOf(byName);
  const database = kind === "user" ? "passwd" : "group";
  throw noMatch(`unable to find ${kind} ${word}: no matching entries in ${database} file`, `/etc/${database}`, entries);
}

const findGroup = (word: string, groups: readonly GroupEntry[]): number => findId(word, "group", groups, ({ gid }) => gid);

/**
 * Resolves "user[:group]" and --group-add against the image. "" is root. A number needs no entry; a name does.
 * Supplementary groups come from the group file only when no group was given, as initgroups(3) and Docker do it.
 * Throws GlassboxError "bad-user".
 */
export function resolveUser(spec: string, groupAdd: readonly string[], read: ReadImageFile): ResolvedUser {
  // The everyday case needs no look at the image for ids, but HOME comes from there.
  const colon = spec.indexOf(":");
  const userWord = colon < 0 ? spec : spec.slice(0, colon);
  const groupWord = colon < 0 ? "" : spec.slice(colon + 1);
  const passwd = passwdEntries(read("/etc/passwd"));
  const uid = userWord === "" ? 0 : findId(userWord, "user", passwd, (one) => one.uid);
  // Several names may share an id: the one that was asked for has its own group and home.
  const byId = userWord === "" || isNumber(userWord);
  const entry = passwd.find((one) => (byId ? one.uid === uid : one.name === userWord));
  const groups = groupEntries(read("/etc/group"));
  const gid = groupWord === "" ? (entry?.gid ?? 0) : findGroup(groupWord, groups);
  const own =
    groupWord === "" && entry !== undefined
      ? groups.filter(({ members }) => members.includes(entry.name)).map((group) => group.gid)
      : [];
  const added = groupAdd.map((word) => findGroup(word, groups));
  return { uid, gid, additionalGids: [...new Set([...own, ...added])], home: entry?.home || "/" };
}
