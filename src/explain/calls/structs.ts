/**
 * Structures behind pointers. Decoded when the recorder kept their bytes (`data`), else named with their length.
 * Layouts: the kernel's uapi headers; little endian, as both supported architectures are.
 */

import { capabilityNames } from "../../base/capabilities";
import type { CallArgument } from "../../plan/trace";
import { CLONE_FLAGS, INTERFACE_FLAGS, MOUNT_ATTRS, MOUNT_FLAGS, RESOLVE_FLAGS, openFlags } from "./flags";
import { flagSet, octalText, openMode, plain, sizeText } from "./format";
import type { FormatContext, Formatter } from "./format";
import { SIGNALS } from "./names";

type BytesArgument = Extract<CallArgument, { type: "bytes" }> & { data?: Uint8Array };
type Decoder = (view: DataView, context: FormatContext) => string;

/** A pointer to a structure called `name` of at least `size` bytes. */
function struct(name: string, size: number, decode: Decoder): Formatter {
  return (argument, context) => {
    if (argument.type !== "bytes") return plain(argument, context);
    const { data } = argument as BytesArgument;
    if (data === undefined || data.byteLength < size) return `{${name}: ${argument.length} bytes}`;
    return decode(new DataView(data.buffer, data.byteOffset, data.byteLength), context);
  };
}

const u64 = (view: DataView, offset: number): bigint => view.getBigUint64(offset, true);
const u32 = (view: DataView, offset: number): number => view.getUint32(offset, true);

/** `{flags=O_RDONLY|O_CLOEXEC, resolve=RESOLVE_IN_ROOT}` from its three fields. */
export function openHowText(flags: bigint, mode: bigint, resolve: bigint, context: FormatContext): string {
  const table = openFlags(context.arch);
  const modePart = mode === 0n ? "" : `, mode=${octalText(mode)}`;
  return `{flags=${openMode(flags, table)}${modePart}, resolve=${flagSet(resolve, RESOLVE_FLAGS)}}`;
}

export const openHow = struct("open_how", 24, (view, context) => openHowText(u64(view, 0), u64(view, 8), u64(view, 16), context));

/** The fields of struct clone_args that a container start uses. */
export function cloneArgsText(flags: bigint, exitSignal: bigint | undefined, cgroup: bigint | string | undefined): string {
  const parts = [`flags=${flagSet(flags, CLONE_FLAGS)}`];
  if (exitSignal !== undefined) parts.push(`exit_signal=${SIGNALS[Number(exitSignal)] ?? exitSignal.toString()}`);
  if (cgroup !== undefined) parts.push(`cgroup=${cgroup}`);
  return `{${parts.join(", ")}}`;
}

const CLONE_INTO_CGROUP = 0x200000000n;

export const cloneArgs = struct("clone_args", 64, (view) => {
  const flags = u64(view, 0);
  const cgroup = (flags & CLONE_INTO_CGROUP) !== 0n && view.byteLength >= 88 ? u64(view, 80) : undefined;
  return cloneArgsText(flags, u64(view, 32), cgroup);
});

/** `{attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0, userns_fd=0}` */
export function mountAttrText(set: bigint, clear: bigint, propagation: bigint, usernsFd: bigint): string {
  return (
    `{attr_set=${flagSet(set, MOUNT_ATTRS)}, attr_clr=${flagSet(clear, MOUNT_ATTRS)}, ` +
    `propagation=${flagSet(propagation, MOUNT_FLAGS)}, userns_fd=${usernsFd}}`
  );
}

export const mountAttr = struct("mount_attr", 32, (view) =>
  mountAttrText(u64(view, 0), u64(view, 8), u64(view, 16), u64(view, 24)),
);

export const capHeader = struct("cap_user_header", 8, (view) => {
  const version = u32(view, 0);
  const name = version === 0x20080522 ? "_LINUX_CAPABILITY_VERSION_3" : `0x${version.toString(16)}`;
  return `{version=${name}, pid=${u32(view, 4)}}`;
});

const capSet = (mask: bigint): string =>
  mask === 0n
    ? "0"
    : capabilityNames(mask)
        .map((name) => `1<<${name}`)
        .join("|");

export const capData = struct("cap_user_data", 24, (view) => {
  const whole = (offset: number): bigint => BigInt(u32(view, offset)) | (BigInt(u32(view, offset + 12)) << 32n);
  return `{effective=${capSet(whole(0))}, permitted=${capSet(whole(4))}, inheritable=${capSet(whole(8))}}`;
});

const INFINITE = 0xffffffffffffffffn;

/** `{rlim_cur=1024, rlim_max=RLIM64_INFINITY}`; -1 is infinity. */
export function rlimitText(soft: bigint, hard: bigint): string {
  const one = (value: bigint): string => {
    const limit = BigInt.asUintN(64, value);
    return limit === INFINITE ? "RLIM64_INFINITY" : sizeText(limit);
  };
  return `{rlim_cur=${one(soft)}, rlim_max=${one(hard)}}`;
}

export const rlimit = struct("rlimit64", 16, (view) => rlimitText(u64(view, 0), u64(view, 8)));

/** `{ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}` */
export function winsizeText(rows: bigint | number, columns: bigint | number, x: number, y: number): string {
  return `{ws_row=${rows}, ws_col=${columns}, ws_xpixel=${x}, ws_ypixel=${y}}`;
}

export const winsize = struct("winsize", 8, (view) => {
  const at = (offset: number): number => view.getUint16(offset, true);
  return winsizeText(at(0), at(2), at(4), at(6));
});

export const intPointer = struct("int", 4, (view) => `[${view.getInt32(0, true)}]`);

/** struct sock_fprog: only the number of instructions means something outside the process. */
export const filterProgram = struct("sock_fprog", 2, (view) => `{len=${view.getUint16(0, true)}, filter=...}`);

export const idList: Formatter = (argument, context) => {
  if (argument.type !== "bytes") return plain(argument, context);
  const { data } = argument as BytesArgument;
  if (data === undefined) return argument.length === 0 ? "[]" : `[${argument.length / 4} ids]`;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const ids = Array.from({ length: Math.floor(data.byteLength / 4) }, (_, index) => u32(view, index * 4));
  return `[${ids.join(", ")}]`;
};

/** struct ifreq with flags: `{ifr_name="lo", ifr_flags=IFF_UP}`. */
export const interfaceRequest = struct("ifreq", 18, (view) => {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, 16);
  const end = bytes.indexOf(0);
  const name = Buffer.from(bytes.subarray(0, end === -1 ? 16 : end)).toString("latin1");
  const flags = view.getUint16(16, true);
  return `{ifr_name="${name.replace(/[^!-~]/g, "?")}", ifr_flags=${flagSet(BigInt(flags), INTERFACE_FLAGS)}}`;
});
