/**
 * The child lane of a plan as the flat buffer that glassbox-init walks. The format is described in native/core/plan-format.h; the native
 * side validates every offset before anything is cloned.
 */

import { CLONE_FLAGS, ERRNO, flagBits, MOUNT_ATTRIBUTES, MOUNT_FLAGS } from "./constants";
import type { Plan, Slot, Step } from "./steps";

const MAGIC = 0x50584247;
const VERSION = 1;
const FLAG_TRACE = 1;
const HEADER_BYTES = 24;
const STEP_BYTES = 16;
const ARGUMENT_BYTES = 16;

const enum ArgumentType {
  Integer = 1,
  String = 2,
  Blob = 3,
}

type Argument = number | bigint | string | Uint8Array;

interface Encoded {
  opcode: number;
  args: Argument[];
}

const CREATE = { none: 0, directory: 1, file: 2 } as const;
const NODE_TYPE = { c: 0o020000, b: 0o060000, p: 0o010000 } as const;

function packErrnos(names: readonly string[]): number {
  return names.slice(0, 4).reduce((packed, name, i) => packed | ((ERRNO[name] ?? 0) << (8 * i)), 0);
}

function slotOf(slots: ReadonlyMap<Slot, number>, slot: Slot): number {
  const fd = slots.get(slot);
  if (fd === undefined) throw new RangeError(`no descriptor for slot ${slot}`);
  return fd;
}

function groupsBlob(groups: readonly number[]): Uint8Array {
  const blob = Buffer.alloc(groups.length * 4);
  groups.forEach((gid, i) => blob.writeUInt32LE(gid, i * 4));
  return blob;
}

/** Mount options of an overlay, as overlayfs reads them from one page. */
export function overlayOptions(step: { lowerdirs: string[]; upperdir: string; workdir: string; options: string[] }): string {
  return [`lowerdir=${step.lowerdirs.join(":")}`, `upperdir=${step.upperdir}`, `workdir=${step.workdir}`, ...step.options].join(
    ",",
  );
}

function encodeStep(step: Step, slots: ReadonlyMap<Slot, number>): Encoded {
  switch (step.kind) {
    case "synchronize":
      return { opcode: step.point === "release" ? 1 : 2, args: [] };
    case "new-session":
      return { opcode: 3, args: [] };
    case "new-keyring":
      return { opcode: 4, args: [step.name] };
    case "set-parent-death-signal":
      return { opcode: 5, args: [step.signal] };
    case "join-cgroup":
      return { opcode: 6, args: [slotOf(slots, step.slot)] };
    case "join-namespace":
      return { opcode: 7, args: [slotOf(slots, step.slot), flagBits([step.flag], CLONE_FLAGS)] };
    case "new-cgroup-namespace":
      return { opcode: 8, args: [] };
    case "set-propagation":
      return { opcode: 9, args: [step.target, flagBits(step.flags, MOUNT_FLAGS)] };
    case "open-root":
      return { opcode: 10, args: [step.path] };
    case "mount-overlay":
      return { opcode: 11, args: [overlayOptions(step), step.target, step.cwd] };
    case "mount-filesystem":
      return {
        opcode: 12,
        args: [
          step.fstype,
          step.source,
          step.target,
          flagBits(step.flags, MOUNT_FLAGS),
          step.data,
          step.createTarget ? 1 : 0,
          step.noSymlinks ? 1 : 0,
          packErrnos(step.ignore),
        ],
      };
    case "bind-mount":
      return {
        opcode: 13,
        args: [
          step.source,
          step.target,
          step.recursive ? (step.attributesOnTop === true ? 2 : 1) : 0,
          flagBits(step.attributes, MOUNT_ATTRIBUTES),
          flagBits([step.propagation], MOUNT_FLAGS),
          CREATE[step.createTarget],
          step.slot ?? -1,
        ],
      };
    case "take-mount":
      return { opcode: 35, args: [step.source, step.recursive ? 1 : 0, step.slot] };
    case "create-device":
      return {
        opcode: 14,
        args: [
          step.how === "bind" ? 1 : 0,
          step.path,
          NODE_TYPE[step.type] | step.mode,
          step.major,
          step.minor,
          step.uid,
          step.gid,
        ],
      };
    case "create-symlink":
      return { opcode: 15, args: [step.target, step.path] };
    case "open-console":
      return { opcode: 16, args: [step.rows, step.columns, step.uid] };
    case "change-root":
      return { opcode: 17, args: [step.method === "chroot" ? 1 : 0, step.path] };
    case "set-hostname":
      return { opcode: 18, args: [step.hostname] };
    case "set-domainname":
      return { opcode: 19, args: [step.domainname] };
    case "bring-up-loopback":
      return { opcode: 20, args: [] };
    case "set-sysctl":
      return { opcode: 21, args: [`sys/${step.key.replaceAll(".", "/")}`, step.value] };
    case "make-readonly":
      return { opcode: 22, args: [step.path] };
    case "mask-path":
      return { opcode: 23, args: [step.path] };
    case "close-descriptors":
      return { opcode: 24, args: [] };
    case "set-umask":
      return { opcode: 25, args: [step.mask] };
    case "change-directory":
      return { opcode: 26, args: [step.path, step.create ? 1 : 0, packErrnos(step.ignore)] };
    case "install-seccomp":
      return { opcode: 27, args: [step.program] };
    case "bound-capabilities":
      return { opcode: 28, args: [step.keep, step.lastCap] };
    case "set-user":
      return {
        opcode: 29,
        args: [step.uid, step.gid, groupsBlob(step.groups), step.setGroups ? 1 : 0, step.keepCapabilities ? 1 : 0],
      };
    case "set-capabilities":
      return { opcode: 30, args: [step.effective, step.permitted, step.inheritable, step.ambient] };
    case "no-new-privileges":
      return { opcode: 31, args: [] };
    case "restore-signals":
      return { opcode: 32, args: [] };
    case "set-oom-score":
      return { opcode: 33, args: [step.value] };
    case "execute":
      return {
        opcode: 34,
        args: [
          step.candidates.length,
          step.argv.length,
          step.env.length,
          step.reaper ? 1 : 0,
          ...step.candidates,
          ...step.argv,
          ...step.env,
        ],
      };
    case "create-cgroup":
    case "set-cgroup-limit":
    case "limit-devices":
    case "clone":
    case "write-id-map":
    case "set-rlimit":
      throw new RangeError(`step ${step.id} (${step.kind}) belongs to the parent`);
  }
}

