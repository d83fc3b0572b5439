#!/bin/sh
# From a clean checkout to tested: what the tests need, a build, the lint, every test. Ends with "N passed, N failed".
# Debian or Ubuntu, root (the tests make namespaces, mounts and cgroups).
set -eu
cd "$(dirname "$0")/.."

# strace and tmux look at us from outside; podman, runc, crun, umoci, skopeo and buildah are the peers we compare with; the others make
# images (busybox-static, debootstrap), parse specs (golang-…), run another kernel (qemu and what builds its disk) or compile the small C programs of the tests (gcc, libc6-dev).
packages="busybox-static debootstrap strace tmux podman runc crun umoci skopeo buildah iproute2 procps gcc g++ make python3
  golang-github-opencontainers-specs-dev golang-github-containers-common libc6-dev
  qemu-system-x86 kmod cpio zstd xz-utils e2fsprogs util-linux bsdutils libcap2-bin nftables"
missing=""
for package in $packages; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
# Tests fetch packages too (a kernel for the virtual machine, busybox): they need the lists.
[ -n "$missing" ] || ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || missing=" apt"
if [ -n "$missing" ]; then
  echo "installing:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

npm ci --no-audit --no-fund
npm run lint
npm test
