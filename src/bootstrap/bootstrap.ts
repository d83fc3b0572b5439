/** From a recipe to an image in the store. */

import { chmodSync } from "node:fs";

import { GlassboxError } from "../base/errors";
import { type Lang, say } from "../base/lang";
import type { Closure } from "../elf/closure";
import type { RootReader } from "../elf/root-reader";
import type { ImageRecord } from "../image/resolve";
import type { Store } from "../store/store";
import { canBootstrap, type Recipe, RECIPES } from "./recipes";

export interface BootstrapOptions {
  store: Store;
  lang: Lang;
  /** Progress, one line each. */
  log: (line: string) => void;
  recipes?: readonly Recipe[] | undefined;
}

/**
 * Makes the image that `reference` names ("busybox", "debian:bookworm") and gives it that name. The same packages give the same
 * image ID. Throws GlassboxError `bootstrap-unknown` for names without a recipe, and what the recipe throws.
 */
export async function bootstrapImage(reference: string, options: BootstrapOptions): Promise<ImageRecord> {
  const { store, lang, log, recipes = RECIPES } = options;
  const match = canBootstrap(reference, recipes);
  if (match === undefined) throw unknownRecipe(reference, lang, recipes);
  const { openWorkspace } = require("../store/workspace") as typeof import("../store/workspace");
  const { createImageFromDirectory } = require("../image/import-rootfs") as typeof import("../image/import-rootfs");
  // On the store's file system, locked by this process: if it dies, the next one clears it away.
  const workspace = openWorkspace(store);
  try {
    const rootDirectory = workspace.directory("root");
    const workDirectory = workspace.directory("work");
    const made = await match.recipe.make({ rootDirectory, workDirectory, tag: match.tag, lang, log });
    const description = {
      reference: match.reference,
      config: { Env: made.env, Cmd: made.cmd },
      createdBy: made.createdBy,
      comment: made.comment,
      standin: made.standin,
      created: isoTime(made.createdSeconds),
    };
    const image = await createImageFromDirectory(store, rootDirectory, description);
    log(
      say(
        lang,
        `${match.reference} is ${made.standin}, made on this machine`,
        `${match.reference} 是在本机制作的：${made.standin}`,
      ),
    );
    return image;
  } finally {
    workspace.dispose();
  }
}

export interface ClosureImageOptions {
  store: Store;
  reference: string;
  /** What the image runs unless told otherwise: the first program of the closure. */
  cmd?: string[] | undefined;
}

/**
 * An image of the files of a closure and nothing else (`deps … --image NAME`). Throws what `copyClosure` throws; missing files are
 * the caller's to judge.
 */
export async function createImageFromClosure(
  closure: Closure,
  reader: RootReader,
  options: ClosureImageOptions,
): Promise<ImageRecord> {
  const { openWorkspace } = require("../store/workspace") as typeof import("../store/workspace");
  const { copyClosure } = require("../elf/copy-closure") as typeof import("../elf/copy-closure");
  const { settleTimes } = require("./settle") as typeof import("./settle");
  const { createImageFromDirectory } = require("../image/import-rootfs") as typeof import("../image/import-rootfs");
  const workspace = openWorkspace(options.store);
  try {
    const rootDirectory = workspace.directory("root");
    chmodSync(rootDirectory, 0o755);
    copyClosure(closure, reader, rootDirectory);
    // Files keep their dates; directories and links are new, and get the date of the newest file.
    const newest = Math.max(0, ...closure.files.map((file) => reader.stat(file.realPath)?.mtimeMs ?? 0));
    settleTimes(rootDirectory, Math.floor(newest / 1000), "clamp");
    const programs = closure.programs.map((program) => program.path);
    const description = {
      reference: options.reference,
      created: isoTime(newest / 1000),
      config: {
        Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Cmd: options.cmd ?? programs.slice(0, 1),
      },
      createdBy: `glassbox deps ${programs.join(" ")}`,
    };
    return await createImageFromDirectory(options.store, rootDirectory, description);
  } finally {
    workspace.dispose();
  }
}

/** RFC 3339 without fractions, as image-spec's "created". */
function isoTime(seconds: number): string {
  return new Date(Math.floor(seconds) * 1000).toISOString().replace(".000Z", "Z");
}

function unknownRecipe(reference: string, lang: Lang, recipes: readonly Recipe[]): GlassboxError {
  const names = recipes.map((recipe) => recipe.name).join(", ");
  const tags = recipes.find((recipe) => reference.startsWith(`${recipe.name}:`));
  const scratch = reference === "scratch";
  return new GlassboxError({
    code: "bootstrap-unknown",
    what: say(lang, `no recipe for the image ${reference}`, `没有制作镜像 ${reference} 的配方`),
    why: scratch
      ? say(
          lang,
          "scratch is not an image but the word for an empty root in FROM",
          "scratch 不是镜像，而是 FROM 里表示空根文件系统的词",
        )
      : tags !== undefined
        ? say(lang, `${tags.name} can be made, but not with this tag`, `${tags.name} 可以制作，但没有这个标签`)
        : say(lang, `these can be made here: ${names}`, `可以在本机制作的有：${names}`),
    hint: say(
      lang,
      "other images come in with glassbox load -i FILE or glassbox import ROOTFS.tar",
      "其他镜像可以用 glassbox load -i FILE 或 glassbox import ROOTFS.tar 得到",
    ),
    exitCode: 1,
  });
}
