#include "init/report.h"

namespace glassbox {

namespace {

// Longer strings (environment, mount data) are cut: the reader has the plan itself.
constexpr uint32_t kMaxString = 1024;

struct Timespec {
  int64_t seconds;
  int64_t nanoseconds;
};

uint64_t now_ns() {
  Timespec t{};
  raw_syscall(SYS_clock_gettime, 1 /* CLOCK_MONOTONIC */, reinterpret_cast<long>(&t));
  return static_cast<uint64_t>(t.seconds) * 1000000000u + static_cast<uint64_t>(t.nanoseconds);
}

uint32_t recorded_length(const CallArg& arg) {
  const uint32_t most = arg.type == RecordArgType::String ? kMaxString : arg.type == RecordArgType::Bytes ? kRecordedBytes : 0;
  return arg.length < most ? arg.length : most;
}

uint32_t padded(uint32_t n) { return (n + 7) & ~7u; }

}  // namespace

long Calls::perform(long number, const CallArg* args, uint32_t count) {
  // Closing what a failed call leaves behind must not hide that call from report_failure.
  const Last before = last_;
  last_.number = number;
  last_.count = count;
  long raw[6] = {};
  for (uint32_t i = 0; i < count; i++) {
    last_.args[i] = args[i];
    raw[i] = static_cast<long>(args[i].raw);
  }
  last_.start_ns = trace_ ? now_ns() : 0;
  last_.result = raw_syscall(number, raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]);
  if (trace_) {
    last_.duration_ns = now_ns() - last_.start_ns;
    append(RecordType::Call);
  }
  const long result = last_.result;
  if (number == SYS_close) last_ = before;
  return result;
}

void Calls::append(RecordType type) {
  uint32_t size = sizeof(RecordHeader);
  for (uint32_t i = 0; i < last_.count; i++) size += sizeof(RecordArg) + padded(recorded_length(last_.args[i]));
  if (used_ + size > sizeof(buffer_)) flush();
  auto* header = reinterpret_cast<RecordHeader*>(buffer_ + used_);
  *header = {size,         static_cast<uint16_t>(type), step_,          static_cast<uint32_t>(last_.number),
             last_.count,  last_.result,                last_.start_ns, last_.duration_ns};
  uint8_t* at = reinterpret_cast<uint8_t*>(header + 1);
  for (uint32_t i = 0; i < last_.count; i++) {
    const CallArg& arg = last_.args[i];
    const uint32_t kept = recorded_length(arg);
    *reinterpret_cast<RecordArg*>(at) = {static_cast<uint16_t>(arg.type), static_cast<uint16_t>(kept < arg.length ? 1 : 0),
                                         arg.type == RecordArgType::String ? kept : arg.length, arg.raw};
    at += sizeof(RecordArg);
    const auto* text = reinterpret_cast<const uint8_t*>(arg.raw);
    for (uint32_t k = 0; k < padded(kept); k++) at[k] = k < kept ? text[k] : 0;
    at += padded(kept);
  }
  used_ += size;
}

void Calls::flush() {
  size_t sent = 0;
  while (sent < used_) {
    const long n = raw_syscall(SYS_write, report_fd_, reinterpret_cast<long>(buffer_ + sent), static_cast<long>(used_ - sent));
    if (n == -4 /* EINTR */) continue;
    if (n <= 0) break;  // the parent is gone; PDEATHSIG or end of file on the sync socket ends this process
    sent += static_cast<size_t>(n);
  }
  used_ = 0;
}

void Calls::report_failure() {
  append(RecordType::Failure);
  flush();
}

void Calls::report_ready() {
  last_ = {};
  append(RecordType::Ready);
  flush();
}

}  // namespace glassbox
