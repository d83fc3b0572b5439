/**
 * Why the steps stand where they stand. Each rule is checked against every compiled plan by a test, and told by the narrator's "why":
 * whoever moves a step meets the reason first.
 */

import type { Plan, Step, StepKind } from "./steps";

export interface OrderRule {
  /** Every step that matches `before` comes before every step that matches `after`. */
  before: StepKind | ((step: Step) => boolean);
  after: StepKind | ((step: Step) => boolean);
  reason: string;
  source: string;
}

const isMountAt = (path: string) => (step: Step) => step.kind === "mount-filesystem" && step.target === path;
const isRootReadonly = (step: Step): boolean => step.kind === "make-readonly" && step.path === "/";
const isProcReadonly = (step: Step): boolean => step.kind === "make-readonly" && step.path.startsWith("/proc/");
const isRelease = (step: Step): boolean => step.kind === "synchronize" && step.point === "release";
const isPayloadUser = (step: Step): boolean => step.kind === "set-user" && step.phase === "identity";

export const ORDER_RULES: readonly OrderRule[] = [
  {
    before: "create-cgroup",
    after: "clone",
    reason: "a v2 cgroup must exist to be born into, and limits hold from the first instruction",
    source: "clone(2) CLONE_INTO_CGROUP",
  },
  {
    before: "set-cgroup-limit",
    after: "clone",
    reason: "nothing of the container runs without its limits",
    source: "cgroups(7)",
  },
  {
    before: "limit-devices",
    after: "clone",
    reason: "no window in which a device node of the image opens",
    source: "cgroup-v1/devices",
  },
  {
    before: "write-id-map",
    after: isRelease,
    reason: "until the maps are written the child has no ids, and every file it makes belongs to nobody",
    source: "user_namespaces(7)",
  },
  {
    before: "join-cgroup",
    after: "new-cgroup-namespace",
    reason: "the namespace's root is the cgroup that its maker is in at that moment",
    source: "cgroup_namespaces(7)",
  },
  {
    before: "set-propagation",
    after: "mount-filesystem",
    reason: "on a host whose / is shared, a mount made earlier appears on the host too",
    source: "mount_namespaces(7)",
  },
  {
    before: "set-propagation",
    after: "change-root",
    reason: "pivot_root refuses a root that is shared",
    source: "pivot_root(2) EINVAL",
  },
  {
    before: "take-mount",
    after: "set-propagation",
    reason: "a copy made later would be a slave itself, and nothing would go back to the host",
    source: "mount_namespaces(7)",
  },
  {
    before: "bind-mount",
    after: "change-root",
    reason: "the host's paths are gone afterwards",
    source: "pivot_root(2)",
  },
  {
    before: isMountAt("/dev"),
    after: "create-device",
    reason: "nodes go onto our own tmpfs, never into the image's /dev",
    source: "CVE-2026-41579",
  },
  {
    before: isMountAt("/proc"),
    after: "change-root",
    reason: "the kernel gives a user namespace a new proc only while it sees a fully visible one",
    source: "user_namespaces(7)",
  },
  {
    before: "set-sysctl",
    after: isProcReadonly,
    reason: "/proc/sys becomes read-only",
    source: "runtime-spec, sysctl",
  },
  {
    before: isProcReadonly,
    after: "mask-path",
    reason: "a read-only copy put on top would uncover what was masked below it",
    source: "runtime-spec, maskedPaths",
  },
  {
    before: "change-root",
    after: "mask-path",
    reason: "masks are for the container's view",
    source: "runtime-spec, maskedPaths",
  },
  {
    before: "change-directory",
    after: isRootReadonly,
    reason: "a missing working directory is made first",
    source: "Dockerfile reference, WORKDIR",
  },
  {
    before: "close-descriptors",
    after: "install-seccomp",
    reason: "close_range and fcntl need not be in a user's profile",
    source: "seccomp(2)",
  },
  {
    before: "change-directory",
    after: "close-descriptors",
    reason: "the directory is looked up by descriptor inside the root; then no descriptor is left",
    source: "CVE-2024-21626",
  },
  {
    before: "bound-capabilities",
    after: isPayloadUser,
    reason: "dropping from the bounding set needs CAP_SETPCAP, which goes with uid 0",
    source: "capabilities(7)",
  },
  {
    before: isPayloadUser,
    after: "set-capabilities",
    reason: "changing the uid clears capability sets",
    source: "capabilities(7)",
  },
  {
    before: "set-capabilities",
    after: "no-new-privileges",
    reason: "the sets are final before privileges are frozen",
    source: "prctl(2) PR_SET_NO_NEW_PRIVS",
  },
  {
    before: "restore-signals",
    after: "execute",
    reason: "ignored signals survive exec, and Node ignores SIGPIPE",
    source: "signal(7)",
  },
];

function matches(pattern: OrderRule["before"], step: Step): boolean {
  return typeof pattern === "function" ? pattern(step) : step.kind === pattern;
}

/** Returns the rules that a plan breaks, with the ids of the two steps; empty for every plan that `compile` makes. */
export function brokenRules(plan: Plan): { rule: OrderRule; before: string; after: string }[] {
  const broken: { rule: OrderRule; before: string; after: string }[] = [];
  for (const rule of ORDER_RULES) {
    const firstAfter = plan.steps.findIndex((step) => matches(rule.after, step));
    if (firstAfter < 0) continue;
    plan.steps.forEach((step, i) => {
      if (i > firstAfter && matches(rule.before, step)) {
        broken.push({ rule, before: step.id, after: plan.steps[firstAfter]!.id });
      }
    });
  }
  return broken;
}
