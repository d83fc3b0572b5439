// The layer unpacker for JavaScript: `new Unpacker(rootFd, options)`, `write(bytes)`, `finish()`. Each call works on a thread of
// the pool; one at a time. With it stand three small calls on trees: removeTree, makeTree and
// readXattrs.

#include <fcntl.h>
#include <napi.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "addon/remove-tree.h"
#include "addon/tar-extract.h"
#include "addon/tar-reader.h"

namespace {

using glassbox::ExtractOptions;
using glassbox::Extractor;
using glassbox::ExtractStats;
using glassbox::TarError;
using glassbox::TarLimits;
using glassbox::TarReader;

struct Job {
  Job(int rootFd, ExtractOptions options, const TarLimits& limits) : extractor(rootFd, std::move(options)), reader(extractor, limits) {}
  Extractor extractor;
  TarReader reader;
  bool busy = false;
  bool over = false;
};

Napi::Error ToError(Napi::Env env, const TarError& error) {
  Napi::Error made = Napi::Error::New(env, error.message);
  Napi::Object object = made.Value();
  object.Set("code", error.code);
  object.Set("entry", glassbox::QuoteName(error.entry));
  object.Set("offset", static_cast<double>(error.offset));
  if (error.errnum != 0) {
    object.Set("errno", uv_err_name(-error.errnum));
    object.Set("reason", uv_strerror(-error.errnum));
    object.Set("syscall", error.syscall != nullptr ? error.syscall : "");
  }
  return made;
}

Napi::Object ToObject(Napi::Env env, const ExtractStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("entries", static_cast<double>(stats.entries));
  object.Set("fileBytes", static_cast<double>(stats.fileBytes));
  object.Set("skippedDevices", static_cast<double>(stats.skippedDevices));
  object.Set("skippedXattrs", static_cast<double>(stats.skippedXattrs));
  object.Set("skippedOwners", static_cast<double>(stats.skippedOwners));
  return object;
}

class Work final : public Napi::AsyncWorker {
 public:
  // Without bytes it finishes the archive.
  Work(Napi::Env env, std::shared_ptr<Job> job, const uint8_t* bytes, size_t length)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), job_(std::move(job)), bytes_(bytes), length_(length) {}

  void Keep(Napi::Object buffer) { buffer_ = Napi::Persistent(buffer); }
  Napi::Promise Promise() { return deferred_.Promise(); }

  void Execute() override {
    if (bytes_ != nullptr) {
      good_ = job_->reader.Feed(bytes_, length_, error_);
    } else {
      good_ = job_->reader.Finish(error_) && job_->extractor.Finish(error_);
    }
  }

