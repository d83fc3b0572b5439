/** Directory trees from a description, and programs in C for them: root file systems that no honest image would have. */

import { execFile } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { loadKernel } from "../../src/binding";

export type Node =
  | string
  | { link: string }
  | { copy: string; mode?: number; capabilities?: string }
  | { file: string | Uint8Array; mode?: number; owner?: [uid: number, gid: number] }
  | { directory: true; mode?: number }
  | { fifo: true; mode?: number }
  | { device: ["c" | "b", major: number, minor: number] };

/** Path below the root → what is there; a text is a file's content. Later entries replace earlier ones. */
export type TreeSpec = Readonly<Record<string, Node>>;

const run = promisify(execFile);

/** busybox' programs that tests call; each a symlink. */
const APPLETS =
  "sh cat ls id echo readlink stat mkdir chmod chown touch env grep sleep true false test head tail mount umount find sed wc rm ln pwd tr sort".split(
    " ",
  );

/** The smallest tree that a shell runs in. */
export const BUSYBOX_TREE: TreeSpec = {
  "/bin/busybox": { copy: "/bin/busybox", mode: 0o755 },
  ...Object.fromEntries(APPLETS.map((name) => [`/bin/${name}`, { link: "busybox" }])),
  "/proc": { directory: true },
  "/sys": { directory: true },
  "/dev": { directory: true },
  "/tmp": { directory: true, mode: 0o1777 },
  "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n",
  "/etc/group": "root:x:0:\nuser:x:1000:\nextra:x:1001:user\n",
};

/** Makes the tree in a directory, which is made too. Owners are root unless said. Needs root for devices, owners and capabilities. */
export async function makeTree(root: string, spec: TreeSpec): Promise<void> {
  mkdirSync(root, { recursive: true });
  for (const [path, node] of Object.entries(spec)) {
    const at = join(root, path);
    mkdirSync(dirname(at), { recursive: true });
    const isDirectory = typeof node === "object" && "directory" in node;
    if (!isDirectory) rmSync(at, { recursive: true, force: true });
    await makeNode(at, node);
  }
}

async function makeNode(at: string, node: Node): Promise<void> {
  if (typeof node === "string") return writeFileSync(at, node);
  if ("link" in node) return symlinkSync(node.link, at);
  if ("device" in node) return loadKernel().mknod(at, node.device[0], 0o666, node.device[1], node.device[2]);
  if ("fifo" in node) return loadKernel().mknod(at, "p", node.mode ?? 0o644, 0, 0);
  if ("directory" in node) mkdirSync(at, { recursive: true });
  else if ("copy" in node) copyFileSync(node.copy, at);
  else writeFileSync(at, node.file);
  if ("owner" in node && node.owner !== undefined) chownSync(at, ...node.owner);
  if (node.mode !== undefined) chmodSync(at, node.mode);
  // After mode and owner: changing those clears it.
  if ("capabilities" in node && node.capabilities !== undefined) await run("setcap", [node.capabilities, at]);
}

/** Compiles a C file to a static program, which runs in any root. */
export async function compileStatic(source: string, output: string): Promise<string> {
  await run("gcc", ["-static", "-Os", "-w", "-o", output, source]);
  return output;
}
