/** Tars for tests, honest and hostile: written independently of the code under test, and able to write what no honest writer would. */

export interface FixtureEntry {
  name: string | Buffer;
  /** Tar's type flag; default "0". */
  type?: string;
  data?: string | Buffer;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  major?: number;
  minor?: number;
  /** Where the name is written: in the header, or where it overrides a harmless one there. */
  via?: "header" | "pax" | "gnu" | "prefix" | "sparse";
  /** pax records in front of the entry. */
  pax?: Record<string, string | Buffer>;
  /** Says another size than the data has. */
  size?: number;
  /** Last word on the header's bytes; the checksum is made after it unless `keepChecksum`. */
  edit?: (header: Buffer) => void;
  keepChecksum?: boolean;
}

export const TAR_EOF = Buffer.alloc(1024);

/** The archive, with its two closing blocks unless `open`. */
export function tar(entries: FixtureEntry[], open = false): Buffer {
  const parts = entries.map(entryBytes);
  return Buffer.concat(open ? parts : [...parts, TAR_EOF]);
}

function entryBytes(entry: FixtureEntry): Buffer {
  const via = entry.via ?? "header";
  const name = Buffer.isBuffer(entry.name) ? entry.name : Buffer.from(entry.name);
  const data = Buffer.from(entry.data ?? "");
  const link = entry.link ?? "";
  const parts: Buffer[] = [];
  const pax: Record<string, string | Buffer> = { ...entry.pax };
  let headerName = name;
  let headerLink = Buffer.from(link);
  if (via === "pax") {
    headerName = Buffer.from("harmless");
    pax.path = name;
    if (link !== "") {
      pax.linkpath = link;
      headerLink = Buffer.from("harmless-target");
    }
  }
  if (via === "sparse") {
    headerName = Buffer.from("GNUSparseFile.0/harmless");
    Object.assign(pax, { "GNU.sparse.name": name, "GNU.sparse.size": String(data.length), "GNU.sparse.map": `0,${data.length}` });
  }
  if (via === "gnu") {
    headerName = Buffer.from("harmless");
    parts.push(block("././@LongLink", "L", Buffer.concat([name, Buffer.alloc(1)])));
    if (link !== "") {
      headerLink = Buffer.from("harmless-target");
      parts.push(block("././@LongLink", "K", Buffer.from(`${link}\0`)));
    }
  }
  if (Object.keys(pax).length > 0) {
    parts.push(block("PaxHeaders/x", "x", Buffer.concat(Object.entries(pax).map(([key, value]) => paxRecord(key, value)))));
  }
  let prefix = Buffer.alloc(0);
  if (via === "prefix") {
    const slash = name.lastIndexOf(0x2f);
    prefix = Buffer.from(name.subarray(0, slash));
    headerName = Buffer.from(name.subarray(slash + 1));
  }
  const header = headerBlock({ ...entry, name: headerName, data, link: "" });
  prefix.copy(header, 345);
  headerLink.subarray(0, 100).copy(header, 157);
  entry.edit?.(header);
  if (entry.keepChecksum !== true) seal(header);
  parts.push(header, padded(data));
  return Buffer.concat(parts);
}

/** A header and its data. */
export function block(name: string, type: string, data: Buffer): Buffer {
  const header = headerBlock({ name, type, data });
  seal(header);
  return Buffer.concat([header, padded(data)]);
}

export function paxRecord(key: string, value: string | Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

function headerBlock(entry: FixtureEntry): Buffer {
  const header = Buffer.alloc(512);
  const name = Buffer.from(entry.name as string);
  name.subarray(0, 100).copy(header);
  const octal = (at: number, width: number, value: number): number =>
    header.write(value.toString(8).padStart(width - 1, "0"), at, "latin1");
  octal(100, 8, entry.mode ?? (entry.type === "5" ? 0o755 : 0o644));
  octal(108, 8, entry.uid ?? 0);
  octal(116, 8, entry.gid ?? 0);
  octal(124, 12, entry.size ?? Buffer.from(entry.data ?? "").length);
  octal(136, 12, entry.mtime ?? 1_000_000_000);
  header.write(entry.type ?? "0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  octal(329, 8, entry.major ?? 0);
  octal(337, 8, entry.minor ?? 0);
  return header;
}

/** Writes the checksum. */
export function seal(header: Buffer): void {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}
