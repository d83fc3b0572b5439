/** The commands and where each lives. Only the one that is asked for is loaded. */

import type { Bilingual } from "../base/lang";
import type { Verb } from "./verb";

interface Entry {
  load(): Verb;
  summary: Bilingual;
}

/** By name, in the order of the help. */
export const VERBS: Readonly<Record<string, Entry>> = {
  run: {
    load: () => (require("./run") as typeof import("./run")).run,
    summary: { en: "Create and run a new container from an image", zh: "从镜像创建并运行一个新容器" },
  },
  clone: {
    load: () => (require("./clone") as typeof import("./clone")).clone,
    summary: {
      en: "Run a command in new namespaces, without an image",
      zh: "不用镜像，在新的命名空间里运行一条命令",
    },
  },
  bootstrap: {
    load: () => (require("./bootstrap") as typeof import("./bootstrap")).bootstrap,
    summary: { en: "Make an image from this host, without a registry", zh: "不靠镜像仓库，用本机的材料做一个镜像" },
  },
  deps: {
    load: () => (require("./deps") as typeof import("./deps")).deps,
    summary: { en: "Show, or copy, all files that a program needs", zh: "列出或复制一个程序所需的全部文件" },
  },
  images: {
    load: () => (require("./images") as typeof import("./images")).images,
    summary: { en: "List images", zh: "列出镜像" },
  },
  load: {
    load: () => (require("./load") as typeof import("./load")).load,
    summary: { en: "Load an image from a tar archive or STDIN", zh: "从 tar 归档或标准输入载入镜像" },
  },
  import: {
    load: () => (require("./import") as typeof import("./import")).importVerb,
    summary: {
      en: "Import the contents from a tarball to create a filesystem image",
      zh: "把 tar 包或目录的内容导入为镜像",
    },
  },
  doctor: {
    load: () => (require("./doctor") as typeof import("./doctor")).doctor,
    summary: { en: "Check this host, with one remedy per gap", zh: "检查本机，每个缺口给一个补救办法" },
  },
  info: {
    load: () => (require("./info") as typeof import("./info")).info,
    summary: { en: "Display system-wide information", zh: "显示系统信息" },
  },
  version: {
    load: () => (require("./version") as typeof import("./version")).version,
    summary: { en: "Show the glassbox version information", zh: "显示 glassbox 的版本信息" },
  },
};

/** Docker's management commands, as far as their subcommands exist here. */
export const GROUPS: Readonly<Record<string, { summary: Bilingual; verbs: Readonly<Record<string, string>> }>> = {
  container: { summary: { en: "Manage containers", zh: "管理容器" }, verbs: { run: "run" } },
  image: {
    summary: { en: "Manage images", zh: "管理镜像" },
    verbs: { ls: "images", list: "images", load: "load", import: "import" },
  },
  system: { summary: { en: "Manage glassbox", zh: "管理 glassbox" }, verbs: { info: "info" } },
};

/** The commands of Docker that come later: a better answer than "not a command". */
export const LATER_VERBS: readonly string[] =
  "attach build commit cp create diff events exec export history inspect kill login logout logs network pause port ps pull push rename restart rm rmi save search start stats stop tag top unpause update volume wait".split(
    " ",
  );
