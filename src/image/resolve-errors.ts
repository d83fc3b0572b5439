/** Why no image was found, and which one may have been meant. Loaded only then. */

import { GlassboxError } from "../base/errors";
import { nearest } from "../base/suggest";
import { referencesOf, type Repositories } from "../store/repositories";
import { parseReference } from "./reference";

const SHOWN = 8;

/** "image-not-found": `name` as it was looked for, with its tag, or "sha256:…". The hint names what is like it in the store. */
export function notFound(name: string, repositories: Repositories): GlassboxError {
  const alike = name.startsWith("sha256:") ? [] : sameImage(name, repositories).slice(0, SHOWN);
  const meant = alike[0] ?? (name.startsWith("sha256:") ? undefined : sameSpelling(name, repositories));
  return new GlassboxError({
    code: "image-not-found",
    what: `No such image: ${name}`,
    why: alike.length === 0 ? undefined : { en: `the store has ${alike.join(", ")}`, zh: `存储里有的是 ${alike.join("、")}` },
    hint:
      meant === undefined
        ? {
            en: "glassbox images lists what is there; import, load or bootstrap makes an image without a network",
            zh: "glassbox images 列出已有的镜像；不联网也能得到镜像：import、load 或 bootstrap",
          }
        : { en: `did you mean ${meant}`, zh: `是不是想用 ${meant}` },
  });
}

/**
 * References of the store that differ only in the tag or in what stands before the last parts of the name ("localhost/demo:1" for
 * "demo:1", and the other way round), those with the wanted tag first.
 */
function sameImage(name: string, repositories: Repositories): string[] {
  const wanted = parseReference(name);
  const endsWith = (long: string, short: string): boolean => long === short || long.endsWith(`/${short}`);
  const otherTag = (reference: string): number => (parseReference(reference).tag === wanted.tag ? 0 : 1);
  return [...repositories]
    .filter(([repository]) => endsWith(repository, wanted.name) || endsWith(wanted.name, repository))
    .flatMap(([, tags]) => [...tags.keys()])
    .sort((a, b) => otherTag(a) - otherTag(b) || (a < b ? -1 : 1));
}

/** "busybox:latest" for "busibox:latest". */
function sameSpelling(name: string, repositories: Repositories): string | undefined {
  const names = [...repositories.values()].flatMap((tags) => [...tags.keys()]);
  const near = nearest(name, names);
  if (near !== undefined) return near;
  const repository = nearest(parseReference(name).name, repositories.keys());
  return repository === undefined ? undefined : [...(repositories.get(repository)?.keys() ?? [])].sort()[0];
}

/** "image-ambiguous": `ids` begin with `prefix`. */
export function ambiguous(prefix: string, ids: readonly string[], repositories: Repositories): GlassboxError {
  const list = ids.slice(0, SHOWN).map((id) => {
    const names = referencesOf(repositories, `sha256:${id}`);
    return names.length === 0 ? id.slice(0, 12) : `${id.slice(0, 12)} (${names.join(", ")})`;
  });
  return new GlassboxError({
    code: "image-ambiguous",
    what: `the id ${prefix} is the start of ${ids.length} images`,
    why: list.join(", "),
    hint: { en: "write more digits", zh: "多写几位" },
  });
}

/** "store-damaged": an image whose layer directory is not there. */
export function layerMissing(hex: string, directory: string): GlassboxError {
  return new GlassboxError({
    code: "store-damaged",
    what: `the image sha256:${hex} lacks a layer`,
    why: { en: `${directory} is missing`, zh: `缺少 ${directory}` },
    hint: { en: "load or pull the image again", zh: "重新载入或拉取镜像" },
  });
}