/**
 * Encodes the child's steps. `slots` gives the number that each named descriptor has in the child; `trace` asks for a record of every call.
 * Returns the buffer; throws RangeError for a step that only the parent can do or a slot without a descriptor.
 */
export function encodePlan(plan: Plan, slots: ReadonlyMap<Slot, number>, trace: boolean): Uint8Array {
  const rows: { index: number; encoded: Encoded; args: { arg: Argument; bytes: Buffer | undefined }[] }[] = [];
  let stepsBytes = 0;
  let dataBytes = 0;
  plan.steps.forEach((step, index) => {
    if (step.lane !== "child") return;
    const encoded = encodeStep(step, slots);
    const args = encoded.args.map((arg) => {
      if (typeof arg === "string") return { arg, bytes: Buffer.from(`${arg}\0`, "utf8") };
      if (typeof arg === "object") return { arg, bytes: Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength) };
      return { arg, bytes: undefined };
    });
    stepsBytes += STEP_BYTES + args.length * ARGUMENT_BYTES;
    for (const { bytes } of args) dataBytes += aligned(bytes?.length ?? 0);
    rows.push({ index, encoded, args });
  });

  const total = HEADER_BYTES + stepsBytes + dataBytes;
  const out = Buffer.alloc(total);
  [MAGIC, VERSION, trace ? FLAG_TRACE : 0, rows.length, total, 0].forEach((word, i) => out.writeUInt32LE(word, i * 4));
  let at = HEADER_BYTES;
  let dataAt = HEADER_BYTES + stepsBytes;
  for (const { index, encoded, args } of rows) {
    [encoded.opcode, index, args.length, STEP_BYTES + args.length * ARGUMENT_BYTES].forEach((word, i) =>
      out.writeUInt32LE(word, at + i * 4),
    );
    at += STEP_BYTES;
    for (const { arg, bytes } of args) {
      if (bytes === undefined) {
        out.writeUInt32LE(ArgumentType.Integer, at);
        out.writeBigInt64LE(BigInt.asIntN(64, BigInt(arg as number | bigint)), at + 8);
      } else {
        const isString = typeof arg === "string";
        out.writeUInt32LE(isString ? ArgumentType.String : ArgumentType.Blob, at);
        out.writeUInt32LE(isString ? bytes.length - 1 : bytes.length, at + 4);
        out.writeBigUInt64LE(BigInt(dataAt), at + 8);
        bytes.copy(out, dataAt);
        // Blobs hold 32 bit words that the kernel reads in place.
        dataAt += aligned(bytes.length);
      }
      at += ARGUMENT_BYTES;
    }
  }
  return out;
}

function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}