  void OnOK() override {
    job_->busy = false;
    if (!good_) {
      job_->over = true;
      deferred_.Reject(ToError(Env(), error_).Value());
    } else if (bytes_ == nullptr) {
      job_->over = true;
      deferred_.Resolve(ToObject(Env(), job_->extractor.stats()));
    } else {
      deferred_.Resolve(Env().Undefined());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Job> job_;
  const uint8_t* bytes_;
  size_t length_;
  Napi::ObjectReference buffer_;
  TarError error_;
  bool good_ = false;
};

class Unpacker final : public Napi::ObjectWrap<Unpacker> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Unpacker",
                       {InstanceMethod<&Unpacker::Write>("write"), InstanceMethod<&Unpacker::Finish>("finish"), InstanceMethod<&Unpacker::Close>("close")});
  }

  explicit Unpacker(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Unpacker>(info) {
    Napi::Env env = info.Env();
    if (info.Length() < 2 || !info[0].IsNumber() || !info[1].IsObject()) {
      Napi::TypeError::New(env, "Unpacker(rootFd, options)").ThrowAsJavaScriptException();
      return;
    }
    const Napi::Object given = info[1].As<Napi::Object>();
    ExtractOptions options;
    TarLimits limits;
    const auto flag = [&](const char* name) { return given.Get(name).ToBoolean().Value(); };
    const auto number = [&](const char* name, uint64_t& into) {
      const Napi::Value value = given.Get(name);
      if (value.IsNumber()) into = static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
    };
    options.userxattr = flag("userxattr");
    options.rootless = flag("rootless");
    number("maxEntries", options.maxEntries);
    number("maxBytes", options.maxBytes);
    number("maxHeaderBytes", limits.headerBytes);
    // Own descriptors: the caller may close its own while a worker still runs.
    const int root = fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0);
    if (root < 0) {
      Napi::TypeError::New(env, "rootFd is not an open descriptor").ThrowAsJavaScriptException();
      return;
    }
    if (given.Get("lowerPaths").IsArray()) {
      const Napi::Array paths = given.Get("lowerPaths").As<Napi::Array>();
      for (uint32_t i = 0; i < paths.Length(); i++) {
        const int fd = open(paths.Get(i).ToString().Utf8Value().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) options.lowerFds.push_back(fd);
      }
    }
    job_ = std::make_shared<Job>(root, std::move(options), limits);
  }

 private:
  bool Ready(Napi::Env env) {
    if (job_ != nullptr && !job_->busy && !job_->over) return true;
    Napi::Error::New(env, "this unpacker is busy or has ended").ThrowAsJavaScriptException();
    return false;
  }

  Napi::Value Write(const Napi::CallbackInfo& info) {
    if (!Ready(info.Env())) return info.Env().Undefined();
    if (info.Length() < 1 || !info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      Napi::TypeError::New(info.Env(), "write(bytes: Uint8Array)").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
    static const uint8_t kNothing = 0;
    return Start(info.Env(), bytes.ByteLength() > 0 ? bytes.Data() : &kNothing, bytes.ByteLength(), bytes);
  }

  Napi::Value Finish(const Napi::CallbackInfo& info) {
    if (!Ready(info.Env())) return info.Env().Undefined();
    return Start(info.Env(), nullptr, 0, Napi::Object());
  }

  Napi::Value Start(Napi::Env env, const uint8_t* bytes, size_t length, Napi::Object keep) {
    job_->busy = true;
    Work* work = new Work(env, job_, bytes, length);
    if (!keep.IsEmpty()) work->Keep(keep);
    const Napi::Promise promise = work->Promise();
    work->Queue();
    return promise;
  }

  // Lets go of the descriptors; a worker that still runs keeps its own hold until it ends.
  void Close(const Napi::CallbackInfo&) { job_.reset(); }

  std::shared_ptr<Job> job_;
};

// The shape that src/binding makes a SyscallError of.
void ThrowSystem(Napi::Env env, const char* syscall, int errnum, const std::string& path) {
  Napi::Error made = Napi::Error::New(env, std::string(syscall) + " " + glassbox::QuoteName(path) + ": " + uv_strerror(-errnum));
  Napi::Object object = made.Value();
  object.Set("code", uv_err_name(-errnum));
  object.Set("reason", uv_strerror(-errnum));
  object.Set("syscall", syscall);
  object.Set("path", glassbox::QuoteName(path));
  made.ThrowAsJavaScriptException();
}

// removeTree(path): what is at path, with all it holds; nothing there is fine.
Napi::Value RemoveTreeAt(const Napi::CallbackInfo& info) {
  const std::string path = info[0].ToString().Utf8Value();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size()) {
    Napi::TypeError::New(info.Env(), "removeTree(path): an absolute path without a trailing slash").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const int parent = open(slash == 0 ? "/" : path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) {
    if (errno != ENOENT) ThrowSystem(info.Env(), "open", errno, path);
    return info.Env().Undefined();
  }
  const int failed = glassbox::RemoveTree(parent, path.c_str() + slash + 1);
  close(parent);
  if (failed != 0) ThrowSystem(info.Env(), "unlinkat", failed, path);
  return info.Env().Undefined();
}

