/** Glassbox as a library, as its docstring shows it: from an ES module, with types. */

import { join } from "node:path";

import { PACKAGE_ROOT, runProgram } from "../helpers/cli";
import { asRoot, boxForFile } from "./box";

const file = boxForFile();

asRoot("library: run and compilePlan from an ES module", async (t) => {
  const script = `
    import { run, compilePlan, GlassboxError, brokenRules } from ${JSON.stringify(join(PACKAGE_ROOT, "dist/src/index.js"))};
    const storeRoot = ${JSON.stringify(file.box.root)};
    const { exitCode, oomKilled } = await run({ image: "busybox", args: ["sh", "-c", "echo inside; exit 6"], remove: true, storeRoot });
    const { config, compiled } = await compilePlan({ image: "busybox", args: ["sh"], storeRoot });
    const failure = await run({ image: "busybox", args: ["nosuch"], remove: true, storeRoot }).catch((error) => error);
    console.log(JSON.stringify({
      exitCode,
      oomKilled,
      argv: config.process.args,
      kinds: compiled.plan.steps.length > 50,
      broken: brokenRules(compiled.plan).length,
      failure: [failure instanceof GlassboxError, failure.code, failure.exitCode],
    }));`;
  const { stdout, stderr, code } = await runProgram(process.execPath, ["--input-type=module", "-e", script]);
  t.is(code, 0, stderr);
  const [inside, told] = stdout.trim().split("\n");
  t.is(inside, "inside");
  t.deepEqual(JSON.parse(told!), {
    exitCode: 6,
    oomKilled: false,
    argv: ["sh"],
    kinds: true,
    broken: 0,
    failure: [true, "exec-not-found", 127],
  });
});
