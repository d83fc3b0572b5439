import test from "ava";
import { CATALOGUE, declaredSyscalls, lessonOf } from "../../../src/explain/catalogue";
import type { StepLesson } from "../../../src/explain/catalogue";
import type { Lang } from "../../../src/base/lang";
import type { StepKind } from "../../../src/plan/steps";
import { SAMPLES, SAMPLE_KINDS } from "./samples";

const KINDS = Object.keys(CATALOGUE) as StepKind[];
const CJK = /[\u4e00-\u9fff]/;

function texts(lesson: StepLesson, lang: Lang): string[] {
  return [lesson.title[lang], lesson.why[lang], lesson.without[lang], lesson.observe.shows[lang]];
}

test("the samples cover every kind", (t) => {
  t.deepEqual([...SAMPLE_KINDS].toSorted(), KINDS.toSorted());
});

test("every kind and variant has texts in both languages", (t) => {
  for (const step of SAMPLES) {
    const lesson = lessonOf(step);
    for (const lang of ["en", "zh"] as const) {
      for (const text of texts(lesson, lang)) {
        t.not(text.trim(), "", `${step.id} ${lang}`);
        t.notRegex(text, /undefined|NaN|\[object/, `${step.id} ${lang}: ${text}`);
      }
    }
    for (const text of [lesson.title.en, lesson.why.en, lesson.without.en]) t.notRegex(text, CJK, step.id);
    for (const text of [lesson.title.zh, lesson.why.zh, lesson.without.zh]) t.regex(text, CJK, `${step.id}: ${text}`);
    t.true(lesson.syscalls.length > 0 && lesson.man.length > 0, step.id);
    t.not(lesson.observe.command, "");
    for (const page of lesson.man) t.regex(page, /^([a-z_0-9-]+\([1-8]\)|CVE-\d{4}-\d{4,})$/, step.id);
  }
});

test("both languages fill in the same parameters", (t) => {
  const parameters =
    /4711|4712|4713|471|qqq|hostq|domainq|shq|mergedq|upq|\/srv\/q|\/data\/q|\/work\/q|\/elsewhere|CLONE_\w+|CAP_\w+|CVE-[\d-]+|\b(?:E[A-Z]{4,})\b/g;
  for (const step of SAMPLES) {
    const lesson = lessonOf(step);
    const of = (text: string): string[] => [...new Set(text.match(parameters) ?? [])].toSorted();
    for (const part of ["title", "why", "without"] as const) {
      t.deepEqual(of(lesson[part].en), of(lesson[part].zh), `${step.id} ${part}`);
    }
    t.is(lesson.why.en.split("\n").length, lesson.why.zh.split("\n").length, step.id);
  }
});

test("no sentence is used for two kinds", (t) => {
  for (const lang of ["en", "zh"] as const) {
    const owner = new Map<string, StepKind>();
    for (const step of SAMPLES) {
      const lesson = lessonOf(step);
      const sentences = [lesson.title[lang], lesson.why[lang], lesson.without[lang]]
        .flatMap((text) => text.split(/\n|(?<=[.!?])\s+|(?<=[。！？])/))
        .filter((sentence) => sentence.trim().length > 3);
      for (const sentence of sentences) {
        const other = owner.get(sentence) ?? step.kind;
        t.is(other, step.kind, sentence);
        owner.set(sentence, step.kind);
      }
    }
  }
});

test("Chinese is set as Chinese: no ASCII comma, stop or colon after a Chinese character", (t) => {
  for (const step of SAMPLES) {
    const lesson = lessonOf(step);
    for (const text of texts(lesson, "zh")) t.notRegex(text, /[\u4e00-\u9fff][,;:?!]|[\u4e00-\u9fff]\.(\s|$)/, text);
    for (const text of [lesson.why.zh, lesson.without.zh]) for (const line of text.split("\n")) t.regex(line, /[。：]$/, line);
  }
});

test("English sentences end, and stay short", (t) => {
  for (const step of SAMPLES) {
    const { why, without } = lessonOf(step);
    for (const line of [...why.en.split("\n"), without.en]) {
      t.regex(line, /[.:]$/, line);
      for (const sentence of line.split(/(?<=[.:;])\s/)) t.true(sentence.split(" ").length <= 42, sentence);
    }
  }
});

test("parameters cannot steer a terminal, and long ids are cut in titles", (t) => {
  const hostname = lessonOf({ id: "h", kind: "set-hostname", lane: "child", phase: "confine", hostname: "a\u001b[2Jb\n\u202e" });
  t.is(hostname.title.en, "set the host name to a\\x1b[2Jb\\x0a\\u202e");
  const cgroup = lessonOf({
    id: "c",
    kind: "create-cgroup",
    lane: "parent",
    phase: "prepare",
    path: `/sys/fs/cgroup/glassbox/${"ab".repeat(32)}`,
    hierarchy: "unified",
  });
  t.is(cgroup.title.en, "create the cgroup /sys/fs/cgroup/glassbox/abababababab… (unified)");
  t.true(cgroup.observe.command.endsWith("ab".repeat(32)), "a command has to stay complete");
});

test("a clone has one line for each namespace flag, and only for those", (t) => {
  const lesson = lessonOf({ id: "c", kind: "clone", lane: "parent", phase: "clone", flags: ["CLONE_NEWNS", "CLONE_NEWUTS"] });
  t.deepEqual(
    lesson.why.en
      .split("\n")
      .filter((line) => line.startsWith("CLONE_"))
      .map((line) => line.split(":")[0]),
    ["CLONE_NEWNS", "CLONE_NEWUTS"],
  );
  t.is(lesson.title.en, "create the container's process in 2 new namespaces");
});

test("the three acts all occur, and declared system calls are names", (t) => {
  const acts = new Set(SAMPLES.map((step) => lessonOf(step).act));
  t.deepEqual([...acts].toSorted(), ["cgroups", "confine", "namespaces", "root", "run"]);
  for (const kind of KINDS) for (const name of declaredSyscalls(kind)) t.regex(name, /^[a-z0-9_]+$/);
});
