/** What of /proc and /sys a container must not see, or must not write. */

/**
 * Files and directories that show or steer the whole machine and know nothing of namespaces. Absent ones are skipped by
 * whoever mounts. Reasons, in order: sleep states; sound hardware; interrupt counts (keystroke timing); physical memory;
 * key names of all users; latency of all processes; scheduler state of all; SCSI (a write can remove a disk: CVE-2017-16539);
 * timers with the programs that own them (two kernel generations); energy meter (PLATYPUS, CVE-2020-8694); firmware tables.
 */
const MASKED_PATHS: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/**
 * Seen, not written: PCI configuration; file system tunables; interrupt routing; kernel sysctls (core_pattern runs a host
 * program); the SysRq trigger (reboots the machine).
 */
export const DEFAULT_READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/**
 * Gives the default masked paths. `cpus` are the numbers N of /sys/devices/system/cpu/cpuN that have a `thermal_throttle`
 * directory: its counters tell of the load that neighbours make.
 */
export function defaultMaskedPaths(cpus: readonly number[]): string[] {
  return [...MASKED_PATHS, ...cpus.map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`)];
}
