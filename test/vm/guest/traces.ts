/** At the very end: the machine is as it was. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type GuestTest, CGROUP, hostMounts, mountPoints } from "./box";

export const traces: readonly GuestTest[] = [
  {
    title: "after all that nothing is left: cgroups, mounts, processes, layers",
    alone: true,
    async body() {
      assert.ok(!existsSync(`${CGROUP}/glassbox`), readdirSync(CGROUP).join(" "));
      assert.deepEqual(mountPoints(hostMounts(), "/var/lib/glassbox"), []);
      assert.deepEqual(mountPoints(hostMounts(), "/scratch"), []);
      assert.deepEqual(readdirSync("/run/glassbox"), []);
      const strangers = readdirSync("/proc").filter((pid) => {
        try {
          return /^\d+$/.test(pid) && /glassbox/.test(readFileSync(`/proc/${pid}/cgroup`, "utf8"));
        } catch {
          return false;
        }
      });
      assert.deepEqual(strangers, []);
      // Layers: of the image, and of the containers that were run without --rm.
      const kept = readdirSync("/var/lib/glassbox/containers").filter((name) => /^[0-9a-f]{64}$/.test(name));
      const own = readdirSync("/var/lib/glassbox/image/overlay2/layerdb/mounts");
      assert.deepEqual(own.toSorted(), kept.toSorted());
    },
  },
];
