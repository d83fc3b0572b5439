import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import { LayerView } from "../../../src/image/layer-view";

/** Layers top-most first: path → content, or undefined for a directory, or { link }. `opaque`: host paths that carry the mark. */
function view(
  t: { teardown(body: () => void): void },
  layers: Record<string, string | { link: string } | undefined>[],
  opaque: string[] = [],
): LayerView {
  const root = mkdtempSync(join(tmpdir(), "glassbox-test-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  const paths = layers.map((files, i) => {
    const layer = join(root, String(i));
    mkdirSync(layer);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(layer, path)), { recursive: true });
      if (content === undefined) mkdirSync(join(layer, path), { recursive: true });
      else if (typeof content === "string") writeFileSync(join(layer, path), content);
      else symlinkSync(content.link, join(layer, path));
    }
    return layer;
  });
  const marked = new Set(opaque.map((path) => join(root, path)));
  return new LayerView(paths, { lgetxattr: (path) => (marked.has(path) ? Buffer.from("y") : undefined) });
}

test("the top-most layer wins, directories merge", (t) => {
  const v = view(t, [{ "etc/a": "top" }, { "etc/a": "bottom", "etc/b": "bottom" }]);
  t.is(v.readFile("/etc/a", 9)?.toString(), "top");
  t.is(v.readFile("/etc/b", 9)?.toString(), "bottom");
});

test("an opaque directory hides what is below, a file hides a directory", (t) => {
  const v = view(
    t,
    [
      { "d/x": "top", f: "file" },
      { "d/y": "bottom", "f/z": "bottom" },
    ],
    ["0/d"],
  );
  t.is(v.lookup("/d/y"), undefined);
  t.is(v.lookup("/d/x")?.kind, "file");
  t.is(v.lookup("/f/z"), undefined);
});

test("a directory on top of a file hides it, and does not merge past it", (t) => {
  const v = view(t, [{ d: undefined }, { d: "file" }, { "d/x": "bottom" }]);
  t.is(v.lookup("/d")?.kind, "directory");
  t.is(v.lookup("/d/x"), undefined);
});

test("symlinks cross layers and never the root", (t) => {
  const v = view(t, [
    { bin: { link: "usr/bin" } },
    { "usr/bin/sh": { link: "/opt/sh" } },
    { "opt/sh": "sh", out: { link: "../../../../etc/hostname" } },
  ]);
  t.is(v.lookup("/bin/sh")?.path, "/opt/sh");
  t.is(v.lookup("/bin/sh", { follow: false })?.path, "/usr/bin/sh");
  t.is(v.lookup("/bin", { follow: false })?.kind, "symlink");
  t.is(v.lookup("/out"), undefined);
});

test("40 symlinks are followed, 41 are not", (t) => {
  const chain = (length: number): Record<string, string | { link: string }> =>
    Object.fromEntries([["l0", "end"], ...Array.from({ length }, (_, i) => [`l${i + 1}`, { link: `l${i}` }] as const)]);
  t.is(
    view(t, [chain(40)])
      .readFile("/l40", 9)
      ?.toString(),
    "end",
  );
  t.is(view(t, [chain(41)]).lookup("/l41"), undefined);
});

test("a view without layers has a root only in name", (t) => {
  const v = view(t, []);
  t.is(v.lookup("/"), undefined);
  t.is(v.lookup("/etc/passwd"), undefined);
});
