/** Namespaces and propagation on a host whose / is shared, as it is everywhere under systemd. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync } from "node:fs";
import { type GuestTest, CGROUP, CLI, glassbox, Held, hostMounts, mountPoints, outputOf, program, run } from "./box";

const sh = (script: string): Promise<string> => outputOf(program(["/bin/sh", "-ec", script]));

/** A mount namespace that may be spoilt: shared like the host's, but with nobody else in its peer groups. */
const sacrificial = (script: string) =>
  program(["/bin/unshare", "-m", "/bin/sh", "-ec", `mount --make-rprivate /; mount --make-rshared /; ${script}`]);

/** Which mounts of a container show in the namespace that it was started from, while it runs and afterwards. */
async function seenBeside(flags: readonly string[]): Promise<{ during: string[]; after: string[] }> {
  const directory = mkdtempSync("/scratch/beside-");
  const inside = "touch /meet/up; while [ ! -e /meet/go ]; do sleep 0.2; done";
  const words = ["run", "--rm", "--network", "none", "--cidfile", `${directory}/id`, "-v", `${directory}:/meet`, ...flags];
  const { stdout, stderr, code } = await sacrificial(`
    ${process.execPath} ${CLI} ${words.join(" ")} busybox sh -c '${inside}' >&2 & pid=$!
    while [ ! -e ${directory}/up ]; do kill -0 $pid; sleep 0.2; done
    cat /proc/self/mountinfo; cat ${directory}/id
    touch ${directory}/go; wait $pid; echo; echo afterwards; cat /proc/self/mountinfo`);
  assert.equal(code, 0, stderr);
  const [during, after] = stdout.split("\nafterwards\n");
  const id = /[0-9a-f]{64}$/m.exec(during!)![0];
  return { during: mountPoints(during!, id), after: mountPoints(after!, id) };
}

