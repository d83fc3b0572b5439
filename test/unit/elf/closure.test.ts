import test, { type ExecutionContext } from "ava";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { GlassboxError } from "../../../src/base/errors";
import { type Closure, closureOf, type ClosureOptions } from "../../../src/elf/closure";
import { copyClosure } from "../../../src/elf/copy-closure";
import { compareLibraryNames, encodeLdCache, parseLdCache } from "../../../src/elf/ld-cache";
import { renderClosure } from "../../../src/elf/render-closure";
import { DirectoryReader } from "../../../src/elf/root-reader";
import { walk } from "../../../src/elf/walk";
import { makeElf } from "./make-elf";

const LOADER = "/lib64/ld-linux-x86-64.so.2";
const MUSL = "/lib/ld-musl-x86_64.so.1";

interface Root {
  path: string;
  reader: DirectoryReader;
  put(path: string, content: Buffer | string): void;
  link(path: string, target: string): void;
  closure(programs: string[], options?: ClosureOptions): Closure;
}

function makeRoot(t: ExecutionContext): Root {
  const path = mkdtempSync(join(tmpdir(), "glassbox-elf-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  const reader = new DirectoryReader(path);
  return {
    path,
    reader,
    put(file, content) {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      writeFileSync(join(path, file), content);
      chmodSync(join(path, file), 0o755);
    },
    link(file, target) {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      symlinkSync(target, join(path, file));
    },
    closure: (programs, options) => closureOf(reader, programs, options),
  };
}

const program = (needed: string[], more: object = {}): Buffer => makeElf({ interpreter: LOADER, needed, ...more });
const library = (soname: string, more: object = {}): Buffer => makeElf({ soname, ...more });
const pathOf = (closure: Closure, name: string): string | undefined => closure.files.find((file) => file.name === name)?.path;
const ruleOf = (closure: Closure, name: string): string | undefined =>
  closure.files.find((file) => file.name === name)?.rule.kind;

test("a static program needs nothing", (t) => {
  const root = makeRoot(t);
  root.put("/bin/a", makeElf({ type: 2 }));
  const closure = root.closure(["/bin/a"]);
  t.deepEqual(
    closure.files.map((file) => file.path),
    ["/bin/a"],
  );
  t.deepEqual(closure.missing, []);
  t.true(renderClosure(closure, "en").some((line) => line.includes("needs no library")));
});

test("interpreter and default directories, with the symlink chain and who needs it", (t) => {
  const root = makeRoot(t);
  root.put("/bin/a", program(["libx.so.1"]));
  root.link("/lib", "usr/lib");
  root.link("/lib64", "usr/lib64");
  root.put("/usr/lib64/ld-linux-x86-64.so.2", library("ld-linux-x86-64.so.2"));
  root.put("/usr/lib/x86_64-linux-gnu/libx.so.1.2", library("libx.so.1", { needed: ["ld-linux-x86-64.so.2"] }));
  root.link("/usr/lib/x86_64-linux-gnu/libx.so.1", "libx.so.1.2");
  const closure = root.closure(["/bin/a"]);
  t.deepEqual(closure.missing, []);
  const file = closure.files.find((candidate) => candidate.name === "libx.so.1");
  t.like(file, { path: "/lib/x86_64-linux-gnu/libx.so.1", realPath: "/usr/lib/x86_64-linux-gnu/libx.so.1.2" });
  t.deepEqual(file?.links, [
    { path: "/lib", target: "usr/lib" },
    { path: "/usr/lib/x86_64-linux-gnu/libx.so.1", target: "libx.so.1.2" },
  ]);
  const loader = closure.files.find((candidate) => candidate.role === "interpreter");
  t.deepEqual(loader?.neededBy, ["/bin/a", "/lib/x86_64-linux-gnu/libx.so.1"]);
});

test("DT_RPATH is inherited, DT_RUNPATH is not and switches RPATH off", (t) => {
  const root = makeRoot(t);
  root.put(LOADER, library("ld-linux-x86-64.so.2"));
  root.put("/r/liba.so", library("liba.so", { needed: ["libb.so"] }));
  root.put("/r/libb.so", library("libb.so"));
  root.put("/bin/rpath", program(["liba.so"], { rpath: "/r" }));
  root.put("/bin/runpath", program(["liba.so"], { runpath: "/r", rpath: "/r" }));
  t.deepEqual(root.closure(["/bin/rpath"]).missing, []);
  t.is(ruleOf(root.closure(["/bin/rpath"]), "libb.so"), "rpath");
  const runpath = root.closure(["/bin/runpath"]);
  t.is(ruleOf(runpath, "liba.so"), "runpath");
  t.deepEqual(
    runpath.missing.map((missing) => missing.name),
    ["libb.so"],
  );
  t.true((runpath.missing[0]?.looked.length ?? 0) >= 4);
});

test("LD_LIBRARY_PATH counts only when given, after RPATH and before RUNPATH", (t) => {
  const root = makeRoot(t);
  root.put(LOADER, library("ld-linux-x86-64.so.2"));
  root.put("/env/liba.so", library("liba.so"));
  root.put("/own/liba.so", library("liba.so"));
  root.put("/bin/rpath", program(["liba.so"], { rpath: "/own" }));
  root.put("/bin/runpath", program(["liba.so"], { runpath: "/own" }));
  t.is(pathOf(root.closure(["/bin/runpath"]), "liba.so"), "/own/liba.so");
  t.is(pathOf(root.closure(["/bin/runpath"], { libraryPath: "/env" }), "liba.so"), "/env/liba.so");
  t.is(pathOf(root.closure(["/bin/rpath"], { libraryPath: "/env" }), "liba.so"), "/own/liba.so");
});

test("$ORIGIN, ${LIB} and $PLATFORM", (t) => {
  const root = makeRoot(t);
  root.put(LOADER, library("ld-linux-x86-64.so.2"));
  root.put("/opt/app/bin/a", program(["liba.so", "libb.so", "libc.so"], { runpath: "$ORIGIN/../x:/opt/${LIB}:/opt/$PLATFORM" }));
  root.link("/bin/a", "/opt/app/bin/a");
  root.put("/opt/app/x/liba.so", library("liba.so"));
  root.put("/opt/lib64/libb.so", library("libb.so"));
  root.put("/opt/x86_64/libc.so", library("libc.so"));
  const closure = root.closure(["/bin/a"]);
  t.deepEqual(closure.missing, []);
  t.is(closure.files.find((file) => file.name === "liba.so")?.realPath, "/opt/app/x/liba.so");
  t.is(pathOf(closure, "libb.so"), "/opt/lib64/libb.so");
});

test("libraries of another class or machine are passed over, text is not", (t) => {
  const root = makeRoot(t);
  root.put(LOADER, library("ld-linux-x86-64.so.2"));
  root.put("/bin/a", program(["liba.so", "libb.so"], { runpath: "/32:/arm:/64" }));
  root.put("/32/liba.so", library("liba.so", { bits: 32, machine: 3 }));
  root.put("/arm/liba.so", library("liba.so", { machine: 183 }));
  root.put("/64/liba.so", library("liba.so"));
  root.put("/arm/libb.so", "INPUT(libb.so.1)\n");
  root.put("/64/libb.so", library("libb.so"));
  const closure = root.closure(["/bin/a"]);
  t.is(pathOf(closure, "liba.so"), "/64/liba.so");
  t.is(closure.missing[0]?.name, "libb.so");
  t.is(closure.missing[0]?.looked.at(-1)?.problem, "not-elf");
});

test("ld.so.cache comes before the default directories; ld.so.conf is last and says so", (t) => {
  const root = makeRoot(t);
  root.put(LOADER, library("ld-linux-x86-64.so.2"));
  root.put("/bin/a", program(["liba.so.1", "libz.so.1"]));
  root.put("/opt/l/liba.so.1", library("liba.so.1"));
  root.put("/usr/lib/liba.so.1", library("liba.so.1"));
  root.put("/conf/libz.so.1", library("libz.so.1"));
  root.put("/etc/ld.so.conf", "# x\ninclude /etc/ld.so.conf.d/*.conf\n");
  root.put("/etc/ld.so.conf.d/one.conf", "/conf\n");
  root.put(
    "/etc/ld.so.cache",
    Buffer.from(
      encodeLdCache([
        { name: "liba.so.1", path: "/opt/l32/liba.so.1", flags: 0x0003 },
        { name: "liba.so.1", path: "/opt/l/liba.so.1", flags: 0x0303 },
      ]),
    ),
  );
  const closure = root.closure(["/bin/a"]);
  t.is(ruleOf(closure, "liba.so.1"), "ld.so.cache");
  t.is(ruleOf(closure, "libz.so.1"), "ld.so.conf");
});

test("DF_1_NODEFLIB keeps out of the default directories", (t) => {
  const root = makeRoot(t);
  root.put(LOADER, library("ld-linux-x86-64.so.2"));
  root.put("/bin/a", program(["liba.so"], { flags1: 0x800 }));
  root.put("/usr/lib/liba.so", library("liba.so"));
  t.deepEqual(
    root.closure(["/bin/a"]).missing.map((missing) => missing.name),
    ["liba.so"],
  );
});

test("musl: its path file, its own names, inherited runpath", (t) => {
  const root = makeRoot(t);
  root.put(MUSL, library("libc.musl-x86_64.so.1"));
  root.put(
    "/bin/a",
    makeElf({ interpreter: MUSL, needed: ["liba.so", "libc.musl-x86_64.so.1", "libpthread.so.0"], runpath: "/r" }),
  );
  root.put("/r/liba.so", library("liba.so", { needed: ["libb.so", "libx.so"] }));
  root.put("/r/libb.so", library("libb.so"));
  root.put("/etc/ld-musl-x86_64.path", "/m1\n/m2:/m3\n");
  root.put("/m3/libx.so", library("libx.so"));
  const closure = root.closure(["/bin/a"]);
  t.deepEqual(closure.missing, []);
  t.is(ruleOf(closure, "libb.so"), "runpath");
  t.is(ruleOf(closure, "libx.so"), "musl-path-file");
  t.is(closure.programs[0]?.libc, "musl");
});

test("a script brings its interpreter, and env the program it names", (t) => {
  const root = makeRoot(t);
  root.put("/usr/bin/env", makeElf({ type: 2 }));
  root.put("/usr/bin/tool", makeElf({ type: 2 }));
  root.put("/run.sh", "#!/usr/bin/env tool\n");
  const closure = root.closure(["/run.sh"]);
  t.deepEqual(
    closure.files.map((file) => [file.path, file.rule.kind]),
    [
      ["/run.sh", "path"],
      ["/usr/bin/env", "shebang"],
      ["/usr/bin/tool", "env"],
    ],
  );
});

test("a missing interpreter and a loop of libraries end well", (t) => {
  const root = makeRoot(t);
  root.put("/bin/a", program(["liba.so"]));
  root.put("/lib/liba.so", library("liba.so", { needed: ["libb.so", "liba.so"] }));
  root.put("/lib/libb.so", library("libb.so", { needed: ["liba.so"] }));
  const closure = root.closure(["/bin/a"]);
  t.deepEqual(
    closure.missing.map((missing) => [missing.role, missing.name]),
    [["interpreter", LOADER]],
  );
  for (const lang of ["en", "zh"] as const) t.true(renderClosure(closure, lang).join("\n").includes(LOADER));
});

test("what is no program is refused", (t) => {
  const root = makeRoot(t);
  root.put("/a.txt", "hello\n");
  root.put("/mac", Buffer.from([0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1]));
  const code = (path: string): string | undefined =>
    t.throws<GlassboxError>(() => root.closure([path]), { name: "GlassboxError" })?.code;
  t.is(code("/a.txt"), "elf-not-a-program");
  t.is(code("/mac"), "elf-not-a-program");
  t.is(code("/nothing"), "elf-not-found");
  t.is(code("/"), "elf-not-a-program");
});

test("the copy has links, modes and its own small cache, and is its own closure", (t) => {
  const root = makeRoot(t);
  const target = makeRoot(t);
  root.link("/lib64", "usr/lib64");
  root.put("/usr/lib64/ld-linux-x86-64.so.2", library("ld-linux-x86-64.so.2"));
  root.put("/bin/a", program(["libx.so.1"]));
  chmodSync(join(root.path, "bin/a"), 0o750);
  root.put("/opt/odd/libx.so.1.0", library("libx.so.1"));
  root.link("/opt/odd/libx.so.1", "libx.so.1.0");
  root.put("/etc/ld.so.cache", Buffer.from(encodeLdCache([{ name: "libx.so.1", path: "/opt/odd/libx.so.1", flags: 0x0303 }])));
  const closure = root.closure(["/bin/a"]);
  const entries = copyClosure(closure, root.reader, target.path);
  t.is(readlinkSync(join(target.path, "lib64")), "usr/lib64");
  t.is(readlinkSync(join(target.path, "opt/odd/libx.so.1")), "libx.so.1.0");
  t.is(lstatSync(join(target.path, "bin/a")).mode & 0o7777, 0o750);
  t.true(entries.some((entry) => entry.path === "/etc/ld.so.cache"));
  const again = target.closure(["/bin/a"]);
  t.deepEqual(again.missing, []);
  t.is(ruleOf(again, "libx.so.1"), "ld.so.cache");
  copyClosure(closure, root.reader, target.path);
  t.deepEqual(target.closure(["/bin/a"]).missing, []);
});

test("hostile links in the target lead nowhere outside", (t) => {
  const root = makeRoot(t);
  const outside = makeRoot(t);
  const target = makeRoot(t);
  root.put("/lib64/ld-linux-x86-64.so.2", library("ld-linux-x86-64.so.2"));
  root.put("/bin/a", program([]));
  outside.put("/victim", "untouched");
  target.link("/bin", outside.path);
  target.link("/lib64", "../../../../../../../../lib-elsewhere");
  mkdirSync(join(target.path, outside.path), { recursive: true });
  copyClosure(root.closure(["/bin/a"]), root.reader, target.path);
  // An absolute link means a place inside the target.
  t.true(existsSync(join(target.path, outside.path, "a")));
  t.false(existsSync(join(outside.path, "a")));
  t.true(existsSync(join(target.path, "lib-elsewhere/ld-linux-x86-64.so.2")));
  const last = makeRoot(t);
  last.link("/bin/a", join(outside.path, "victim"));
  copyClosure(root.closure(["/bin/a"]), root.reader, last.path);
  t.is(readFileSync(join(outside.path, "victim"), "utf8"), "untouched");
  t.true(lstatSync(join(last.path, "bin/a")).isFile());
});

test("a target with real directories where the source has links keeps them", (t) => {
  const root = makeRoot(t);
  const target = makeRoot(t);
  root.link("/lib64", "usr/lib64");
  root.put("/usr/lib64/ld-linux-x86-64.so.2", library("ld-linux-x86-64.so.2"));
  root.put("/bin/a", program([]));
  mkdirSync(join(target.path, "lib64"));
  copyClosure(root.closure(["/bin/a"]), root.reader, target.path);
  t.true(lstatSync(join(target.path, "lib64/ld-linux-x86-64.so.2")).isFile());
  mkdirSync(join(target.path, "b/bin/a"), { recursive: true });
  t.throws(() => copyClosure(root.closure(["/bin/a"]), root.reader, join(target.path, "b")), { message: /bin\/a/ });
});

test("ld.so.cache: what is written is read, order is ld.so's, nonsense is refused", (t) => {
  const names = ["liba.so.10", "liba.so.9", "libB.so", "libz.so.1", "liba.so"];
  const bytes = encodeLdCache(names.map((name) => ({ name, path: `/l/${name}`, flags: 0x0303 })));
  const read = parseLdCache(bytes)?.map((entry) => entry.name) ?? [];
  t.deepEqual(
    read,
    names.toSorted((left, right) => -compareLibraryNames(left, right)),
  );
  t.true(read.indexOf("liba.so.10") < read.indexOf("liba.so.9"));
  const behindOld = Buffer.concat([Buffer.from("ld.so-1.7.0\0\0\0\0\0"), bytes]);
  t.is(parseLdCache(behindOld)?.length, names.length);
  t.is(parseLdCache(Buffer.from("rubbish")), undefined);
  t.notThrows(() => parseLdCache(bytes.subarray(0, 60)));
});

test("an image made to waste time does not", (t) => {
  const root = makeRoot(t);
  root.put(LOADER, library("ld-linux-x86-64.so.2"));
  const names = Array.from({ length: 1000 }, (_, index) => `lib${index}.so`);
  root.put("/bin/a", program(names, { runpath: Array.from({ length: 1000 }, (_, index) => `/d${index}`).join(":") }));
  const rows = 40_000;
  const cache = Buffer.alloc(48 + rows * 24 + (8 << 20), 0x61);
  cache.write("glibc-ld.so.cache1.1");
  cache.writeUInt32LE(rows, 20);
  cache[28] = 2;
  for (let index = 0; index < rows; index++) {
    cache.writeUInt32LE(48 + rows * 24, 48 + index * 24 + 4);
    cache.writeUInt32LE(48 + rows * 24, 48 + index * 24 + 8);
  }
  cache[cache.length - 1] = 0;
  root.put("/etc/ld.so.cache", cache);
  const started = Date.now();
  const closure = root.closure(["/bin/a"]);
  t.is(closure.missing.length, 1000);
  t.true(Date.now() - started < 20_000);
});

test("paths are walked inside the root", (t) => {
  const root = makeRoot(t);
  root.put("/a/b/file", "x");
  root.link("/up", "../../../../a");
  root.link("/loop", "loop");
  root.link("/abs", "/a/b");
  const real = (path: string): string => {
    const found = walk(root.reader, path);
    return found.ok ? found.realPath : `${found.errno} ${found.at}`;
  };
  t.is(real("/up/b/file"), "/a/b/file");
  t.is(real("/abs/../b/./file"), "/a/b/file");
  t.is(real("/loop"), "ELOOP /loop");
  t.is(real("/a/b/file/x"), "ENOTDIR /a/b/file");
  t.is(real("/a/c/d"), "ENOENT /a/c");
  t.is(real("/../../a"), "/a");
});
