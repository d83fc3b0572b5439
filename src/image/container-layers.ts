/**
 * A container's own two layers, on top of its image's: `-init` (hosts, hostname, resolv.conf and mount points, which commit leaves out)
 * and the writable one. On the way of every start, so nothing is fsynced: a container that a power cut takes was never acknowledged as more
 * than running.
 */

import { readFileSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import { readOptionalText } from "../store/imagedb";
import { shortNameOf } from "../store/layerdb";
import { withLock } from "../store/locks";
import { type TreeEntry, treeCalls } from "../store/native-calls";
import type { Store } from "../store/store";
import { type LayerFile, type LayerView, viewOfLayers } from "./layer-view";
import type { ImageRecord } from "./resolve";

/** Content of the init layer's files. */
export interface InitLayer {
  hosts: string;
  hostname: string;
  resolvConf: string;
}

export interface ContainerLayers {
  /** Top-most first, the init layer first of all: "l/<short name>", relative to <root>/overlay2. */
  lowerdirs: string[];
  /** Absolute, as are the rest. */
  upperdir: string;
  workdir: string;
  merged: string;
  initDiff: string;
}

/**
 * Makes the layer directories of a container. `containerId`: 64 hex digits. `view`: the image's, when the caller has made one already.
 * Throws "image-mountpoint" when the image has something other than a directory at /proc, /sys, /dev or /etc; then nothing is left behind.
 */
export function createContainerLayers(
  store: Store,
  image: ImageRecord,
  containerId: string,
  init: InitLayer,
  view: LayerView = viewOfLayers(image.layers, store),
): ContainerLayers {
  checkMountPoints(image, view);
  const { overlay } = store.paths;
  const names = shortNames(containerId);
  const imageLower = image.layers.map((layer) => `l/${layer.shortName}`).reverse();
  const initDirectory = `${overlay}/${containerId}-init`;
  const directory = `${overlay}/${containerId}`;
  const layers: ContainerLayers = {
    lowerdirs: [`l/${names.init}`, ...imageLower],
    upperdir: `${directory}/diff`,
    workdir: `${directory}/work`,
    merged: `${directory}/merged`,
    initDiff: `${initDirectory}/diff`,
  };
  // Shared: containers may start side by side, but an image must not be removed while one is being put on top of it.
  withLock(store, "images", "shared", () => {
    checkStillThere(store, image);
    writeMountEntry(store, image, containerId);
  });
  const { makeTree } = treeCalls(store.kernel);
  try {
    makeTree([
      ["D", initDirectory, 0o700, "", 0, 0],
      ["D", layers.initDiff, 0o755, "", 0, 0],
      ["D", directory, 0o700, "", 0, 0],
      ["D", layers.upperdir, 0o755, "", 0, 0],
      ["D", layers.workdir, 0o700, "", 0, 0],
      ["D", layers.merged, 0o755, "", 0, 0],
      ["l", `${overlay}/l/${names.init}`, 0, `../${containerId}-init/diff`, 0, 0],
      ["l", `${overlay}/l/${names.upper}`, 0, `../${containerId}/diff`, 0, 0],
      ["f", `${initDirectory}/link`, 0o600, names.init, 0, 0],
      ["f", `${initDirectory}/lower`, 0o600, imageLower.join(":"), 0, 0],
      ["f", `${directory}/link`, 0o600, names.upper, 0, 0],
      ["f", `${directory}/lower`, 0o600, layers.lowerdirs.join(":"), 0, 0],
      ...initLayerEntries(layers.initDiff, init, view),
    ]);
  } catch (error) {
    removeContainerLayers(store, containerId);
    throw error;
  }
  return layers;
}

/** Removes what createContainerLayers made; parts that are not there are no error. The overlay must be unmounted. */
export function removeContainerLayers(store: Store, containerId: string): void {
  const { overlay, mounts } = store.paths;
  const { removeTree } = treeCalls(store.kernel);
  const names = shortNames(containerId);
  for (const name of [containerId, `${containerId}-init`, `l/${names.init}`, `l/${names.upper}`])
    removeTree(`${overlay}/${name}`);
  removeTree(`${mounts}/${containerId}`);
}

/** The paths of a container whose layers exist, read from the store. */
export function containerLayers(store: Store, containerId: string): ContainerLayers {
  const directory = `${store.paths.overlay}/${containerId}`;
  return {
    lowerdirs: readFileSync(`${directory}/lower`, "latin1").split(":"),
    upperdir: `${directory}/diff`,
    workdir: `${directory}/work`,
    merged: `${directory}/merged`,
    initDiff: `${directory}-init/diff`,
  };
}

/** The container id is random already: its two halves name the two layers, and no generator needs loading. */
function shortNames(containerId: string): { init: string; upper: string } {
  const bytes = Buffer.from(containerId, "hex");
  if (bytes.length !== 32) throw new TypeError(`container id ${containerId} does not have 64 hex digits`);
  return { upper: shortNameOf(bytes), init: shortNameOf(bytes.subarray(16)) };
}

function checkStillThere(store: Store, image: ImageRecord): void {
  const top = image.layers.at(-1);
  if (top === undefined || readOptionalText(`${store.paths.layers}/${top.chainId.slice(7)}/cache-id`) === top.cacheId) return;
  throw new GlassboxError({
    code: "image-not-found",
    what: `the image ${image.references[0] ?? image.id} was removed just now`,
    why: { en: `its layer ${top.chainId} is not in the store any more`, zh: `它的层 ${top.chainId} 已不在存储里` },
  });
}

function writeMountEntry(store: Store, image: ImageRecord, containerId: string): void {
  const entry = `${store.paths.mounts}/${containerId}`;
  treeCalls(store.kernel).makeTree([
    ["D", entry, 0o700, "", 0, 0],
    ["f", `${entry}/mount-id`, 0o600, containerId, 0, 0],
    ["f", `${entry}/init-id`, 0o600, `${containerId}-init`, 0, 0],
    ["f", `${entry}/parent`, 0o600, image.layers.at(-1)?.chainId ?? "", 0, 0],
  ]);
}

/** CVE-2019-19921, CVE-2023-27561: a mount on top of a symlink lands where the image wants. */
function checkMountPoints(image: ImageRecord, view: LayerView): void {
  for (const path of ["/proc", "/sys", "/dev"]) {
    const file = view.lookup(path, { follow: false });
    if (file !== undefined && file.kind !== "directory") throw notADirectory(image, path, file);
  }
  const etc = view.lookup("/etc");
  const isLink = etc === undefined ? view.lookup("/etc", { follow: false }) : undefined;
  if (etc !== undefined && etc.kind !== "directory") throw notADirectory(image, "/etc", etc);
  if (isLink !== undefined) throw notADirectory(image, "/etc", isLink);
}

function notADirectory(image: ImageRecord, path: string, file: LayerFile): GlassboxError {
  const { KIND_WORDS } = require("./file-kinds") as typeof import("./file-kinds");
  const { en, zh } = KIND_WORDS[file.kind];
  const target = file.symlinkTarget === undefined ? undefined : JSON.stringify(file.symlinkTarget);
  return new GlassboxError({
    code: "image-mountpoint",
    what: `the image ${image.references[0] ?? image.id} cannot be run: its ${path} is not a directory`,
    why: {
      en: `it is ${en}${target === undefined ? "" : ` to ${target}`}`,
      zh: `它是${zh}${target === undefined ? "" : `，指向 ${target}`}`,
    },
    hint: { en: `rebuild the image with a plain directory at ${path}`, zh: `重做镜像，让 ${path} 是一个真正的目录` },
  });
}

function initLayerEntries(diff: string, init: InitLayer, view: LayerView): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const etc = addDirectory(entries, diff, "/etc", view);
  entries.push(
    ["f", `${etc}/hosts`, 0o644, init.hosts, 0, 0],
    ["f", `${etc}/hostname`, 0o644, init.hostname, 0, 0],
    ["f", `${etc}/resolv.conf`, 0o644, init.resolvConf, 0, 0],
    ["l", `${etc}/mtab`, 0, "/proc/mounts", 0, 0],
  );
  const dev = addDirectory(entries, diff, "/dev", view);
  // Mount points that a fresh /dev hides; they are there for whoever looks at the layer, and for roots with /dev of the image.
  entries.push(
    ["d", `${dev}/pts`, 0o755, "", 0, 0],
    ["d", `${dev}/shm`, 0o755, "", 0, 0],
    ["f", `${dev}/console`, 0o644, "", 0, 0],
  );
  addDirectory(entries, diff, "/proc", view);
  addDirectory(entries, diff, "/sys", view);
  entries.push(["f", `${diff}/.dockerenv`, 0o644, "", 0, 0]);
  return entries;
}

/**
 * The directory goes where it really is in the image (/etc may be a symlink), looking as the image's does: the top-most layer's mode and
 * owner are what a container sees. Returns its host path.
 */
function addDirectory(entries: TreeEntry[], diff: string, path: string, view: LayerView): string {
  const real = view.lookup(path)?.path ?? path;
  let inside = "";
  for (const name of real.split("/").slice(1)) {
    inside += `/${name}`;
    const stat = view.lookup(inside, { follow: false })?.stat;
    entries.push(["d", diff + inside, stat === undefined ? 0o755 : stat.mode & 0o7777, "", stat?.uid ?? 0, stat?.gid ?? 0]);
  }
  return diff + inside;
}
