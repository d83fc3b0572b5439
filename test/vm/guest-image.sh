#!/bin/bash
# usage: guest-image.sh KERNEL_PACKAGE CACHE_DIRECTORY
# Makes what a virtual machine boots from, once, and prints the directory: vmlinuz, initramfs.gz, root.img (ext4), version.
# Safe beside itself: one builder at a time, and a directory gets its name when it is complete.
# The kernel package is downloaded and unpacked, never installed.
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
package=$1
cache=$2
here=$(dirname "$(realpath "$0")")

exec 9>"$cache/build.lock"
flock 9

# The package named by the user is an empty one that depends on the newest kernel of its series.
real_package() { apt-cache depends "$package" 2>/dev/null | awk '/Depends: linux-image/ { print $2; exit }'; }
kernel=$(real_package)
[ -n "$kernel" ] || { apt-get update -qq >&2 && kernel=$(real_package); }
[ -n "$kernel" ] || { echo "apt knows no package $package" >&2; exit 1; }
version=${kernel#linux-image-}

# Programs of this machine that run in the guest, with their libraries.
programs="$(command -v node) $(command -v script)"
# shellcheck disable=SC2086
key=$({ cat "$0" "$here/guest-init.sh"; stat -Lc '%n %s %Y' $programs /bin/busybox; } | sha256sum | cut -c1-12)
ready=$cache/$version-$key
if [ -d "$ready" ]; then
  touch "$ready"
  echo "$ready"
  exit
fi
find "$cache" -mindepth 1 -maxdepth 1 -type d \( -name '*-cloud-amd64-*' -o -name 'build.*' \) -mtime +7 -exec rm -rf {} +
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

download() { apt-get download -qq "$kernel" >&2 2>/dev/null; }
# An index that is some days old names files that the mirror no longer has.
download || { apt-get update -qq >&2 && download; }
mkdir kernel out
dpkg-deb -x ./*.deb kernel
depmod -b kernel "$version"

# Files of modules and of what they need, in loading order; those that are built into this kernel have none.
modules() {
  for name in "$@"; do
    modprobe -d "$work/kernel" -S "$version" --show-depends "$name" 2>/dev/null | awk '$1 == "insmod" { print $2 }'
  done | awk '!seen[$0]++'
}
# Copies modules into a root, unpacked: busybox's insmod knows no xz.
put_modules() {
  mkdir -p "$1/modules"
  while read -r file; do
    name=$(basename "$file" .xz)
    case $file in *.xz) xz -dc "$file" >"$1/modules/$name" ;; *) cp "$file" "$1/modules/" ;; esac
    echo "$name"
  done >"$1/modules/order"
}

# First stage: finds the disk. The file system in memory cannot stay, for pivot_root refuses it as the old root.
mkdir -p first/{bin,proc,dev,new}
cp /bin/busybox first/bin/
modules virtio_pci virtio_blk ext4 | put_modules first
cat >first/init <<'X'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
while read -r name; do /bin/busybox insmod "/modules/$name"; done </modules/order
/bin/busybox mount -t ext4 /dev/vda /new
exec /bin/busybox switch_root /new /init
X
chmod +x first/init
(cd first && find . | cpio -o -H newc --quiet | gzip -1) >out/initramfs.gz

mkdir -p root/{bin,proc,sys,dev,run,tmp,etc,root,project,usr/bin,usr/sbin,var/lib,lib/x86_64-linux-gnu,lib64}
cp /bin/busybox root/bin/
for program in $programs; do
  cp -L "$program" root/usr/bin/
  ldd "$program" | grep -o '/[^ ]*' | sort -u | xargs -I{} cp -Ln {} root/lib/x86_64-linux-gnu/
done
cp -L /lib64/ld-linux-x86-64.so.2 root/lib64/
modules overlay veth bridge br_netfilter nf_tables nft_chain_nat nft_masq nft_nat nft_ct loop tun | put_modules root
printf 'root:x:0:0:root:/root:/bin/sh\n' >root/etc/passwd
printf 'root:x:0:\n' >root/etc/group
cp "$here/guest-init.sh" root/init
chmod +x root/init
mke2fs -F -q -t ext4 -O ^has_journal -d root out/root.img 512M >/dev/null

cp "kernel/boot/vmlinuz-$version" out/vmlinuz
echo "$version" >out/version
mv out "$ready"
echo "$ready"
