/** The architecture as a test: who may import whom (STYLE of the house: src/README.md shows the same as a drawing). */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

import test from "ava";

const SRC = join(__dirname, "..", "..", "..", "src");

/** Folder → folders that it may import; "types:" in front allows only `import type`. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  binding: ["base"],
  host: ["base", "binding"],
  store: ["base", "binding"],
  elf: ["base"],
  plan: ["base"],
  confine: ["base", "types:plan"],
  explain: ["base", "plan", "confine"],
  image: ["base", "binding", "store"],
  bootstrap: ["base", "binding", "elf", "store", "image"],
  runtime: ["base", "binding", "host", "store", "elf", "plan", "confine", "image"],
};

/** Folders whose functions are pure: data in, data out. */
const PURE = ["plan", "explain", "confine"];

interface Edge {
  from: string;
  to: string;
  typeOnly: boolean;
}

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

const IMPORT = /^\s*(import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|require\("([^"]+)"\)/gm;

function specifiers(text: string): { specifier: string; typeOnly: boolean }[] {
  return [...text.matchAll(IMPORT)].map((match) => ({
    specifier: match[3] ?? match[4] ?? match[5] ?? "",
    // `typeof import("…")` beside a require is the same edge; a lone one is a type.
    typeOnly: match[2] !== undefined,
  }));
}

function edges(): Edge[] {
  return sources(SRC).flatMap((file) =>
    specifiers(readFileSync(file, "utf8"))
      .filter(({ specifier }) => specifier.startsWith("."))
      .map(({ specifier, typeOnly }) => ({
        from: relative(SRC, file),
        to: normalize(relative(SRC, join(dirname(file), specifier))),
        typeOnly,
      })),
  );
}

/** "" for files that stand in src itself; a bare folder is an import of its index. */
const folderOf = (path: string): string => (path.includes("/") ? path.slice(0, path.indexOf("/")) : path in ALLOWED ? path : "");

test("imports follow the dependency direction", (t) => {
  const forbidden = edges().filter(({ from, to, typeOnly }) => {
    const [folder, target] = [folderOf(from), folderOf(to)];
    if (folder === target || folder === "cli" || folder === "launch" || folder === "") return false;
    const allowed = ALLOWED[folder];
    if (allowed === undefined) return true;
    return !allowed.includes(target) && !(typeOnly && allowed.includes(`types:${target}`));
  });
  t.deepEqual(forbidden, []);
});

test("nothing imports cli but what launches it, and every folder has its rule", (t) => {
  t.deepEqual(
    edges().filter(({ from, to }) => folderOf(to) === "cli" && !["cli", "launch"].includes(folderOf(from))),
    [],
  );
  const folders = new Set(sources(SRC).map((file) => folderOf(relative(SRC, file))));
  t.deepEqual(
    [...folders].filter((folder) => folder !== "" && folder !== "cli" && folder !== "launch" && ALLOWED[folder] === undefined),
    [],
  );
});

test("pure folders do no I/O", (t) => {
  const impure = sources(SRC)
    .filter((file) => PURE.includes(folderOf(relative(SRC, file))))
    .flatMap((file) =>
      specifiers(readFileSync(file, "utf8"))
        .filter(({ specifier }) => /^node:(?!(crypto|os)$)/.test(specifier))
        .map(({ specifier }) => `${relative(SRC, file)}: ${specifier}`),
    );
  t.deepEqual(impure, []);
});

test("no import cycle between files", (t) => {
  const graph = new Map<string, string[]>();
  const files = new Set(sources(SRC).map((file) => relative(SRC, file).replace(/\.ts$/, "")));
  for (const { from, to, typeOnly } of edges()) {
    if (typeOnly) continue;
    const target = files.has(to) ? to : join(to, "index");
    const source = from.replace(/\.ts$/, "");
    graph.set(source, [...(graph.get(source) ?? []), target]);
  }
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (node: string, path: readonly string[]): void => {
    if (path.includes(node)) {
      cycles.push([...path.slice(path.indexOf(node)), node].join(" → "));
      return;
    }
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  t.deepEqual(cycles, []);
});
