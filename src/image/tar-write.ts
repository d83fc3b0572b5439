/** Writes tar headers: ustar, with a pax header in front when ustar cannot hold something. The same input gives the same bytes. */

export type TarType = "file" | "hardlink" | "symlink" | "char-device" | "block-device" | "directory" | "fifo";

export interface TarHeader {
  /** Bytes, as file names need not be UTF-8. A directory's gets its slash here. */
  path: Buffer;
  type: TarType;
  mode: number;
  uid: number;
  gid: number;
  /** Of a file; anything else has none. */
  sizeBytes: number;
  /** Whole seconds, as Docker's layers have them. */
  mtimeSeconds: number;
  link?: Buffer;
  devMajor?: number;
  devMinor?: number;
  /** Sorted by the caller. */
  xattrs?: readonly [string, Uint8Array][];
}

const FLAGS: Record<TarType, string> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "char-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};

const BLOCK = 512;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/** What ends an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

/** Zeros that fill up the last block of `sizeBytes` of data. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** The header block, with a pax header in front of it when needed. */
export function tarHeader(header: TarHeader): Buffer {
  const path = header.type === "directory" ? Buffer.concat([header.path, Buffer.from("/")]) : header.path;
  const link = header.link ?? Buffer.alloc(0);
  const split = splitPath(path);
  const records: Buffer[] = [];
  if (split === undefined) records.push(record("path", path));
  if (link.length > 100) records.push(record("linkpath", link));
  if (header.sizeBytes > MAX_OCTAL_11) records.push(record("size", Buffer.from(String(header.sizeBytes))));
  if (header.uid > MAX_OCTAL_7) records.push(record("uid", Buffer.from(String(header.uid))));
  if (header.gid > MAX_OCTAL_7) records.push(record("gid", Buffer.from(String(header.gid))));
  const oddTime = header.mtimeSeconds < 0 || header.mtimeSeconds > MAX_OCTAL_11;
  if (oddTime) records.push(record("mtime", Buffer.from(String(header.mtimeSeconds))));
  for (const [name, value] of header.xattrs ?? []) records.push(record(`SCHILY.xattr.${name}`, value));
  const plain = block(FLAGS[header.type], split ?? { prefix: Buffer.alloc(0), name: path.subarray(0, 100) }, {
    ...header,
    link,
    mtimeSeconds: oddTime ? 0 : header.mtimeSeconds,
  });
  if (records.length === 0) return plain;
  const body = Buffer.concat(records);
  const name = { prefix: Buffer.alloc(0), name: Buffer.from("PaxHeaders/entry") };
  const pax = block("x", name, {
    ...header,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeSeconds: 0,
    sizeBytes: body.length,
    link: Buffer.alloc(0),
  });
  return Buffer.concat([pax, body, tarPadding(body.length), plain]);
}

/** ustar cuts a path at a slash: 155 bytes before it, 100 after. undefined when that cannot be, or the name is not plain ASCII. */
function splitPath(path: Buffer): { prefix: Buffer; name: Buffer } | undefined {
  for (const byte of path) if (byte >= 0x80) return undefined;
  if (path.length <= 100) return { prefix: Buffer.alloc(0), name: path };
  // The slash that ends a directory's name cannot be the place.
  for (let at = Math.min(155, path.length - 2); at > 0; at--) {
    if (path[at] === 0x2f && path.length - at - 1 <= 100) return { prefix: path.subarray(0, at), name: path.subarray(at + 1) };
  }
  return undefined;
}

function block(
  flag: string,
  path: { prefix: Buffer; name: Buffer },
  header: Omit<TarHeader, "path" | "type"> & { link: Buffer },
): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  path.name.copy(bytes, 0);
  octal(bytes, 100, 8, header.mode & 0o7777);
  octal(bytes, 108, 8, header.uid > MAX_OCTAL_7 ? 0 : header.uid);
  octal(bytes, 116, 8, header.gid > MAX_OCTAL_7 ? 0 : header.gid);
  octal(bytes, 124, 12, header.sizeBytes > MAX_OCTAL_11 ? 0 : header.sizeBytes);
  octal(bytes, 136, 12, header.mtimeSeconds);
  bytes.fill(0x20, 148, 156);
  bytes.write(flag, 156, "latin1");
  header.link.subarray(0, 100).copy(bytes, 157);
  bytes.write("ustar\x0000", 257, "latin1");
  octal(bytes, 329, 8, header.devMajor ?? 0);
  octal(bytes, 337, 8, header.devMinor ?? 0);
  path.prefix.copy(bytes, 345);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

function octal(bytes: Buffer, at: number, length: number, value: number): void {
  bytes.write(value.toString(8).padStart(length - 1, "0"), at, length - 1, "latin1");
}

/** "LENGTH key=value\n", where LENGTH counts itself. */
function record(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}
