/** One temporary store for a test file, with busybox in it, and images made from descriptions. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadKernel } from "../../src/binding";
import { bootstrapImage } from "../../src/bootstrap/bootstrap";
import type { ImageConfig } from "../../src/image/config";
import { createImageFromDirectory } from "../../src/image/import-rootfs";
import { openStore, type Store } from "../../src/store/store";
import { makeTree, type TreeSpec } from "./tree";

export class TestStore {
  private trees = 0;

  private constructor(
    /** For whatever a test needs beside the store; goes with it. */
    readonly scratch: string,
    readonly store: Store,
  ) {}

  /**
   * An empty store below a new directory, which root gets as a tmpfs: images are published with syncfs, and on a shared disk that waits for
   * everybody's writes, which made tests beside each other ten times slower.
   */
  static create(): TestStore {
    const kernel = loadKernel();
    const scratch = mkdtempSync(join(tmpdir(), "glassbox-test-"));
    if (process.geteuid?.() === 0) kernel.mount("glassbox-test", scratch, "tmpfs", [], "mode=700,size=1g");
    return new TestStore(scratch, openStore(join(scratch, "store"), kernel));
  }

  /** GLASSBOX_ROOT */
  get root(): string {
    return this.store.root;
  }

  /** Puts "busybox:latest" there, the same that `glassbox bootstrap busybox` makes. */
  async addBusybox(): Promise<void> {
    await bootstrapImage("busybox", { store: this.store, lang: "en", log: () => undefined });
  }

  /** Makes an image of one layer that holds `spec`; gives its reference. */
  async addImage(name: string, spec: TreeSpec, config: ImageConfig = {}): Promise<string> {
    const directory = await this.addTree(spec);
    return this.addDirectory(name, directory, config);
  }

  async addDirectory(name: string, directory: string, config: ImageConfig = {}): Promise<string> {
    await createImageFromDirectory(this.store, directory, { reference: name, config, createdBy: "test" });
    return name;
  }

  /** A tree in the scratch directory, for whoever needs a bare root file system. */
  async addTree(spec: TreeSpec): Promise<string> {
    const directory = join(this.scratch, `tree-${++this.trees}`);
    await makeTree(directory, spec);
    return directory;
  }

  /** A new empty directory beside the store. */
  addDirectoryNamed(name: string): string {
    const path = join(this.scratch, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** What containers that are gone must not leave: [where, name]. */
  leftovers(): string[] {
    const names = (directory: string): string[] => {
      try {
        return readdirSync(directory);
      } catch {
        return [];
      }
    };
    const images = new Set(names(this.store.paths.layers).flatMap((chain) => cacheIdOf(this.store, chain)));
    return [
      ...names(join(this.root, "run")).map((name) => `run/${name}`),
      ...names(this.store.paths.mounts).map((name) => `mounts/${name}`),
      ...names(this.store.paths.containers)
        .filter((name) => name !== "names" && !name.endsWith(".lock"))
        .map((name) => `containers/${name}`),
      ...names(this.store.paths.overlay)
        .filter((name) => /^[0-9a-f]{64}(-init)?$/.test(name) && !images.has(name))
        .map((name) => `overlay2/${name}`),
    ];
  }

  /** Removes everything. */
  remove(): void {
    if (process.geteuid?.() === 0) loadKernel().umount(this.scratch, ["MNT_DETACH"]);
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

function cacheIdOf(store: Store, chain: string): string[] {
  const { readOptionalText } = require("../../src/store/imagedb") as typeof import("../../src/store/imagedb");
  const id = readOptionalText(join(store.paths.layers, chain, "cache-id"));
  return id === undefined ? [] : [id];
}
