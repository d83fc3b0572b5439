/**
 * Compiles device rules into the eBPF program that stands in for devices.allow on cgroup v2 (BPF_PROG_TYPE_CGROUP_DEVICE).
 * It calls no helper function, so it needs no particular license string to load.
 */

import type { OciDeviceRule } from "../plan/oci";
import { type DeviceException, resolveDeviceRules } from "./devices";

/** Opcodes of linux/bpf.h. */
export const LDX_W = 0x61; // dst = *(u32 *)(src + off)
export const MOV32_REG = 0xbc;
export const MOV64_IMM = 0xb7;
export const AND32_IMM = 0x54;
export const RSH32_IMM = 0x74;
export const JNE_IMM = 0x55;
export const JNE_REG = 0x5d;
export const JEQ_IMM = 0x15;
export const EXIT = 0x95;

/** struct bpf_cgroup_dev_ctx: access_type (access << 16 | type), major, minor; u32 each. */
const CONTEXT_ACCESS_TYPE = 0;
const CONTEXT_MAJOR = 4;
const CONTEXT_MINOR = 8;

/** BPF_DEVCG_DEV_… and BPF_DEVCG_ACC_… */
export const DEVICE_TYPE = { b: 1, c: 2 } as const;
export const DEVICE_ACCESS = { m: 1, r: 2, w: 4 } as const;

const R0 = 0; // the answer: 1 lets pass
const R1 = 1; // context, then scratch
const R2 = 2; // type
const R3 = 3; // access
const R4 = 4; // major
const R5 = 5; // minor

interface Instruction {
  code: number;
  dst: number;
  src: number;
  off: number;
  imm: number;
}

const op = (code: number, dst: number, src: number, off: number, imm: number): Instruction => ({
  code,
  dst,
  src,
  off,
  imm,
});

/**
 * Compiles rules to struct bpf_insn[] as bytes, 8 each, for Kernel.attachDeviceProgram. An access passes a closed list when
 * one exception covers all of it, and is stopped by an open list when one exception touches any of it, as on v1.
 * Throws "bad-device-rule".
 */
export function compileDeviceProgram(rules: readonly OciDeviceRule[]): Uint8Array {
  const { allowByDefault, exceptions } = resolveDeviceRules(rules);
  const program: Instruction[] = [
    op(LDX_W, R2, R1, CONTEXT_ACCESS_TYPE, 0),
    op(MOV32_REG, R3, R2, 0, 0),
    op(AND32_IMM, R2, 0, 0, 0xffff),
    op(RSH32_IMM, R3, 0, 0, 16),
    op(LDX_W, R4, R1, CONTEXT_MAJOR, 0),
    op(LDX_W, R5, R1, CONTEXT_MINOR, 0),
    ...exceptions.flatMap((exception) => exceptionBlock(exception, allowByDefault)),
    op(MOV64_IMM, R0, 0, 0, allowByDefault ? 1 : 0),
    op(EXIT, 0, 0, 0, 0),
  ];
  return encode(program);
}

/** Tests one exception; whatever does not match skips to the end of the block. */
function exceptionBlock(exception: DeviceException, allowByDefault: boolean): Instruction[] {
  const tests: Instruction[] = [op(JNE_IMM, R2, 0, 0, DEVICE_TYPE[exception.type])];
  if (exception.major !== undefined) tests.push(op(JNE_IMM, R4, 0, 0, exception.major));
  if (exception.minor !== undefined) tests.push(op(JNE_IMM, R5, 0, 0, exception.minor));
  if (exception.access !== "rwm") {
    const bits = [...exception.access].reduce((sum, letter) => sum | DEVICE_ACCESS[letter as "r" | "w" | "m"], 0);
    tests.push(op(MOV32_REG, R1, R3, 0, 0), op(AND32_IMM, R1, 0, 0, bits));
    tests.push(allowByDefault ? op(JEQ_IMM, R1, 0, 0, 0) : op(JNE_REG, R1, R3, 0, 0));
  }
  const block = [...tests, op(MOV64_IMM, R0, 0, 0, allowByDefault ? 0 : 1), op(EXIT, 0, 0, 0, 0)];
  return block.map((instruction, index) =>
    JUMPS.has(instruction.code) ? { ...instruction, off: block.length - index - 1 } : instruction,
  );
}

const JUMPS = new Set([JNE_IMM, JNE_REG, JEQ_IMM]);

function encode(program: Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, dst, src, off, imm }] of program.entries()) {
    view.setUint8(index * 8, code);
    view.setUint8(index * 8 + 1, (src << 4) | dst);
    view.setInt16(index * 8 + 2, off, true);
    view.setInt32(index * 8 + 4, imm, true);
  }
  return bytes;
}
