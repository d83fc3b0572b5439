// The one place through which every system call of the start goes, so that what is narrated is what was done.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/plan-format.h"
#include "core/record-format.h"
#include "core/syscall.h"
#include "core/text.h"

namespace glassbox {

// A system call's argument, with enough of its type to be recorded.
struct CallArg {
  RecordArgType type;
  uint64_t raw;
  uint32_t length;
};

inline CallArg integer(long value) { return {RecordArgType::Integer, static_cast<uint64_t>(value), 0}; }
inline CallArg string(const char* text) {
  if (text == nullptr) return {RecordArgType::Null, 0, 0};
  return {RecordArgType::String, reinterpret_cast<uint64_t>(text), static_cast<uint32_t>(length_of(text))};
}
inline CallArg bytes(const void* data, size_t length) {
  if (data == nullptr) return {RecordArgType::Null, 0, 0};
  return {RecordArgType::Bytes, reinterpret_cast<uint64_t>(data), static_cast<uint32_t>(length)};
}
inline CallArg null() { return {RecordArgType::Null, 0, 0}; }

class Calls {
 public:
  Calls(int report_fd, bool trace) : report_fd_(report_fd), trace_(trace) {}

  void begin_step(uint32_t index) { step_ = static_cast<uint16_t>(index); }

  template <typename... Args>
  long call(long number, Args... args) {
    constexpr uint32_t count = sizeof...(Args);
    static_assert(count <= 6);
    const CallArg list[count + 1] = {args..., null()};
    return perform(number, list, count);
  }

  // Sends what has been recorded so far.
  void flush();
  // Sends the last call as the one that ended the start.
  void report_failure();
  // Says that the child waits for "start".
  void report_ready();
  int report_fd() const { return report_fd_; }

 private:
  long perform(long number, const CallArg* args, uint32_t count);
  void append(RecordType type);

  struct Last {
    long number;
    CallArg args[6];
    uint32_t count;
    long result;
    uint64_t start_ns;
    uint64_t duration_ns;
  };

  int report_fd_;
  bool trace_;
  uint16_t step_ = 0;
  Last last_{};
  size_t used_ = 0;
  uint8_t buffer_[16384];
};

}  // namespace glassbox
