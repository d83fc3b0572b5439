/** Modules that stand together in one file, made to look to Node as if each had been loaded from its own. */

import Module = require("node:module");

type Body = (
  exports: unknown,
  require: (specifier: string) => unknown,
  module: NodeModule,
  filename: string,
  dirname: string,
) => void;

/** By path below dist/src without ending: "cli/main". */
export type JoinedModules = Readonly<Record<string, Body>>;

/** Gives a function that loads one of `modules` by name. `root` is the absolute dist/src, whose files stay the place of all the others. */
export function register(modules: JoinedModules, root: string): (id: string) => unknown {
  const load = (id: string): unknown => {
    const filename = `${root}/${id}.js`;
    // Somebody outside may have asked Node for the same file before.
    const known = require.cache[filename];
    if (known !== undefined) return known.exports;
    const module = new Module(filename);
    module.filename = filename;
    require.cache[filename] = module;
    const dirname = filename.slice(0, filename.lastIndexOf("/"));
    modules[id]!.call(module.exports, module.exports, requireFrom(id, module), module, filename, dirname);
    module.loaded = true;
    return module.exports;
  };
  const requireFrom = (id: string, module: NodeModule) => (specifier: string) => {
    const target = specifier.startsWith(".") ? resolve(id, specifier) : undefined;
    if (target !== undefined) {
      if (Object.hasOwn(modules, target)) return load(target);
      if (Object.hasOwn(modules, `${target}/index`)) return load(`${target}/index`);
    }
    return module.require(specifier);
  };
  return load;
}

/** "../base/errors" from "cli/main" is "base/errors". */
function resolve(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
