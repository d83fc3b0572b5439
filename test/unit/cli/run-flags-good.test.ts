import test from "ava";
import { DEFAULT_RUN_OPTIONS, type RunOptions } from "../../../src/runtime/run-options";
import { runRequest } from "./helpers";

const BIND = {
  kind: "bind",
  readonly: false,
  recursive: true,
  recursiveReadonly: true,
  propagation: "rprivate",
  createSource: true,
} as const;
const MOUNT = { ...BIND, createSource: false };
const MIB = 1024 * 1024;

/** Flags, and what they change in the default options. */
const CASES: [string, string[], Partial<RunOptions>][] = [
  ["nothing", [], {}],
  ["-i", ["-i"], { interactive: true }],
  ["-it", ["-it"], { interactive: true, tty: true }],
  ["--tty=false", ["-it", "--tty=false"], { interactive: true }],
  ["--rm", ["--rm"], { remove: true }],
  ["--rm=false", ["--rm", "--rm=false"], {}],
  ["--name", ["--name", "web-1_2.x"], { name: "web-1_2.x" }],
  ["--name with slash", ["--name", "/web"], { name: "web" }],
  ["--name empty", ["--name", ""], {}],
  ["-e K=V", ["-e", "A=1", "-e", "A=2=3"], { env: ["A=1", "A=2=3"] }],
  ["-e K from the environment", ["-e", "HOME", "-e", "NOT_SET", "-e", "EMPTY"], { env: ["HOME=/home/ava", "EMPTY="] }],
  ["-e __proto__", ["-e", "__proto__"], {}],
  [
    "--env-file before -e",
    ["-e", "Z=1", "--env-file", "plain.env"],
    { env: ["A=1", "B=two words ", "HOME=/home/ava", 'Q="kept"', "Z=1"] },
  ],
  ["--env-file with CRLF", ["--env-file", "/here/crlf.env"], { env: ["A=1", "B=2"] }],
  ["--env-file with byte order mark", ["--env-file", "bom.env"], { env: ["A=1"] }],
  ["-w", ["-w", "/srv/x"], { workdir: "/srv/x" }],
  ["-u name", ["-u", "ava"], { user: "ava" }],
  ["-u uid:gid", ["-u", "1000:1000"], { user: "1000:1000" }],
  ["-u largest", ["-u", "2147483647"], { user: "2147483647" }],
  ["--group-add", ["--group-add", "staff", "--group-add", "44"], { groupAdd: ["staff", "44"] }],
  ["-h", ["-h", "box1"], { hostname: "box1" }],
  ["-h that looks like a flag", ["-h", "-x"], { hostname: "-x" }],
  ["--domainname", ["--domainname", "example.org"], { domainname: "example.org" }],
  ["--entrypoint", ["--entrypoint", "/bin/sh -c"], { entrypoint: ["/bin/sh -c"] }],
  ["--entrypoint empty", ["--entrypoint", ""], { entrypoint: [] }],
  ["--read-only", ["--read-only"], { readonlyRootfs: true }],
  ["--init", ["--init"], { init: true }],
  ["--privileged", ["--privileged"], { privileged: true }],
  ["-q", ["-q"], { quiet: true }],
  ["-l", ["-l", "a=b=c", "-l", "bare", "-l", "__proto__=x"], { labels: JSON.parse('{"a":"b=c","bare":"","__proto__":"x"}') }],
  ["--cidfile", ["--cidfile", "new.cid"], { cidfile: "/here/new.cid" }],
  ["--pull", ["--pull", "never"], { pull: "never" }],
  ["--pull empty", ["--pull", ""], {}],
  ["--platform", ["--platform", "linux/x86_64"], { platform: "linux/amd64" }],
  ["--platform alone", ["--platform", "aarch64"], { platform: "linux/arm64" }],
  ["--platform variant", ["--platform", "linux/arm/v7"], { platform: "linux/arm/v7" }],
  ["--stop-signal", ["--stop-signal", "SIGQUIT"], { stopSignal: "SIGQUIT" }],
  ["--stop-signal short", ["--stop-signal", "quit"], { stopSignal: "quit" }],
  ["--stop-signal number", ["--stop-signal", "9"], { stopSignal: "9" }],
  ["--stop-signal real time", ["--stop-signal", "SIGRTMIN+3"], { stopSignal: "SIGRTMIN+3" }],

  ["-v", ["-v", "/a:/b"], { mounts: [{ ...BIND, source: "/a", target: "/b" }] }],
  ["-v ro", ["-v", "/a:/b:ro"], { mounts: [{ ...BIND, source: "/a", target: "/b", readonly: true }] }],
  [
    "-v with several options",
    ["-v", "/a:/b:z,ro,rslave"],
    { mounts: [{ ...BIND, source: "/a", target: "/b", readonly: true, propagation: "rslave" }] },
  ],
  ["-v relative", ["-v", "./a/../c:/b"], { mounts: [{ ...BIND, source: "/here/c", target: "/b" }] }],
  ["-v .", ["-v", ".:/b/"], { mounts: [{ ...BIND, source: "/here", target: "/b" }] }],
  ["-v ..", ["-v", "..:/b"], { mounts: [{ ...BIND, source: "/", target: "/b" }] }],
  ["-v ~", ["-v=~/x:/b"], { mounts: [{ ...BIND, source: "/home/ava/x", target: "/b" }] }],
  ["-v normalised", ["-v", "/a//x/./y:/b/../c"], { mounts: [{ ...BIND, source: "/a/x/y", target: "/c" }] }],
  ["--mount bind", ["--mount", "type=bind,source=/a,target=/b"], { mounts: [{ ...MOUNT, source: "/a", target: "/b" }] }],
  [
    "--mount short keys, readonly",
    ["--mount", "type=bind,src=/a,dst=/b,readonly"],
    { mounts: [{ ...MOUNT, source: "/a", target: "/b", readonly: true }] },
  ],
  [
    "--mount ro=false",
    ["--mount", "type=bind,src=/a,destination=/b,ro=false"],
    { mounts: [{ ...MOUNT, source: "/a", target: "/b" }] },
  ],
  ["--mount quoted", ["--mount", 'type=bind,"src=/a,""b",dst=/b'], { mounts: [{ ...MOUNT, source: '/a,"b', target: "/b" }] }],
  [
    "--mount bind-recursive=writable",
    ["--mount", "type=bind,src=/a,dst=/b,ro,bind-recursive=writable"],
    { mounts: [{ ...MOUNT, source: "/a", target: "/b", readonly: true, recursiveReadonly: false }] },
  ],
  [
    "--mount bind-recursive=readonly",
    ["--mount", "type=bind,src=/a,dst=/b,ro,bind-recursive=readonly,bind-propagation=rprivate"],
    { mounts: [{ ...MOUNT, source: "/a", target: "/b", readonly: true }] },
  ],
  [
    "--mount bind-recursive=disabled",
    ["--mount", "type=bind,src=./a,dst=/b,bind-recursive=disabled,bind-propagation=shared"],
    {
      mounts: [{ ...MOUNT, source: "/here/a", target: "/b", recursive: false, recursiveReadonly: false, propagation: "shared" }],
    },
  ],
  [
    "--mount tmpfs",
    ["--mount", "type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1777,ro"],
    { mounts: [{ kind: "tmpfs", target: "/t", options: ["ro"], sizeBytes: 64 * MIB, mode: 0o1777 }] },
  ],
  ["--tmpfs", ["--tmpfs", "/run"], { mounts: [{ kind: "tmpfs", target: "/run", options: [] }] }],
  [
    "--tmpfs with options",
    ["--tmpfs", "/run:size=64m,mode=755,noexec,uid=1000,size=50%"],
    {
      mounts: [{ kind: "tmpfs", target: "/run", options: ["noexec", "uid=1000", "size=50%"], sizeBytes: 64 * MIB, mode: 0o755 }],
    },
  ],

  ["-m", ["-m", "64m"], { memoryBytes: 64 * MIB }],
  ["-m 0", ["-m", "0"], {}],
  ["-m fraction", ["-m", "1.5g"], { memoryBytes: 1536 * MIB }],
  ["--memory-swap", ["-m", "64m", "--memory-swap", "128m"], { memoryBytes: 64 * MIB, memorySwapBytes: 128 * MIB }],
  ["--memory-swap -1", ["-m", "64m", "--memory-swap", "-1"], { memoryBytes: 64 * MIB, memorySwapBytes: -1 }],
  ["--memory-reservation", ["--memory-reservation", "32m"], { memoryReservationBytes: 32 * MIB }],
  ["--shm-size", ["--shm-size", "128m"], { shmSizeBytes: 128 * MIB }],
  ["--cpus", ["--cpus", "1.5"], { cpus: 1.5 }],
  ["--cpus fraction", ["--cpus", "1/2"], { cpus: 0.5 }],
  ["--cpus bare point", ["--cpus", ".5"], { cpus: 0.5 }],
  ["--cpus 0", ["--cpus", "0"], {}],
  ["-c", ["-c", "512"], { cpuShares: 512 }],
  ["--cpuset-cpus", ["--cpuset-cpus", "0-1,0"], { cpusetCpus: "0-1,0" }],
  ["--cpuset-mems", ["--cpuset-mems", "0"], { cpusetMems: "0" }],
  ["--pids-limit", ["--pids-limit", "100"], { pidsLimit: 100 }],
  ["--pids-limit -1", ["--pids-limit=-1"], { pidsLimit: -1 }],
  ["--oom-score-adj", ["--oom-score-adj", "-500"], { oomScoreAdj: -500 }],
  ["--ulimit", ["--ulimit", "nofile=1024:2048"], { ulimits: [{ name: "nofile", soft: 1024, hard: 2048 }] }],
  [
    "--ulimit single, unlimited, later wins",
    ["--ulimit", "nofile=9", "--ulimit", "core=-1", "--ulimit", "nofile=10:-1"],
    {
      ulimits: [
        { name: "nofile", soft: 10, hard: -1 },
        { name: "core", soft: -1, hard: -1 },
      ],
    },
  ],
  ["--device", ["--device", "/dev/fuse"], { devices: [{ source: "/dev/fuse", target: "/dev/fuse", access: "rwm" }] }],
  ["--device access", ["--device", "/dev/fuse:rw"], { devices: [{ source: "/dev/fuse", target: "/dev/fuse", access: "rw" }] }],
  ["--device all", ["--device", "/dev/sda:/dev/x:r"], { devices: [{ source: "/dev/sda", target: "/dev/x", access: "r" }] }],

  ["--cap-add", ["--cap-add", "NET_ADMIN", "--cap-drop", "all"], { capAdd: ["NET_ADMIN"], capDrop: ["all"] }],
  ["--security-opt nnp", ["--security-opt", "no-new-privileges"], { noNewPrivileges: true }],
  ["--security-opt nnp=true", ["--security-opt", "no-new-privileges=true"], { noNewPrivileges: true }],
  ["--security-opt nnp:false", ["--security-opt", "no-new-privileges:false"], {}],
  ["--security-opt seccomp", ["--security-opt", "seccomp=unconfined"], { seccomp: "unconfined" }],
  ["--security-opt seccomp:", ["--security-opt", "seccomp:unconfined"], { seccomp: "unconfined" }],
  ["--security-opt seccomp=builtin", ["--security-opt", "seccomp=builtin"], {}],
  ["--security-opt seccomp=FILE", ["--security-opt", "seccomp=profile.json"], { seccomp: "/here/profile.json" }],
  ["--security-opt apparmor=unconfined", ["--security-opt", "apparmor=unconfined"], {}],
  ["--security-opt label=disable", ["--security-opt", "label=disable"], {}],
  ["--sysctl", ["--sysctl", "net.ipv4.ip_forward=1"], { sysctls: { "net.ipv4.ip_forward": "1" } }],
  ["--sysctl kernel", ["--sysctl", "kernel.shmmax=1 2"], { sysctls: { "kernel.shmmax": "1 2" } }],

  ["--network", ["--network", "none"], { network: "none" }],
  ["--net", ["--net=host"], { network: "host" }],
  ["--pid", ["--pid", "host"], { pid: "host" }],
  ["--ipc", ["--ipc", "none"], { ipc: "none" }],
  ["--uts", ["--uts", "host"], { uts: "host" }],
  ["--uts empty", ["--uts", ""], {}],
  ["--userns", ["--userns", "private"], { userns: "private" }],
  ["--cgroupns", ["--cgroupns", "host"], { cgroupns: "host" }],
  ["--unsafe", ["--unsafe", "root=chroot", "--unsafe=caps=all"], { unsafe: { root: "chroot", caps: "all" } }],

  [
    "Docker's defaults spelled out",
    ["--restart", "no", "--sig-proxy=true", "-d=false", "-P=false", "--no-healthcheck", "--memory-swappiness", "-1"],
    {},
  ],
];

for (const [name, argv, expected] of CASES) {
  test(name, (t) => {
    const { options } = runRequest(...argv, "busybox", "sh", "-c", "--rm");
    t.deepEqual(options, { ...DEFAULT_RUN_OPTIONS, image: "busybox", args: ["sh", "-c", "--rm"], ...expected });
  });
}

test("a label called __proto__ changes no prototype", (t) => {
  const { options } = runRequest("-l", "__proto__=x", "busybox");
  t.is(Object.getPrototypeOf(options.labels), Object.prototype);
  t.true(Object.hasOwn(options.labels, "__proto__"));
});

test("--explain, --dry-run and --yes-unsafe stand beside the options", (t) => {
  t.deepEqual({ ...runRequest("x"), options: 0 }, { options: 0, yesUnsafe: false } as never);
  t.is(runRequest("--explain", "x").explain, "steps");
  t.is(runRequest("--explain=calls", "x").explain, "calls");
  t.is(runRequest("--dry-run", "x").dryRun, "text");
  t.is(runRequest("--dry-run=plan", "x").dryRun, "plan");
  t.is(runRequest("--dry-run=oci", "x").dryRun, "oci");
  t.true(runRequest("--yes-unsafe", "x").yesUnsafe);
});
