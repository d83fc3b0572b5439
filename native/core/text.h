// The few string functions that code without a C library needs.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace glassbox {

inline size_t length_of(const char* text) {
  size_t n = 0;
  while (text[n] != 0) n++;
  return n;
}

inline bool same(const char* a, const char* b) {
  while (*a != 0 && *a == *b) {
    a++;
    b++;
  }
  return *a == *b;
}

inline bool starts_with(const char* text, const char* prefix) {
  while (*prefix != 0) {
    if (*text++ != *prefix++) return false;
  }
  return true;
}

// Decimal digits only; -1 for anything else or beyond int.
inline int parse_int(const char* text) {
  if (*text == 0) return -1;
  int64_t value = 0;
  for (; *text != 0; text++) {
    if (*text < '0' || *text > '9') return -1;
    value = value * 10 + (*text - '0');
    if (value > 0x7fffffff) return -1;
  }
  return static_cast<int>(value);
}

// Writes `value` in decimal with a NUL; `out` holds at least 21 bytes. Returns the number of digits.
inline size_t format_unsigned(uint64_t value, char* out) {
  char digits[20];
  size_t n = 0;
  do {
    digits[n++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  for (size_t i = 0; i < n; i++) out[i] = digits[n - 1 - i];
  out[n] = 0;
  return n;
}

}  // namespace glassbox
