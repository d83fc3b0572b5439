/** -v, --mount and --tmpfs: three spellings of two kinds of mount. */

import { posix } from "node:path";
import { GlassboxError } from "../base/errors";
import { say } from "../base/lang";
import { parseRamSize } from "../base/sizes";
import type { BindOption, MountOption, TmpfsOption } from "../runtime/run-options";
import { CsvError, splitCsv } from "./csv";
import type { FlagContext } from "./flag-context";
import { clip, parseBool, type Parsed } from "./flags";

type Propagation = BindOption["propagation"];

const PROPAGATIONS: readonly Propagation[] = ["rprivate", "private", "rslave", "slave", "rshared", "shared"];

/** All mounts of the command line: -v first, then --mount, then --tmpfs. Throws "bad-flag"; the same target twice is an error. */
export function toMounts(parsed: Parsed, context: FlagContext): MountOption[] {
  const mounts: MountOption[] = [
    ...parsed.all("volume").map((text) => volume(text, parsed, context)),
    ...parsed.all("mount").map((text) => mount(text, parsed, context)),
    ...parsed.all("tmpfs").map((text) => tmpfs(text, parsed)),
  ];
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) {
      throw new GlassboxError({
        code: "bad-flag",
        what: `Duplicate mount point: ${clip(target)}`,
        hint: say(context.lang, "give each path inside the container one mount", "容器内的每个路径只能有一个挂载"),
      });
    }
    seen.add(target);
  }
  return mounts;
}

