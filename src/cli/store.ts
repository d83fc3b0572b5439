/** Opens the store for commands other than `run`. */

import { loadKernel } from "../binding/index";
import { openStore, type Store } from "../store/store";
import type { Globals } from "./verb";

/** The store at the global root, made when it is not there. Throws "addon-missing" and what openStore throws. */
export function store(globals: Globals): Store {
  return openStore(globals.root, loadKernel());
}
