/** Sizes and times as people write and read them; the spellings are Docker's (its `units` package). */

import { GlassboxError } from "./errors";

const BINARY_POWERS = "kmgtp";

/**
 * Bytes of a size as `-m`, `--shm-size` and friends take it: `512m`, `1.5g`, `64KiB`, `100 kb`, `4096`.
 * Units are powers of 1024. Throws "bad-size" (what: Docker's words). Linear in the length of the text.
 */
export function parseRamSize(text: string): number {
  const invalid = (): GlassboxError =>
    new GlassboxError({
      code: "bad-size",
      what: `invalid size: '${shorten(text)}'`,
      hint: { en: "write a number and a unit, such as 512m, 1.5g or 64KiB", zh: "写数字加单位，例如 512m、1.5g 或 64KiB" },
    });
  // The longest sensible size has some 25 characters; anything longer is not worth reading.
  if (text.length > 64) throw invalid();
  let end = 0;
  while (end < text.length && isNumeric(text.charCodeAt(end))) end++;
  const number = text.slice(0, end);
  const suffix = (text[end] === " " ? text.slice(end + 1) : text.slice(end)).toLowerCase();
  const value = Number(number);
  if (number === "" || number === "." || !Number.isFinite(value)) throw invalid();
  const bytes = Math.floor(value * multiplier(suffix, text, invalid));
  if (!Number.isSafeInteger(bytes)) {
    throw new GlassboxError({
      code: "bad-size",
      what: `invalid size: '${shorten(text)}'`,
      why: { en: "it is more than 8 PiB, which no kernel counter here holds exactly", zh: "它超过 8 PiB，无法精确保存" },
    });
  }
  return bytes;
}

function multiplier(suffix: string, text: string, invalid: () => GlassboxError): number {
  if (suffix === "" || suffix === "b") return 1;
  const power = BINARY_POWERS.indexOf(suffix[0] ?? "");
  const rest = suffix.slice(1);
  if (power < 0) {
    if (/^[a-z]{1,3}$/.test(suffix)) {
      throw new GlassboxError({
        code: "bad-size",
        what: `invalid suffix: '${suffix}' in '${shorten(text)}'`,
        hint: {
          en: "units are b, k, m, g, t and p, with b or ib behind them if you like",
          zh: "单位有 b、k、m、g、t、p，后面可以再加 b 或 ib",
        },
      });
    }
    throw invalid();
  }
  if (rest !== "" && rest !== "b" && rest !== "ib") throw invalid();
  return 1024 ** (power + 1);
}

function isNumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/**
 * A size as `images` and `ps -s` print it: powers of 1000, `4.26MB`, `133MB`, `0B`.
 * `digits` significant digits (Docker takes 3 for images, 4 elsewhere).
 */
export function formatSize(bytes: number, digits = 3): string {
  return scale(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB", "EB"], digits);
}

/** A size in powers of 1024 with four significant digits: `64MiB`, `1.953GiB`; what `info` and memory limits use. */
export function formatBinarySize(bytes: number): string {
  return scale(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], 4);
}

function scale(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  let text = trimNumber(value, digits);
  // Rounding can reach the next unit: 999.96 kB is 1 MB, not 1000 kB.
  if (Number(text) >= base && unit < units.length - 1) {
    unit++;
    text = trimNumber(value / base, digits);
  }
  return `${text}${units[unit]}`;
}

function trimNumber(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** A span of time in Docker's words: `27 seconds`, `About a minute`, `3 hours`, `2 weeks`. Input milliseconds. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}

/** `27 seconds ago` for a moment in the past; both in milliseconds since the epoch. */
export function formatAge(whenMs: number, nowMs: number): string {
  return `${formatDuration(Math.max(0, nowMs - whenMs))} ago`;
}
