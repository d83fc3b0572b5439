/** Images and roots without a network: stand-ins, and the closure of a program. */

import { execFileSync, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { asRoot, boxForFile, withEmptyStore } from "./box";

const file = boxForFile();

asRoot(
  "bootstrap-and-deps: S4-1 run busybox on an empty store makes the image and says so; the second time there is nothing to say",
  (t) =>
    withEmptyStore(t, async (box) => {
      const first = await box.run("busybox", "echo", "hello");
      t.is(first.code, 0, first.stderr);
      t.is(first.stdout, "hello\n");
      t.regex(first.stderr, /Unable to find image 'busybox:latest' locally[^]*made on this machine/);
      t.deepEqual(await pick(box.run("busybox", "echo", "again")), { code: 0, stdout: "again\n", stderr: "" });
      t.regex((await box.glassbox(["images"])).stdout, /^busybox +latest +[0-9a-f]{12} /m);
    }),
);

asRoot("bootstrap-and-deps: two commands at once on an empty store make one image", (t) =>
  withEmptyStore(t, async (box) => {
    const both = await Promise.all([box.run("busybox", "echo", "1"), box.run("busybox", "echo", "2")]);
    t.deepEqual(
      both.map(({ code, stdout }) => [code, stdout]),
      [
        [0, "1\n"],
        [0, "2\n"],
      ],
    );
    t.is((await box.glassbox(["images", "-q"])).stdout.trim().split("\n").length, 1);
  }),
);

asRoot(
  "bootstrap-and-deps: -q makes it without a word; --pull never does not make it; an image without a recipe is not found",
  (t) =>
    withEmptyStore(t, async (box) => {
      t.is((await box.run("--pull", "never", "busybox", "true")).code, 125);
      t.deepEqual(await pick(box.run("-q", "busybox", "echo", "quiet")), { code: 0, stdout: "quiet\n", stderr: "" });
      t.is((await box.run("no-recipe", "true")).code, 125);
    }),
);

async function pick(result: Promise<{ code: number | null; stdout: string; stderr: string }>): Promise<object> {
  const { code, stdout, stderr } = await result;
  return { code, stdout, stderr };
}

asRoot("bootstrap-and-deps: S0-10 deps lists what ldd lists, with a reason for each, and the interpreter", async (t) => {
  const { stdout, code } = await file.box.glassbox(["deps", "/bin/bash"]);
  t.is(code, 0);
  const ldd = execFileSync("ldd", ["/bin/bash"], { encoding: "utf8" });
  for (const [, path = ""] of ldd.matchAll(/(\/\S+) \(0x/g)) t.true(stdout.includes(path.replace(/^.*\//, "")), path);
  t.regex(stdout, /interpreter/i);
});

asRoot("bootstrap-and-deps: S0-10 deps --into: a chroot in which the program runs", async (t) => {
  const into = file.box.path("into");
  const copied = await file.box.glassbox(["deps", "/bin/bash", "/bin/ls", "--into", into]);
  t.is(copied.code, 0, copied.stderr);
  const inside = spawnSync("chroot", [into, "/bin/bash", "-c", "echo from bash; ls /bin"], { encoding: "utf8" });
  t.is(inside.stdout, "from bash\nbash\nls\n", inside.stderr);
});

asRoot(
  "bootstrap-and-deps: S0-10 S1-C5 deps --image: a container in which it runs; one library less, and the error names it",
  async (t) => {
    const made = await file.box.glassbox(["deps", "/bin/bash", "--image", "just-bash"]);
    t.is(made.code, 0, made.stderr);
    t.is(await file.box.output(t, "just-bash", "/bin/bash", "-c", "echo $BASH; echo /bin/*"), "/bin/bash\n/bin/bash");
    const into = file.box.path("less");
    await file.box.glassbox(["deps", "/bin/bash", "--into", into]);
    const library = execFileSync("sh", ["-c", `find ${into} -name 'libtinfo*'`], { encoding: "utf8" })
      .trim()
      .split("\n");
    for (const path of library) rmSync(path);
    await file.box.store.addDirectory("less-bash", into);
    const { code, stderr } = await file.box.run("less-bash", "/bin/bash", "-c", "true");
    t.is(code, 127);
    t.regex(stderr, /libtinfo\.so/);
    t.regex(stderr, /^ {2}why: .*libtinfo/m);
  },
);

asRoot("bootstrap-and-deps: deps of what is no program, or not there", async (t) => {
  for (const path of ["/etc/passwd", "/not/there", "/etc"]) {
    const { code, stderr } = await file.box.glassbox(["deps", path]);
    t.true(code === 1 || code === 125, path);
    t.true(stderr.includes(path), stderr);
    t.notRegex(stderr, /internal error/);
  }
});
