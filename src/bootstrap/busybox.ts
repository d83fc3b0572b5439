/** The busybox image: one static program and a link for each of its commands. */

import { chmodSync, chownSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { GlassboxError } from "../base/errors";
import { type Bilingual, say } from "../base/lang";
import { describeSource, machineOfArch } from "../elf/parse";
import { byteSourceOf, DirectoryReader } from "../elf/root-reader";
import { walk } from "../elf/walk";
import { fetchPackage, installedVersion } from "./packages";
import type { RecipeContext, RecipeResult } from "./recipes";
import { runProgram } from "./run-program";
import { settleTimes, sourceDateEpoch } from "./settle";

const PACKAGE = "busybox-static";

/** Where distributions put a static busybox: Debian, Alpine, Fedora, Arch, by hand. */
const PLACES = [
  "/bin/busybox",
  "/usr/bin/busybox",
  "/bin/busybox.static",
  "/sbin/busybox",
  "/usr/lib/busybox/busybox",
  "/usr/local/bin/busybox",
];

const DIRECTORIES: readonly (readonly [string, number])[] = [
  ["bin", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["home", 0o755],
  ["proc", 0o755],
  ["root", 0o700],
  ["sys", 0o755],
  ["tmp", 0o1777],
  ["usr", 0o755],
  ["usr/bin", 0o755],
  ["usr/sbin", 0o755],
  ["var", 0o755],
  ["var/spool", 0o755],
  ["var/spool/mail", 0o755],
  ["var/www", 0o755],
];

/** Name, uid, gid, home, shell: the accounts that the busybox image of the hub has. */
const ACCOUNTS: readonly (readonly [string, number, number, string, string])[] = [
  ["root", 0, 0, "/root", "/bin/sh"],
  ["daemon", 1, 1, "/usr/sbin", "/bin/false"],
  ["bin", 2, 2, "/bin", "/bin/false"],
  ["sys", 3, 3, "/dev", "/bin/false"],
  ["sync", 4, 100, "/bin", "/bin/sync"],
  ["mail", 8, 8, "/var/spool/mail", "/bin/false"],
  ["www-data", 33, 33, "/var/www", "/bin/false"],
  ["operator", 37, 37, "/var", "/bin/false"],
  ["nobody", 65534, 65534, "/home", "/bin/false"],
];

const GROUPS: readonly (readonly [string, number])[] = [
  ["root", 0],
  ["daemon", 1],
  ["bin", 2],
  ["sys", 3],
  ["adm", 4],
  ["tty", 5],
  ["disk", 6],
  ["mail", 8],
  ["kmem", 9],
  ["wheel", 10],
  ["www-data", 33],
  ["operator", 37],
  ["shadow", 42],
  ["users", 100],
  ["nobody", 65534],
];

interface StaticBusybox {
  path: string;
  /** "busybox-static 1:1.35.0-4 (Debian package)", or the file it is. */
  origin: string;
  seconds: number;
}

/** Fills the root directory. Throws what `fetchPackage` throws, and `bootstrap-bad-busybox`. */
export async function makeBusybox(context: RecipeContext): Promise<RecipeResult> {
  const busybox = (await onHost(context)) ?? (await fromPackage(context));
  const seconds = sourceDateEpoch() ?? busybox.seconds;
  const root = context.rootDirectory;
  for (const [path, mode] of DIRECTORIES) {
    mkdirSync(join(root, path), { recursive: true });
    chmodSync(join(root, path), mode);
  }
  const binary = join(root, "bin/busybox");
  copyFileSync(busybox.path, binary);
  chmodSync(binary, 0o755);
  if (process.geteuid?.() === 0) chownSync(binary, 0, 0);
  for (const applet of await appletsOf(binary, context)) {
    if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  }
  // Scripts begin with #!/usr/bin/env everywhere.
  symlinkSync("../../bin/env", join(root, "usr/bin/env"));
  writeAccounts(root, seconds);
  chmodSync(root, 0o755);
  settleTimes(root, seconds, "all");
  return {
    cmd: ["sh"],
    env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    standin: busybox.origin,
    createdBy: "glassbox bootstrap busybox",
    comment: busybox.origin,
    createdSeconds: seconds,
  };
}

/** A static busybox for this machine that the host already has. */
async function onHost(context: RecipeContext): Promise<StaticBusybox | undefined> {
  const reader = new DirectoryReader("/");
  for (const place of PLACES) {
    const problem = unsuitable(reader, place);
    if (problem !== undefined) continue;
    const version = place.startsWith("/usr/local/") ? undefined : await installedVersion(PACKAGE);
    context.log(say(context.lang, `using the static busybox of this host: ${place}`, `使用本机的静态 busybox：${place}`));
    return {
      path: place,
      origin: version === undefined ? `busybox from ${place} of the host` : packageOrigin(version),
      seconds: Math.floor((lstatOf(reader, place)?.mtimeMs ?? 0) / 1000),
    };
  }
  return undefined;
}

async function fromPackage(context: RecipeContext): Promise<StaticBusybox> {
  const fetched = await fetchPackage(PACKAGE, context);
  const reader = new DirectoryReader(fetched.directory);
  const place = ["/bin/busybox", "/usr/bin/busybox"].find((path) => unsuitable(reader, path, true) === undefined);
  if (place === undefined) {
    throw new GlassboxError({
      code: "bootstrap-bad-busybox",
      what: say(context.lang, `the package ${PACKAGE} has no static busybox`, `软件包 ${PACKAGE} 里没有静态链接的 busybox`),
      why: unsuitable(reader, "/bin/busybox", true) ?? unsuitable(reader, "/usr/bin/busybox", true),
    });
  }
  return {
    path: join(fetched.directory, place),
    origin: packageOrigin(fetched.version),
    seconds: Math.floor((lstatOf(reader, place)?.mtimeMs ?? 0) / 1000),
  };
}

function packageOrigin(version: string): string {
  return `${PACKAGE} ${version} (Debian package)`;
}

function lstatOf(reader: DirectoryReader, path: string): { mtimeMs?: number | undefined } | undefined {
  const found = walk(reader, path);
  return found.ok ? found.stat : undefined;
}

/** Why a file cannot be our busybox, or undefined. Root runs it once, so nobody else may be able to write it. */
function unsuitable(reader: DirectoryReader, path: string, trusted = false): Bilingual | undefined {
  const found = walk(reader, path);
  if (!found.ok) return { en: `${path}: ${found.errno}`, zh: `${path}：${found.errno}` };
  const { mode, uid, sizeBytes } = found.stat;
  if (!trusted && process.geteuid?.() === 0 && (uid !== 0 || (mode & 0o022) !== 0)) {
    return { en: `${path}: others can write it`, zh: `${path}：别人能改写它` };
  }
  const elf = describeSource(byteSourceOf(reader, found.realPath, sizeBytes));
  if (elf.kind !== "elf" || elf.machine !== machineOfArch(process.arch)) {
    return { en: `${path}: not a program of this machine`, zh: `${path}：不是本机能运行的程序` };
  }
  if (elf.linkage === "static" || elf.linkage === "static-pie") return undefined;
  return { en: `${path}: not static`, zh: `${path}：不是静态链接的` };
}

/** Asks the copy for its commands: no environment, no input, five seconds. */
async function appletsOf(binary: string, context: RecipeContext): Promise<string[]> {
  const result = await runProgram(binary, ["--list"], { timeoutMs: 5000, env: {} });
  // A name becomes a file name below bin/: nothing but plain names.
  const names = result.stdout.split("\n").filter((name) => /^[A-Za-z0-9[][A-Za-z0-9_.+[-]*$/.test(name));
  if (result.code !== 0 || !names.includes("sh")) {
    throw new GlassboxError({
      code: "bootstrap-bad-busybox",
      what: say(context.lang, "busybox --list did not list its commands", "busybox --list 没有列出命令"),
      why: result.tail.at(-1) ?? {
        en: `exit code ${result.code ?? "unknown"}`,
        zh: `退出码 ${result.code ?? "未知"}`,
      },
      hint: say(context.lang, "reinstall the package busybox-static", "请重新安装软件包 busybox-static"),
    });
  }
  return [...new Set(names)].toSorted();
}

function writeAccounts(root: string, seconds: number): void {
  const lines = (rows: string[]): string => rows.map((row) => `${row}\n`).join("");
  const etc = (name: string, content: string, mode = 0o644): void => {
    writeFileSync(join(root, "etc", name), content);
    chmodSync(join(root, "etc", name), mode);
  };
  const day = Math.floor(seconds / 86400);
  etc("passwd", lines(ACCOUNTS.map(([name, uid, gid, home, shell]) => `${name}:x:${uid}:${gid}:${name}:${home}:${shell}`)));
  etc("group", lines(GROUPS.map(([name, gid]) => `${name}:x:${gid}:`)));
  etc("shadow", lines(ACCOUNTS.map(([name]) => `${name}:*:${day}:0:99999:7:::`)), 0o600);
  etc("nsswitch.conf", lines(["passwd: files", "group: files", "shadow: files", "hosts: files dns"]));
  etc("profile", lines(["export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "umask 022"]));
}
