// Draws docs/pictures/explain.en.svg and explain.zh.svg from the real output of `glassbox run --explain` (root, a built tree):
//
//   node docs/pictures/make-picture.js
//
// A terminal of 80 columns, of which some steps are shown. Colours are on a dark ground of their own, so the page's does not matter.

const { execFileSync } = require("node:child_process");
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const HERE = __dirname;
const CLI = join(HERE, "..", "..", "dist", "src", "launch", "main.js");
const { stringWidth: textWidth } = require("../../dist/src/explain/width.js");

const CELL = 8.4;
const LINE = 19;
const MARGIN = 18;
const TITLE_BAR = 34;
const COLUMNS = 80;
const INK = "#d8dee9";
// What the narrator's SGR codes look like here.
const COLOURS = {
  1: { fill: "#ffffff", weight: "bold" },
  2: { fill: "#8b97a8" },
  31: { fill: "#ff8f8f" },
  32: { fill: "#a3d9a5" },
  33: { fill: "#f0cf7f" },
  34: { fill: "#8fbcff" },
  35: { fill: "#d7a8ff" },
  36: { fill: "#7fd6e0" },
};

// The steps of the picture, by what stands in their call or title.
const WANTED = [/clone3\(/, /pivot_root\("/, /execve/];

function record(lang, root) {
  const command = `${process.execPath} ${CLI} run --rm --explain --lang ${lang} busybox true`;
  const env = { ...process.env, GLASSBOX_ROOT: root, COLUMNS: String(COLUMNS), TERM: "xterm-256color" };
  delete env.NO_COLOR;
  // script(1) gives the command a terminal, without which there are no colours.
  return execFileSync("script", ["-qec", command, "/dev/null"], { env, encoding: "utf8" }).replaceAll("\r", "");
}

/** Headings, chosen steps and totals; "⋮" stands for what is left out. */
function choose(output) {
  const plain = (text) => text.replace(/\u001b\[[0-9;]*m/g, "");
  // A block is a heading with its sentence, a step, or the totals.
  const blocks = output.trimEnd().split(/\n\n/);
  const kept = [];
  let heading;
  let skipped = false;
  blocks.forEach((block, i) => {
    const text = plain(block);
    if (i === 0) return kept.push(block);
    if (text.startsWith("──") && i < blocks.length - 3) {
      heading = block;
      return undefined;
    }
    if (!WANTED.some((pattern) => pattern.test(text))) {
      skipped = true;
      return undefined;
    }
    if (skipped) kept.push("⋮");
    skipped = false;
    if (heading !== undefined) kept.push(heading.split("\n")[0]);
    heading = undefined;
    kept.push(block);
    return undefined;
  });
  return kept.join("\n\n").replaceAll("⋮\n\n", "⋮\n").split("\n");
}

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function drawLine(line, y) {
  let column = 0;
  let style = {};
  const parts = [];
  for (const piece of line.split(/(\u001b\[[0-9;]*m)/)) {
    const codes = /^\u001b\[([0-9;]*)m$/.exec(piece);
    if (codes !== null) {
      style = Object.assign({}, ...codes[1].split(";").map((code) => COLOURS[Number(code)] ?? {}));
      continue;
    }
    const text = piece.trim();
    if (text !== "") {
      const start = column + textWidth(piece.slice(0, piece.length - piece.trimStart().length));
      const attributes = [
        `x="${(MARGIN + start * CELL).toFixed(1)}"`,
        `y="${y}"`,
        `textLength="${(textWidth(text) * CELL).toFixed(1)}"`,
        ...(style.fill === undefined ? [] : [`fill="${style.fill}"`]),
        ...(style.weight === undefined ? [] : [`font-weight="${style.weight}"`]),
      ];
      parts.push(`<text ${attributes.join(" ")}>${escape(text)}</text>`);
    }
    column += textWidth(piece);
  }
  return parts.join("");
}

function draw(lines, title) {
  const width = Math.round(MARGIN * 2 + COLUMNS * CELL);
  const height = TITLE_BAR + lines.length * LINE + MARGIN;
  const dots = ["#ff6b6b", "#f0cf7f", "#7fd68f"].map(
    (fill, i) => `<circle cx="${MARGIN + 6 + i * 20}" cy="17" r="6" fill="${fill}"/>`,
  );
  const text = lines.map((line, i) => drawLine(line, TITLE_BAR + LINE * (i + 1) - 5));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="9" fill="#1d2430" stroke="#4b586c"/>`,
    ...dots,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace" font-size="14" fill="${INK}" xml:space="preserve">`,
    ...text.filter((line) => line !== ""),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

const root = mkdtempSync("/tmp/glassbox-");
try {
  // The image is made now, so that the story begins with the start.
  execFileSync(process.execPath, [CLI, "run", "--rm", "-q", "busybox", "true"], {
    env: { ...process.env, GLASSBOX_ROOT: root },
    stdio: "ignore",
  });
  for (const lang of ["en", "zh"]) {
    const command = "glassbox run --rm --explain busybox true";
    const lines = [`\u001b[32m#\u001b[0m \u001b[1m${command}\u001b[0m`, "", ...choose(record(lang, root))];
    writeFileSync(join(HERE, `explain.${lang}.svg`), draw(lines, command));
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
