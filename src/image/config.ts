/** The image configuration (image-spec "Image Configuration", Docker's fields included) and its check. */

import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";

/** What a container of the image starts with. Names are the spec's. */
export interface ImageConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, object> | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  StopTimeout?: number;
  Shell?: string[] | null;
  OnBuild?: string[] | null;
  Healthcheck?: { Test?: string[]; Interval?: number; Timeout?: number; StartPeriod?: number; Retries?: number };
  Hostname?: string;
}

export interface ImageHistory {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** The whole document, whose sha256 is the image's id. */
export interface ImageDocument {
  architecture: string;
  os: string;
  variant?: string;
  created?: string;
  author?: string;
  comment?: string;
  config?: ImageConfig;
  rootfs: { type: "layers"; diff_ids: string[] };
  history?: ImageHistory[];
  docker_version?: string;
}

/** As many as Docker's overlay2 driver takes. */
export const MAX_LAYERS = 127;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Is this "sha256:" and 64 lower-case hex digits? Ask before forming a path from it. */
export function isDigest(value: unknown): value is string {
  return typeof value === "string" && DIGEST.test(value);
}

/**
 * Checks that a parsed JSON value is an image configuration that can be stored and run. Fields it does not know are left alone: the bytes
 * are what counts. Throws "image-config", naming `source` and the field.
 */
export function checkImageDocument(value: unknown, source: string): ImageDocument {
  const bad = (why: Bilingual): GlassboxError =>
    new GlassboxError({ code: "image-config", what: `${source} is not an image configuration`, why });
  if (!isObject(value)) throw bad({ en: "it is not a JSON object", zh: "它不是 JSON 对象" });
  for (const field of ["architecture", "os"]) {
    if (typeof value[field] !== "string")
      throw bad({ en: `"${field}" is missing or not a string`, zh: `"${field}" 缺失或不是字符串` });
  }
  if (value.os !== "linux") {
    const os = JSON.stringify(value.os);
    throw bad({ en: `it is for ${os}, and only linux containers run here`, zh: `它是给 ${os} 用的，这里只能运行 linux 容器` });
  }
  const rootfs = value.rootfs;
  if (!isObject(rootfs) || rootfs.type !== "layers") {
    throw bad({ en: '"rootfs" is missing or its type is not "layers"', zh: '"rootfs" 缺失，或类型不是 "layers"' });
  }
  const diffIds = rootfs.diff_ids ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest)) {
    throw bad({ en: '"rootfs.diff_ids" is not a list of sha256 digests', zh: '"rootfs.diff_ids" 不是 sha256 摘要的列表' });
  }
  if (diffIds.length > MAX_LAYERS) {
    throw bad({
      en: `it has ${diffIds.length} layers; an overlay of more than ${MAX_LAYERS} is not made`,
      zh: `它有 ${diffIds.length} 层；overlay 最多叠 ${MAX_LAYERS} 层`,
    });
  }
  if (value.config !== undefined && value.config !== null) checkConfig(value.config, bad);
  if (value.history !== undefined && value.history !== null) checkHistory(value.history, bad);
  return { ...value, rootfs: { type: "layers", diff_ids: diffIds } } as unknown as ImageDocument;
}

function checkConfig(config: unknown, bad: (why: Bilingual) => GlassboxError): void {
  if (!isObject(config)) throw bad({ en: '"config" is not an object', zh: '"config" 不是对象' });
  for (const field of ["Env", "Entrypoint", "Cmd", "OnBuild", "Shell"]) {
    const list = config[field];
    if (absent(list)) continue;
    if (!Array.isArray(list) || !list.every(isPlainText)) {
      throw bad({
        en: `"config.${field}" is not a list of strings without NUL`,
        zh: `"config.${field}" 不是不含 NUL 的字符串列表`,
      });
    }
  }
  for (const field of ["User", "WorkingDir", "StopSignal", "Hostname"]) {
    const text = config[field];
    if (!absent(text) && !isPlainText(text)) {
      throw bad({ en: `"config.${field}" is not a string without NUL`, zh: `"config.${field}" 不是不含 NUL 的字符串` });
    }
  }
  for (const field of ["Volumes", "ExposedPorts", "Labels"]) {
    const map = config[field];
    if (absent(map)) continue;
    if (!isObject(map) || !Object.keys(map).every(isPlainText)) {
      throw bad({ en: `"config.${field}" is not an object`, zh: `"config.${field}" 不是对象` });
    }
    if (field === "Labels" && !Object.values(map).every((label) => typeof label === "string"))
      throw bad({ en: "a label's value is not a string", zh: "有一个标签的值不是字符串" });
  }
}

function checkHistory(history: unknown, bad: (why: Bilingual) => GlassboxError): void {
  if (!Array.isArray(history) || !history.every(isObject))
    throw bad({ en: '"history" is not a list of objects', zh: '"history" 不是对象的列表' });
  for (const entry of history as Record<string, unknown>[]) {
    for (const field of ["created", "created_by", "author", "comment"]) {
      if (!absent(entry[field]) && typeof entry[field] !== "string") {
        throw bad({ en: `"history.${field}" is not a string`, zh: `"history.${field}" 不是字符串` });
      }
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function absent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** execve(2) would cut a string at a NUL, so that what is checked and what runs would differ. */
function isPlainText(value: unknown): boolean {
  return typeof value === "string" && !value.includes("\0");
}
