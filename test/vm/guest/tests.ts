/** All tests that run inside the guest, in order. Importing this does nothing: the host reads the titles from here. */

import { basics } from "./basics";
import type { GuestTest } from "./box";
import { devices } from "./devices";
import { limits } from "./limits";
import { mounts } from "./mounts";
import { seccomp } from "./seccomp";
import { traces } from "./traces";

export const GUEST_TESTS: readonly GuestTest[] = [...basics, ...limits, ...devices, ...mounts, ...seccomp, ...traces];
