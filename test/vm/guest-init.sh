#!/bin/busybox sh
# The first process of the guest. /dev/vdb holds the project as tar, /dev/vdc takes the results as tar.
# The cgroup tree is left as a kernel makes it (no controller enabled below the root): enabling is what is tested.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin HOME=/root
mount -o remount,rw / 2>/dev/null
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
# As systemd does on every current distribution.
mount --make-rshared /
while read -r name; do insmod "/modules/$name"; done </modules/order
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
tar -xf /dev/vdb -C /project
mkdir /tmp/results
cut -d' ' -f1 /proc/uptime >/tmp/results/boot-seconds
echo "guest: up after $(cat /tmp/results/boot-seconds) s"
cd /project || poweroff -f
node dist/test/vm/guest/main.js /tmp/results
echo "guest: runner ended with $?"
dmesg >/tmp/results/dmesg
tar -C /tmp/results -cf /dev/vdc .
sync
poweroff -f
