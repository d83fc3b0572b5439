/** What a container is, seen from inside by its own busybox: one flat list of facts, the same for any runtime. */

/** Needs a busybox; prints sections that `parseObservation` reads. */
export const OBSERVE_SCRIPT = String.raw`
section() { echo "=== $1"; }
section env; env
section fds; for fd in /proc/self/fd/*; do echo "\${fd##*/}"; done
section ns; ls -l /proc/self/ns | sed -n 's/.* \([a-z_]*\) -> .*\[\([0-9]*\)\]/\1 \2/p'
section mounts; cat /proc/self/mountinfo
section status; cat /proc/self/status
section limits; cat /proc/self/limits
section dev; stat -c '%n %F %a %u:%g %t:%T' /dev/*
section links; for link in /dev/*; do if [ -L "$link" ]; then echo "$link $(readlink "$link")"; fi; done
section cgroups; cd /sys/fs/cgroup; for file in */pids.max pids.max */memory.limit_in_bytes memory.max */cpu.shares cpu.weight */cpu.cfs_quota_us cpu.max; do if [ -e "$file" ]; then echo "\${file##*/} $(cat "$file")"; fi; done
if [ -e devices/devices.list ]; then echo "devices $(sort devices/devices.list | tr '\n' ',')"; fi
section place; cd "$OLDPWD"; echo "cwd $PWD"; echo "umask $(umask)"; echo "pid $$"; echo "oom_score_adj $(cat /proc/self/oom_score_adj)"; echo "hostname_length $(hostname | tr -d '\n' | wc -c)"
echo "session $(cut -d ' ' -f 6 /proc/1/stat)"
section sysctl; for key in net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range kernel/domainname; do echo "$key $(tr '\t' ' ' < /proc/sys/$key)"; done
section net; ls /sys/class/net; cat /sys/class/net/lo/flags
section files; for file in /etc/hosts /etc/hostname /etc/resolv.conf /run/.containerenv /.dockerenv; do if [ -e "$file" ]; then echo "$file $(stat -c '%F %a' "$file")"; fi; done
section end
`.replaceAll("\\${", "${");

export type Facts = Map<string, string>;

/** Sections of the script's output, by name. */
function sections(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of output.split("\n")) {
    const name = /^=== (\w+)$/.exec(line)?.[1];
    if (name === undefined) lines.push(line);
    else found.set(name, (lines = []));
  }
  return found;
}

/** Facts by name; values that are random by nature (ids, device numbers of mounts) are left out. `hostNamespaces`: inode by name. */
export function parseObservation(output: string, hostNamespaces: ReadonlyMap<string, string>): Facts {
  const parts = sections(output);
  if (!parts.has("end")) throw new Error(`the script did not come to its end:\n${output}`);
  const facts: Facts = new Map();
  const words = (name: string, prefix: string): void => {
    for (const line of parts.get(name) ?? []) {
      const space = line.indexOf(" ");
      if (space > 0) facts.set(prefix + line.slice(0, space), line.slice(space + 1));
    }
  };
  for (const line of parts.get("env") ?? []) {
    const [name, value] = [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)];
    // The shell's own, and the random name.
    if (name !== "" && !["SHLVL", "PWD", "OLDPWD"].includes(name))
      facts.set(`env ${name}`, name === "HOSTNAME" ? "the short id" : value);
  }
  facts.set("open descriptors", (parts.get("fds") ?? []).filter((fd) => fd !== "" && Number(fd) <= 2).join(" "));
  facts.set("descriptors above 2", (parts.get("fds") ?? []).filter((fd) => Number(fd) > 3).join(" "));
  for (const line of parts.get("ns") ?? []) {
    const [name = "", inode = ""] = line.split(" ");
    if (name !== "") facts.set(`namespace ${name}`, hostNamespaces.get(name) === inode ? "the host's" : "its own");
  }
  for (const line of parts.get("mounts") ?? []) addMount(facts, line);
  for (const line of parts.get("status") ?? []) {
    const match = /^(Cap\w+|NoNewPrivs|Seccomp|Seccomp_filters|Uid|Gid|Groups|SigBlk|SigIgn|Umask|Speculation\w*):\s*(.*)$/.exec(
      line,
    );
    if (match !== null) facts.set(`status ${match[1]}`, (match[2] ?? "").trim().replaceAll("\t", " "));
  }
  for (const line of parts.get("limits") ?? []) {
    const match = /^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)/.exec(line);
    if (match !== null) facts.set(`rlimit ${match[1]?.slice(4)}`, `${match[2]} ${match[3]}`);
  }
  words("dev", "node ");
  words("links", "link ");
  words("cgroups", "cgroup ");
  words("place", "");
  words("sysctl", "sysctl ");
  words("files", "file ");
  facts.set("network interfaces", (parts.get("net") ?? []).filter((line) => line !== "").join(" "));
  return facts;
}

/** "mount /proc" → "proc nosuid,nodev,noexec,relatime rw | rw": type, options of the mount, of the file system. */
function addMount(facts: Facts, line: string): void {
  const [left = "", right = ""] = line.split(" - ");
  const [, , , root = "", target = "", options = ""] = left.split(" ");
  const [fstype = "", , superOptions = ""] = right.split(" ");
  if (target === "") return;
  const kept = superOptions
    .split(",")
    .filter(
      (option) =>
        !/^(lowerdir|upperdir|workdir|uuid|index|xino|metacopy|redirect_dir|volatile|fsync|nfs_export|userxattr)/.test(option),
    );
  const shared = left
    .split(" ")
    .slice(6)
    .filter((field) => field.includes(":"))
    .map((field) => field.split(":")[0])
    .join(" ");
  // A store on a tmpfs: what is bound from it has a path there, where the container's own /dev has one name.
  const onDisk =
    (["ext4", "xfs", "btrfs", "overlay"].includes(fstype) && target !== "/") || (fstype === "tmpfs" && root.lastIndexOf("/") > 0);
  const from = fstype === "tmpfs" && root !== "/" && !onDisk ? ` of ${root}` : "";
  const superText = onDisk || fstype.startsWith("cgroup") ? "" : ` | ${kept.join(",")}`;
  facts.set(
    `mount ${target}`,
    `${onDisk ? "file of the host" : fstype}${from} ${options}${superText}${shared === "" ? "" : ` ${shared}`}`,
  );
}
