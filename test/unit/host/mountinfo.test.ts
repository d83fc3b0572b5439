import test from "ava";
import { mountOf, parseMountinfo, parseMountLine, propagationName, unescapeOctal } from "../../../src/host/mountinfo";
import { HYBRID, LEGACY, UNIFIED } from "./fixtures";

test("every line of the three hosts becomes an entry", (t) => {
  for (const text of [UNIFIED, LEGACY, HYBRID]) t.is(parseMountinfo(text).length, text.trim().split("\n").length);
});

test("octal escapes are undone as bytes, so that UTF-8 survives", (t) => {
  t.is(unescapeOctal("a\\040b\\134c\\011\\012"), "a b\\c\t\n");
  t.is(unescapeOctal("容\\040器"), "容 器");
  t.is(unescapeOctal("\\345\\256\\271"), "容");
  const entry = parseMountinfo(UNIFIED).find((candidate) => candidate.mountpoint === "/mnt/a b");
  t.is(entry?.root, "/srv/with space\\and\ttab");
});

test("optional fields: none, one, three, and the propagation they mean", (t) => {
  const byPath = new Map(parseMountinfo(UNIFIED).map((entry) => [entry.mountpoint, entry]));
  t.deepEqual(byPath.get("/run/user/1000")?.propagation, { shared: 300, master: 2, propagateFrom: 3, unbindable: false });
  t.is(propagationName(byPath.get("/run/user/1000")!.propagation), "shared,slave");
  t.is(propagationName(byPath.get("/")!.propagation), "shared");
  t.is(propagationName(byPath.get("/mnt/a b")!.propagation), "unbindable");
  t.is(propagationName(parseMountinfo(HYBRID)[0]!.propagation), "private");
  t.is(parseMountLine("1 2 0:1 / /x rw newtag:9 master:4 - tmpfs a\\040b rw")?.propagation.master, 4);
});

test("device numbers, options and escaped commas of super options", (t) => {
  const overlay = parseMountinfo(UNIFIED).find((entry) => entry.fstype === "overlay");
  t.deepEqual([overlay?.major, overlay?.minor, overlay?.parentId], [0, 50, 26]);
  t.deepEqual(overlay?.options, ["rw", "relatime"]);
  t.is(overlay?.superOptions[1], "lowerdir=/l/A:/l/B\\,c");
});

test("lines that are not mountinfo are passed over", (t) => {
  t.deepEqual(parseMountinfo("garbage\n\n1 2 0:1 / /\n"), []);
});

test("mountOf takes the longest mount point, and of several on one place the topmost", (t) => {
  const mounts = parseMountinfo(`${HYBRID}99 31 0:99 / /sys/fs/cgroup/pids rw - tmpfs over rw\n`);
  t.is(mountOf(mounts, "/sys/fs/cgroup/pids/x")?.fstype, "tmpfs");
  t.is(mountOf(mounts, "/sys/fs/cgroup/pidsx")?.id, 31);
  t.is(mountOf(mounts, "/etc")?.id, 27);
});