export const mounts: readonly GuestTest[] = [
  {
    title: "the cgroup namespace shows the container's own cgroup as the root, read-only",
    async body() {
      const script = `cat /proc/self/cgroup; grep ' ${CGROUP} ' /proc/self/mountinfo; echo 1 > ${CGROUP}/cgroup.freeze || mkdir ${CGROUP}/mine || echo refused`;
      const { stdout, stderr } = await run([], ["sh", "-c", script]);
      const [own, mount, last] = stdout.split("\n");
      assert.equal(own, "0::/");
      assert.match(mount!, new RegExp(`^\\d+ \\d+ \\d+:\\d+ / ${CGROUP} ro,\\S* (\\S+ )?- cgroup2 cgroup `));
      for (const option of ["nosuid", "nodev", "noexec"]) assert.ok(mount!.includes(option), mount);
      assert.equal(last, "refused", stdout + stderr);
      assert.match(stderr, /Read-only file system/);
    },
  },
  {
    title: "--cgroupns host shows where in the host's tree it is",
    async body() {
      assert.match(await outputOf(run(["--cgroupns", "host"], ["cat", "/proc/self/cgroup"])), /^0::\/glassbox\/[0-9a-f]{64}\n$/);
    },
  },
  {
    title: "the root of this host is shared, or the tests of propagation say nothing",
    async body() {
      assert.match(hostMounts(), /^\d+ \d+ \d+:\d+ \/ \/ \S+ shared:\d+ - ext4/m);
    },
  },
  {
    title: "no mount of a container shows on the host",
    async body() {
      mkdirSync("/scratch/out", { recursive: true });
      const flags = ["--privileged", "-v", "/scratch/out:/out", "--tmpfs", "/seen-by-nobody"];
      const held = await Held.start(
        flags,
        "mkdir -p /out/in /in-root && /probe mount tmpfs /out/in && /probe mount tmpfs /in-root && grep -c in /proc/self/mountinfo >/dev/null",
      );
      assert.equal(held.output, "ok\nok\n");
      const own = mountPoints(hostMounts(), held.id);
      assert.ok(own.length <= 1, `more of it than its overlay is to be seen: ${own.join(" ")}`);
      assert.deepEqual(mountPoints(hostMounts(), "seen-by-nobody"), []);
      assert.deepEqual(mountPoints(hostMounts(), "/scratch/out"), []);
      assert.deepEqual(mountPoints(hostMounts(), "in-root"), []);
      await held.finish();
      assert.deepEqual(mountPoints(hostMounts(), held.id), []);
    },
  },
  {
    title: "with :rshared a mount of the container shows on the host",
    async body() {
      await sh("mkdir -p /scratch/leak/in");
      const held = await Held.start(["--privileged", "-v", "/scratch/leak:/out:rshared"], "/probe mount tmpfs /out/in");
      assert.equal(held.output, "ok\n");
      const seen = mountPoints(hostMounts(), "/scratch/leak");
      await held.finish();
      assert.deepEqual(seen, ["/scratch/leak/in"]);
      await sh("umount /scratch/leak/in");
    },
  },
  {
    title: "a mount of the host from before the start comes along, one made later does not",
    async body() {
      await sh(
        "mkdir -p /scratch/host/before /scratch/host/later && mount -t tmpfs before /scratch/host/before && touch /scratch/host/before/file",
      );
      const held = await Held.start(["-v", "/scratch/host:/host"], "ls /host/before", "ls /host/later /host/before");
      assert.equal(held.output, "file\n");
      await sh("mount -t tmpfs later /scratch/host/later && touch /scratch/host/later/hidden && umount /scratch/host/before");
      assert.equal(await held.finish(), "/host/before:\nfile\n\n/host/later:\n");
      await sh("umount /scratch/host/later");
    },
  },
  {
    title: "with :rslave what the host mounts later does arrive",
    async body() {
      await sh("mkdir -p /scratch/slave/later");
      const held = await Held.start(["-v", "/scratch/slave:/host:rslave"], "true", "ls /host/later");
      await sh("mount -t tmpfs later /scratch/slave/later && touch /scratch/slave/later/arrived");
      assert.equal(await held.finish(), "arrived\n");
      await sh("umount /scratch/slave/later");
    },
  },
  {
    title: "a mount of the host can be taken away while a container runs that does not use it",
    async body() {
      await sh("mkdir -p /scratch/busy && mount -t tmpfs busy /scratch/busy");
      const held = await Held.start([], "grep -c scratch /proc/self/mountinfo");
      assert.equal(held.output, "0\n");
      await sh("umount /scratch/busy");
      await held.finish();
    },
  },
  {
    title: "clone keeps its mounts to itself, clone --shared leaks them",
    async body() {
      await sh("mkdir -p /scratch/clone /scratch/clone-shared");
      const clone = (...flags: string[]) =>
        glassbox(["clone", "--ns", "mnt,uts", ...flags, "/bin/grep", "-c", "/scratch/clone", "/proc/self/mountinfo"]);
      assert.match(await outputOf(clone("--mount", "tmpfs:/scratch/clone")), /^1$/m);
      assert.deepEqual(mountPoints(hostMounts(), "/scratch/clone"), []);
      assert.match(await outputOf(clone("--shared", "--mount", "tmpfs:/scratch/clone-shared")), /^1$/m);
      assert.deepEqual(mountPoints(hostMounts(), "/scratch/clone-shared"), ["/scratch/clone-shared"]);
      await sh("umount /scratch/clone-shared");
    },
  },
  {
    title: "--unsafe private=off: pivot_root refuses shared mounts, and the error names the one",
    async body() {
      const words = `${process.execPath} ${CLI} run --rm --network none --unsafe private=off --yes-unsafe busybox true`;
      const { code, stderr } = await sacrificial(words);
      assert.equal(code, 125, stderr);
      assert.match(stderr, /pivot_root/);
      assert.match(stderr, /shared mount \(peer group \d+\)/);
      assert.match(stderr, /make-rprivate/);
    },
  },
  {
    title: "--unsafe private=off with root=chroot leaks the container's mounts for as long as it runs",
    async body() {
      const leaky = await seenBeside(["--unsafe", "private=off", "--unsafe", "root=chroot", "--yes-unsafe"]);
      assert.ok(
        leaky.during.some((path) => path.endsWith("/merged/proc")),
        leaky.during.join(" "),
      );
      assert.deepEqual(leaky.after, []);
      const tight = await seenBeside([]);
      assert.deepEqual(
        tight.during.filter((path) => !path.endsWith("/merged")),
        [],
      );
      assert.deepEqual(tight.after, []);
    },
  },
  {
    title: "no container sees the host's mounts through its own",
    async body() {
      const text = await outputOf(run(["--cap-add", "SYS_ADMIN"], ["sh", "-c", "cut -d' ' -f5,7 /proc/1/mountinfo"]));
      assert.ok(!text.includes("shared:"), text);
      assert.deepEqual(mountPoints(text, "/var/lib/glassbox"), []);
    },
  },
];
