import test from "ava";
import fc from "fast-check";

import { describeBinary, type ElfBinary, libcOfInterpreter, machineOfArch } from "../../../src/elf/parse";
import { makeElf } from "./make-elf";

function elf(bytes: Uint8Array): ElfBinary {
  const description = describeBinary(bytes);
  if (description.kind !== "elf") throw new Error(`not ELF but ${description.kind}`);
  return description;
}

for (const bits of [32, 64] as const) {
  for (const littleEndian of [true, false]) {
    test(`ELF${bits} ${littleEndian ? "little" : "big"}-endian: all fields are read`, (t) => {
      const file = makeElf({
        bits,
        littleEndian,
        interpreter: "/lib/ld.so.1",
        needed: ["liba.so.1", "libb.so.2"],
        rpath: "/r",
        runpath: "$ORIGIN/../lib",
        soname: "me.so",
        flags1: 0x08000000,
      });
      const read = elf(file);
      t.like(read, {
        bits,
        endian: littleEndian ? "little" : "big",
        linkage: "dynamic",
        interpreter: "/lib/ld.so.1",
        rpath: "/r",
        runpath: "$ORIGIN/../lib",
        soname: "me.so",
        flags1: 0x08000000,
        damage: undefined,
      });
      t.deepEqual(read.needed, ["liba.so.1", "libb.so.2"]);
    });
  }
}

test("machines have uname's names", (t) => {
  const name = (machine: number, spec: object = {}): string => elf(makeElf({ machine, ...spec })).machine;
  t.is(name(62), "x86_64");
  t.is(name(183), "aarch64");
  t.is(name(3, { bits: 32 }), "i386");
  t.is(name(243), "riscv64");
  t.is(name(21), "ppc64le");
  t.is(name(21, { littleEndian: false }), "ppc64");
  t.is(name(9999), "machine 9999");
  t.is(machineOfArch("x64"), "x86_64");
});

test("linkage: static, static-pie, dynamic, shared, relocatable, core", (t) => {
  const linkage = (spec: Parameters<typeof makeElf>[0]): string => elf(makeElf(spec)).linkage;
  t.is(linkage({ type: 2 }), "static");
  t.is(linkage({ type: 3, flags1: 0x08000000 }), "static-pie");
  t.is(linkage({ type: 3 }), "static-pie");
  t.is(linkage({ type: 2, interpreter: "/x" }), "dynamic");
  t.is(linkage({ type: 3, interpreter: "/x" }), "dynamic");
  t.is(linkage({ type: 3, needed: ["libc.so.6"] }), "shared");
  t.is(linkage({ type: 3, soname: "libc.so.6", interpreter: "/x" }), "shared");
  t.is(linkage({ type: 1 }), "relocatable");
  t.is(linkage({ type: 4 }), "core");
});

test("this very node is what readelf would say", (t) => {
  const { readFileSync } = require("node:fs") as typeof import("node:fs");
  const read = elf(readFileSync(process.execPath));
  t.is(read.machine, machineOfArch(process.arch));
  t.is(read.damage, undefined);
  t.not(read.linkage, "unknown");
});

test("cut and twisted headers are damage, not exceptions", (t) => {
  const whole = makeElf({ interpreter: "/lib/ld.so", needed: ["a.so"] });
  t.is(elf(whole.subarray(0, 20)).damage, "header");
  t.is(elf(whole.subarray(0, 64)).damage, "program-headers");
  const badInterpreter = Buffer.from(whole);
  badInterpreter[64 + 56 + 32] = 0xff;
  badInterpreter[64 + 56 + 33] = 0xff;
  t.is(elf(badInterpreter).damage, "interpreter");
  const manyHeaders = Buffer.from(whole);
  manyHeaders.writeUInt16LE(0xffff, 56);
  t.is(elf(manyHeaders).damage, "program-headers");
  const badClass = Buffer.from(whole);
  badClass[4] = 7;
  t.is(elf(badClass).damage, "header");
});

test("libc is known by its loader", (t) => {
  t.is(libcOfInterpreter("/lib64/ld-linux-x86-64.so.2"), "glibc");
  t.is(libcOfInterpreter("/lib64/ld64.so.2"), "glibc");
  t.is(libcOfInterpreter("/lib/ld-musl-x86_64.so.1"), "musl");
  t.is(libcOfInterpreter("/lib/ld64-uClibc.so.1"), "uclibc");
  t.is(libcOfInterpreter("/system/bin/linker64"), "bionic");
  t.is(libcOfInterpreter("/opt/my-loader"), "unknown");
});

