/**
 * Our table beside the profile that podman's Debian package installs (golang-github-containers-common). The file is an oracle
 * that is read when it is there, never a part of this repository. Each difference has its reason here; a difference without
 * one fails, and so does a reason without a difference.
 */

import { existsSync, readFileSync } from "node:fs";
import test from "ava";
import { DEFAULT_CAPABILITIES } from "../../../src/confine/capabilities";
import { defaultProfile } from "../../../src/confine/seccomp/default-profile";
import { syscallNumbers } from "../../../src/confine/seccomp/numbers";
import { parseProfile } from "../../../src/confine/seccomp/parse-profile";
import { evaluateByName } from "./reference";

const ORACLE = "/usr/share/containers/seccomp.json";

/** What makes each call's answer differ for plain arguments (all 0), with the default capabilities. "ours/theirs". */
const DIFFERENCES: [names: string, answers: string, reason: string][] = [
  ["clone3", "ENOSYS/allow", "its flags lie in memory; theirs relies on the kernel refusing namespaces without CAP_SYS_ADMIN"],
  [
    "mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick pivot_root unshare setns",
    "EPERM/allow",
    "theirs lets rootless nested containers mount in user namespaces; ours makes none, and Docker's refuses these as well",
  ],
  ["keyctl", "EPERM/allow", "keys are not divided by container"],
  ["add_key request_key", "EPERM/ENOSYS", "the same, with the errno that says why"],
  ["syslog", "EPERM/allow", "the kernel log belongs to the machine"],
  ["reboot", "EPERM/allow", "needs CAP_SYS_BOOT anyway"],
  ["pidfd_getfd", "EPERM/allow", "takes descriptors of other processes; Docker's refuses it as well"],
  ["socketcall", "ENOSYS/allow", "would step around the socket rules on i386"],
  [
    "io_uring_setup io_uring_enter io_uring_register quotactl_fd _sysctl",
    "EPERM/ENOSYS",
    "left out of theirs, whose default is ENOSYS; Docker's answers EPERM too",
  ],
  ["nice", "allow/EPERM", "i386 only; the same as setpriority, which both allow"],
  ["io_pgetevents", "allow/EPERM", "the same as io_getevents, which both allow; libaio calls it"],
  ["io_pgetevents_time64 futex_waitv set_mempolicy_home_node", "allow/ENOSYS", "younger than theirs"],
  [
    "cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue mseal setxattrat getxattrat listxattrat " +
      "removexattrat file_getattr file_setattr",
    "allow/ENOSYS",
    "younger than theirs; variants of allowed calls",
  ],
  ["uretprobe uprobe", "allow/ENOSYS", "younger than theirs; refusing them crashes traced processes"],
  ["open_tree_attr", "EPERM/ENOSYS", "younger than theirs; one of the mount family"],
  ["epoll_ctl_old epoll_wait_old", "ENOSYS/allow", "have a number and no implementation"],
  ["query_module", "ENOSYS/EPERM", "has a number and no implementation"],
];

const answer = (result: number) =>
  ({ 0x7fff0000: "allow", 0x50001: "EPERM", 0x50016: "EINVAL", 0x50026: "ENOSYS", 0x50061: "EAFNOSUPPORT" })[result] ??
  `${result}`;

const check = existsSync(ORACLE) ? test : test.skip;

check("differences from podman's profile are the ones explained", (t) => {
  const theirs = parseProfile(readFileSync(ORACLE, "utf8"), {
    arch: "x64",
    capabilities: DEFAULT_CAPABILITIES,
    kernel: "6.1.0",
  });
  const ours = defaultProfile({ arch: "x64", capabilities: DEFAULT_CAPABILITIES });
  const found = new Map<string, string>();
  for (const name of new Set([...syscallNumbers("x86_64").keys(), ...syscallNumbers("i386").keys()])) {
    const pair = [ours, theirs].map((profile) => answer(evaluateByName(profile, name, [])));
    if (pair[0] !== pair[1]) found.set(name, pair.join("/"));
  }
  const explained = new Map(DIFFERENCES.flatMap(([names, answers]) => names.split(" ").map((name) => [name, answers])));
  t.deepEqual(Object.fromEntries([...found].sort()), Object.fromEntries([...explained].sort()));
});

check("socket families and personalities agree with podman's, but for the families that ours refuses", (t) => {
  const theirs = parseProfile(readFileSync(ORACLE, "utf8"), { arch: "x64", capabilities: [], kernel: "6.1.0" });
  const ours = defaultProfile({ arch: "x64", capabilities: [] });
  const both = (name: string, ...args: number[]) =>
    [ours, theirs].map((profile) => answer(evaluateByName(profile, name, args.map(BigInt))));
  for (let family = 0; family < 38; family++) t.deepEqual(both("socket", family, 1, 0), ["allow", "allow"]);
  t.deepEqual(both("socket", 16, 3, 9), ["EINVAL", "EINVAL"]);
  t.deepEqual(both("socket", 38, 5, 0), ["EAFNOSUPPORT", "allow"]);
  t.deepEqual(both("socket", 40, 1, 0), ["EAFNOSUPPORT", "allow"]);
  for (const value of [0, 8, 0x20000, 0x20008, 0xffffffff]) t.deepEqual(both("personality", value), ["allow", "allow"]);
  t.deepEqual(both("personality", 0x40000), ["ENOSYS", "ENOSYS"]);
});
