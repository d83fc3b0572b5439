/** A store is a directory. Opening one costs a stat; nothing is scanned. */

import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { Kernel } from "../binding/kernel";

export interface StorePaths {
  /** image/overlay2 */
  image: string;
  repositories: string;
  imageContent: string;
  imageMetadata: string;
  /** layerdb/sha256 */
  layers: string;
  /** layerdb/mounts */
  mounts: string;
  /** overlay2: the layer directories. */
  overlay: string;
  /** overlay2/l: short names. */
  links: string;
  staging: string;
  containers: string;
  cache: string;
  tmp: string;
}

export interface Store {
  readonly root: string;
  readonly kernel: Kernel;
  readonly paths: StorePaths;
  /** Overlay marks are user.overlay.* rather than trusted.overlay.*: this process has no privilege in the first user namespace. */
  readonly userxattr: boolean;
}

/**
 * Opens the store at `root` (an absolute path), and makes its tree, mode 0700, when it is not there yet.
 * Throws "store-unusable" when the directory cannot be made or belongs to somebody else.
 */
export function openStore(root: string, kernel: Kernel): Store {
  const paths = storePaths(root);
  if (!isReady(root, paths)) createTree(root, paths);
  let userxattr: boolean | undefined;
  return {
    root,
    kernel,
    paths,
    get userxattr() {
      return (userxattr ??= !hasInitialPrivilege());
    },
  };
}

function storePaths(root: string): StorePaths {
  const image = `${root}/image/overlay2`;
  const overlay = `${root}/overlay2`;
  return {
    image,
    repositories: `${image}/repositories.json`,
    imageContent: `${image}/imagedb/content/sha256`,
    imageMetadata: `${image}/imagedb/metadata/sha256`,
    layers: `${image}/layerdb/sha256`,
    mounts: `${image}/layerdb/mounts`,
    overlay,
    links: `${overlay}/l`,
    staging: `${overlay}/staging`,
    containers: `${root}/containers`,
    cache: `${root}/cache`,
    tmp: `${root}/tmp`,
  };
}

/** `tmp` is made last, so its presence says that the tree is whole. */
function isReady(root: string, paths: StorePaths): boolean {
  const status = statSync(root, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (!status.isDirectory()) throw unusable(root, { en: "it is not a directory", zh: "它不是目录" });
  const euid = process.geteuid?.() ?? 0;
  if (status.uid !== euid) {
    throw unusable(root, {
      en: `it belongs to uid ${status.uid}, not to uid ${euid}`,
      zh: `它属于 uid ${status.uid}，不属于 uid ${euid}`,
    });
  }
  // CVE-2021-41091: set-id programs of images must be out of reach of other users of the host.
  if ((status.mode & 0o077) !== 0) chmodSync(root, 0o700);
  return statSync(paths.tmp, { throwIfNoEntry: false }) !== undefined;
}

function createTree(root: string, paths: StorePaths): void {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const directories = [
      paths.imageContent,
      paths.imageMetadata,
      paths.layers,
      paths.mounts,
      paths.links,
      paths.staging,
      paths.containers,
      paths.cache,
      paths.tmp,
    ];
    for (const directory of directories) mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unusable(root, (error as NodeJS.ErrnoException).code ?? String(error), error);
  }
}

function unusable(root: string, why: string | Bilingual, cause?: unknown): GlassboxError {
  return new GlassboxError({
    code: "store-unusable",
    what: `cannot use the store ${root}`,
    why,
    hint: { en: "choose another directory with --root or GLASSBOX_ROOT", zh: "用 --root 或 GLASSBOX_ROOT 换一个目录" },
    cause,
  });
}

/** trusted.* xattrs need CAP_SYS_ADMIN in the initial user namespace, which uid 0 of a nested one lacks. */
function hasInitialPrivilege(): boolean {
  if (process.geteuid?.() !== 0) return false;
  try {
    return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "latin1"));
  } catch {
    return true;
  }
}
