/** Putting images together: layers are unpacked into a workspace, and all becomes visible at once. */

import { createHash, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { diffPath, nextChainId, readLayer, shortNameOf } from "../store/layerdb";
import { publish, type StagedImage, type StagedLayer } from "../store/publish";
import type { Store } from "../store/store";
import { openWorkspace, type Workspace } from "../store/workspace";
import { formatReference, type Reference } from "./reference";
import { applyLayer, type ApplyOptions, type AppliedLayer } from "./unpack-layer";

/** A name that pointed elsewhere before. */
export interface Renamed {
  reference: string;
  previousId: string;
}

export class Assembly {
  readonly workspace: Workspace;
  readonly #store: Store;
  readonly #layers: StagedLayer[] = [];
  readonly #images: StagedImage[] = [];
  readonly #names: { reference: Reference; id: string }[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.workspace = openWorkspace(store);
  }

  /** Is this chain in the store, or unpacked here already? */
  has(chainId: string): boolean {
    return this.#layers.some((staged) => staged.layer.chainId === chainId) || readLayer(this.#store, chainId) !== undefined;
  }

  /** Unpacks a layer on top of `parents` (chainIDs, bottom first). Returns its chainID and what was found out about it. */
  async addLayer(
    parents: readonly string[],
    input: AsyncIterable<Uint8Array>,
    options: Omit<ApplyOptions, "lowerPaths">,
  ): Promise<AppliedLayer & { chainId: string }> {
    const cacheId = randomBytes(32).toString("hex");
    const directory = this.workspace.directory(cacheId);
    mkdirSync(`${directory}/diff`, { mode: 0o755 });
    const applied = await applyLayer(this.#store, `${directory}/diff`, input, {
      ...options,
      lowerPaths: this.#lowerPaths(parents),
    });
    const parentChainId = parents.at(-1);
    const chainId = nextChainId(parentChainId, applied.diffId);
    if (!this.has(chainId)) {
      const layer = {
        diffId: applied.diffId,
        chainId,
        cacheId,
        shortName: shortNameOf(randomBytes(16)),
        sizeBytes: applied.fileBytes,
      };
      this.#layers.push({ layer, parentChainId, directory });
    }
    return { ...applied, chainId };
  }

  /** Adds an image and its names; a later name wins. Returns its id. */
  addImage(config: Uint8Array, chainIds: string[], references: readonly Reference[], standin?: string): string {
    const hex = createHash("sha256").update(config).digest("hex");
    const id = `sha256:${hex}`;
    if (!this.#images.some((image) => image.hex === hex)) this.#images.push({ hex, config, chainIds, standin });
    for (const reference of references) this.#names.push({ reference, id });
    return id;
  }

  /** Makes everything durable and visible. Returns the names that pointed to other images before. */
  publish(): Renamed[] {
    const renamed: Renamed[] = [];
    publish(this.#store, this.workspace, {
      layers: this.#layers,
      images: this.#images,
      name: (repositories) => {
        for (const { reference, id } of this.#names) {
          const full = formatReference(reference);
          const tags = repositories.get(reference.name) ?? new Map<string, string>();
          const previousId = tags.get(full);
          if (previousId !== undefined && previousId !== id) renamed.push({ reference: full, previousId });
          repositories.set(reference.name, tags.set(full, id));
        }
      },
    });
    return renamed;
  }

  /** Removes what was not published; to be called in any case. */
  dispose(): void {
    this.workspace.dispose();
  }

  #lowerPaths(parents: readonly string[]): string[] {
    return parents
      .map((chainId) => {
        const staged = this.#layers.find(({ layer }) => layer.chainId === chainId);
        if (staged !== undefined) return `${staged.directory}/diff`;
        const layer = readLayer(this.#store, chainId);
        return layer === undefined ? undefined : diffPath(this.#store, layer.cacheId);
      })
      .filter((path) => path !== undefined)
      .reverse();
  }
}
