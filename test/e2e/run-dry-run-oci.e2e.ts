/** `run --dry-run=oci` is a config.json: the runtime-spec's schema accepts it, and runc makes the same container of it. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import Ajv, { type AnySchema } from "ajv";
import test from "ava";

import { cli, runProgram } from "../helpers/cli";
import { privileged } from "../helpers/privileged";
import { TestStore } from "../helpers/store";

/** Debian's golang-github-opencontainers-specs-dev. */
const SCHEMA = "/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema";

const store = process.geteuid?.() === 0 ? TestStore.create() : undefined;
test.before(async () => store?.addBusybox());
test.after.always(() => store?.remove());

interface Config {
  root: { path: string; readonly: boolean };
  process: { args: string[]; terminal: boolean };
  linux: { cgroupsPath?: string };
}

async function dryRun(flags: readonly string[], command: readonly string[]): Promise<Config> {
  const result = await cli(["run", "--rm", "--dry-run=oci", ...flags, "busybox", ...command], { root: store!.root });
  if (result.code !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as Config;
}

function schemaCheck(): (config: unknown) => string[] {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  for (const name of readdirSync(SCHEMA)) {
    if (!name.endsWith(".json") || name === "config-schema.json" || name === "state-schema.json") continue;
    const schema = JSON.parse(readFileSync(join(SCHEMA, name), "utf8")) as Record<string, unknown>;
    // Draft-04 ids of sibling files; references between them are relative.
    ajv.addSchema({
      ...schema,
      id: undefined,
      $schema: undefined,
      $id: `https://opencontainers.org/schema/${name}`,
    } as AnySchema);
  }
  const main = JSON.parse(readFileSync(join(SCHEMA, "config-schema.json"), "utf8")) as Record<string, unknown>;
  const validate = ajv.compile({
    ...main,
    id: undefined,
    $schema: undefined,
    $id: "https://opencontainers.org/schema/config-schema.json",
  });
  return (config) => {
    validate(config);
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`);
  };
}

const rootTest = privileged(test);

rootTest("the schema of the runtime-spec accepts the config, and refuses a spoilt one", async (t) => {
  t.true(existsSync(SCHEMA), "package golang-github-opencontainers-specs-dev");
  const check = schemaCheck();
  const flags = [
    [],
    [
      "-t",
      "--read-only",
      "-m",
      "64m",
      "--cpus",
      "1.5",
      "--pids-limit",
      "50",
      "-v",
      "/tmp:/x:ro",
      "--tmpfs",
      "/t:size=1m",
      "--ulimit",
      "nofile=64:128",
    ],
    ["--privileged", "--network", "host", "--pid", "host", "--security-opt", "no-new-privileges"],
    [
      "--sysctl",
      "net.core.somaxconn=99",
      "--device",
      "/dev/zero:/dev/nought",
      "--oom-score-adj",
      "100",
      "-u",
      "1000:5",
      "--group-add",
      "7",
    ],
  ];
  for (const some of flags) t.deepEqual(check(await dryRun(some, ["true"])), [], some.join(" "));
  const config = await dryRun([], ["true"]);
  t.not(check({ ...config, process: { ...config.process, args: "true" } }).length, 0);
  t.not(check({ ...config, linux: { ...config.linux, namespaces: [{ type: "colour" }] } }).length, 0);
});

const LOOK =
  "grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status; id; hostname; pwd; cat /proc/1/comm; ls /dev | sort | tr '\\n' ' '; ls /sys/class/net; ulimit -n";

// Not crun: it refuses a host with controllers in both cgroup trees.
rootTest("runc makes the same container of it", async (t) => {
  const config = await dryRun(["-h", "box"], ["sh", "-c", LOOK]);
  const ours = await cli(["run", "--rm", "-h", "box", "busybox", "sh", "-c", LOOK], { root: store!.root });
  t.is(ours.code, 0, ours.stderr);

  // A bundle needs a root file system of its own; the one-layer image is one, plus the mount points of the init layer.
  const bundle = join(store!.scratch, "bundle");
  const layer = readdirSync(store!.store.paths.overlay).find((name) => /^[0-9a-f]{64}$/.test(name))!;
  mkdirSync(bundle);
  t.is((await runProgram("cp", ["-a", join(store!.store.paths.overlay, layer, "diff"), join(bundle, "rootfs")])).code, 0);
  for (const name of ["proc", "sys", "dev"]) mkdirSync(join(bundle, "rootfs", name), { recursive: true });
  const id = `glassbox-test-runc-${process.pid}`;
  config.root.path = "rootfs";
  config.linux.cgroupsPath = `/${id}`;
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  const theirs = await runProgram("runc", ["--root", join(store!.scratch, "run-runc"), "run", "--bundle", bundle, id]);
  t.is(theirs.code, 0, theirs.stderr);
  t.is(theirs.stdout, ours.stdout);
});
