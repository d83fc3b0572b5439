/** Which images can be made here. Cheap to load: `run` asks `canBootstrap` on a store that lacks the image. */

import type { Bilingual, Lang } from "../base/lang";

/** What a recipe may use and whom it tells. */
export interface RecipeContext {
  /** Empty directory that becomes the image's root. */
  rootDirectory: string;
  /** Empty directory for downloads; removed afterwards. */
  workDirectory: string;
  /** The part of the reference after ":", "latest" when there was none. */
  tag: string;
  lang: Lang;
  /** Progress, one line each. */
  log: (line: string) => void;
}

/** What belongs into the image config and the history. */
export interface RecipeResult {
  cmd: string[];
  env: string[];
  /** Value of the label io.glassbox.standin: what the image really is. */
  standin: string;
  createdBy: string;
  comment: string;
  /** Time of the newest thing in the image, in seconds; no clock of this machine. */
  createdSeconds: number;
}

export interface Recipe {
  name: string;
  /** Can this tag be made? */
  hasTag: (tag: string) => boolean;
  /** Quick and offline enough for `run` to do it unasked. */
  automatic: boolean;
  /** What it is, for lists and help. */
  title: Bilingual;
  /** What it costs. */
  cost: Bilingual;
  make: (context: RecipeContext) => Promise<RecipeResult>;
}

const DEBIAN_TAG = /^(latest|stable|oldstable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky|duke|1[0-5])$/;

/** Every recipe; other packages of the table's shape can be added to a copy of it. */
export const RECIPES: readonly Recipe[] = [
  {
    name: "busybox",
    hasTag: (tag) => tag === "latest" || tag === "stable",
    automatic: true,
    title: { en: "a static busybox with its commands", zh: "静态链接的 busybox 及其全部命令" },
    cost: { en: "about 2 MB, one second", zh: "约 2 MB，一秒" },
    make: (context) => (require("./busybox") as typeof import("./busybox")).makeBusybox(context),
  },
  {
    name: "debian",
    hasTag: (tag) => DEBIAN_TAG.test(tag),
    automatic: false,
    title: { en: "Debian's minimal system, by debootstrap", zh: "用 debootstrap 制作的 Debian 最小系统" },
    cost: { en: "about 130 MB, a minute, needs root and a Debian mirror", zh: "约 130 MB，一分钟，需要 root 和 Debian 镜像站" },
    make: (context) => (require("./debian") as typeof import("./debian")).makeDebian(context),
  },
];

export interface BootstrapMatch {
  recipe: Recipe;
  tag: string;
  /** "busybox:latest" */
  reference: string;
}

/**
 * The recipe for a reference, spelled as users do ("busybox", "busybox:latest", "docker.io/library/debian:bookworm");
 * undefined for everything else: other registries, digests, tags that nobody can make here. No I/O.
 */
export function canBootstrap(reference: string, recipes: readonly Recipe[] = RECIPES): BootstrapMatch | undefined {
  const short = reference.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "");
  const parts = /^([a-z0-9]+(?:[._-][a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?$/.exec(short);
  if (parts === null) return undefined;
  const [, name, tag = "latest"] = parts;
  const recipe = recipes.find((candidate) => candidate.name === name);
  if (recipe === undefined || !recipe.hasTag(tag)) return undefined;
  return { recipe, tag, reference: `${recipe.name}:${tag}` };
}

/** The table in words, one line for each recipe. */
export function renderRecipes(lang: Lang, recipes: readonly Recipe[] = RECIPES): string[] {
  const width = Math.max(...recipes.map((recipe) => recipe.name.length));
  const [open, close] = lang === "zh" ? ["（", "）"] : [" (", ")"];
  return recipes.map((recipe) => `${recipe.name.padEnd(width)}  ${recipe.title[lang]}${open}${recipe.cost[lang]}${close}`);
}
