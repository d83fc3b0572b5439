/**
 * What `glassbox clone` does: one clone(2) with chosen namespaces and a few mounts, then a command. No image, no root of its own,
 * no cgroup: the smallest thing that can be called a container, for looking at one namespace at a time.
 */

/** As /proc/PID/ns names them. */
export type CloneNamespace = "mnt" | "pid" | "uts" | "ipc" | "net" | "user" | "cgroup";

export interface CloneMount {
  fstype: "tmpfs" | "proc" | "sysfs" | "mqueue";
  /** Absolute, normalised; resolved by the kernel in the new mount namespace, which is still full of the host's files. */
  target: string;
}

export interface CloneOptions {
  /** New namespaces, in the order given, each once; empty is a plain child. */
  namespaces: CloneNamespace[];
  /** Mounts made by the child, in order; only with "mnt" among the namespaces. */
  mounts: CloneMount[];
  /** Leave the propagation of "/" as the host has it: where that is shared, the mounts appear on the host too. */
  shared: boolean;
  /** Command and arguments, at least the command; looked up in PATH when it has no slash. */
  args: string[];
}
