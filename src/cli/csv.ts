/** One line of comma-separated values (RFC 4180), the outer form of --mount. */

/** Thrown by splitCsv: the words of Go's encoding/csv, which Docker users meet. */
export class CsvError extends Error {}

/**
 * The fields of one line. A field that begins with `"` ends at the next single `"`, and `""` inside stands for one.
 * Throws CsvError for a quote inside a bare field or a quoted field without an end. Linear.
 */
export function splitCsv(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const comma = line.indexOf(",", at);
      const end = comma < 0 ? line.length : comma;
      const quoteAt = line.slice(at, end).indexOf('"');
      if (quoteAt >= 0) throw new CsvError(`parse error on line 1, column ${at + quoteAt + 1}: bare " in non-quoted-field`);
      fields.push(line.slice(at, end));
      at = end;
    } else {
      const pieces: string[] = [];
      let from = at + 1;
      for (;;) {
        const end = line.indexOf('"', from);
        if (end < 0)
          throw new CsvError(`parse error on line 1, column ${line.length + 1}: extraneous or missing " in quoted field`);
        pieces.push(line.slice(from, end));
        from = end + 1;
        if (line[from] !== '"') break;
        pieces.push('"');
        from++;
      }
      if (from < line.length && line[from] !== ",") {
        throw new CsvError(`parse error on line 1, column ${from + 1}: extraneous or missing " in quoted field`);
      }
      fields.push(pieces.join(""));
      at = from;
    }
    if (at >= line.length) return fields;
    at++;
  }
}
