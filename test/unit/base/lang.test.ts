import test from "ava";
import { detectLang, langOf, say } from "../../../src/base/lang";

test("locale names", (t) => {
  for (const [locale, lang] of [
    ["zh_CN.UTF-8", "zh"],
    ["zh-TW", "zh"],
    ["zh", "zh"],
    ["ZH_cn", "zh"],
    ["en_GB", "en"],
    ["en", "en"],
    ["de_DE", undefined],
    ["C", undefined],
    ["", undefined],
    ["zhx", undefined],
  ] as const) {
    t.is(langOf(locale), lang, locale);
  }
});

test("LC_ALL wins over LC_MESSAGES over LANG; empty counts as unset; others read English", (t) => {
  t.is(detectLang({ LC_ALL: "zh_CN", LC_MESSAGES: "en_US", LANG: "en_US" }), "zh");
  t.is(detectLang({ LC_ALL: "", LC_MESSAGES: "zh_CN", LANG: "en_US" }), "zh");
  t.is(detectLang({ LC_ALL: "C", LANG: "zh_CN" }), "en");
  t.is(detectLang({ LANG: "zh_CN.UTF-8" }), "zh");
  t.is(detectLang({ LANG: "fr_FR" }), "en");
  t.is(detectLang({}), "en");
  t.is(say("zh", "a", "b"), "b");
});
