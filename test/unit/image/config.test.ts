import test from "ava";
import { GlassboxError } from "../../../src/base/errors";
import { applyChanges } from "../../../src/image/changes";
import { checkImageDocument, isDigest } from "../../../src/image/config";
import { detectCompression } from "../../../src/image/decompress";
import { MAX_JSON_BYTES, parseJson } from "../../../src/image/json";

const digest = `sha256:${"a".repeat(64)}`;
const good = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digest] } };

test("configurations that are fine", (t) => {
  t.deepEqual(checkImageDocument(good, "x").rootfs.diff_ids, [digest]);
  t.deepEqual(checkImageDocument({ ...good, rootfs: { type: "layers" } }, "x").rootfs.diff_ids, []);
  const rich = {
    ...good,
    config: { Env: null, Cmd: ["a"], Labels: { b: "c" }, Volumes: { "/d": {} }, Unknown: 1 },
    history: null,
  };
  t.is((checkImageDocument(rich, "x").config as { Unknown?: number }).Unknown, 1);
});

const BAD: [string, unknown][] = [
  ["null", null],
  ["a list", []],
  ["no os", { ...good, os: undefined }],
  ["another os", { ...good, os: "darwin" }],
  ["no rootfs", { ...good, rootfs: undefined }],
  ["another rootfs type", { ...good, rootfs: { type: "zip", diff_ids: [] } }],
  ["bad digests", { ...good, rootfs: { type: "layers", diff_ids: ["sha256:../x"] } }],
  ["too many layers", { ...good, rootfs: { type: "layers", diff_ids: Array.from({ length: 128 }, () => digest) } }],
  ["Cmd as text", { ...good, config: { Cmd: "sh" } }],
  ["NUL in Env", { ...good, config: { Env: ["a=\0"] } }],
  ["User as number", { ...good, config: { User: 0 } }],
  ["Volumes as list", { ...good, config: { Volumes: ["/x"] } }],
  ["label as number", { ...good, config: { Labels: { a: 1 } } }],
  ["history as object", { ...good, history: {} }],
  ["history with numbers", { ...good, history: [{ created_by: 1 }] }],
];

for (const [name, value] of BAD) {
  test(`configuration refused: ${name}`, (t) => {
    const error = t.throws(() => checkImageDocument(value, "the config"), { instanceOf: GlassboxError });
    t.is(error.code, "image-config");
    t.true(error.what.startsWith("the config"));
  });
}

test("digests", (t) => {
  t.true(isDigest(digest));
  for (const bad of [
    undefined,
    1,
    "",
    "sha256:",
    digest.toUpperCase(),
    `${digest}0`,
    `${digest}\n`,
    "sha512:aa",
    "sha256:../../x",
  ])
    t.false(isDigest(bad), String(bad));
});

test("changes", (t) => {
  const config = applyChanges({ Env: ["A=1", "B=2"] }, [
    'CMD ["a", "b"]',
    "entrypoint run it",
    "ENV A=3 C='x y'",
    "ENV D the rest",
    'LABEL a=b "c"=d',
    "EXPOSE 80 53/udp",
    "VOLUME /data /more",
    'VOLUME ["/json"]',
    "USER 1000:1000",
    "WORKDIR /srv",
    "WORKDIR app",
    "STOPSIGNAL SIGINT",
    "ONBUILD RUN x",
  ]);
  t.deepEqual(config, {
    Env: ["B=2", "A=3", "C=x y", "D=the rest"],
    Cmd: ["a", "b"],
    Entrypoint: ["/bin/sh", "-c", "run it"],
    Labels: { a: "b", c: "d" },
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: { "/data": {}, "/more": {}, "/json": {} },
    User: "1000:1000",
    WorkingDir: "/srv/app",
    StopSignal: "SIGINT",
    OnBuild: ["RUN x"],
  });
  for (const bad of ["", "CMD", "RUN x", "COPY a b", "ENV", "ENV x", "ENV a=1 =2", "EXPOSE x", "EXPOSE 70000", "LABEL a='b"]) {
    t.is(t.throws(() => applyChanges({}, [bad]), { instanceOf: GlassboxError }).code, "bad-change", bad);
  }
  t.deepEqual(Object.keys(applyChanges({}, ["LABEL __proto__=x"]).Labels ?? {}), ["__proto__"]);
});

test("JSON is capped, strict and harmless", (t) => {
  const parse = (text: string | Buffer): unknown => parseJson(Buffer.from(text), "x");
  t.is((parse('{"__proto__":{"polluted":1}}') as { polluted?: number }).polluted, undefined);
  t.is(({} as { polluted?: number }).polluted, undefined);
  const start = performance.now();
  for (const bad of [
    "",
    "{",
    "\ufeff",
    '{"a":1}x',
    Buffer.from([0xff]),
    Buffer.alloc(MAX_JSON_BYTES + 1, 0x20),
    "[".repeat(100_000),
  ]) {
    t.is(t.throws(() => parse(bad), { instanceOf: GlassboxError }).code, "bad-json");
  }
  t.true(performance.now() - start < 2000);
});

test("compression is told by the first bytes", (t) => {
  const cases: [string, string][] = [
    ["1f8b08", "gzip"],
    ["28b52ffd", "zstd"],
    ["fd377a585a00", "xz"],
    ["425a6839", "bzip2"],
    ["", "none"],
    ["1f", "none"],
    ["7573746172", "none"],
  ];
  for (const [hex, name] of cases) t.is(detectCompression(Buffer.from(hex, "hex")), name as never);
});
