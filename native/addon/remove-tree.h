// Removes a file or a whole directory tree by descriptor: no path longer than a name, no symlink followed, any depth.

#pragma once

namespace glassbox {

// 0, or an errno. A name that does not exist is a success.
int RemoveTree(int parentFd, const char* name);

}  // namespace glassbox
