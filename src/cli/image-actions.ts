/** Images that commands make on the way: of a program's closure, and stand-ins for images that a registry would have. */

import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import type { Closure } from "../elf/closure";
import type { RootReader } from "../elf/root-reader";
import type { ImageRecord } from "../image/resolve";
import type { Store } from "../store/store";
import { clip } from "./flags";
import { printError } from "./output";
import { store as openGlobalStore } from "./store";
import type { Globals } from "./verb";

/** Makes an image of nothing but the closure's files, named `reference`, whose command is the first program; gives its id. */
export async function closureImage(closure: Closure, reader: RootReader, reference: string, globals: Globals): Promise<string> {
  const { createImageFromClosure } = require("../bootstrap/bootstrap") as typeof import("../bootstrap/bootstrap");
  const { parseTaggedReference } = require("../image/reference") as typeof import("../image/reference");
  parseTaggedReference(reference);
  const { id } = await createImageFromClosure(closure, reader, { store: openGlobalStore(globals), reference });
  return id;
}

/**
 * Makes the stand-in for an image that the store lacks, when that is quick and needs no asking; undefined when there is no recipe.
 * Throws "image-not-found" with the command to type when the recipe takes long.
 */
export async function makeStandin(
  reference: string,
  store: Store,
  globals: Globals,
  quiet: boolean,
): Promise<ImageRecord | undefined> {
  const { canBootstrap } = require("../bootstrap/recipes") as typeof import("../bootstrap/recipes");
  const match = canBootstrap(reference);
  if (match === undefined) return undefined;
  if (!match.recipe.automatic) {
    throw new GlassboxError({
      code: "image-not-found",
      what: `No such image: ${clip(reference)}`,
      why: say(
        globals.lang,
        `there is no registry client here, and making it takes: ${match.recipe.cost.en}`,
        `这里没有镜像仓库客户端，而制作它需要：${match.recipe.cost.zh}`,
      ),
      hint: `glassbox bootstrap ${match.reference}`,
    });
  }
  if (!quiet) {
    printError(`Unable to find image '${clip(match.reference)}' locally`);
    printError(
      say(
        globals.lang,
        `Making a stand-in on this host: ${match.recipe.title.en}`,
        `在本机制作一个替身：${match.recipe.title.zh}`,
      ),
    );
  }
  return bootstrapNow(match.reference, store, globals, quiet);
}

/** Runs a recipe with its progress on standard error. */
export async function bootstrapNow(reference: string, store: Store, globals: Globals, quiet: boolean): Promise<ImageRecord> {
  const { bootstrapImage } = require("../bootstrap/bootstrap") as typeof import("../bootstrap/bootstrap");
  const { escapeControls } = require("./escape") as typeof import("./escape");
  const log = (line: string): void => {
    if (!quiet) printError(escapeControls(line));
  };
  return bootstrapImage(reference, { store, lang: globals.lang, log });
}
