{
  "target_defaults": {
    "cflags": ["-Wall", "-Wextra", "-fvisibility=hidden"],
    "include_dirs": ["native"],
  },
  "targets": [
    {
      # What Node cannot do: clone, descriptors, mounts, ptys, unpacking.
      "target_name": "glassbox",
      "sources": [
        "<!@(ls native/addon/*.cc)",
        "<!@(ls native/core/*.cc)",
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    },
    {
      # The process that becomes the container: static, no C library, a few ten kB, single-threaded.
      "target_name": "glassbox-init",
      "type": "executable",
      "sources": [
        "<!@(ls native/init/*.cc)",
        "<!@(ls native/core/*.cc)",
      ],
      "defines": ["GLASSBOX_FREESTANDING"],
      "cflags": ["-ffreestanding", "-fno-stack-protector", "-fno-pic", "-fno-pie", "-fno-asynchronous-unwind-tables", "-fno-builtin", "-O2", "-g0", "-fcf-protection=none"],
      "cflags!": ["-pthread", "-fPIC"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "ldflags": ["-static", "-nostdlib", "-nostartfiles", "-no-pie", "-Wl,-z,noexecstack", "-Wl,--build-id=none", "-Wl,--gc-sections", "-Wl,-z,norelro"],
      "ldflags!": ["-rdynamic", "-pthread"],
      "libraries!": ["-lnode"],
    },
  ],
}
