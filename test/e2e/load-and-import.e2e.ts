/** Archives of other tools come in and run; broken ones leave one clear error and the store as it was. */

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ExecutionContext } from "ava";
import { storeListing } from "../helpers/store-fixture";
import { asRoot, boxForFile, withEmptyStore } from "./box";

const file = boxForFile();

/** A docker-archive and an OCI archive of one two-layer image, made by umoci and skopeo. */
function makeArchives(t: ExecutionContext): { docker: string; oci: string } {
  const layout = file.box.path("layout");
  const archives = { docker: file.box.path("docker.tar"), oci: file.box.path("oci.tar") };
  if (readdirSync(file.box.store.scratch).includes("oci.tar")) return archives;
  const run = (program: string, ...args: string[]): void =>
    void execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const bundle = file.box.path("bundle");
  run("umoci", "init", "--layout", layout);
  run("umoci", "new", "--image", `${layout}:tiny`);
  run("umoci", "unpack", "--image", `${layout}:tiny`, bundle);
  run(
    "sh",
    "-c",
    `mkdir -p ${bundle}/rootfs/bin && cp /bin/busybox ${bundle}/rootfs/bin/ && ln -s busybox ${bundle}/rootfs/bin/sh && ln -s busybox ${bundle}/rootfs/bin/ls && echo gone > ${bundle}/rootfs/gone`,
  );
  run("umoci", "repack", "--image", `${layout}:tiny`, bundle);
  run("sh", "-c", `rm -rf ${bundle}`);
  run("umoci", "unpack", "--image", `${layout}:tiny`, bundle);
  run("sh", "-c", `rm ${bundle}/rootfs/gone && echo second > ${bundle}/rootfs/second`);
  run("umoci", "repack", "--image", `${layout}:tiny`, bundle);
  run(
    "umoci",
    "config",
    "--image",
    `${layout}:tiny`,
    "--config.cmd",
    "/bin/sh",
    "--config.cmd",
    "-c",
    "--config.cmd",
    "ls /; cat /second",
    "--config.env",
    "MADE_BY=umoci",
  );
  run("skopeo", "copy", "-q", `oci:${layout}:tiny`, `docker-archive:${archives.docker}:tiny:docker`);
  run("skopeo", "copy", "-q", `oci:${layout}:tiny`, `oci-archive:${archives.oci}:tiny:oci`);
  t.pass();
  return archives;
}

asRoot(
  "load-and-import: S0-C1 a docker-archive and an OCI archive of skopeo load and run: layers, whiteouts, config",
  async (t) => {
    const archives = makeArchives(t);
    for (const [kind, path] of Object.entries(archives)) {
      const loaded = await file.box.glassbox(["load", "-i", path]);
      t.is(loaded.code, 0, loaded.stderr);
      t.regex(loaded.stdout, new RegExp(`^Loaded image: \\S*tiny:${kind}`, "m"));
      const { stdout, code } = await file.box.run(`tiny:${kind}`);
      t.is(code, 0);
      t.regex(stdout, /^bin\n/);
      t.regex(stdout, /\nsecond\nsys\nsecond\n$/);
      t.notRegex(stdout, /gone/);
      t.regex(await file.box.output(t, `tiny:${kind}`, "/bin/busybox", "env"), /^MADE_BY=umoci$/m);
    }
  },
);

asRoot("load-and-import: from standard input, and from podman save", async (t) => {
  const { docker } = makeArchives(t);
  const loaded = await file.box.glassbox(["load"], { stdin: gzipSync(readFileSync(docker), { level: 1 }) });
  t.is(loaded.code, 0, loaded.stderr);
  const root = file.box.path("podman");
  const podman = (...args: string[]): void => {
    const own = [
      "--root",
      root,
      "--runroot",
      `${root}-run`,
      "--storage-driver",
      "vfs",
      "--cgroup-manager",
      "cgroupfs",
      "--events-backend",
      "none",
    ];
    const { status, stderr } = spawnSync("podman", [...own, ...args], { encoding: "utf8", timeout: 60_000 });
    t.is(status, 0, stderr);
  };
  podman("load", "-q", "-i", docker);
  for (const format of ["docker-archive", "oci-archive"]) {
    podman("save", "-q", "--format", format, "-o", file.box.path(`podman-${format}`), "tiny:docker");
    const again = await file.box.glassbox(["load", "-i", file.box.path(`podman-${format}`)]);
    t.is(again.code, 0, again.stderr);
    t.regex(again.stdout, /^Loaded image/m);
  }
  podman("rmi", "--all", "--force");
});

