// What glassbox-init tells its parent through the report pipe, read by src/runtime/report.ts: a sequence of records, little endian.
// End of file without a Failure record means that the payload was executed, or that the child died; the pidfd tells which.
#pragma once

#include <stdint.h>

namespace glassbox {

enum class RecordType : uint16_t {
  // One system call that was made (only when the plan asks for a trace).
  Call = 1,
  // The call that ended the start; nothing follows.
  Failure = 2,
  // The child waits at "start"; carries no call.
  Ready = 3,
};

struct RecordHeader {
  uint32_t size;  // of the whole record, a multiple of 8
  uint16_t type;
  uint16_t step;  // index in the plan
  uint32_t syscall;
  uint32_t arg_count;
  int64_t result;  // negative errno when it failed
  uint64_t start_ns;
  uint64_t duration_ns;
};

enum class RecordArgType : uint16_t { Integer = 1, String = 2, Bytes = 3, Null = 4 };

// Of a buffer or struct only so much is kept.
constexpr uint32_t kRecordedBytes = 64;

// Followed by `length` bytes of a string (without NUL), or by the first kRecordedBytes of a buffer, padded to 8.
struct RecordArg {
  uint16_t type;
  uint16_t truncated;
  uint32_t length;
  uint64_t value;
};

static_assert(sizeof(RecordHeader) == 40 && sizeof(RecordArg) == 16);

}  // namespace glassbox
