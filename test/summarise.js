// Reads TAP (ava --tap) from standard input, shows what failed, and ends with "N passed, N failed". A skipped test counts as failed in CI.

const readline = require("node:readline");

let passed = 0;
let failed = 0;
let skipped = 0;
let showing = false;

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const result = /^(not ok|ok) \d+ - (.*)$/.exec(line);
    if (result === null) {
      // Diagnostics of a failure are indented; ava's own comments begin with "#".
      if (showing && /^\s/.test(line)) console.log(line);
      else if (/^# .*(timed? ?out|crash|exited|uncaught|rejection)/i.test(line)) console.log(line);
      return;
    }
    const [, verdict, title] = result;
    showing = verdict === "not ok";
    if (/# SKIP/i.test(title)) {
      skipped++;
      console.log(`skipped: ${title}`);
    } else if (showing) {
      failed++;
      console.log(`FAILED: ${title}`);
    } else {
      passed++;
    }
  })
  .on("close", () => {
    if (process.env.CI) failed += skipped;
    else if (skipped > 0) console.log(`${skipped} skipped`);
    console.log(`${passed} passed, ${failed} failed`);
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  });
