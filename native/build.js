// Builds the addon and glassbox-init with the node-gyp that npm brings along. Node's headers are taken from beside the running
// node when they are there (Debian, nodesource, a tarball): then nothing is downloaded.

const { execFileSync } = require("node:child_process");
const { existsSync } = require("node:fs");
const { dirname, join } = require("node:path");

const gyp = process.env.npm_config_node_gyp;
if (gyp === undefined) {
  console.error("native/build.js: run it through npm (npm install, npm run build:native), which provides node-gyp");
  process.exit(1);
}

const prefix = dirname(dirname(process.execPath));
const headers = existsSync(join(prefix, "include", "node", "node_api.h")) ? [`--nodedir=${prefix}`] : [];
// "configure" too: it is what looks for new source files. Never "rebuild": npm link runs this again right after npm ci, and make knows what is done.
const commands = ["configure", process.argv[2] ?? "build"];

try {
  for (const command of commands)
    execFileSync(process.execPath, [gyp, command, ...headers], { stdio: "inherit", cwd: join(__dirname, "..") });
} catch {
  console.error("native/build.js: the native part did not build; it needs make, g++ (10 or newer) and python3");
  process.exit(1);
}
