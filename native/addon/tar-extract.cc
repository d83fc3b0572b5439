#include "addon/tar-extract.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "addon/remove-tree.h"

namespace glassbox {

namespace {

constexpr char kWhiteout[] = ".wh.";
constexpr char kOpaque[] = ".wh..wh..opq";

int OpenInRoot(int root, const char* path, int flags, uint64_t resolve = 0) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  // EAGAIN means that a rename somewhere on the system made the kernel unsure of a "..".
  for (int i = 0; i < 64; i++) {
    const int fd = static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN) return fd;
  }
  return -1;
}

bool IsWhiteout(const struct stat& status) { return S_ISCHR(status.st_mode) && status.st_rdev == 0; }

bool StartsWith(const std::string& text, const char* prefix) { return text.compare(0, strlen(prefix), prefix) == 0; }

enum class Clean { Good, Escapes, Reserved, TooLong, Nul };

// "./a//b/../c" becomes "a/c"; the root is "". Lexical, as Docker and umoci read names, so ".." never meets a symlink.
Clean CleanPath(const std::string& raw, std::string& out) {
  out.clear();
  if (raw.find('\0') != std::string::npos) return Clean::Nul;
  if (raw.size() > 4095) return Clean::TooLong;
  bool reserved = false;
  for (size_t at = 0; at < raw.size();) {
    size_t end = raw.find('/', at);
    if (end == std::string::npos) end = raw.size();
    const size_t length = end - at;
    if (length == 2 && raw.compare(at, 2, "..") == 0) {
      if (out.empty()) return Clean::Escapes;
      const size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
    } else if (length > 0 && !(length == 1 && raw[at] == '.')) {
      if (length > 255) return Clean::TooLong;
      if (!out.empty()) out += '/';
      out.append(raw, at, length);
    }
    at = end + 1;
  }
  for (size_t at = out.find(kWhiteout); at != std::string::npos; at = out.find(kWhiteout, at + 1)) {
    if ((at == 0 || out[at - 1] == '/') && out.find('/', at) != std::string::npos) reserved = true;
  }
  return reserved ? Clean::Reserved : Clean::Good;
}

// aufs kept its book-keeping in the root of old layers; it was never part of an image's content.
bool IsAufsBookkeeping(const std::string& raw) {
  size_t start = 0;
  while (start < raw.size() && (raw[start] == '/' || (raw[start] == '.' && start + 1 < raw.size() && raw[start + 1] == '/'))) start++;
  const std::string path = raw.substr(start);
  for (const char* name : {".wh..wh.plnk", ".wh..wh.aufs", ".wh..wh.orph"}) {
    const size_t length = strlen(name);
    if (path.compare(0, length, name) == 0 && (path.size() == length || path[length] == '/')) return true;
  }
  return false;
}

void Split(const std::string& path, std::string& directory, std::string& name) {
  const size_t slash = path.rfind('/');
  directory = slash == std::string::npos ? "" : path.substr(0, slash);
  name = slash == std::string::npos ? path : path.substr(slash + 1);
}

bool Refuse(TarError& error, const char* code, std::string message) {
  error.code = code;
  error.message = std::move(message);
  return false;
}

bool CheckName(const std::string& raw, const char* what, std::string& out, TarError& error) {
  switch (CleanPath(raw, out)) {
    case Clean::Good:
      return true;
    case Clean::Escapes:
      return Refuse(error, "tar-breakout", std::string(what) + " leaves the root file system through \"..\"");
    case Clean::Reserved:
      return Refuse(error, "tar-whiteout", std::string(what) + " has a directory whose name starts with \".wh.\", which is kept for whiteouts");
    case Clean::TooLong:
      return Refuse(error, "tar-limit", std::string(what) + " is longer than Linux allows (255 bytes a component, 4095 in all)");
    case Clean::Nul:
      return Refuse(error, "tar-corrupt", std::string(what) + " contains a NUL byte");
  }
  return false;
}

std::string ProcPath(int parent, const char* name) { return "/proc/self/fd/" + std::to_string(parent) + "/" + name; }

}  // namespace

Extractor::~Extractor() {
  Forget();
  if (file_ >= 0) close(file_);
  if (root_ >= 0) close(root_);
  for (const int fd : options_.lowerFds) close(fd);
}

bool Extractor::System(TarError& error, const char* syscall, int errnum, const std::string& what) {
  error.code = "unpack-failed";
  error.syscall = syscall;
  error.errnum = errnum;
  error.message = what;
  return false;
}

void Extractor::Forget() {
  if (cachedFd_ >= 0) close(cachedFd_);
  cachedFd_ = -1;
  cachedPath_.clear();
}

