/** Devices by eBPF: cgroup v2 has no devices.allow. */

import assert from "node:assert/strict";
import { type GuestTest, outputOf, run, runUnsafe } from "./box";

/** kmsg, mem, loop-control, the guest's own disk. */
const FORBIDDEN = ["c:1:11:r", "c:1:1:r", "c:10:237:r", "b:254:0:r", "b:254:0:w"];

function line(node: string, opened: string): string {
  return `${node.slice(0, -2)} mknod=ok open=${opened}`;
}

export const devices: readonly GuestTest[] = [
  {
    title: "a device that is not allowed can be made and not opened",
    async body() {
      const text = await outputOf(run(["--cap-add", "MKNOD"], ["/probe", "node", ...FORBIDDEN]));
      assert.deepEqual(
        text.trim().split("\n"),
        FORBIDDEN.map((node) => line(node, "EPERM")),
      );
    },
  },
  {
    title: "control: without the program the same devices open",
    async body() {
      const readable = FORBIDDEN.filter((node) => node.endsWith("r") && node !== "c:1:1:r");
      const text = await outputOf(
        runUnsafe(["devices=host"], ["--cap-add", "MKNOD", "--cap-add", "SYSLOG"], ["/probe", "node", ...readable]),
      );
      assert.deepEqual(
        text.trim().split("\n"),
        readable.map((node) => line(node, "ok")),
      );
    },
  },
  {
    title: "the devices of every container open",
    async body() {
      const asked = ["null", "zero", "full", "random", "urandom"].flatMap((name) => [`r:/dev/${name}`, `w:/dev/${name}`]);
      const text = await outputOf(run([], ["/probe", "open", ...asked, "r:/dev/ptmx", "r:/dev/tty"]));
      // Nobody gave this container a terminal: ENXIO comes from the driver, so the program let it pass.
      assert.deepEqual(text.trim().split("\n"), [...asked.map((one) => `${one} ok`), "r:/dev/ptmx ok", "r:/dev/tty ENXIO"]);
    },
  },
  {
    title: "--device opens one device, in the ways that it names",
    async body() {
      const flags = ["--device", "/dev/loop-control:/dev/control:r", "--device", "/dev/vda:/dev/disk:r", "--cap-add", "MKNOD"];
      const text = await outputOf(
        run(flags, ["sh", "-c", "/probe open r:/dev/control w:/dev/control r:/dev/disk w:/dev/disk; /probe node c:1:11:r"]),
      );
      assert.equal(
        text,
        "r:/dev/control ok\nw:/dev/control EPERM\nr:/dev/disk ok\nw:/dev/disk EPERM\nc:1:11 mknod=ok open=EPERM\n",
      );
    },
  },
  {
    title: "--privileged opens all devices",
    async body() {
      assert.equal(
        await outputOf(run(["--privileged"], ["/probe", "node", "c:1:11:r", "b:254:0:r"])),
        "c:1:11 mknod=ok open=ok\nb:254:0 mknod=ok open=ok\n",
      );
    },
  },
];
