/** Kinds of files in words. Loaded only for an error. */

import type { Bilingual } from "../base/lang";
import type { FileKind } from "./layer-view";

/** "a symlink", for a sentence that says what stands in the way. */
export const KIND_WORDS: Readonly<Record<FileKind, Bilingual>> = {
  file: { en: "a file", zh: "文件" },
  directory: { en: "a directory", zh: "目录" },
  symlink: { en: "a symlink", zh: "符号链接" },
  "char-device": { en: "a char-device", zh: "字符设备" },
  "block-device": { en: "a block-device", zh: "块设备" },
  fifo: { en: "a fifo", zh: "命名管道" },
  socket: { en: "a socket", zh: "套接字" },
};