test("shebang lines are cut as the kernel cuts them", (t) => {
  const script = (line: string) => describeBinary(Buffer.from(line));
  t.deepEqual(script("#!/bin/sh\necho\n"), { kind: "script", interpreter: "/bin/sh", carriageReturn: false });
  t.like(script("#! \t/bin/sh -e -u \n"), { interpreter: "/bin/sh", argument: "-e -u" });
  t.like(script("#!/bin/sh"), { interpreter: "/bin/sh" });
  t.like(script("#!/bin/sh\r\necho\r\n"), { interpreter: "/bin/sh\r", carriageReturn: true });
  t.like(script("#!/usr/bin/env bash\r\n"), { interpreter: "/usr/bin/env", argument: "bash\r", carriageReturn: true });
  t.deepEqual(script("#!\n"), { kind: "broken-script", problem: "no-interpreter" });
  t.deepEqual(script("#!   \n/bin/sh\n"), { kind: "broken-script", problem: "no-interpreter" });
  t.deepEqual(script(`#!/${"a".repeat(300)}\n`), { kind: "broken-script", problem: "too-long" });
  // The argument may be cut: the kernel then runs the interpreter with what is left.
  t.like(script(`#!/bin/sh ${"b".repeat(300)}\n`), { kind: "script", interpreter: "/bin/sh" });
  t.like(script(`#!/${"a".repeat(252)}\n`), { kind: "script" });
});

test("formats of other systems are named", (t) => {
  const of = (...bytes: number[]) => describeBinary(Buffer.concat([Buffer.from(bytes), Buffer.alloc(600)]));
  t.deepEqual(of(0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1), { kind: "mach-o", fat: false, cpus: ["arm64"] });
  t.deepEqual(of(0xce, 0xfa, 0xed, 0xfe, 7, 0, 0, 0), { kind: "mach-o", fat: false, cpus: ["i386"] });
  const fat = Buffer.alloc(8 + 40);
  fat.writeUInt32BE(0xcafebabe, 0);
  fat.writeUInt32BE(2, 4);
  fat.writeUInt32BE(0x01000007, 8);
  fat.writeUInt32BE(0x0100000c, 28);
  t.deepEqual(describeBinary(fat), { kind: "mach-o", fat: true, cpus: ["x86_64", "arm64"] });
  t.deepEqual(of(0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61), { kind: "java-class" });
  const pe = Buffer.alloc(200);
  pe.write("MZ");
  pe.writeUInt32LE(128, 0x3c);
  pe.write("PE\0\0", 128, "latin1");
  pe.writeUInt16LE(0x8664, 132);
  t.deepEqual(describeBinary(pe), { kind: "pe", machine: "x86_64" });
  t.deepEqual(describeBinary(Buffer.from("MZ")), { kind: "pe", machine: "unknown" });
  t.deepEqual(describeBinary(Buffer.from("!<arch>\ndebian-binary   ")), { kind: "archive", format: "deb" });
  t.deepEqual(describeBinary(Buffer.from("!<arch>\nfoo.o/")), { kind: "archive", format: "ar" });
  t.deepEqual(of(0x1f, 0x8b), { kind: "archive", format: "gzip" });
  t.deepEqual(of(0, 0x61, 0x73, 0x6d), { kind: "wasm" });
  t.deepEqual(describeBinary(Buffer.alloc(0)), { kind: "empty" });
  t.deepEqual(describeBinary(Buffer.from("echo hi\n")), { kind: "text", byteOrderMark: false, hiddenShebang: false });
  t.deepEqual(describeBinary(Buffer.from("\ufeff#!/bin/sh\n")), { kind: "text", byteOrderMark: true, hiddenShebang: true });
  t.deepEqual(describeBinary(Buffer.from([1, 2, 3])), { kind: "data" });
});

test("no bytes make it throw or take long", (t) => {
  const whole = makeElf({ interpreter: "/lib/ld.so", needed: ["a.so", "b.so"], runpath: "/x:/y", soname: "z" });
  const twisted = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 40 }).map((changes) => {
    const copy = Buffer.from(whole);
    for (const [at, value] of changes) copy[at] = value;
    return copy;
  });
  const magic = fc.constantFrom("\x7fELF", "#!", "MZ", "\xca\xfe\xba\xbe", "\xcf\xfa\xed\xfe", "!<arch>\n", "");
  const noise = fc
    .tuple(magic, fc.uint8Array({ maxLength: 2000 }))
    .map(([start, rest]) => Buffer.concat([Buffer.from(start, "latin1"), rest]));
  const started = Date.now();
  fc.assert(
    fc.property(fc.oneof(twisted, noise), (bytes) => typeof describeBinary(bytes).kind === "string"),
    { numRuns: 5000 },
  );
  t.true(Date.now() - started < 20_000);
});
