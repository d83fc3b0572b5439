/** OCI mounts → steps: option words become flags and data, cgroup mounts become what this host's cgroup layout needs. */

import { GlassboxError } from "../base/errors";
import type { HostFacts } from "../base/host-facts";
import type { CgroupPath } from "./cgroup";
import type { OciMount } from "./oci";
import type { BindMount, MountFilesystem, Step, TakeMount } from "./steps";

/** mount(8) words for mount(2) flags; "-" clears. */
const FLAG_WORDS: Readonly<Record<string, string>> = {
  ro: "MS_RDONLY",
  rw: "-MS_RDONLY",
  nosuid: "MS_NOSUID",
  suid: "-MS_NOSUID",
  nodev: "MS_NODEV",
  dev: "-MS_NODEV",
  noexec: "MS_NOEXEC",
  exec: "-MS_NOEXEC",
  sync: "MS_SYNCHRONOUS",
  dirsync: "MS_DIRSYNC",
  noatime: "MS_NOATIME",
  nodiratime: "MS_NODIRATIME",
  relatime: "MS_RELATIME",
  strictatime: "MS_STRICTATIME",
};

const ATTRIBUTE_OF_FLAG: Readonly<Record<string, string>> = {
  MS_RDONLY: "MOUNT_ATTR_RDONLY",
  MS_NOSUID: "MOUNT_ATTR_NOSUID",
  MS_NODEV: "MOUNT_ATTR_NODEV",
  MS_NOEXEC: "MOUNT_ATTR_NOEXEC",
  MS_NOATIME: "MOUNT_ATTR_NOATIME",
  MS_NODIRATIME: "MOUNT_ATTR_NODIRATIME",
  MS_STRICTATIME: "MOUNT_ATTR_STRICTATIME",
};

const PROPAGATION_WORDS: Readonly<Record<string, string>> = {
  private: "MS_PRIVATE",
  rprivate: "MS_PRIVATE",
  slave: "MS_SLAVE",
  rslave: "MS_SLAVE",
  shared: "MS_SHARED",
  rshared: "MS_SHARED",
};

/** Slots of glassbox-init. */
const MAX_SHARED_BINDS = 16;

interface ParsedOptions {
  flags: string[];
  data: string[];
  propagation: string;
  recursive: boolean;
  /** runtime-spec: "ro" is for the mount itself, "rro" for those below it too. */
  recursiveReadonly: boolean;
  bind: boolean;
  /** What an absent bind target is: the source's kind, told by the caller of compile. */
  create: BindMount["createTarget"];
}

function parseOptions(options: readonly string[]): ParsedOptions {
  const parsed: ParsedOptions = {
    flags: [],
    data: [],
    propagation: "MS_PRIVATE",
    recursive: false,
    recursiveReadonly: false,
    bind: false,
    create: "directory",
  };
  for (const word of options) {
    const flag = FLAG_WORDS[word === "rro" ? "ro" : word];
    if (word === "rro") parsed.recursiveReadonly = true;
    const propagation = PROPAGATION_WORDS[word];
    if (flag !== undefined) {
      parsed.flags = parsed.flags.filter((known) => known !== flag.replace("-", ""));
      if (!flag.startsWith("-")) parsed.flags.push(flag);
    } else if (propagation !== undefined) {
      parsed.propagation = propagation;
    } else if (word === "bind" || word === "rbind") {
      parsed.bind = true;
      parsed.recursive = word === "rbind";
    } else if (word === "x-glassbox.target=file") {
      parsed.create = "file";
    } else {
      parsed.data.push(word);
    }
  }
  return parsed;
}

function filesystem(mount: OciMount, parsed: ParsedOptions, change: Partial<MountFilesystem> = {}): MountFilesystem {
  return {
    id: `mount-${mount.destination}`,
    kind: "mount-filesystem",
    lane: "child",
    phase: "rootfs",
    fstype: mount.type ?? "none",
    source: mount.source ?? mount.type ?? "none",
    target: mount.destination,
    flags: parsed.flags,
    data: parsed.data.join(","),
    createTarget: true,
    // An image whose /proc or /dev is a symlink must not send our mounts elsewhere (CVE-2019-16884, CVE-2026-41579).
    noSymlinks: /^\/(proc|sys|dev)(\/|$)/.test(mount.destination),
    ignore: mount.type === "mqueue" ? ["ENODEV"] : [],
    ...change,
  };
}

