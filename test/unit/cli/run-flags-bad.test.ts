import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { GlassboxError } from "../../../src/base/errors";
import { LATER_FLAGS, RUN_FLAGS } from "../../../src/cli/run-flag-table";
import { runRequest } from "./helpers";

function failure(...argv: string[]): GlassboxError {
  try {
    runRequest(...argv, "x");
  } catch (error) {
    if (error instanceof GlassboxError) return error;
    throw error;
  }
  throw new Error(`accepted: ${argv.join(" ")}`);
}

/** Flag, value, and what the message says after `invalid argument "value" for "flag" flag: `; "" when the value goes without saying. */
const INVALID: [string, string, string][] = [
  ["-m", "abc", "invalid size: 'abc'"],
  ["-m", "-1", "invalid size: '-1'"],
  ["-m", "1x", "invalid suffix: 'x' in '1x'"],
  ["--memory-swap", "-2", "invalid size: '-2'"],
  ["--shm-size", "-1", "invalid size: '-1'"],
  ["--cpus", "a", "failed to parse a as a rational number"],
  ["--cpus", "", "failed to parse  as a rational number"],
  ["--cpus", "1/0", "failed to parse 1/0 as a rational number"],
  ["--cpus", "1.0000000001", "value is too precise"],
  ["--cpus", "3", "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  ["--cpus", "-1", "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  ["--cpus", "0.001", "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  ["-c", "a", 'strconv.ParseInt: parsing "a": invalid syntax'],
  ["-c", "99999999999999999999", 'strconv.ParseInt: parsing "99999999999999999999": value out of range'],
  ["-c", "1", "the minimum allowed cpu-shares is 2"],
  ["--pids-limit", "a", 'strconv.ParseInt: parsing "a": invalid syntax'],
  ["--pids-limit", "1.5", 'strconv.ParseInt: parsing "1.5": invalid syntax'],
  ["--oom-score-adj", "1001", "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
  ["--cpuset-cpus", "a", "Invalid value a for cpuset cpus"],
  ["--cpuset-cpus", "3-1", "Invalid value 3-1 for cpuset cpus"],
  ["--cpuset-mems", "0,", "Invalid value 0, for cpuset mems"],
  ["--ulimit", "x", "invalid ulimit argument: x"],
  ["--ulimit", "foo=1", "invalid ulimit type: foo"],
  ["--ulimit", "nofile=3:2", "ulimit soft limit must be less than or equal to hard limit: 3 > 2"],
  ["--ulimit", "nofile=-1:2", "ulimit soft limit must be less than or equal to hard limit: -1 (unlimited) > 2"],
  ["--ulimit", "nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"],
  ["--ulimit", "nofile=a", 'strconv.ParseInt: parsing "a": invalid syntax'],
  ["--ulimit", "nofile=", 'strconv.ParseInt: parsing "": invalid syntax'],
  ["--device", "x", "x is not an absolute path"],
  ["--device", "/a:b", "b is not an absolute path"],
  ["--device", "/a:/b:q", "bad mode specified: q"],
  ["--device", "/a:/b:rr", "bad mode specified: rr"],
  ["--device", "/a:/b:c:d", "bad format for path: /a:/b:c:d"],
  ["--device", "nvidia.com/gpu=all", "CDI device names are not available; name the device file"],
  ["-e", "=x", "invalid environment variable: =x"],
  ["-e", "", "invalid environment variable: "],
  ["-l", "=x", "invalid label '=x': empty name"],
  ["-l", "", "invalid label '': empty name"],
  ["--mount", "foo", "invalid field 'foo' must be a key=value pair"],
  ["--mount", "", "it is empty"],
  ["--mount", "type=bind,foo=1,target=/x", "unexpected key 'foo' in 'foo=1'"],
  ["--mount", "type=bind,source=/a", "target is required"],
  ["--mount", "type=tmpfs,bind-propagation=shared,target=/x", "cannot mix 'bind-*' options with mount type 'tmpfs'"],
  ["--mount", "type=bind,src=/a,dst=/b,tmpfs-size=1m", "cannot mix 'tmpfs-*' options with mount type 'bind'"],
  ["--mount", "type=bind,src=/a,dst=/b,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"],
  ["--mount", "type=bind,src=/a,dst=/b,readonly=maybe", "invalid value for readonly: maybe"],
  [
    "--mount",
    "type=bind,src=/a,dst=/b,bind-recursive=foo",
    'invalid value for bind-recursive: foo (must be "enabled", "disabled", "writable", or "readonly")',
  ],
  [
    "--mount",
    "type=bind,src=/a,dst=/b,bind-recursive=readonly",
    "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
  ],
  [
    "--mount",
    "type=bind,src=/a,dst=/b,bind-recursive=writable",
    "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
  ],
  [
    "--mount",
    "type=bind,src=/a,dst=/b,ro,bind-recursive=readonly",
    "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
  ],
  ["--mount", "type=bind,src=/a,dst=/b,bind-propagation=foo", "invalid value for bind-propagation: foo"],
  ["--mount", "type=tmpfs,dst=/b,tmpfs-size=x", "invalid value for tmpfs-size: x"],
  ["--mount", "type=tmpfs,dst=/b,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"],
  ["--mount", "type=tmpfs,src=/a,dst=/b", 'invalid mount config for type "tmpfs": field Source must not be specified'],
  ["--mount", "type=bind,dst=/b", 'invalid mount config for type "bind": field Source must not be empty'],
  [
    "--mount",
    "type=bind,src=a,dst=/b",
    "invalid mount config for type \"bind\": invalid mount path: 'a' mount path must be absolute",
  ],
  ["--mount", "type=bind,src=/a,dst=b", "invalid mount path: 'b' mount path must be absolute"],
  ["--mount", "type=bind,src=/a,dst=/", "invalid specification: destination can't be '/'"],
  ["--mount", 'type=bind,s"rc=/a,b",dst=/b', 'parse error on line 1, column 12: bare " in non-quoted-field'],
  ["--mount", "type=foo,dst=/b", 'mount type unknown: "foo"; there are "bind" and "tmpfs"'],
  ["-v", "", "invalid empty volume spec"],
  ["-v", ":/x", "invalid spec: :/x: empty section between colons"],
  ["-v", "/x:", "invalid spec: /x:: empty section between colons"],
  ["-v", "/a:/b:ro:x", "invalid volume specification: '/a:/b:ro:x'"],
  ["-v", "/a:b", "invalid mount path: 'b' mount path must be absolute"],
  ["-v", "/a:/", "invalid specification: destination can't be '/'"],
  ["-v", "/a:/b:ro,rw", "invalid mode: ro,rw"],
  ["-v", "/a:/b:shared,rslave", "invalid mode: shared,rslave"],
  ["-v", "/a:/b:foo", "invalid mode: foo"],
  [
    "-v",
    "a/b:/x",
    '"a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
  ],
  ["--tmpfs", "foo", "invalid mount path: 'foo' mount path must be absolute"],
  ["--tmpfs", "/a:foo", 'invalid tmpfs option "foo"'],
  ["--tmpfs", "/a:remount", 'invalid tmpfs option "remount"'],
  ["--tmpfs", "/a:size=x", "invalid value for size: x"],
  ["--tmpfs", "/a:mode=9", "invalid value for mode: 9"],
  ["--sysctl", "foo=1", "sysctl 'foo=1' is not allowed"],
  ["--sysctl", "foo", "sysctl 'foo' is not allowed"],
  ["--sysctl", "kernel.core_pattern=|/x", "sysctl 'kernel.core_pattern=|/x' is not allowed"],
  ["--sysctl", "net.../../kernel/core_pattern=x", "sysctl 'net.../../kernel/core_pattern=x' is not allowed"],
  ["--sysctl", "net.=1", "sysctl 'net.=1' is not allowed"],
  ["--security-opt", "foo", 'Invalid --security-opt: "foo"'],
  ["--security-opt", "", 'Invalid --security-opt: ""'],
  ["--security-opt", "no-new-privileges:maybe", '"maybe" is neither true nor false'],
  ["--cap-add", "a b", "not a capability"],
  ["--pid", "foo", "invalid PID mode"],
  ["--uts", "foo", "invalid UTS mode"],
  ["--userns", "foo", "invalid USER mode"],
  ["--cgroupns", "foo", "invalid CGROUP mode"],
  ["--ipc", "foo", "invalid IPC mode"],
  ["--ipc", "container:x", "sharing with another container comes later"],
  ["--pull", "foo", 'invalid pull option: \'foo\': must be one of "missing", "always", "never"'],
  ["--platform", "a/b/c/d", "cannot parse platform specifier"],
  ["--stop-signal", "foo", "invalid signal: foo"],
  ["--stop-signal", "65", "invalid signal: 65"],
  ["--network", "", "no name set for network"],
  ["-u", "4294967296", "uids and gids must be in range 0-2147483647"],
  ["-u", "-1", "uids and gids must be in range 0-2147483647"],
  ["-u", "0:99999999999", "uids and gids must be in range 0-2147483647"],
  ["-u", "a:b:c", "not a user or group"],
  ["-u", "a b", "not a user or group"],
  ["--group-add", "a:b", "not a user or group"],
  ["-h", "a b", "invalid hostname format"],
  ["-h", "a\n127.0.0.1 evil", "invalid hostname format"],
  ["-h", "x".repeat(65), "the kernel takes at most 64 bytes"],
  ["--unsafe", "root=off", "must be one of "],
  ["--explain=foo", "", 'must be one of "steps", "calls"'],
  ["--dry-run=sh", "", "this form comes later"],
  ["--init=maybe", "", '"maybe" is neither true nor false'],
];

for (const [flag, value, reason] of INVALID) {
  test(`${flag} ${JSON.stringify(value).slice(0, 60)}`, (t) => {
    const error = flag.includes("=") ? failure(flag) : failure(flag, value);
    t.is(error.code, "bad-flag");
    t.is(error.exitCode, 125);
    t.regex(error.what, /^invalid argument ".*" for "(-\w, )?--[\w-]+" flag: /s);
    t.true(error.what.includes(`flag: ${reason}`), error.what);
  });
}

/** Failures that Docker words without naming the flag. */
const OTHER: [string[], string, string][] = [
  [["--name", "-a"], "bad-name", "Invalid container name (-a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"],
  [["--name", "a"], "bad-name", "Invalid container name (a), only"],
  [["--name", "a;rm -rf /"], "bad-name", "Invalid container name (a;rm -rf /), only"],
  [["--name", "../x"], "bad-name", "Invalid container name (../x), only"],
  [["--name", "a\nb"], "bad-name", "Invalid container name (a\nb), only"],
  [["--name", "a".repeat(254)], "bad-name", "Invalid container name ("],
  [["-w", "rel"], "bad-flag", "the working directory 'rel' is invalid, it needs to be an absolute path"],
  [
    ["--cidfile", "taken.cid"],
    "cidfile-exists",
    "container ID file found, make sure the other container isn't running or delete taken.cid",
  ],
  [["--env-file", "absent.env"], "bad-env-file", "open absent.env: no such file or directory"],
  [["--env-file", "space.env"], "bad-env-file", "invalid env file (space.env:2): variable 'B C' contains whitespaces"],
  [["--env-file", "noname.env"], "bad-env-file", "invalid env file (noname.env:1): no variable name on line '=1'"],
  [["--env-file", "binary.env"], "bad-env-file", "invalid env file (binary.env:2): invalid utf8 bytes at line 2: [255 61 49]"],
  [
    ["--security-opt", "seccomp=absent"],
    "bad-flag",
    "opening seccomp profile (absent) failed: open /here/absent: no such file or directory",
  ],
  [["--security-opt", "apparmor=x"], "flag-not-available", '--security-opt "apparmor=x" is not available'],
  [["--security-opt", "label=type:x"], "flag-not-available", '--security-opt "label=type:x" is not available'],
  [["--security-opt", "systempaths=unconfined"], "flag-not-available", "is not available"],
  [["-m", "1m"], "bad-flag", "Minimum memory limit allowed is 6MB"],
  [["--memory-swap", "64m"], "bad-flag", "You should always set the Memory limit when using Memoryswap limit"],
  [["-m", "64m", "--memory-swap", "32m"], "bad-flag", "Minimum memoryswap limit should be larger than memory limit"],
  [
    ["-m", "64m", "--memory-reservation", "65m"],
    "bad-flag",
    "Minimum memory limit can not be less than memory reservation limit",
  ],
  [["-v", "name:/x"], "flag-not-available", '-v "name:/x" asks for a volume, which is not available'],
  [["-v", "/x"], "flag-not-available", '-v "/x" asks for a volume, which is not available'],
  [["--mount", "type=volume,dst=/x"], "flag-not-available", "asks for a volume"],
  [["--mount", "src=a,dst=/x"], "flag-not-available", "asks for a volume"],
  [["-v", "/a:/x", "--tmpfs", "/x/"], "bad-flag", "Duplicate mount point: /x"],
  [["--network", "bridge"], "flag-not-available", '--network "bridge" is not available'],
  [["--uts", "host", "-h", "x"], "bad-flag", "conflicting options: hostname and the UTS mode"],
  [["--ipc", "host", "--shm-size", "1m"], "bad-flag", "conflicting options: --shm-size and the IPC mode"],
  [["--rm", "--restart", "always"], "bad-flag", "conflicting options: cannot specify both --restart and --rm"],
  [
    ["--network", "host", "--sysctl", "net.ipv4.ip_forward=1"],
    "bad-flag",
    'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
  ],
  [["--ipc", "host", "--sysctl", "kernel.shmmax=1"], "bad-flag", 'sysctl "kernel.shmmax" not allowed in host IPC namespace'],
  [["-d"], "flag-not-available", "-d, --detach is not available"],
  [["-p", "80:80"], "flag-not-available", "-p, --publish is not available"],
  [["--restart", "always"], "flag-not-available", "--restart is not available"],
];

for (const [argv, code, what] of OTHER) {
  test(argv.join(" ").slice(0, 70), (t) => {
    const error = failure(...argv);
    t.is(error.code, code);
    t.is(error.exitCode, 125);
    t.true(error.what.includes(what), error.what);
  });
}

test("every flag of Docker's that is not there says what to use instead", (t) => {
  const harmless = new Set(["disable-content-trust", "no-healthcheck"]);
  for (const [name, flag] of Object.entries(LATER_FLAGS)) {
    if (harmless.has(name)) continue;
    const value = flag.takes === undefined ? (name === "sig-proxy" ? "false" : "true") : "anything";
    const error = failure(`--${name}=${value}`);
    t.is(error.code, "flag-not-available", name);
    t.truthy(error.hint, name);
  }
});

test("any value of any flag gives options or a GlassboxError", (t) => {
  const names = Object.entries({ ...RUN_FLAGS, ...LATER_FLAGS }).filter(([, flag]) => flag.takes !== undefined);
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.stringMatching(/^[-/.:,="a-z0-9]{0,30}$/),
    fc.constantFrom(
      "type=bind,src=/a,dst=/b",
      "nofile=1:2",
      "/a:/b:ro",
      "net.x=1",
      "seccomp=",
      "__proto__",
      "__proto__=1",
      "1e9",
    ),
  );
  const property = fc.property(fc.constantFrom(...names.map(([name]) => name)), value, (name, text) => {
    try {
      runRequest(`--${name}=${text}`, "x");
      return true;
    } catch (error) {
      return error instanceof GlassboxError;
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 3000 }));
});

function measure(t: ExecutionContext, name: string, text: string): number {
  const started = performance.now();
  try {
    runRequest(`--${name}=${text}`, "x");
  } catch (error) {
    t.true(error instanceof GlassboxError);
    t.true((error as GlassboxError).message.length < 2500, name);
  }
  return performance.now() - started;
}

test("T34: 100 KB of hostile text in any flag is answered within 100 ms", (t) => {
  const pieces = [
    "a",
    "1",
    "-",
    "/",
    ":",
    ",",
    "=",
    '"',
    '""',
    " ",
    ".",
    "../",
    "1.",
    "0-1,",
    "a=",
    "k",
    "\u0000",
    "\u202e",
    "\ud800",
    "一",
    "CAP_",
  ];
  const names = Object.entries({ ...RUN_FLAGS, ...LATER_FLAGS }).filter(([, flag]) => flag.takes !== undefined);
  let worst = { ms: 0, what: "" };
  for (const [name] of names) {
    for (const piece of pieces) {
      for (const prefix of ["", "type=bind,src=/a,dst=/", "/a:", "net.", "nofile="]) {
        const text = prefix + piece.repeat(Math.ceil(100_000 / piece.length));
        // A second look where the first was slow: the machine may have been busy elsewhere.
        let ms = measure(t, name, text);
        if (ms > 20) ms = Math.min(ms, measure(t, name, text), measure(t, name, text));
        if (ms > worst.ms) worst = { ms, what: `--${name} ${prefix}${JSON.stringify(piece)}` };
      }
    }
  }
  t.log(`slowest: ${worst.ms.toFixed(2)} ms, ${worst.what}`);
  t.true(worst.ms < 100, worst.what);
});