// readXattrs(path: Uint8Array): [name, value][] of the file itself, sorted by name. Bytes, because names need not be UTF-8.
Napi::Value ReadXattrs(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array given = info[0].As<Napi::Uint8Array>();
  const std::string path(reinterpret_cast<const char*>(given.Data()), given.ByteLength());
  Napi::Array result = Napi::Array::New(info.Env());
  char stack[1024];
  ssize_t length = llistxattr(path.c_str(), stack, sizeof stack);
  std::string names;
  if (length > 0) names.assign(stack, static_cast<size_t>(length));
  if (length < 0 && errno == ERANGE) {
    names.resize(65536);
    length = llistxattr(path.c_str(), names.data(), names.size());
    if (length >= 0) names.resize(static_cast<size_t>(length));
  }
  if (length < 0) {
    if (errno != EOPNOTSUPP) ThrowSystem(info.Env(), "llistxattr", errno, path);
    return result;
  }
  uint32_t count = 0;
  for (size_t at = 0; at < names.size(); at += names.find('\0', at) - at + 1) {
    const char* name = names.c_str() + at;
    std::string value(65536, '\0');
    const ssize_t size = lgetxattr(path.c_str(), name, value.data(), value.size());
    if (size < 0) continue;
    Napi::Array pair = Napi::Array::New(info.Env(), 2);
    pair.Set(0u, Napi::String::New(info.Env(), name));
    pair.Set(1u, Napi::Buffer<char>::Copy(info.Env(), value.data(), static_cast<size_t>(size)));
    result.Set(count++, pair);
  }
  return result;
}

// makeTree(entries): several small files at one crossing, as a container's start makes some twenty. Each entry is
// [kind, path, mode, text, uid, gid]; kind "D" a new directory, "d" one that may be there already (and then stays as it is),
// "f" a new file with the text in it, "l" a symlink to it.
Napi::Value MakeTree(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Napi::Array entries = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < entries.Length(); i++) {
    const Napi::Array entry = entries.Get(i).As<Napi::Array>();
    const std::string kind = entry.Get(0u).As<Napi::String>();
    const std::string path = entry.Get(1u).As<Napi::String>();
    const mode_t mode = entry.Get(2u).As<Napi::Number>().Uint32Value();
    const std::string text = entry.Get(3u).As<Napi::String>();
    const uid_t uid = entry.Get(4u).As<Napi::Number>().Uint32Value();
    const gid_t gid = entry.Get(5u).As<Napi::Number>().Uint32Value();
    const char* failed = nullptr;
    if (kind == "l") {
      if (symlink(text.c_str(), path.c_str()) != 0) failed = "symlink";
    } else if (kind == "f") {
      const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
      if (fd < 0) {
        failed = "open";
      } else {
        if (!text.empty() && write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) failed = "write";
        if (failed == nullptr && (uid != 0 || gid != 0) && fchown(fd, uid, gid) != 0) failed = "fchown";
        if (failed == nullptr && fchmod(fd, mode) != 0) failed = "fchmod";
        const int kept = errno;
        close(fd);
        errno = kept;
      }
    } else if (mkdir(path.c_str(), 0700) != 0) {
      if (kind == "D" || errno != EEXIST) failed = "mkdir";
    } else {
      // Owner first: chown takes set-id bits away.
      if ((uid != 0 || gid != 0) && lchown(path.c_str(), uid, gid) != 0 && errno != EPERM) failed = "lchown";
      if (failed == nullptr && mode != 0700 && chmod(path.c_str(), mode) != 0) failed = "chmod";
    }
    if (failed != nullptr) {
      ThrowSystem(env, failed, errno, path);
      return env.Undefined();
    }
  }
  return env.Undefined();
}

}  // namespace

void RegisterUnpack(Napi::Env env, Napi::Object exports) {
  exports.Set("Unpacker", Unpacker::Define(env));
  exports.Set("removeTree", Napi::Function::New<RemoveTreeAt>(env, "removeTree"));
  exports.Set("makeTree", Napi::Function::New<MakeTree>(env, "makeTree"));
  exports.Set("readXattrs", Napi::Function::New<ReadXattrs>(env, "readXattrs"));
}
