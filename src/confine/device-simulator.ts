/** Runs a device program as the kernel would, for tests and for showing why a device was refused. */

import {
  AND32_IMM,
  DEVICE_ACCESS,
  DEVICE_TYPE,
  EXIT,
  JEQ_IMM,
  JNE_IMM,
  JNE_REG,
  LDX_W,
  MOV32_REG,
  MOV64_IMM,
  RSH32_IMM,
} from "./device-program";

export interface DeviceRequest {
  type: "c" | "b";
  major: number;
  minor: number;
  /** Letters of "rwm", at least one. */
  access: string;
}

/** Interprets struct bpf_insn[]; true lets the access pass. Throws TypeError for instructions that are not ours. */
export function simulateDeviceProgram(program: Uint8Array, request: DeviceRequest): boolean {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const access = [...request.access].reduce((sum, letter) => sum | (DEVICE_ACCESS[letter as "r" | "w" | "m"] ?? 0), 0);
  const context = [(access << 16) | DEVICE_TYPE[request.type], request.major, request.minor];
  const registers = Array.from({ length: 11 }, () => 0);
  for (let at = 0; at * 8 < program.length; at++) {
    const opcode = code.getUint8(at * 8);
    const dst = code.getUint8(at * 8 + 1) & 15;
    const src = code.getUint8(at * 8 + 1) >> 4;
    const off = code.getInt16(at * 8 + 2, true);
    const imm = code.getInt32(at * 8 + 4, true);
    const value = registers[dst] ?? 0;
    const other = registers[src] ?? 0;
    switch (opcode) {
      case LDX_W:
        registers[dst] = context[off / 4] ?? 0;
        break;
      case MOV32_REG:
        registers[dst] = other;
        break;
      case MOV64_IMM:
        registers[dst] = imm;
        break;
      case AND32_IMM:
        registers[dst] = (value & imm) >>> 0;
        break;
      case RSH32_IMM:
        registers[dst] = value >>> imm;
        break;
      case JNE_IMM:
        if (value !== imm) at += off;
        break;
      case JEQ_IMM:
        if (value === imm) at += off;
        break;
      case JNE_REG:
        if (value !== other) at += off;
        break;
      case EXIT:
        return (registers[0] ?? 0) === 1;
      default:
        throw new TypeError(`instruction 0x${opcode.toString(16)} at ${at} is not ours`);
    }
  }
  throw new TypeError("device program runs past its end");
}
