#!/usr/bin/env node
/**
 * How long a start takes, beside others, in one interleaved run: `npm run build && sudo node bench/start.js [ROUNDS]`.
 *
 * Every round runs each command once, in turn, so that a busy moment of the machine meets all alike. Compare ratios of one run, never
 * milliseconds of different days. What is not installed is left out.
 */

const { execFileSync, spawnSync } = require("node:child_process");
const { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join, resolve } = require("node:path");

const ROOT = resolve(__dirname, "..");
const MAIN = join(ROOT, "dist", "src", "launch", "main.js");
const rounds = Number(process.argv[2] ?? 30);
const scratch = mkdtempSync(join(tmpdir(), "glassbox-bench-"));
const storeRoot = join(scratch, "store");

// One setting alone costs every node that it is set for some 40 ms; it is measured as a row of its own.
const { NODE_EXTRA_CA_CERTS: certificates, ...quiet } = process.env;
const env = { ...quiet, GLASSBOX_ROOT: storeRoot };

const has = (name) => spawnSync("which", [name]).status === 0;
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function timed(argv, environment = env) {
  const before = process.hrtime.bigint();
  const { status, stderr } = spawnSync(argv[0], argv.slice(1), { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  const milliseconds = Number(process.hrtime.bigint() - before) / 1e6;
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${status} ${stderr}`);
  return milliseconds;
}

/** A root file system and a bundle made of the same image. */
function prepare() {
  execFileSync(process.execPath, [MAIN, "bootstrap", "busybox"], { env, stdio: "ignore" });
  const overlay = join(storeRoot, "overlay2");
  const layer = join(
    overlay,
    readdirSync(overlay).find((name) => /^[0-9a-f]{64}$/.test(name)),
    "diff",
  );
  const bundle = join(scratch, "bundle");
  mkdirSync(bundle);
  execFileSync("cp", ["-a", layer, join(bundle, "rootfs")]);
  for (const name of ["proc", "sys", "dev"]) mkdirSync(join(bundle, "rootfs", name), { recursive: true });
  const config = JSON.parse(
    execFileSync(process.execPath, [MAIN, "run", "--rm", "--dry-run=oci", "busybox", "true"], { env, encoding: "utf8" }),
  );
  config.root.path = "rootfs";
  config.linux.cgroupsPath = `/glassbox-bench-${process.pid}`;
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  writeFileSync(join(scratch, "empty.js"), "");
  return { layer, bundle };
}

function commands({ layer, bundle }) {
  const rows = [
    ["node, empty script", [process.execPath, join(scratch, "empty.js")]],
    ["glassbox --version", [process.execPath, MAIN, "--version"]],
    ["glassbox run --rm --network none", [process.execPath, MAIN, "run", "--rm", "--network", "none", "busybox", "true"]],
  ];
  if (has("runc"))
    rows.push([
      "runc run (ready bundle)",
      ["runc", "--root", join(scratch, "runc"), "run", "-b", bundle, `bench-${process.pid}`],
    ]);
  if (has("bwrap"))
    rows.push([
      "bwrap --unshare-all",
      ["bwrap", "--unshare-all", "--bind", layer, "/", "--proc", "/proc", "--dev", "/dev", "/bin/true"],
    ]);
  if (has("podman")) {
    const podman = [
      "podman",
      "--root",
      join(scratch, "podman"),
      "--runroot",
      join(scratch, "podman-run"),
      "--cgroup-manager",
      "cgroupfs",
      // crun, podman's first choice, refuses a host with controllers in both cgroup trees.
      ...(has("runc") ? ["--runtime", "runc"] : []),
    ];
    execFileSync("sh", ["-c", `tar -C '${layer}' -c . | ${podman.join(" ")} import - bench`], { stdio: "ignore" });
    // Its own limits are more than a machine without CAP_SYS_RESOURCE may set.
    const run = [
      ...podman,
      "run",
      "--ulimit",
      "nofile=1024:1024",
      "--ulimit",
      "nproc=1024:1024",
      "--rm",
      "--network",
      "none",
      "bench",
      "/bin/true",
    ];
    if (spawnSync(run[0], run.slice(1)).status === 0) rows.push(["podman run --rm --network none", run]);
  }
  return rows;
}

/** Starts inside one process, against the same calls in C (bare.c). Microseconds. */
function insideOneProcess(layer) {
  const bare = join(scratch, "bare");
  execFileSync("gcc", ["-O2", "-static", "-o", bare, join(__dirname, "bare.c")]);
  const script = `
    const { run } = require(${JSON.stringify(join(ROOT, "dist", "src", "index.js"))});
    (async () => {
      for (let i = 0; i < ${rounds + 10}; i++) {
        const before = process.hrtime.bigint();
        await run({ image: "busybox", args: ["true"], remove: true, network: "none" });
        if (i >= 10) console.error(Number(process.hrtime.bigint() - before) / 1e3);
      }
    })();`;
  const ours = spawnSync(process.execPath, ["-e", script], { env, encoding: "utf8" }).stderr;
  const floor = execFileSync(bare, [layer, String(rounds)], { encoding: "utf8" });
  const numbers = (text) => text.trim().split("\n").map(Number);
  return { ours: numbers(ours), floor: numbers(floor) };
}

function main() {
  if (process.geteuid() !== 0) throw new Error("bench/start.js needs root: it starts containers with cgroups and an overlay");
  if (!existsSync(MAIN)) throw new Error("build first: npm run build");
  const prepared = prepare();
  const rows = commands(prepared).map(([name, argv]) => ({ name, argv, times: [] }));
  for (const { argv } of rows) timed(argv);
  for (let i = 0; i < rounds; i++) for (const row of rows) row.times.push(timed(row.argv));
  const base = median(rows[0].times);
  console.log(`${rounds} interleaved rounds, milliseconds of the whole process\n`);
  console.log(`${"command".padEnd(36)}${"median".padStart(8)}${"min".padStart(8)}${"over node".padStart(11)}`);
  for (const { name, times } of rows) {
    const m = median(times);
    console.log(
      `${name.padEnd(36)}${m.toFixed(1).padStart(8)}${Math.min(...times)
        .toFixed(1)
        .padStart(8)}${(m - base).toFixed(1).padStart(11)}`,
    );
  }
  if (certificates !== undefined) {
    const slow = Array.from({ length: 5 }, () => timed(rows[0].argv, { ...env, NODE_EXTRA_CA_CERTS: certificates }));
    console.log(`${"node with NODE_EXTRA_CA_CERTS".padEnd(36)}${median(slow).toFixed(1).padStart(8)}`);
  }
  const { ours, floor } = insideOneProcess(prepared.layer);
  console.log(
    `\nin one process, microseconds: glassbox median ${median(ours).toFixed(0)} min ${Math.min(...ours).toFixed(0)}, ` +
      `the same in C median ${median(floor)} min ${Math.min(...floor)}, ratio of medians ${(median(ours) / median(floor)).toFixed(2)}`,
  );
  const bundle = join(ROOT, "dist", "launch", "glassbox.js");
  if (existsSync(bundle))
    console.log(
      `code loaded before the clone: ${statSync(bundle).size} bytes (${readFileSync(bundle, "utf8").split("\n").length} lines)`,
    );
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  spawnSync("podman", ["--root", join(scratch, "podman"), "--runroot", join(scratch, "podman-run"), "rmi", "-af"]);
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const target = line.split(" ")[4];
    if (target?.startsWith(scratch)) spawnSync("umount", ["-l", target]);
  }
  rmSync(scratch, { recursive: true, force: true });
}
