/** The debian image: debootstrap's minimal system, without anything that is this host's. */

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import { fetchFailed, fetchPackage, proxySettings } from "./packages";
import type { RecipeContext, RecipeResult } from "./recipes";
import { findProgram, runProgram } from "./run-program";
import { settleTimes, sourceDateEpoch } from "./settle";

const DEFAULT_MIRROR = "http://deb.debian.org/debian";

const SUITES: Readonly<Record<string, string>> = {
  "10": "buster",
  "11": "bullseye",
  "12": "bookworm",
  "13": "trixie",
  "14": "forky",
  "15": "duke",
};

/** Debian's words for architectures, by node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  ia32: "i386",
  arm: "armhf",
  ppc64: "ppc64el",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
};

/** apt inside an image: no services started at install, no lists or packages kept, no translations. */
const APT_SETTINGS = `Acquire::Languages "none";
Acquire::GzipIndexes "true";
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`;
const NO_SERVICES = "#!/bin/sh\nexit 101\n";

interface Source {
  mirror: string;
  suite: string;
}

/**
 * Fills the root directory. Needs root. Throws GlassboxError `bootstrap-needs-root`, `bootstrap-no-apt`,
 * `bootstrap-fetch-failed`, `bootstrap-debootstrap-failed`.
 */
export async function makeDebian(context: RecipeContext): Promise<RecipeResult> {
  const { lang, rootDirectory: root } = context;
  if (process.geteuid?.() !== 0) {
    throw new GlassboxError({
      code: "bootstrap-needs-root",
      what: say(lang, "bootstrap debian needs root", "bootstrap debian 需要 root"),
      why: say(
        lang,
        "debootstrap makes device nodes and runs the packages' scripts in a chroot",
        "debootstrap 要创建设备节点，并在 chroot 里运行软件包脚本",
      ),
      hint: say(lang, "sudo glassbox bootstrap debian", "sudo glassbox bootstrap debian"),
    });
  }
  const tool = await debootstrap(context);
  const source = await chooseSource(context.tag);
  context.log(
    say(
      lang,
      `debootstrap ${source.suite} from ${withoutCredentials(source.mirror)}`,
      `debootstrap ${source.suite}，来自 ${withoutCredentials(source.mirror)}`,
    ),
  );
  await runDebootstrap(tool, source, context);
  const seconds = sourceDateEpoch() ?? releaseSeconds(root) ?? 0;
  cleanRoot(root, source, seconds);
  chmodSync(root, 0o755);
  settleTimes(root, seconds, "clamp");
  const release = readText(join(root, "etc/debian_version")).trim();
  return {
    cmd: ["bash"],
    env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    standin: `Debian ${release} (${source.suite}), debootstrap --variant=minbase`,
    createdBy: `debootstrap --variant=minbase ${source.suite}`,
    comment: `Debian ${release} minbase`,
    createdSeconds: seconds,
  };
}

interface Tool {
  path: string;
  env: Record<string, string>;
}

/** The host's debootstrap, else its package unpacked into the work directory. */
async function debootstrap(context: RecipeContext): Promise<Tool> {
  const installed = findProgram("debootstrap");
  if (installed !== undefined) return { path: installed, env: {} };
  const fetched = await fetchPackage("debootstrap", context);
  return {
    path: join(fetched.directory, "usr/sbin/debootstrap"),
    env: { DEBOOTSTRAP_DIR: join(fetched.directory, "usr/share/debootstrap") },
  };
}

/** The mirror and suite that this host's apt uses when it is Debian, else the public mirror. */
async function chooseSource(tag: string): Promise<Source> {
  const host = await hostSource();
  if (tag === "latest" || tag === "stable") {
    // A Debian host's own release is what its mirror or cache surely has.
    return host ?? { mirror: DEFAULT_MIRROR, suite: "stable" };
  }
  return { mirror: host?.mirror ?? DEFAULT_MIRROR, suite: SUITES[tag] ?? tag };
}

/** Asks apt itself: sources may be written in two formats and many files. */
async function hostSource(): Promise<Source | undefined> {
  const aptGet = findProgram("apt-get");
  const release = readText("/etc/os-release");
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1];
  if (aptGet === undefined || codename === undefined || !/^ID="?debian"?$/m.test(release)) return undefined;
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  const targets = await runProgram(aptGet, ["indextargets", "--format", format, "Created-By: Packages"]);
  const main = targets.stdout
    .split("\n")
    .map((line) => line.split(" "))
    .find(
      ([uri, suite, component]) =>
        (suite === codename || suite === "stable") && component === "main" && /^https?:/.test(uri ?? ""),
    );
  return main?.[0] === undefined ? undefined : { mirror: main[0].replace(/\/$/, ""), suite: codename };
}

