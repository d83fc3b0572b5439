/** Untrusted text on a terminal: names, labels and messages must not be able to move the cursor or forge a line. */

// C0 and C1 controls, DEL, and the characters that reorder or hide text (Unicode Bidirectional Algorithm, "explicit formatting"; zero width).
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

/** Replaces every control or direction character by a visible escape: `\n`, `\x1b`, `\u202e`. Linear. */
export function escapeControls(text: string): string {
  return text.replace(DANGEROUS, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    if (character === "\r") return "\\r";
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** The same for text of several lines: line breaks stay, and each further line is indented so that it cannot pass for a message of ours. */
export function escapeLines(text: string, indent: string): string {
  return text.split("\n").map(escapeControls).join(`\n${indent}`);
}