bool Extractor::Parent(const std::string& directory, int& fd, TarError& error) {
  if (cachedFd_ >= 0 && cachedPath_ == directory) {
    fd = cachedFd_;
    return true;
  }
  Forget();
  const char* path = directory.empty() ? "." : directory.c_str();
  fd = OpenInRoot(root_, path, O_PATH | O_DIRECTORY);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    if (!MakeParents(directory, error)) return false;
    fd = OpenInRoot(root_, path, O_PATH | O_DIRECTORY);
  }
  if (fd < 0) return System(error, "openat2", errno, "cannot open the entry's directory");
  cachedFd_ = fd;
  cachedPath_ = directory;
  return true;
}

bool Extractor::MakeParents(const std::string& directory, TarError& error) {
  int parent = fcntl(root_, F_DUPFD_CLOEXEC, 0);
  if (parent < 0) return System(error, "fcntl", errno, "cannot duplicate the root's descriptor");
  bool good = true;
  for (size_t end = 0; good && end != std::string::npos;) {
    const size_t start = end == 0 ? 0 : end + 1;
    end = directory.find('/', start);
    const std::string prefix = directory.substr(0, end);
    const std::string name = directory.substr(start, end == std::string::npos ? end : end - start);
    int next = OpenInRoot(root_, prefix.c_str(), O_PATH | O_DIRECTORY);
    if (next < 0) {
      const int failed = errno;
      struct stat status;
      const bool exists = fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
      if (exists && IsWhiteout(status)) {
        // The layer hides a lower name and then fills it anew: a directory that hides what was below.
        good = unlinkat(parent, name.c_str(), 0) == 0 && ImpliedDirectory(parent, name.c_str(), prefix, true, error);
      } else if (exists) {
        const char* kind = S_ISLNK(status.st_mode) ? "a symlink that leads to no directory in this layer" : "not a directory";
        good = Refuse(error, "tar-parent", "\"" + QuoteName(prefix) + "\", above it, is " + kind);
      } else if (failed != ENOENT) {
        good = System(error, "openat2", failed, "cannot open the entry's directory");
      } else {
        good = ImpliedDirectory(parent, name.c_str(), prefix, false, error);
      }
      if (good) {
        next = openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) good = System(error, "openat", errno, "cannot open a directory just made");
      }
    }
    close(parent);
    parent = next;
  }
  if (parent >= 0) close(parent);
  return good;
}

// A directory that no entry describes. In an overlay the top-most directory's looks win, so a layer that only passes through
// /tmp must not turn its 1777 into 755.
bool Extractor::ImpliedDirectory(int parent, const char* name, const std::string& path, bool opaque, TarError& error) {
  if (mkdirat(parent, name, 0755) != 0) return System(error, "mkdirat", errno, "cannot make the entry's directory");
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return System(error, "openat", errno, "cannot open a directory just made");
  uint32_t mode = 0755;
  timespec mtime{};
  if (!opaque) {
    for (const int lower : options_.lowerFds) {
      const int found = OpenInRoot(lower, path.c_str(), O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
      if (found < 0) continue;
      struct stat status;
      const bool isDirectory = fstat(found, &status) == 0 && S_ISDIR(status.st_mode);
      close(found);
      if (isDirectory) {
        mode = status.st_mode & 07777;
        mtime = status.st_mtim;
        if (fchown(fd, status.st_uid, status.st_gid) != 0) stats_.skippedOwners++;
      }
      break;
    }
  }
  struct stat status;
  bool good = fchmod(fd, mode | (options_.rootless ? 0700 : 0)) == 0 && fstat(fd, &status) == 0;
  if (!good) System(error, "fchmod", errno, "cannot set a directory's mode");
  if (good && opaque) good = SetOpaque(fd, error);
  if (good) directories_.push_back({path, status.st_ino, mtime, mode});
  close(fd);
  return good;
}

// Makes room for an entry. A directory that meets a directory stays, with its children.
bool Extractor::Clear(int parent, const char* name, bool wantDirectory, bool& wasWhiteout, bool& isDirectory, TarError& error) {
  struct stat status;
  wasWhiteout = isDirectory = false;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT || System(error, "fstatat", errno, "cannot look at what is there already");
  }
  wasWhiteout = IsWhiteout(status);
  isDirectory = S_ISDIR(status.st_mode);
  if (isDirectory && wantDirectory) return true;
  const int failed = S_ISDIR(status.st_mode) ? RemoveTree(parent, name) : unlinkat(parent, name, 0) == 0 ? 0 : errno;
  if (failed != 0) return System(error, "unlinkat", failed, "cannot replace what an earlier entry made");
  return true;
}

