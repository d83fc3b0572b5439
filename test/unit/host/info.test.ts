import test from "ava";
import { filesystemName, upperProblem } from "../../../src/host/filesystems";
import { binarySize, hostInfo, osReleaseField, renderInfo, renderWarnings } from "../../../src/host/info";
import { probeHost } from "../../../src/host/facts";

test("file systems by their magic, with Docker's names", (t) => {
  t.is(filesystemName(0xef53), "extfs");
  t.is(filesystemName(0x794c7630), "overlayfs");
  t.is(filesystemName(0x9123683e | 0), "btrfs", "a negative f_type");
  t.is(filesystemName(0x1234), "0x1234");
  t.is(upperProblem(0x794c7630), "overlay");
  t.is(upperProblem(0x01021994), undefined);
});

test("sizes as Docker writes them", (t) => {
  t.is(binarySize(25276510208), "23.54GiB");
  t.is(binarySize(1024 ** 3), "1GiB");
  t.is(binarySize(512), "512B");
});

test("os-release values lose their quotes", (t) => {
  t.is(osReleaseField('NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "PRETTY_NAME"), "Debian GNU/Linux 12 (bookworm)");
  t.is(osReleaseField("NAME=x\n", "PRETTY_NAME"), undefined);
});

test("the lines have Docker's layout", (t) => {
  const info = hostInfo("/var/lib/glassbox", { version: "1.2.3" });
  const lines = renderInfo(info);
  t.true(lines.includes(" Storage Driver: overlay2"));
  t.true(lines.some((line) => /^ {2}Backing Filesystem: \w+$/.test(line)));
  t.true(lines.includes("  Supports d_type: true"));
  t.true(lines.includes(" Glassbox Root Dir: /var/lib/glassbox"));
  t.true(lines.includes("   Profile: default"));
  for (const line of lines) t.regex(line, /^ {1,3}\S/);
  t.is(info.NCPU > 0 && info.MemTotal > 0, true);
});

test("warnings in Docker's words, and in Chinese", (t) => {
  const info = hostInfo("/x", { facts: probeHost(() => undefined) });
  t.true(info.Warnings.includes("WARNING: No swap limit support"));
  t.true(renderWarnings(info, "zh").includes("WARNING: 不支持 swap 上限"));
  t.false(renderWarnings(info, "zh").some((line) => /No |support/.test(line)));
});
