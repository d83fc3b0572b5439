/** What strace saw of a start, and what the narration says of it, in one notation. */

/** The calls that make a container; any of them that is made and not told would be a lie. */
export const TOLD_CALLS = [
  ..."clone clone3 fork vfork mount umount2 move_mount open_tree mount_setattr fsopen fsconfig fsmount fspick pivot_root chroot setns unshare".split(
    " ",
  ),
  ..."capset seccomp sethostname setdomainname prlimit64 setrlimit write".split(" "),
];

export interface Seen {
  lane: "parent" | "child";
  /** Canonical text: `unshare(CLONE_NEWCGROUP) = 0`. */
  call: string;
}

/** Structs that the narration names without their fields; the fields are compared on their own. */
const OPAQUE = new Set(["capset", "seccomp", "mount_setattr", "clone3"]);

/** Order of flags is notation, not fact. */
function sortFlags(text: string): string {
  return text.replace(/\b[A-Z][A-Z0-9_]*(?:\|[A-Z][A-Z0-9_]*)+/g, (flags) => flags.split("|").sort().join("|"));
}

function canonical(call: string): string {
  const name = call.slice(0, call.indexOf("("));
  let text = sortFlags(call).replaceAll(/(\d+)\*(\d+)/g, (_, a: string, b: string) => String(Number(a) * Number(b)));
  if (OPAQUE.has(name)) text = text.replaceAll(/\{[^{}]*\}/g, "{}");
  return text;
}

/** Namespace flags of a clone, sorted: the rest says how the caller shares its memory until exec. */
function cloneText(call: string): string {
  const flags = /CLONE_[A-Z0-9_|]*/.exec(call)?.[0].split("|").sort().join("|") ?? "";
  return `clone3({${flags}}) = ${/= (\d+)\s*$/.exec(call)?.[1] ?? "?"}`;
}

interface Line {
  pid: number;
  call: string;
}

/** Whole lines of `strace -f -o`: interrupted ones are put together where they ended. */
function wholeLines(log: string): Line[] {
  const pending = new Map<number, string>();
  const lines: Line[] = [];
  for (const text of log.split("\n")) {
    const match = /^(\d+) +(.*)$/.exec(text);
    if (match === null) continue;
    const pid = Number(match[1]);
    let call = match[2] ?? "";
    if (call.startsWith("---") || call.startsWith("+++")) continue;
    if (call.endsWith("<unfinished ...>")) {
      pending.set(pid, call.slice(0, -"<unfinished ...>".length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call);
    if (resumed !== null) {
      call = (pending.get(pid) ?? "") + (resumed[1] ?? "");
      pending.delete(pid);
    }
    lines.push({ pid, call });
  }
  return lines;
}

export interface Start {
  seen: Seen[];
  /** `effective=…` of the last capset, by name. */
  capabilities: string[];
  /** Instructions of the seccomp filter. */
  filterLength: number | undefined;
  /** Attributes that each mount_setattr set. */
  mountAttributes: string[];
}

/**
 * The start in an `strace -f -y -s …` log of glassbox: everything that the told calls did between the command's begin and the payload's execve,
 * in all its processes but Node's own business (its threads, its stack limit, its pipes).
 */
export function readStrace(log: string): Start {
  const lines = wholeLines(log);
  const main = lines[0]!.pid;
  const threads = new Set([main]);
  const start: Start = { seen: [], capabilities: [], filterLength: undefined, mountAttributes: [] };
  for (const { pid, call } of lines) {
    const name = call.slice(0, call.indexOf("("));
    if (!threads.has(pid) && name === "execve" && call.endsWith("= 0")) break;
    if (!TOLD_CALLS.includes(name)) continue;
    if (call.includes("CLONE_THREAD")) {
      threads.add(Number(/= (\d+)\s*$/.exec(call)?.[1]));
      continue;
    }
    const lane = threads.has(pid) ? "parent" : "child";
    if (lane === "parent" && name === "prlimit64" && call.startsWith("prlimit64(0,")) continue;
    if (name === "write" && !/^write\(\d+<(\/sys\/fs\/cgroup|\/proc\/(sys\/|\d+\/(uid_map|gid_map|setgroups)))/.test(call))
      continue;
    collect(start, name, call);
    start.seen.push({ lane, call: straceText(name, call, lane) });
  }
  return start;
}

function collect(start: Start, name: string, call: string): void {
  if (name === "capset")
    start.capabilities = [...(/effective=([^,]*)/.exec(call)?.[1] ?? "").matchAll(/CAP_[A-Z_]+/g)].map(([cap]) => cap);
  if (name === "seccomp") start.filterLength = Number(/len=(\d+)/.exec(call)?.[1]);
  if (name === "mount_setattr") start.mountAttributes.push(/\{[^{}]*\}/.exec(call)?.[0] ?? "");
}

function straceText(name: string, call: string, lane: Seen["lane"]): string {
  if (name === "clone3" || name === "clone") return cloneText(call);
  // The parent's narration names the file, the child's the descriptor that the parent gave it.
  let text = name === "write" && lane === "parent" ? call.replace(/^write\(\d+</, "write(<") : call;
  text = text.replaceAll(/(\d|AT_FDCWD)<[^>]*>(\(deleted\))?/g, "$1").replace(/= (\d+)<[^>]*>$/, "= $1");
  text = text.replace(/\)\s+= /, ") = ");
  return canonical(text);
}

/** The calls of `--explain=calls` printed without wrapping (COLUMNS large), those of TOLD_CALLS. */
export function readNarration(text: string): Seen[] {
  const seen: Seen[] = [];
  let lane: Seen["lane"] = "parent";
  for (const line of text.split("\n")) {
    const title = /^ *\d+ (parent|child) /.exec(line);
    if (title !== null) lane = title[1] as Seen["lane"];
    const match = /^ +(\w+\(.*\) = .*?)(?:  \(may fail here\))? +[\d,.]+ µs$/.exec(line);
    if (match === null) continue;
    const call = match[1] as string;
    const name = call.slice(0, call.indexOf("("));
    if (!TOLD_CALLS.includes(name)) continue;
    // Barriers between the two lanes are bytes in a socket, not settings.
    if (name === "write" && call.includes('"\\0", 1)')) continue;
    seen.push({ lane, call: name === "clone3" || name === "clone" ? cloneText(call) : canonical(call) });
  }
  return seen;
}