bool Extractor::SetOpaque(int directoryFd, TarError& error) {
  const char* name = options_.userxattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
  return fsetxattr(directoryFd, name, "y", 1, 0) == 0 || System(error, "fsetxattr", errno, std::string("cannot set ") + name);
}

// image-spec "Whiteouts": they concern lower layers only, so what this layer itself holds stays, in whichever order it came.
bool Extractor::Whiteout(int parent, const std::string& name, TarError& error) {
  if (name == kOpaque) {
    struct stat status, root;
    if (fstat(parent, &status) == 0 && fstat(root_, &root) == 0 && status.st_ino == root.st_ino && status.st_dev == root.st_dev) {
      opaqueRoot_ = true;
      return true;
    }
    const int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return System(error, "openat", errno, "cannot open the directory to be made opaque");
    const bool good = SetOpaque(fd, error);
    close(fd);
    return good;
  }
  const std::string hidden = name.substr(strlen(kWhiteout));
  if (hidden.empty() || hidden == "." || hidden == ".." || StartsWith(hidden, kWhiteout)) {
    return Refuse(error, "tar-whiteout", "the whiteout names nothing that a directory can hold");
  }
  if (mknodat(parent, hidden.c_str(), S_IFCHR, makedev(0, 0)) == 0) return true;
  if (errno != EEXIST) return System(error, "mknodat", errno, "cannot make the whiteout");
  const int fd = openat(parent, hidden.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return true;
  const bool good = SetOpaque(fd, error);
  close(fd);
  return good;
}

bool Extractor::Begin(const TarEntry& entry, TarError& error) {
  if (++stats_.entries > options_.maxEntries) {
    return Refuse(error, "tar-limit", "the layer has more than " + std::to_string(options_.maxEntries) + " entries");
  }
  if (entry.size > options_.maxBytes || stats_.fileBytes + entry.size > options_.maxBytes) {
    return Refuse(error, "tar-limit", "the layer's files are larger than " + std::to_string(options_.maxBytes) + " bytes");
  }
  std::string path, directory, name;
  if (IsAufsBookkeeping(entry.path)) return true;
  if (!CheckName(entry.path, "the name", path, error)) return false;
  if (path.empty()) return RootDirectory(entry, error);
  Split(path, directory, name);
  int parent = -1;
  if (!Parent(directory, parent, error)) return false;
  if (StartsWith(name, kWhiteout)) return Whiteout(parent, name, error);
  if (entry.kind == TarKind::CharDevice && entry.devMajor == 0 && entry.devMinor == 0) {
    // overlayfs's own spelling of a whiteout; it cannot mean anything else in a layer directory.
    return Whiteout(parent, kWhiteout + name, error);
  }
  switch (entry.kind) {
    case TarKind::Directory:
      return Directory(entry, parent, name.c_str(), path, error);
    case TarKind::HardLink:
      return HardLink(entry, parent, name.c_str(), error);
    case TarKind::Regular:
      break;
    default:
      return Special(entry, parent, name.c_str(), error);
  }
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  file_ = openat(parent, name.c_str(), kFlags, 0600);
  if (file_ < 0 && errno == EEXIST) {
    bool whiteout, isDirectory;
    if (!Clear(parent, name.c_str(), false, whiteout, isDirectory, error)) return false;
    file_ = openat(parent, name.c_str(), kFlags, 0600);
    Forget();
  }
  if (file_ < 0) return System(error, "openat", errno, "cannot make the file");
  stats_.fileBytes += entry.size;
  current_ = entry;
  return true;
}

bool Extractor::Data(uint64_t offset, const uint8_t* bytes, size_t length, TarError& error) {
  if (file_ < 0) return true;
  while (length > 0) {
    const ssize_t written = current_.sparse ? pwrite(file_, bytes, length, static_cast<off_t>(offset)) : write(file_, bytes, length);
    if (written < 0) {
      if (errno == EINTR) continue;
      return System(error, "write", errno, "cannot write the file");
    }
    offset += static_cast<uint64_t>(written);
    bytes += written;
    length -= static_cast<size_t>(written);
  }
  return true;
}

bool Extractor::End(TarError& error) {
  if (file_ < 0) return true;
  const int fd = file_;
  file_ = -1;
  bool good = true;
  if (current_.sparse && ftruncate(fd, static_cast<off_t>(current_.size)) != 0) {
    good = System(error, "ftruncate", errno, "cannot give the sparse file its size");
  }
  if (good) good = OwnAndMark(current_, fd, -1, nullptr, error);
  if (good && fchmod(fd, current_.mode) != 0) good = System(error, "fchmod", errno, "cannot set the mode");
  const timespec times[2] = {current_.mtime, current_.mtime};
  if (good && futimens(fd, times) != 0) good = System(error, "futimens", errno, "cannot set the time");
  if (close(fd) != 0 && good) good = System(error, "close", errno, "cannot finish the file");
  return good;
}

// Owner first: chown clears set-id bits and file capabilities, so mode and xattrs come after it.
bool Extractor::OwnAndMark(const TarEntry& entry, int fd, int parent, const char* name, TarError& error) {
  const int failed = fd >= 0 ? fchown(fd, entry.uid, entry.gid) : fchownat(parent, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW);
  if (failed != 0) {
    if (!options_.rootless) return System(error, fd >= 0 ? "fchown" : "fchownat", errno, "cannot set the owner");
    stats_.skippedOwners++;
  }
  for (const auto& [key, value] : entry.xattrs) {
    // These would tell the overlay to hide or redirect what the image has no say in.
    if (StartsWith(key, "trusted.overlay.") || StartsWith(key, "user.overlay.")) {
      stats_.skippedXattrs++;
      continue;
    }
    const int set = fd >= 0 ? fsetxattr(fd, key.c_str(), value.data(), value.size(), 0)
                            : lsetxattr(ProcPath(parent, name).c_str(), key.c_str(), value.data(), value.size(), 0);
    if (set == 0) continue;
    if (errno != EOPNOTSUPP && errno != EPERM) return System(error, "setxattr", errno, "cannot set the extended attribute " + QuoteName(key));
    stats_.skippedXattrs++;
  }
  return true;
}

bool Extractor::Directory(const TarEntry& entry, int parent, const char* name, const std::string& path, TarError& error) {
  bool whiteout = false;
  bool replaced = false;
  if (mkdirat(parent, name, 0700) != 0) {
    if (errno != EEXIST) return System(error, "mkdirat", errno, "cannot make the directory");
    bool isDirectory = false;
    if (!Clear(parent, name, true, whiteout, isDirectory, error)) return false;
    if (!isDirectory && mkdirat(parent, name, 0700) != 0) return System(error, "mkdirat", errno, "cannot make the directory");
    replaced = !isDirectory;
  }
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return System(error, "openat", errno, "cannot open a directory just made");
  struct stat status;
  bool good = OwnAndMark(entry, fd, -1, nullptr, error);
  if (good && whiteout) good = SetOpaque(fd, error);
  if (good && (fchmod(fd, entry.mode | (options_.rootless ? 0700 : 0)) != 0 || fstat(fd, &status) != 0)) {
    good = System(error, "fchmod", errno, "cannot set the mode");
  }
  if (good) directories_.push_back({path, status.st_ino, entry.mtime, entry.mode});
  close(fd);
  if (replaced) Forget();
  return good;
}

// CVE-2021-29136: an entry named "." that is a symlink must not replace the root.
bool Extractor::RootDirectory(const TarEntry& entry, TarError& error) {
  if (entry.kind != TarKind::Directory) return Refuse(error, "tar-breakout", "the entry would replace the root directory itself");
  struct stat status;
  if (!OwnAndMark(entry, root_, -1, nullptr, error)) return false;
  if (fchmod(root_, entry.mode | (options_.rootless ? 0700 : 0)) != 0 || fstat(root_, &status) != 0) return System(error, "fchmod", errno, "cannot set the mode");
  directories_.push_back({".", status.st_ino, entry.mtime, entry.mode});
  return true;
}

bool Extractor::HardLink(const TarEntry& entry, int parent, const char* name, TarError& error) {
  std::string target, directory, base;
  if (!CheckName(entry.link, "the hard link's target", target, error)) return false;
  if (target.empty()) return Refuse(error, "tar-breakout", "the hard link's target is the root directory");
  Split(target, directory, base);
  const int from = OpenInRoot(root_, directory.empty() ? "." : directory.c_str(), O_PATH | O_DIRECTORY);
  const auto missing = [&] {
    return Refuse(error, "tar-link", "the hard link's target \"" + QuoteName(entry.link) + "\" is not in this layer");
  };
  if (from < 0) return missing();
  struct stat status, existing;
  bool good = true;
  if (fstatat(from, base.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || IsWhiteout(status)) {
    good = missing();
  } else if (S_ISDIR(status.st_mode)) {
    good = Refuse(error, "tar-link", "the hard link's target \"" + QuoteName(entry.link) + "\" is a directory");
  } else if (linkat(from, base.c_str(), parent, name, 0) != 0) {
    if (errno != EEXIST) {
      good = System(error, "linkat", errno, "cannot make the hard link");
    } else if (fstatat(parent, name, &existing, AT_SYMLINK_NOFOLLOW) == 0 && existing.st_ino == status.st_ino) {
      // A link to itself, or one that is there already.
    } else {
      bool whiteout, isDirectory;
      good = Clear(parent, name, false, whiteout, isDirectory, error);
      if (good && linkat(from, base.c_str(), parent, name, 0) != 0) {
        // The target may have lain inside the directory that had this name.
        good = errno == ENOENT ? missing() : System(error, "linkat", errno, "cannot make the hard link");
      }
      close(from);
      Forget();
      return good;
    }
  }
  close(from);
  return good;
}

bool Extractor::Special(const TarEntry& entry, int parent, const char* name, TarError& error) {
  const bool device = entry.kind == TarKind::CharDevice || entry.kind == TarKind::BlockDevice;
  if (device && options_.rootless) {
    stats_.skippedDevices++;
    return true;
  }
  if (entry.kind == TarKind::Symlink && (entry.link.empty() || entry.link.size() > 4095)) {
    return Refuse(error, "tar-corrupt", entry.link.empty() ? "the symlink has no target" : "the symlink's target is longer than 4095 bytes");
  }
  const auto make = [&] {
    switch (entry.kind) {
      case TarKind::Symlink:
        return symlinkat(entry.link.c_str(), parent, name);
      case TarKind::Fifo:
        return mknodat(parent, name, S_IFIFO | 0600, 0);
      default:
        return mknodat(parent, name, (entry.kind == TarKind::CharDevice ? S_IFCHR : S_IFBLK) | 0600, makedev(entry.devMajor, entry.devMinor));
    }
  };
  const char* syscall = entry.kind == TarKind::Symlink ? "symlinkat" : "mknodat";
  bool replaced = false;
  if (make() != 0) {
    if (errno != EEXIST) return System(error, syscall, errno, "cannot make the entry");
    bool whiteout, isDirectory;
    if (!Clear(parent, name, false, whiteout, isDirectory, error)) return false;
    if (make() != 0) return System(error, syscall, errno, "cannot make the entry");
    replaced = true;
  }
  if (!OwnAndMark(entry, -1, parent, name, error)) return false;
  if (entry.kind != TarKind::Symlink && fchmodat(parent, name, entry.mode, 0) != 0) return System(error, "fchmodat", errno, "cannot set the mode");
  const timespec times[2] = {entry.mtime, entry.mtime};
  if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) != 0) return System(error, "utimensat", errno, "cannot set the time");
  if (replaced) Forget();
  return true;
}