asRoot("load-and-import: what is cut off or damaged: one error, exit 1 or 125, the store unchanged", (t) =>
  withEmptyStore(t, async (box) => {
    const archives = makeArchives(t);
    const before = storeListing(box.store.store);
    for (const [kind, path] of Object.entries(archives)) {
      const whole = readFileSync(path);
      const damaged: [name: string, bytes: Buffer][] = [
        ["empty", Buffer.alloc(0)],
        ["text", Buffer.from("this is not an archive\n".repeat(100))],
        ["half", whole.subarray(0, whole.length / 2)],
        ["first-block", whole.subarray(0, 512)],
        ["half-gzip", gzipSync(whole, { level: 1 }).subarray(0, whole.length / 4)],
        ["flipped", flipped(whole)],
      ];
      for (const [name, bytes] of damaged) {
        const bad = file.box.path(`bad-${kind}-${name}`);
        writeFileSync(bad, bytes);
        const { code, stderr, stdout } = await box.glassbox(["load", "-i", bad]);
        t.true(code === 1 || code === 125, `${kind} ${name}: ${code}`);
        t.regex(stderr, /^glassbox: [^\n]+\n( {2}(why|do): {1,2}[^\n]+\n|[^\n]*\n)*$/, `${kind} ${name}`);
        t.notRegex(stderr, /internal error|at .*\.js:/, `${kind} ${name}`);
        t.is(stdout, "");
        t.deepEqual(storeListing(box.store.store), before, `${kind} ${name}`);
      }
    }
    const missing = await box.glassbox(["load", "-i", "/not/there.tar"]);
    t.is(missing.code, 1);
    t.regex(missing.stderr, /\/not\/there\.tar/);
  }),
);

/** One bit in the middle of the largest part: a layer that is not what its digest says. */
function flipped(whole: Buffer): Buffer {
  const copy = Buffer.from(whole);
  const at = Math.floor(copy.length / 2);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

asRoot("load-and-import: S3-6 import of a tarball and of a directory", async (t) => {
  const directory = await file.box.store.addTree({
    "/bin/busybox": { copy: "/bin/busybox", mode: 0o755 },
    "/bin/ls": { link: "busybox" },
    "/etc/mark": "imported\n",
  });
  const tarball = file.box.path("rootfs.tar");
  execFileSync("tar", ["-C", directory, "-cf", tarball, "."]);
  for (const [source, name] of [
    [tarball, "from-tar"],
    [directory, "from-directory"],
  ] as const) {
    const { code, stdout, stderr } = await file.box.glassbox(["import", source, name]);
    t.is(code, 0, stderr);
    t.regex(stdout, /^sha256:[0-9a-f]{64}\n$/);
    t.is(await file.box.output(t, name, "/bin/busybox", "cat", "/etc/mark"), "imported");
    t.regex(await file.box.output(t, name, "ls", "/"), /^bin\n[^]*etc/);
  }
  const piped = await file.box.glassbox(["import", "-", "from-pipe"], { stdin: readFileSync(tarball) });
  t.is(piped.code, 0, piped.stderr);
  copyFileSync(tarball, join(file.box.store.scratch, "cut.tar"));
  execFileSync("truncate", ["-s", "700000", join(file.box.store.scratch, "cut.tar")]);
  const before = storeListing(file.box.store.store);
  const cut = await file.box.glassbox(["import", join(file.box.store.scratch, "cut.tar"), "cut"]);
  t.true(cut.code === 1 || cut.code === 125);
  t.deepEqual(storeListing(file.box.store.store), before);
});
