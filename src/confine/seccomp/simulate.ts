/** Runs a seccomp program as the kernel would: for tests, and to show a learner what becomes of a call. */

import { AND, JEQ, JGE, JGT, JUMP, LOAD, RETURN } from "./assembler";

/** struct seccomp_data without the instruction pointer. */
export interface SeccompInput {
  nr: number;
  /** AUDIT_ARCH_…, e.g. 0xc000003e. */
  arch: number;
  /** Up to six; missing ones are 0. */
  args: readonly bigint[];
}

export interface SeccompOutcome {
  /** SECCOMP_RET_… with its data, unsigned. */
  result: number;
  /** Instructions run. */
  steps: number;
}

/** Interprets sock_filter[]; throws TypeError where the kernel's checker would refuse the program. */
export function simulateBpf(program: Uint8Array, input: SeccompInput): SeccompOutcome {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const data = seccompData(input);
  let accumulator = 0;
  let at = 0;
  for (let steps = 1; ; steps++) {
    if (at * 8 + 8 > program.length) throw new TypeError(`seccomp program runs past its end at ${at}`);
    const jt = code.getUint8(at * 8 + 2);
    const jf = code.getUint8(at * 8 + 3);
    const k = code.getUint32(at * 8 + 4, true);
    const op = code.getUint16(at * 8, true);
    at++;
    switch (op) {
      case LOAD:
        if (k % 4 !== 0) throw new TypeError(`unaligned load of ${k}`);
        accumulator = data.getUint32(k, true);
        break;
      case AND:
        accumulator = (accumulator & k) >>> 0;
        break;
      case JUMP:
        at += k;
        break;
      case JEQ:
        at += accumulator === k ? jt : jf;
        break;
      case JGT:
        at += accumulator > k ? jt : jf;
        break;
      case JGE:
        at += accumulator >= k ? jt : jf;
        break;
      case RETURN:
        return { result: k, steps };
      default:
        throw new TypeError(`instruction 0x${op.toString(16)} at ${at - 1} is not ours`);
    }
  }
}

function seccompData(input: SeccompInput): DataView {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, input.nr, true);
  data.setUint32(4, input.arch, true);
  for (let index = 0; index < 6; index++) data.setBigUint64(16 + 8 * index, input.args[index] ?? 0n, true);
  return data;
}
