/** Debian packages without installing them: apt fetches and verifies, dpkg-deb unpacks. */

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import type { RecipeContext } from "./recipes";
import { findProgram, runProgram } from "./run-program";

export interface FetchedPackage {
  name: string;
  version: string;
  /** Where its files are, as if this were "/". */
  directory: string;
}

/**
 * Fetches a package of the host's own distribution and unpacks it below `context.workDirectory`. The host's package lists are
 * used; where there are none, fresh ones are fetched into the work directory, so the host stays as it is.
 * Throws GlassboxError `bootstrap-no-apt` or `bootstrap-fetch-failed`.
 */
export async function fetchPackage(name: string, context: RecipeContext): Promise<FetchedPackage> {
  const aptGet = findProgram("apt-get");
  const dpkgDeb = findProgram("dpkg-deb");
  if (aptGet === undefined || dpkgDeb === undefined) throw noApt(name, context);
  const downloads = join(context.workDirectory, `deb-${name}`);
  const directory = join(context.workDirectory, `files-${name}`);
  mkdirSync(downloads, { recursive: true });
  mkdirSync(directory, { recursive: true });
  // The work directory is private, so apt's own user could not write there.
  const settings = ["-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=1"];
  const env = await proxySettings();
  const download = (more: string[]) => runProgram(aptGet, [...settings, ...more, "download", name], { cwd: downloads, env });
  context.log(say(context.lang, `apt-get download ${name}`, `apt-get download ${name}`));
  let result = await download([]);
  if (
    result.code !== 0 &&
    /Unable to locate package|no installation candidate|Can't find a source/.test(result.tail.join("\n"))
  ) {
    const state = [
      "-o",
      `Dir::State::Lists=${join(context.workDirectory, "lists")}`,
      "-o",
      `Dir::Cache=${context.workDirectory}`,
    ];
    mkdirSync(join(context.workDirectory, "lists", "partial"), { recursive: true });
    context.log(
      say(context.lang, "no package lists on this host: fetching them for this once", "主机上没有软件包列表：临时获取一份"),
    );
    const update = await runProgram(aptGet, [...settings, ...state, "update"], { env });
    result = update.code === 0 ? await download(state) : update;
  }
  const file = readdirSync(downloads).find((candidate) => candidate.endsWith(".deb"));
  if (result.code !== 0 || file === undefined) throw fetchFailed(name, result.tail, context);
  const path = join(downloads, file);
  const unpacked = await runProgram(dpkgDeb, ["-x", path, directory]);
  if (unpacked.code !== 0) throw fetchFailed(name, unpacked.tail, context);
  const version = await runProgram(dpkgDeb, ["-f", path, "Version"]);
  return { name, version: version.stdout.trim(), directory };
}

/** The version of an installed package that owns a file, or undefined. */
export async function installedVersion(name: string): Promise<string | undefined> {
  const dpkgQuery = findProgram("dpkg-query");
  if (dpkgQuery === undefined) return undefined;
  const result = await runProgram(dpkgQuery, ["-W", "-f", "${db:Status-Status} ${Version}", name]);
  const [status, version] = result.stdout.trim().split(" ");
  return result.code === 0 && status === "installed" ? version : undefined;
}

/** apt's configured proxy, for tools that read only the environment. */
export async function proxySettings(): Promise<Record<string, string>> {
  const aptConfig = findProgram("apt-config");
  if (aptConfig === undefined || process.env["http_proxy"] !== undefined) return {};
  const result = await runProgram(aptConfig, ["shell", "PROXY", "Acquire::http::Proxy"]);
  const proxy = /^PROXY='(https?:\/\/[^']+)'$/m.exec(result.stdout)?.[1];
  return proxy === undefined ? {} : { http_proxy: proxy };
}

function noApt(name: string, { lang }: RecipeContext): GlassboxError {
  return new GlassboxError({
    code: "bootstrap-no-apt",
    what: say(lang, `cannot fetch the Debian package ${name}`, `无法获取 Debian 软件包 ${name}`),
    why: say(lang, "this host has no apt-get and dpkg-deb", "本机没有 apt-get 和 dpkg-deb"),
    hint:
      name === "busybox-static"
        ? say(
            lang,
            "put a static busybox at /usr/local/bin/busybox, or load an image: glassbox pull, glassbox load -i FILE, glassbox import ROOTFS.tar",
            "把静态链接的 busybox 放到 /usr/local/bin/busybox，或换一种方式得到镜像：glassbox pull、glassbox load -i FILE、glassbox import ROOTFS.tar",
          )
        : say(
            lang,
            `install ${name} with the package manager of this host, or load an image: glassbox pull, glassbox load -i FILE`,
            `用本机的包管理器安装 ${name}，或换一种方式得到镜像：glassbox pull、glassbox load -i FILE`,
          ),
  });
}

/** apt's last complaint, and what it means as far as its words say. */
export function fetchFailed(name: string, tail: string[], { lang }: RecipeContext): GlassboxError {
  const complaint = tail.findLast((line) => line.startsWith("E:")) ?? tail.at(-1) ?? "";
  const all = tail.join("\n");
  const network =
    /Could not resolve|Temporary failure|Could not connect|Connection (refused|timed out)|Network is unreachable|Couldn't download|Failed getting release/i;
  return new GlassboxError({
    code: "bootstrap-fetch-failed",
    what: say(lang, `${name} could not be fetched`, `无法获取 ${name}`),
    why: complaint,
    hint: network.test(all)
      ? say(
          lang,
          "the mirror in /etc/apt/sources.list was not reached: check the network and http_proxy, or bring an image on a stick: glassbox load -i FILE",
          "连不上 /etc/apt/sources.list 里的镜像站：检查网络和 http_proxy，或用文件带来镜像：glassbox load -i FILE",
        )
      : say(
          lang,
          `try it by hand: apt-get update && apt-get download ${name}`,
          `手工试一次：apt-get update && apt-get download ${name}`,
        ),
  });
}
