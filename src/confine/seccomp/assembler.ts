/**
 * Assembles classic BPF from its end to its start. All jumps of classic BPF go forward, so every target is already placed
 * when a jump to it is written, and its distance is known. Conditional jumps reach 255 instructions; longer ones get a
 * helper instruction (a plain jump, or another return).
 */

/** Opcodes of linux/bpf_common.h that seccomp(2) admits and we use. */
export const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
export const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
export const JUMP = 0x05; // BPF_JMP | BPF_JA
export const JEQ = 0x15;
export const JGT = 0x25;
export const JGE = 0x35;
export const RETURN = 0x06; // BPF_RET | BPF_K

/** seccomp(2): BPF_MAXINSNS */
export const MAX_INSTRUCTIONS = 4096;

const MAX_DISTANCE = 255;

/** A place in the program, counted from its end, or a result that may be returned from wherever is convenient. */
export type Target = { at: number } | { result: number };

interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

export class Assembler {
  /** Last instruction of the program first. */
  readonly #reversed: Instruction[] = [];
  readonly #returns = new Map<number, number>();

  get length(): number {
    return this.#reversed.length;
  }

  /** A statement that goes on to `next`. */
  statement(code: number, k: number, next: Target): Target {
    this.#fallTo(next);
    return this.#push({ code, jt: 0, jf: 0, k });
  }

  /** A conditional jump. */
  branch(code: number, k: number, whenTrue: Target, whenFalse: Target): Target {
    // Placing a helper for one side moves the other side one further away: go on until both are in reach.
    for (;;) {
      const jt = this.#reach(whenTrue);
      const jf = this.#reach(whenFalse);
      if (this.#distance(jt) <= MAX_DISTANCE && this.#distance(jf) <= MAX_DISTANCE) {
        return this.#push({ code, jt: this.#distance(jt), jf: this.#distance(jf), k });
      }
    }
  }

  /** The program as sock_filter[] (little endian, 8 bytes each), entered at `start`. */
  finish(start: Target): Uint8Array {
    this.#fallTo(start);
    const bytes = new Uint8Array(this.length * 8);
    const view = new DataView(bytes.buffer);
    this.#reversed.toReversed().forEach((instruction, index) => {
      view.setUint16(index * 8, instruction.code, true);
      view.setUint8(index * 8 + 2, instruction.jt);
      view.setUint8(index * 8 + 3, instruction.jf);
      view.setUint32(index * 8 + 4, instruction.k, true);
    });
    return bytes;
  }

  #push(instruction: Instruction): { at: number } {
    this.#reversed.push(instruction);
    return { at: this.length - 1 };
  }

  /** How far the next instruction to be written would have to jump. */
  #distance(position: number): number {
    return this.length - position - 1;
  }

  /** A position within reach for `target`, making a helper when there is none. */
  #reach(target: Target): number {
    if ("result" in target) {
      const known = this.#returns.get(target.result);
      if (known !== undefined && this.#distance(known) <= MAX_DISTANCE) return known;
      const { at } = this.#push({ code: RETURN, jt: 0, jf: 0, k: target.result });
      this.#returns.set(target.result, at);
      return at;
    }
    if (this.#distance(target.at) <= MAX_DISTANCE) return target.at;
    return this.#push({ code: JUMP, jt: 0, jf: 0, k: this.#distance(target.at) }).at;
  }

  /** Makes the next instruction to be written be followed by `target`. */
  #fallTo(target: Target): void {
    const position = "result" in target ? this.#returns.get(target.result) : target.at;
    if (position !== undefined && this.#distance(position) === 0) return;
    if ("result" in target) {
      this.#returns.set(target.result, this.#push({ code: RETURN, jt: 0, jf: 0, k: target.result }).at);
    } else {
      this.#push({ code: JUMP, jt: 0, jf: 0, k: this.#distance(target.at) });
    }
  }
}
