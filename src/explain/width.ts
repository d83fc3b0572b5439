/** How many terminal columns a text takes, and how to break it into lines. Chinese and Japanese characters take two. */

/** First and last code point of the wide ranges that matter here (UAX #11, East_Asian_Width W and F). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

const ZERO: readonly (readonly [number, number])[] = [
  [0x0300, 0x036f],
  [0x200b, 0x200f],
  [0x20d0, 0x20ff],
  [0xfe00, 0xfe0f],
];

const within = (code: number, ranges: readonly (readonly [number, number])[]): boolean =>
  ranges.some(([first, last]) => code >= first && code <= last);

const isWide = (code: number): boolean => code >= 0x1100 && within(code, WIDE);

// oxlint-disable-next-line no-control-regex
const COLOURS = /\u001b\[[0-9;]*m/g;

/** Columns that `text` takes; colour sequences take none. */
export function stringWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(COLOURS, "")) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0x300 && within(code, ZERO)) continue;
    width += isWide(code) ? 2 : 1;
  }
  return width;
}

/** Pads with spaces to `width` columns. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - stringWidth(text)));
}

export function padStart(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - stringWidth(text))) + text;
}

/** Punctuation that must not begin, or must not end, a line of Chinese. */
const NOT_FIRST = new Set("，。、；：？！）」』”》…");
const NOT_LAST = new Set("（「『“《");

/** Pieces between which a line may break: words with the spaces before them, single wide characters with their punctuation. */
function pieces(text: string): string[] {
  const out: string[] = [];
  let current = "";
  let breakBefore = false;
  for (const character of text) {
    const wide = isWide(character.codePointAt(0) ?? 0);
    const previous = current.at(-1);
    const startsPiece =
      current !== "" &&
      !NOT_FIRST.has(character) &&
      !(previous !== undefined && NOT_LAST.has(previous)) &&
      (wide || breakBefore || (character === " " && previous !== " "));
    if (startsPiece) {
      out.push(current);
      current = "";
    }
    current += character;
    breakBefore = wide;
  }
  if (current !== "") out.push(current);
  return out;
}

/** Cuts a piece that is longer than a whole line (a long path). */
function chop(piece: string, width: number): string[] {
  const out: string[] = [];
  let current = "";
  let used = 0;
  for (const character of piece) {
    const columns = stringWidth(character);
    if (used + columns > width && current !== "") {
      out.push(current);
      current = "";
      used = 0;
    }
    current += character;
    used += columns;
  }
  out.push(current);
  return out;
}

function fill(parts: readonly string[], width: number, rest: number): string[] {
  const out: string[] = [];
  let line = "";
  for (const part of parts) {
    const room = out.length === 0 ? width : rest;
    if (line !== "" && stringWidth(line) + stringWidth(part.trimEnd()) > room) {
      out.push(line.trimEnd());
      line = "";
    }
    const piece = line === "" && out.length > 0 ? part.trimStart() : part;
    const limit = out.length === 0 ? width : rest;
    if (line === "" && stringWidth(piece) > limit) {
      const cut = chop(piece, limit);
      line = cut.pop() ?? "";
      out.push(...cut);
    } else line += piece;
  }
  if (line !== "") out.push(line.trimEnd());
  return out;
}

/** Breaks prose into lines of at most `width` columns; existing line breaks stay. */
export function wrap(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => (line === "" ? [""] : fill(pieces(line), Math.max(8, width), Math.max(8, width))));
}

/** Breaks a system call after commas and between flags; lines after the first may be narrower by `indent`. */
export function wrapCall(text: string, width: number, indent: number): string[] {
  const parts = text.split(/(?<=, )|(?<=\|)|(?= = -?[^=]*$)/);
  const lines = fill(parts, Math.max(16, width), Math.max(16, width - indent));
  return lines.map((line, index) => (index === 0 ? line : " ".repeat(indent) + line));
}
