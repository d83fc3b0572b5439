/** Listings in columns, as Docker's: headings in capitals, three spaces between, no boxes. */

import { padEnd, stringWidth } from "../explain/width";
import { escapeControls } from "./escape";

/** Lays rows out under headings; every cell is shown in full, its control characters escaped. Lines without line breaks. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [headings, ...rows].map((row) => row.map(escapeControls));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => stringWidth(row[column] ?? ""))));
  return cells.map((row) =>
    row
      .map((cell, column) => padEnd(cell, widths[column] ?? 0))
      .join("   ")
      .trimEnd(),
  );
}
