/** Reading integers from hostile bytes: every access is checked and gives undefined instead of throwing. */

/** Random access to a file: `read` may return fewer bytes than asked for, never more. */
export interface ByteSource {
  sizeBytes: number;
  read(offset: number, length: number): Uint8Array;
}

/** A source over bytes in memory. */
export function sourceOfBytes(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: (offset, length) => bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length)),
  };
}

/** Integers of one byte order; numbers beyond 2^53 are as absent as bytes beyond the end. */
export class IntegerView {
  readonly #view: DataView;
  readonly #littleEndian: boolean;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
  }

  u16(offset: number): number | undefined {
    return this.#has(offset, 2) ? this.#view.getUint16(offset, this.#littleEndian) : undefined;
  }

  u32(offset: number): number | undefined {
    return this.#has(offset, 4) ? this.#view.getUint32(offset, this.#littleEndian) : undefined;
  }

  u64(offset: number): number | undefined {
    if (!this.#has(offset, 8)) return undefined;
    const value = this.#view.getBigUint64(offset, this.#littleEndian);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
  }

  #has(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.#view.byteLength;
  }
}

/**
 * The NUL-terminated text at `offset`, or undefined when no NUL follows within `maxBytes`: a table whose every entry points at one
 * string of megabytes must cost nothing.
 */
export function cString(bytes: Uint8Array, offset: number, maxBytes = 4096): string | undefined {
  if (offset < 0 || offset >= bytes.length) return undefined;
  const window = bytes.subarray(offset, offset + maxBytes);
  const end = window.indexOf(0);
  return end < 0 ? undefined : text(window.subarray(0, end));
}

/** Bytes as UTF-8 text; what is not UTF-8 becomes U+FFFD. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** Do the bytes at `offset` equal these? */
export function startsWith(bytes: Uint8Array, expected: readonly number[], offset = 0): boolean {
  return offset + expected.length <= bytes.length && expected.every((byte, index) => bytes[offset + index] === byte);
}