// overlayfs does not look for an opaque mark on a layer's root, so hiding everything below takes one whiteout for each name.
bool Extractor::OpaqueRoot(TarError& error) {
  std::unordered_set<std::string> names;
  for (const int lower : options_.lowerFds) {
    const int fd = openat(lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* directory = fd < 0 ? nullptr : fdopendir(fd);
    if (directory == nullptr) {
      if (fd >= 0) close(fd);
      return System(error, "openat", errno, "cannot read the layer below");
    }
    while (const dirent* entry = readdir(directory)) {
      if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) names.insert(entry->d_name);
    }
    closedir(directory);
  }
  for (const std::string& name : names) {
    if (!Whiteout(root_, kWhiteout + name, error)) return false;
  }
  return true;
}

bool Extractor::Finish(TarError& error) {
  Forget();
  if (opaqueRoot_ && !OpaqueRoot(error)) return false;
  // Backwards: without root a directory must close after what it holds, and of two entries with one name the later counts.
  std::unordered_set<uint64_t> done;
  for (size_t i = directories_.size(); i-- > 0;) {
    const DirectoryNote& note = directories_[i];
    if (!done.insert(note.inode).second) continue;
    const int fd = OpenInRoot(root_, note.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) continue;  // a later entry replaced it
      return System(error, "openat2", errno, "cannot open \"" + QuoteName(note.path) + "\"");
    }
    struct stat status;
    const timespec times[2] = {note.mtime, note.mtime};
    bool good = fstat(fd, &status) == 0;
    if (good && status.st_ino == note.inode) {
      good = futimens(fd, times) == 0 && (!options_.rootless || fchmod(fd, note.mode) == 0);
    }
    const int failed = errno;
    close(fd);
    if (!good) return System(error, "futimens", failed, "cannot restore the time of \"" + QuoteName(note.path) + "\"");
  }
  directories_.clear();
  return true;
}

}  // namespace glassbox