/** `source:target[:options]`; Docker has no way to write a colon inside a path here. */
function volume(text: string, parsed: Parsed, context: FlagContext): BindOption {
  const bad = (reason: string): GlassboxError => parsed.invalid("volume", text, reason, "-v /path/on/host:/path/inside:ro");
  if (text === "") throw bad("invalid empty volume spec");
  const parts = text.split(":", 5);
  if (parts.includes("")) throw bad(`invalid spec: ${clip(text)}: empty section between colons`);
  if (parts.length === 1) throw notAVolume(text, parsed);
  if (parts.length > 3) throw bad(`invalid volume specification: '${clip(text)}'`);
  const [source = "", target = "", modes = ""] = parts;
  const hostPath = hostSource(source, context);
  if (hostPath === undefined) {
    if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source)) throw notAVolume(text, parsed);
    throw bad(
      `${JSON.stringify(clip(source))} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  const option: BindOption = {
    kind: "bind",
    source: hostPath,
    target: insidePath(target, bad),
    readonly: false,
    recursive: true,
    recursiveReadonly: true,
    propagation: "rprivate",
    createSource: true,
  };
  applyModes(option, modes, bad);
  return option;
}

function notAVolume(text: string, parsed: Parsed): GlassboxError {
  return (require("./later-flags") as typeof import("./later-flags")).volumeNotAvailable("-v", text, parsed);
}

/** Absolute host path, or undefined when the source is a name. The shell leaves `~` alone after `=` or a colon, so it is read here. */
function hostSource(source: string, context: FlagContext): string | undefined {
  if (source.includes("\0")) return undefined;
  if (source.startsWith("/")) return posix.normalize(source);
  if (/^\.{1,2}(\/|$)/.test(source)) return posix.resolve(context.cwd, source);
  if (/^~(\/|$)/.test(source) && context.env["HOME"]) return posix.join(context.env["HOME"], source.slice(1));
  return undefined;
}

/** Absolute path inside, normalised, not the root itself. */
function insidePath(target: string, bad: (reason: string) => GlassboxError): string {
  if (!target.startsWith("/") || target.includes("\0")) {
    throw bad(`invalid mount path: '${clip(target)}' mount path must be absolute`);
  }
  const path = posix.normalize(target).replace(/(.)\/$/, "$1");
  if (path === "/") throw bad("invalid specification: destination can't be '/'");
  return path;
}

/** The third part of -v: at most one of each group. SELinux's z and Z mean nothing on a kernel without it, as in Docker. */
function applyModes(option: BindOption, modes: string, bad: (reason: string) => GlassboxError): void {
  if (modes === "") return;
  const seen = new Set<string>();
  const once = (group: string): void => {
    if (seen.has(group)) throw bad(`invalid mode: ${clip(modes)}`);
    seen.add(group);
  };
  for (const mode of modes.split(",")) {
    const propagation = PROPAGATIONS.find((known) => known === mode);
    if (propagation !== undefined) {
      once("propagation");
      option.propagation = propagation;
    } else if (mode === "ro" || mode === "rw") {
      once("access");
      option.readonly = mode === "ro";
    } else if (mode === "z" || mode === "Z") once("label");
    else if (mode === "cached" || mode === "delegated" || mode === "consistent") once("consistency");
    else throw bad(`invalid mode: ${clip(modes)}`);
  }
}

interface MountFields {
  type: string;
  source: string;
  target: string;
  readonly: boolean;
  propagation: Propagation | undefined;
  recursive: "enabled" | "disabled" | "writable" | "readonly";
  sizeBytes: number | undefined;
  mode: number | undefined;
  /** Which family of options was used: "bind", "tmpfs", "volume". */
  families: Set<string>;
}

/** `type=bind,src=…,dst=…,…` */
function mount(text: string, parsed: Parsed, context: FlagContext): MountOption {
  const bad = (reason: string): GlassboxError =>
    parsed.invalid("mount", text, reason, "--mount type=bind,src=/path/on/host,dst=/path/inside,readonly");
  const fields = readFields(text, bad);
  if (fields.type === "volume") throw noVolumeMount(text, parsed);
  if (fields.type !== "bind" && fields.type !== "tmpfs") {
    throw bad(`mount type unknown: ${JSON.stringify(clip(fields.type))}; there are "bind" and "tmpfs"`);
  }
  for (const family of fields.families) {
    if (family !== fields.type) throw bad(`cannot mix '${family}-*' options with mount type '${fields.type}'`);
  }
  if (fields.target === "") throw bad("target is required");
  const target = insidePath(fields.target, bad);
  if (fields.type === "tmpfs") {
    if (fields.source !== "") throw bad('invalid mount config for type "tmpfs": field Source must not be specified');
    const option: TmpfsOption = { kind: "tmpfs", target, options: fields.readonly ? ["ro"] : [] };
    if (fields.sizeBytes !== undefined) option.sizeBytes = fields.sizeBytes;
    if (fields.mode !== undefined) option.mode = fields.mode;
    return option;
  }
  return bindOf(fields, target, context, bad);
}

function noVolumeMount(text: string, parsed: Parsed): GlassboxError {
  return (require("./later-flags") as typeof import("./later-flags")).volumeNotAvailable("--mount", text, parsed);
}

function bindOf(fields: MountFields, target: string, context: FlagContext, bad: (reason: string) => GlassboxError): BindOption {
  if (fields.source === "") throw bad('invalid mount config for type "bind": field Source must not be empty');
  const source = hostSource(fields.source, context);
  if (source === undefined) {
    throw bad(`invalid mount config for type "bind": invalid mount path: '${clip(fields.source)}' mount path must be absolute`);
  }
  const { recursive } = fields;
  if ((recursive === "readonly" || recursive === "writable") && !fields.readonly) {
    throw bad(`option 'bind-recursive=${recursive}' requires 'readonly' to be specified in conjunction`);
  }
  if (recursive === "readonly" && fields.propagation !== "rprivate") {
    throw bad("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction");
  }
  return {
    kind: "bind",
    source,
    target,
    readonly: fields.readonly,
    recursive: recursive !== "disabled",
    recursiveReadonly: recursive === "enabled" || recursive === "readonly",
    propagation: fields.propagation ?? "rprivate",
    createSource: false,
  };
}

function readFields(text: string, bad: (reason: string) => GlassboxError): MountFields {
  const fields: MountFields = {
    type: "volume",
    source: "",
    target: "",
    readonly: false,
    propagation: undefined,
    recursive: "enabled",
    sizeBytes: undefined,
    mode: undefined,
    families: new Set(),
  };
  if (text === "") throw bad("it is empty");
  for (const field of csvFields(text, bad)) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    readField(fields, field, key, equals < 0 ? undefined : field.slice(equals + 1), bad);
  }
  return fields;
}

function csvFields(text: string, bad: (reason: string) => GlassboxError): string[] {
  try {
    return splitCsv(text);
  } catch (error) {
    if (error instanceof CsvError) throw bad(error.message);
    throw error;
  }
}

function readField(
  fields: MountFields,
  field: string,
  key: string,
  value: string | undefined,
  bad: (reason: string) => GlassboxError,
): void {
  const invalid = (): GlassboxError => bad(`invalid value for ${key}: ${clip(value ?? "")}`);
  // These two may stand without a value; all others must have one.
  if (key === "readonly" || key === "ro" || key === "bind-nonrecursive") {
    const on = value === undefined ? true : parseBool(value);
    if (on === undefined) throw invalid();
    if (key !== "bind-nonrecursive") fields.readonly = on;
    else if (on) fields.recursive = "disabled";
    if (key === "bind-nonrecursive") fields.families.add("bind");
    return;
  }
  if (key === "volume-nocopy") {
    fields.families.add("volume");
    return;
  }
  if (value === undefined) throw bad(`invalid field '${clip(field)}' must be a key=value pair`);
  const family = /^(bind|tmpfs|volume)-/.exec(key)?.[1];
  if (family !== undefined) fields.families.add(family);
  switch (key) {
    case "type":
      fields.type = value.toLowerCase();
      return;
    case "source":
    case "src":
      fields.source = value;
      return;
    case "target":
    case "dst":
    case "destination":
      fields.target = value;
      return;
    case "consistency":
      return;
    case "bind-propagation":
      fields.propagation = PROPAGATIONS.find((known) => known === value.toLowerCase());
      if (fields.propagation === undefined) throw invalid();
      return;
    case "bind-recursive":
      if (value !== "enabled" && value !== "disabled" && value !== "writable" && value !== "readonly") {
        throw bad(`invalid value for bind-recursive: ${clip(value)} (must be "enabled", "disabled", "writable", or "readonly")`);
      }
      fields.recursive = value;
      return;
    case "tmpfs-size":
      fields.sizeBytes = sizeOr(value, invalid);
      return;
    case "tmpfs-mode":
      if (!/^0?[0-7]{1,4}$/.test(value)) throw invalid();
      fields.mode = Number.parseInt(value, 8);
      return;
    default:
      if (family === "volume") return;
      throw bad(`unexpected key '${clip(key)}' in '${clip(field)}'`);
  }
}

function sizeOr(text: string, invalid: () => GlassboxError): number {
  try {
    return parseRamSize(text);
  } catch {
    throw invalid();
  }
}

/** What tmpfs(5) and mount(8) know and Docker lets through; without the flags that change the kind of mount (remount, bind, shared …). */
const TMPFS_SWITCHES = new Set(
  "ro rw suid nosuid dev nodev exec noexec sync async dirsync mand nomand atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime".split(
    " ",
  ),
);
const TMPFS_KEYS = /^(uid|gid|nr_inodes|nr_blocks|mpol)=[a-zA-Z0-9:,_-]{1,64}$/;

/** `target[:options]` */
function tmpfs(text: string, parsed: Parsed): TmpfsOption {
  const bad = (reason: string): GlassboxError => parsed.invalid("tmpfs", text, reason, "--tmpfs /run:size=64m,mode=1777,noexec");
  const colon = text.indexOf(":");
  const option: TmpfsOption = {
    kind: "tmpfs",
    target: insidePath(colon < 0 ? text : text.slice(0, colon), bad),
    options: [],
  };
  if (colon < 0 || colon === text.length - 1) return option;
  for (const word of text.slice(colon + 1).split(",")) {
    const equals = word.indexOf("=");
    const key = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    if (key === "size" && value !== undefined) {
      // "50%" is a share of the memory, which only the kernel works out.
      if (/^\d{1,3}%$/.test(value)) option.options.push(word);
      else option.sizeBytes = sizeOr(value, () => bad(`invalid value for size: ${clip(value)}`));
    } else if (key === "mode" && value !== undefined) {
      if (!/^0?[0-7]{1,4}$/.test(value)) throw bad(`invalid value for mode: ${clip(value)}`);
      option.mode = Number.parseInt(value, 8);
    } else if (TMPFS_SWITCHES.has(word) || TMPFS_KEYS.test(word)) option.options.push(word);
    else throw bad(`invalid tmpfs option ${JSON.stringify(clip(word))}`);
  }
  return option;
}
