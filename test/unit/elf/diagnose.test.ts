import test from "ava";
import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { diagnoseExec, explainMissingLibraries } from "../../../src/elf/diagnose";
import { DirectoryReader, type ReaderStat, type RootReader } from "../../../src/elf/root-reader";
import { candidatesOf, EXEC_CASES, makeExecRoot } from "./exec-cases";
import { makeElf } from "./make-elf";

const root = mkdtempSync(join(tmpdir(), "glassbox-exec-"));
makeExecRoot(root);
test.after.always(() => rmSync(root, { recursive: true, force: true }));

/** Owned by root, whoever runs the tests. */
class RootOwned extends DirectoryReader {
  override stat(path: string): ReaderStat | undefined {
    const stat = super.stat(path);
    return stat === undefined ? undefined : { ...stat, uid: 0, gid: 0 };
  }
}
const reader = new RootOwned(root);

for (const lang of ["en", "zh"] as const) {
  for (const item of EXEC_CASES) {
    test(`${lang}: ${item.title}`, (t) => {
      const found = diagnoseExec({
        argv0: item.argv0,
        candidates: candidatesOf(item.argv0),
        errno: item.errno,
        reader,
        hostArch: "x64",
        lang,
        searcher: { uid: item.uid ?? 0, gid: item.uid ?? 0 },
      });
      t.is(found.code, item.code);
      t.is(found.exitCode, item.exitCode);
      const all = `${found.what}\n${found.why}\n${found.hint}`;
      for (const word of item.names) t.true(all.includes(word), `${word} in ${all}`);
      t.false(/[\r\x1b]/.test(all));
      t.is(/[\u4e00-\u9fff]/.test(found.why ?? ""), lang === "zh");
      t.false(/[.。]$/.test(found.why ?? ""));
    });
  }
}

const plain = { argv0: "/x", hostArch: "x64", lang: "en" } as const;

function oneFile(stat: Partial<ReaderStat>, content: Uint8Array): RootReader {
  const directory: ReaderStat = { mode: 0o040755, uid: 0, gid: 0, sizeBytes: 0 };
  return {
    stat: (path) =>
      path === "/"
        ? directory
        : path === "/x"
          ? { mode: 0o100755, uid: 0, gid: 0, sizeBytes: content.length, ...stat }
          : undefined,
    readlink: () => undefined,
    readHead: (_path, length) => content.subarray(0, length),
  };
}

test("noexec mount and file capabilities come from the reader", (t) => {
  const program = makeElf({ type: 2 });
  const noexec = diagnoseExec({ ...plain, candidates: ["/x"], errno: "EACCES", reader: oneFile({ noexec: true }, program) });
  t.is(noexec.code, "exec-noexec");
  t.regex(noexec.why ?? "", /noexec/);
  const caps = diagnoseExec({
    ...plain,
    candidates: ["/x"],
    errno: "EPERM",
    reader: oneFile({ fileCapabilities: true }, program),
  });
  t.regex(caps.why ?? "", /bounding set/);
  t.is(caps.exitCode, 126);
});

test("a 32-bit program is only to blame when the kernel said ENOEXEC", (t) => {
  const small = oneFile({}, makeElf({ bits: 32, machine: 3, type: 2 }));
  t.is(diagnoseExec({ ...plain, candidates: ["/x"], errno: "ENOEXEC", reader: small }).code, "exec-wrong-machine");
  t.is(diagnoseExec({ ...plain, candidates: ["/x"], errno: "EPERM", reader: small }).code, "exec-eperm");
});

test("an errno that the file does not explain keeps the kernel's words", (t) => {
  const fine = oneFile({}, makeElf({ type: 2 }));
  const found = diagnoseExec({ ...plain, candidates: ["/x"], errno: "ENOMEM", reader: fine });
  t.is(found.what, "exec /x: cannot allocate memory");
  t.is(found.exitCode, 126);
  t.is(diagnoseExec({ ...plain, candidates: [], errno: "ENOENT", reader: fine }).exitCode, 127);
});

test("docker's words for the two commonest", (t) => {
  const failure = { reader, hostArch: "x64", lang: "en", errno: "ENOENT" } as const;
  t.is(
    diagnoseExec({ ...failure, argv0: "foo", candidates: candidatesOf("foo") }).what,
    'exec: "foo": executable file not found in $PATH',
  );
  t.is(
    diagnoseExec({ ...failure, argv0: "/opt/x", candidates: ["/opt/x"] }).what,
    'exec: "/opt/x": stat /opt/x: no such file or directory',
  );
  const httpd = diagnoseExec({ ...failure, argv0: "/root/httpd", candidates: ["/root/httpd"] });
  t.is(httpd.what, "exec /root/httpd: no such file or directory");
  t.regex(httpd.why ?? "", /^\/root\/httpd exists; its ELF interpreter \/lib64\/ld-linux-x86-64\.so\.2 does not/);
});

test("bash on an image that has only sh", (t) => {
  const found = diagnoseExec({
    reader,
    hostArch: "x64",
    lang: "en",
    errno: "ENOENT",
    argv0: "bash",
    candidates: candidatesOf("bash"),
  });
  t.regex(found.hint ?? "", /try sh/);
});

test("after the exec: missing libraries, and env with a CR", (t) => {
  const program = makeElf({ interpreter: "/lib64/ld-linux-x86-64.so.2", needed: ["libnone.so.3"], runpath: "/opt/l" });
  for (const lang of ["en", "zh"] as const) {
    const missing = explainMissingLibraries({ path: "/x", reader: oneFile({}, program), lang });
    t.is(missing?.code, "exec-library-missing");
    t.is(missing?.exitCode, 127);
    t.regex(missing?.what ?? "", /^error while loading shared libraries: libnone\.so\.3: cannot open shared object file/);
    t.regex(missing?.why ?? "", /\/opt\/l\/libnone\.so\.3/);
    t.is(explainMissingLibraries({ path: "/env-crlf.sh", reader, lang })?.code, "exec-shebang-crlf");
  }
  t.is(explainMissingLibraries({ path: "/bin/sh", reader, lang: "en" }), undefined);
  t.is(explainMissingLibraries({ path: "/nothing", reader, lang: "en" }), undefined);
});

test("whatever the file holds, there is a diagnosis", (t) => {
  const errnos = fc.constantFrom("ENOENT", "EACCES", "ENOEXEC", "ELIBBAD", "ELOOP", "EIO");
  const contents = fc.tuple(fc.constantFrom("", "#!", "\x7fELF\x02\x01", "#!/x"), fc.uint8Array({ maxLength: 300 }));
  fc.assert(
    fc.property(errnos, contents, (errno, [start, rest]) => {
      const content = Buffer.concat([Buffer.from(start, "latin1"), rest]);
      const found = diagnoseExec({ ...plain, candidates: ["/x"], errno, reader: oneFile({}, content) });
      return found.what !== "" && (found.exitCode === 126 || found.exitCode === 127);
    }),
    { numRuns: 1000 },
  );
  t.pass();
});