/** /sys/fs/cgroup: one cgroup2 mount, or a tmpfs with one mount for each v1 hierarchy. Read-only unless the config says rw. */
function cgroupMount(mount: OciMount, parsed: ParsedOptions, facts: HostFacts, joined: readonly CgroupPath[]): Step[] {
  const { mode, v1, v2 } = facts.cgroup;
  // A hierarchy that the container is not in would show the host's own cgroups.
  const shown = v1.filter(({ controllers }) => joined.some(({ hierarchy }) => hierarchy === controllers.join(",")));
  if (mode === "none" || joined.length === 0) return [];
  if (mode === "unified") return [filesystem({ ...mount, type: "cgroup2", source: "cgroup" }, parsed)];
  const root: OciMount = { ...mount, type: "tmpfs", source: "tmpfs" };
  const steps: Step[] = [
    filesystem(root, { ...parsed, flags: parsed.flags.filter((flag) => flag !== "MS_RDONLY"), data: ["mode=755"] }),
  ];
  for (const { controllers } of shown) {
    const name = controllers.join(",").replace(/^name=/, "");
    steps.push(
      filesystem(
        { destination: `${mount.destination}/${name}`, type: "cgroup", source: "cgroup" },
        { ...parsed, data: controllers },
      ),
    );
  }
  if (v2 !== undefined) {
    steps.push(filesystem({ destination: `${mount.destination}/unified`, type: "cgroup2", source: "cgroup" }, parsed));
  }
  if (parsed.flags.includes("MS_RDONLY")) {
    steps.push({
      id: `make-readonly-${mount.destination}`,
      kind: "make-readonly",
      lane: "child",
      phase: "rootfs",
      path: mount.destination,
    });
  }
  return steps;
}

/** Binds whose mounts go both ways, in the order of the config: the index is the slot. */
function sharedBinds(mounts: readonly OciMount[]): OciMount[] {
  const shared = mounts.filter(({ options = [] }) => options.includes("rshared") || options.includes("shared"));
  if (shared.length <= MAX_SHARED_BINDS) return shared;
  throw new GlassboxError({
    code: "bad-config",
    what: `more than ${MAX_SHARED_BINDS} mounts with shared propagation`,
    hint: { en: "mount a directory above them, once", zh: "改为只挂载一次它们的上级目录" },
  });
}

/** The steps that take the sources of shared binds while the host's mounts are still shared. */
export function takeMounts(mounts: readonly OciMount[]): TakeMount[] {
  return sharedBinds(mounts).flatMap(({ source, destination, options = [] }, slot) =>
    source === undefined
      ? []
      : [
          {
            id: `take-${destination}`,
            kind: "take-mount",
            lane: "child",
            phase: "rootfs",
            source,
            recursive: options.includes("rbind"),
            slot,
          },
        ],
  );
}

/**
 * Compiles one mount of an OCI config. A target of the kind that does not fit (a file over a directory) is left to the kernel's ENOTDIR.
 * Throws "bad-config" for a bind without source.
 */
export function compileMount(
  mount: OciMount,
  facts: HostFacts,
  joined: readonly CgroupPath[],
  mounts: readonly OciMount[],
): Step[] {
  const parsed = parseOptions(mount.options ?? []);
  if (mount.type === "bind" || parsed.bind) {
    if (mount.source === undefined) {
      throw new GlassboxError({ code: "bad-config", what: `mount ${mount.destination}: a bind needs a source` });
    }
    return [
      {
        id: `bind-${mount.destination}`,
        kind: "bind-mount",
        lane: "child",
        phase: "rootfs",
        source: mount.source,
        target: mount.destination,
        recursive: parsed.recursive,
        attributes: parsed.flags.flatMap((flag) => ATTRIBUTE_OF_FLAG[flag] ?? []),
        ...(parsed.recursive && parsed.flags.includes("MS_RDONLY") && !parsed.recursiveReadonly ? { attributesOnTop: true } : {}),
        propagation: parsed.propagation,
        createTarget: parsed.create,
        ...(parsed.propagation === "MS_SHARED" ? { slot: sharedBinds(mounts).indexOf(mount) } : {}),
      },
    ];
  }
  if (mount.type === "cgroup") return cgroupMount(mount, parsed, facts, joined);
  return [filesystem(mount, parsed)];
}
