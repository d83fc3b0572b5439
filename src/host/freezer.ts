/** Freezing: v2 cgroup.freeze, else the v1 freezer. */

import { readFileSync } from "node:fs";
import { GlassboxError } from "../base/errors";
import { pause } from "./cgroup-remove";
import { writeKernelFile } from "./kernel-file";

type Paths = readonly { hierarchy: string; path: string }[];

/** How to freeze this container: which file takes which word, and how to see that it has happened. */
function freezerOf(
  paths: Paths,
): { file: string; words: [thaw: string, freeze: string]; isDone(frozen: boolean): boolean } | undefined {
  const unified = paths.find(({ hierarchy }) => hierarchy === "unified");
  if (unified) {
    const isDone = (frozen: boolean) =>
      readFileSync(`${unified.path}/cgroup.events`, "utf8").includes(`frozen ${frozen ? 1 : 0}`);
    return { file: `${unified.path}/cgroup.freeze`, words: ["0", "1"], isDone };
  }
  const v1 = paths.find(({ hierarchy }) => hierarchy.split(",").includes("freezer"));
  if (!v1) return undefined;
  const file = `${v1.path}/freezer.state`;
  return {
    file,
    words: ["THAWED", "FROZEN"],
    isDone: (frozen) => readFileSync(file, "utf8").trim() === (frozen ? "FROZEN" : "THAWED"),
  };
}

/**
 * Freezes or thaws and waits until the kernel says that it is done. Throws "no-cgroup-controller" without a freezer, "freeze-timeout"
 * when a process does not stop in time (it is thawed again then).
 */
export function switchFreezer(paths: Paths, frozen: boolean, timeoutMs: number): void {
  const freezer = freezerOf(paths);
  if (!freezer) {
    throw new GlassboxError({
      code: "no-cgroup-controller",
      what: `${frozen ? "pause" : "unpause"} needs the cgroup freezer`,
      why: {
        en: "this container has neither a v2 cgroup nor one in the v1 freezer hierarchy",
        zh: "这个容器既没有 v2 的 cgroup，也不在 v1 的 freezer 层级里",
      },
      hint: {
        en: "mount cgroup2, or the v1 freezer, before the container starts",
        zh: "在容器启动之前挂载 cgroup2 或 v1 的 freezer",
      },
    });
  }
  const end = Date.now() + timeoutMs;
  writeKernelFile(freezer.file, freezer.words[frozen ? 1 : 0]);
  for (let delayMs = 1; !freezer.isDone(frozen); delayMs = Math.min(delayMs * 2, 50)) {
    if (Date.now() > end) {
      if (frozen) writeKernelFile(freezer.file, freezer.words[0]);
      throw new GlassboxError({
        code: "freeze-timeout",
        what: `${freezer.file}: not ${frozen ? "frozen" : "thawed"} after ${timeoutMs} ms`,
        why: {
          en: "a process in it is in an uninterruptible wait (state D in ps)",
          zh: "其中有进程处于不可中断的等待（ps 里的 D 状态）",
        },
        hint: {
          en: "see cat /proc/PID/stack of the process that ps shows in state D",
          zh: "在 ps 里找到 D 状态的进程，再看 cat /proc/PID/stack",
        },
      });
    }
    pause(delayMs);
    // v1: writing the word again makes the kernel try again with processes that it could not stop.
    if (frozen && freezer.words[1] === "FROZEN") writeKernelFile(freezer.file, "FROZEN");
  }
}