async function runDebootstrap(tool: Tool, source: Source, context: RecipeContext): Promise<void> {
  const args = ["--variant=minbase", `--arch=${ARCHITECTURES[process.arch] ?? process.arch}`, source.suite];
  args.push(context.rootDirectory, source.mirror);
  // In a mount namespace of its own: whatever it leaves mounted in the new root goes away with it, before anybody deletes files.
  const unshare = findProgram("unshare");
  const [path, all] =
    unshare === undefined
      ? [tool.path, args]
      : [unshare, ["--mount", "--propagation", "private", "--kill-child", tool.path, ...args]];
  const env = { ...(await proxySettings()), ...tool.env };
  const result = await runProgram(path, all, {
    env,
    onLine: (line) => {
      if (line.startsWith("I: ") || line.startsWith("W: ")) context.log(line.slice(3));
    },
  });
  if (result.code === 0) return;
  const complaint = result.tail.findLast((line) => line.startsWith("E: ")) ?? result.tail.at(-1) ?? "";
  if (/Couldn't download|Failed getting release|Invalid Release/.test(result.tail.join("\n"))) {
    throw fetchFailed(`Debian ${source.suite} (${withoutCredentials(source.mirror)})`, result.tail, context);
  }
  const log = readText(join(context.rootDirectory, "debootstrap/debootstrap.log")).trim().split("\n").at(-1);
  throw new GlassboxError({
    code: "bootstrap-debootstrap-failed",
    what: say(context.lang, `debootstrap ${source.suite} failed`, `debootstrap ${source.suite} 失败`),
    why: complaint.replace(/^E: /, "") + (log === undefined || log === "" ? "" : ` (${log})`),
    hint:
      existsSync("/usr/share/debootstrap/scripts") && !existsSync(`/usr/share/debootstrap/scripts/${source.suite}`)
        ? say(
            context.lang,
            "this debootstrap does not know the suite: choose another tag",
            "这个版本的 debootstrap 不认识该发行版：换一个标签",
          )
        : say(
            context.lang,
            "the store must lie on a file system without nodev and noexec",
            "存储目录所在的文件系统不能带 nodev 或 noexec",
          ),
  });
}

/** The date in the signed Release file: the newest thing in the image that is not this machine's clock. */
function releaseSeconds(root: string): number | undefined {
  const lists = join(root, "var/lib/apt/lists");
  const names = existsSync(lists) ? readdirSync(lists).filter((name) => name.endsWith("Release")) : [];
  for (const name of names) {
    const milliseconds = Date.parse(/^Date: (.*)$/m.exec(readText(join(lists, name)))?.[1] ?? "");
    if (Number.isFinite(milliseconds)) return Math.floor(milliseconds / 1000);
  }
  return undefined;
}

const EMPTIED = ["dev", "var/lib/apt/lists", "var/cache/apt", "var/cache/ldconfig", "var/log/apt", "tmp", "var/tmp", "run"];
const KEPT_EMPTY: readonly (readonly [string, number])[] = [
  ["run/lock", 0o1777],
  ["var/cache/apt/archives", 0o755],
  ["var/cache/apt/archives/partial", 0o755],
  ["var/lib/apt/lists/partial", 0o755],
];
const REMOVED = [
  "etc/hostname",
  "etc/resolv.conf",
  "etc/machine-id",
  "etc/.pwd.lock",
  "etc/passwd-",
  "etc/group-",
  "etc/shadow-",
  "etc/gshadow-",
  "var/cache/debconf/config.dat-old",
  "var/cache/debconf/templates.dat-old",
  "var/lib/dpkg/status-old",
  "var/lib/dpkg/diversions-old",
  "var/lib/dpkg/statoverride-old",
  "var/log/bootstrap.log",
  "var/log/dpkg.log",
  "var/log/alternatives.log",
  "debootstrap",
];

/** Takes away caches, logs, and what debootstrap copied from the host; the new tree is ours alone and no process runs in it. */
function cleanRoot(root: string, source: Source, seconds: number): void {
  for (const directory of EMPTIED) {
    const path = join(root, directory);
    for (const name of existsSync(path) ? readdirSync(path) : []) rmSync(join(path, name), { recursive: true, force: true });
  }
  for (const [directory, mode] of KEPT_EMPTY) {
    mkdirSync(join(root, directory), { recursive: true });
    chmodSync(join(root, directory), mode);
  }
  for (const file of REMOVED) rmSync(join(root, file), { recursive: true, force: true });
  for (const name of readdirSync(join(root, "var/log"), { withFileTypes: true })) {
    if (name.isFile()) truncateSync(join(root, "var/log", name.name));
  }
  const mirror = withoutCredentials(source.mirror);
  writeFileSync(join(root, "etc/apt/sources.list"), `deb ${mirror} ${source.suite} main\n`);
  writeFileSync(join(root, "etc/apt/apt.conf.d/90glassbox"), APT_SETTINGS);
  chmodSync(join(root, "etc/apt/apt.conf.d/90glassbox"), 0o644);
  writeFileSync(join(root, "usr/sbin/policy-rc.d"), NO_SERVICES);
  chmodSync(join(root, "usr/sbin/policy-rc.d"), 0o755);
  // "Last changed" is the day of installation; it would make each day's image another one.
  const shadow = join(root, "etc/shadow");
  const day = Math.floor(seconds / 86400);
  writeFileSync(shadow, readText(shadow).replace(/^([^:]*:[^:]*:)\d+:/gm, `$1${day}:`));
}

/** A private mirror's password is the host's, not the image's. */
function withoutCredentials(uri: string): string {
  return uri.replace(/^(https?:\/\/)[^/@]*@/, "$1");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
