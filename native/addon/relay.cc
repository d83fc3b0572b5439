// Copies bytes between descriptors off the JavaScript thread: a terminal's or a pipe's traffic needs no event loop.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>

#include "addon/support.h"

namespace glassbox {

namespace {

struct Pair {
  int from, to;
  bool close_to;
};

struct Shared {
  int stop_fd;
  std::atomic<int> running;
  Napi::ThreadSafeFunction done;
  ~Shared() { close(stop_fd); }
};

// False when `to` takes no more (a closed pipe, a pty whose other side is gone).
bool write_all(int fd, const char* data, ssize_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, static_cast<size_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      poll(&ready, 1, -1);
      continue;
    }
    if (n <= 0) return false;
    data += n;
    size -= n;
  }
  return true;
}

// Moves pages from a pipe without copying them. 0: try reading and writing instead (a terminal, a file opened for appending).
ssize_t move_pages(const Pair& pair) {
  for (;;) {
    const ssize_t n = splice(pair.from, nullptr, pair.to, nullptr, 1 << 20, SPLICE_F_MOVE);
    if (n > 0) return n;
    if (n < 0 && errno == EINTR) continue;
    return 0;
  }
}

// Whoever writes into `fd` shall see that nobody reads any more (EPIPE, a hangup), though the number stays taken until its owner closes it.
void let_go(int fd) {
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0) return;
  dup3(nothing, fd, O_CLOEXEC);
  close(nothing);
}

void copy(const Pair& pair, int stop_fd) {
  std::unique_ptr<char[]> buffer(new char[65536]);
  struct stat target;
  // A larger pipe means fewer wake-ups; where it is refused the default serves as well.
  const bool to_file = fstat(pair.to, &target) == 0 && S_ISREG(target.st_mode);
  if (to_file) fcntl(pair.from, F_SETPIPE_SZ, 1 << 20);
  for (;;) {
    pollfd ready[2] = {{pair.from, POLLIN, 0}, {stop_fd, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (ready[1].revents != 0) break;
    if (to_file && move_pages(pair) > 0) continue;
    const ssize_t n = read(pair.from, buffer.get(), 65536);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    // A pty whose last slave is closed reads as EIO: that is its end of file.
    if (n <= 0) break;
    if (write_all(pair.to, buffer.get(), n)) continue;
    // Output that nobody takes. The other direction's source is the caller's own input and is left alone.
    if (!pair.close_to) let_go(pair.from);
    break;
  }
  if (pair.close_to) close(pair.to);
}

// relay(pairs, done) -> stop function. SIGPIPE is ignored by Node, so a closed reader is EPIPE here.
Napi::Value Relay(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const int stop_fd = eventfd(0, EFD_CLOEXEC);
  if (stop_fd < 0) return throw_errno(env, "eventfd", errno);
  auto list = info[0].As<Napi::Array>();
  auto shared = std::make_shared<Shared>();
  shared->stop_fd = stop_fd;
  shared->running = static_cast<int>(list.Length());
  shared->done = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "glassbox-relay", 0, 1);
  for (uint32_t i = 0; i < list.Length(); i++) {
    auto item = list.Get(i).As<Napi::Object>();
    const Pair pair{integer(item.Get("from")), integer(item.Get("to")), item.Get("closeTo").ToBoolean()};
    std::thread([pair, shared] {
      copy(pair, shared->stop_fd);
      if (shared->running.fetch_sub(1) == 1) {
        shared->done.BlockingCall([](Napi::Env, Napi::Function callback) { callback.Call({}); });
        shared->done.Release();
      }
    }).detach();
  }
  return Napi::Function::New(env, [shared](const Napi::CallbackInfo&) {
    const uint64_t one = 1;
    (void)!write(shared->stop_fd, &one, sizeof one);
  });
}

}  // namespace

void RegisterRelay(Napi::Env env, Napi::Object exports) { exports.Set("relay", Napi::Function::New(env, Relay)); }

}  // namespace glassbox
