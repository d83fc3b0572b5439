/**
 * Looks at an image's files without mounting it: a stack of layer directories read as overlayfs reads it (whiteouts are char 0:0,
 * an opaque directory hides what lies below), with symlinks followed inside the image only.
 *
 * For layers that nothing writes to. What a running container can change is resolved by `Kernel.openInRoot` instead: between
 * looking and opening a path, it could change it.
 */

import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from "node:fs";
import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { Kernel } from "../binding/kernel";

export type FileKind = "file" | "directory" | "symlink" | "char-device" | "block-device" | "fifo" | "socket";

export interface LayerFile {
  kind: FileKind;
  /** The file in its layer directory (of a directory: in the top-most layer that has it). */
  hostPath: string;
  /** Where it is in the image, with all symlinks on the way resolved: "/usr/bin/env". */
  path: string;
  stat: Stats;
  symlinkTarget?: string;
}

export interface LookupOptions {
  /** Follow a symlink in the last component too; default true. */
  follow?: boolean;
}

/** path_resolution(7) */
const MAX_SYMLINKS = 40;
const MAX_PATH = 4096;

/** A directory of the image: its name, and the host directories that merge into it, top-most first. */
interface Place {
  name: string;
  hosts: string[];
}

export class LayerView {
  readonly #root: Place;
  readonly #kernel: Pick<Kernel, "lgetxattr">;
  readonly #opaqueName: string;

  /** `diffPaths` top-most first. `userxattr` as the store has it. */
  constructor(diffPaths: readonly string[], kernel: Pick<Kernel, "lgetxattr">, userxattr = false) {
    this.#root = { name: "", hosts: [...diffPaths] };
    this.#kernel = kernel;
    this.#opaqueName = userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
  }

  /** What is at `path` (absolute, or relative to the root); undefined when nothing is. A loop of symlinks is nothing, too. */
  lookup(path: string, options: LookupOptions = {}): LayerFile | undefined {
    const follow = options.follow ?? true;
    const ancestors: Place[] = [this.#root];
    let pending = split(path);
    let links = 0;
    if (path.length > MAX_PATH) return undefined;
    while (pending.length > 0) {
      const name = pending.shift() as string;
      if (name === "..") {
        if (ancestors.length > 1) ancestors.pop();
        continue;
      }
      const here = ancestors[ancestors.length - 1] as Place;
      const found = this.#child(here, name);
      if (found === undefined) return undefined;
      if (found.stat.isDirectory()) {
        ancestors.push({ name, hosts: found.hosts });
        continue;
      }
      const last = pending.length === 0;
      if (!found.stat.isSymbolicLink() || (last && !follow)) {
        return last ? describe(ancestors, name, found) : undefined;
      }
      if (++links > MAX_SYMLINKS) return undefined;
      const target = readlinkSync(found.hosts[0] as string);
      if (target.startsWith("/")) ancestors.length = 1;
      pending = [...split(target), ...pending];
      if (pending.length > MAX_PATH) return undefined;
    }
    const directory = ancestors[ancestors.length - 1] as Place;
    const host = directory.hosts[0];
    if (host === undefined) return undefined;
    return { kind: "directory", hostPath: host, path: pathOf(ancestors), stat: lstatSync(host) };
  }

  /**
   * Content of a regular file; undefined when `path` leads to nothing. Never waits for a FIFO or touches a device.
   * Throws "image-file" when it is something else or has more than `maxBytes`.
   */
  readFile(path: string, maxBytes: number): Buffer | undefined {
    const file = this.lookup(path);
    if (file === undefined) return undefined;
    if (file.kind !== "file") {
      const { KIND_WORDS } = require("./file-kinds") as typeof import("./file-kinds");
      const { en, zh } = KIND_WORDS[file.kind];
      throw unreadable(path, { en: `it is ${en}, not a regular file`, zh: `它是${zh}，不是普通文件` });
    }
    const fd = openSync(file.hostPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const size = fstatSync(fd).size;
      if (size > maxBytes) {
        throw unreadable(path, {
          en: `it has ${size} bytes, more than the ${maxBytes} that are read`,
          zh: `它有 ${size} 字节，最多只读 ${maxBytes} 字节`,
        });
      }
      const bytes = Buffer.alloc(size);
      let at = 0;
      while (at < size) {
        const count = readSync(fd, bytes, at, size - at, at);
        if (count === 0) break;
        at += count;
      }
      return bytes.subarray(0, at);
    } finally {
      closeSync(fd);
    }
  }

  #child(place: Place, name: string): { stat: Stats; hosts: string[] } | undefined {
    let stat: Stats | undefined;
    const hosts: string[] = [];
    for (let i = 0; i < place.hosts.length; i++) {
      const host = `${place.hosts[i]}/${name}`;
      const status = statOf(host);
      if (status === undefined) continue;
      if (status.isCharacterDevice() && status.rdev === 0) break;
      if (stat !== undefined && !status.isDirectory()) break;
      stat ??= status;
      hosts.push(host);
      if (!status.isDirectory()) break;
      if (i + 1 < place.hosts.length && this.#isOpaque(host)) break;
    }
    return stat === undefined ? undefined : { stat, hosts };
  }

  #isOpaque(host: string): boolean {
    const value = this.#kernel.lgetxattr(host, this.#opaqueName);
    return value !== undefined && value.length === 1 && value[0] === 0x79;
  }
}

/** The view of an image; `layers` bottom first, as an ImageRecord has them. */
export function viewOfLayers(
  layers: readonly { diffPath: string }[],
  store: { kernel: Pick<Kernel, "lgetxattr">; readonly userxattr: boolean },
): LayerView {
  const paths = layers.map((layer) => layer.diffPath).reverse();
  // One layer hides nothing, so the xattr's name, which costs a look at /proc, is not needed.
  return new LayerView(paths, store.kernel, paths.length > 1 && store.userxattr);
}

/** A name that is too long, or has a NUL in it, is a name that nothing has. */
function statOf(host: string): Stats | undefined {
  try {
    return lstatSync(host, { throwIfNoEntry: false });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENAMETOOLONG" || code === "ERR_INVALID_ARG_VALUE") return undefined;
    throw error;
  }
}

function split(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function pathOf(ancestors: Place[]): string {
  return ancestors.length === 1 ? "/" : ancestors.map((place) => place.name).join("/");
}

function describe(ancestors: Place[], name: string, found: { stat: Stats; hosts: string[] }): LayerFile {
  const hostPath = found.hosts[0] as string;
  const parent = pathOf(ancestors);
  const file: LayerFile = {
    kind: kindOf(found.stat),
    hostPath,
    path: parent === "/" ? `/${name}` : `${parent}/${name}`,
    stat: found.stat,
  };
  if (found.stat.isSymbolicLink()) file.symlinkTarget = readlinkSync(hostPath);
  return file;
}

function kindOf(stat: Stats): FileKind {
  if (stat.isFile()) return "file";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isDirectory()) return "directory";
  if (stat.isCharacterDevice()) return "char-device";
  if (stat.isBlockDevice()) return "block-device";
  return stat.isFIFO() ? "fifo" : "socket";
}

function unreadable(path: string, why: Bilingual): GlassboxError {
  return new GlassboxError({ code: "image-file", what: `cannot read ${path} of the image`, why });
}
