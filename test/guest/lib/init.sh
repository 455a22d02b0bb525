#!/bin/busybox sh
# First process of the guest. It puts the host's own root file system (9p, read-only) below an overlay in memory,
# takes away what would start the host's services a second time, and hands over to systemd.
busybox=/bin/busybox
mount="$busybox mount"
$mount -t proc proc /proc
$mount -t devtmpfs dev /dev
for module in $($busybox cat /modules/order); do $busybox insmod /modules/$module; done
$mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /host || $busybox poweroff -f
$mount -t tmpfs -o size=50% memory /memory
$busybox mkdir /memory/upper /memory/work
$mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /root
# tmpfs has no user.* attributes in this kernel, which layers need in rootless mode.
$mount -t ext4 -o noatime /dev/vda /root/mnt

# systemd must not think itself in a container, and starts what the tests need and nothing else.
$busybox rm -rf /root/.dockerenv /root/etc/fstab /root/etc/systemd/system /root/etc/systemd/user
$busybox mkdir -p /root/etc/systemd/system /root/etc/systemd/user
for kind in system user; do
  for unit in /root/usr/lib/systemd/$kind/*.target.wants/*; do
    name=$($busybox basename $unit)
    case $name in
      dbus.socket | dbus.service | systemd-logind.service | systemd-user-sessions.service) ;;
      *) $busybox ln -sf /dev/null /root/etc/systemd/$kind/$name ;;
    esac
  done
done
$busybox cp /guest.target /guest.service /root/etc/systemd/system/
add_user() {
  echo "$1:x:$2:$2::/mnt/$1/home:/bin/sh" >> /root/etc/passwd
  echo "$1:*:19000:0:99999:7:::" >> /root/etc/shadow
  echo "$1:x:$2:" >> /root/etc/group
  echo "$1:$3:65536" | $busybox tee -a /root/etc/subuid >> /root/etc/subgid
}
add_user slipway-guest 4321 40000000
add_user slipway-other 4322 50000000
$busybox umount /proc
$mount --move /dev /root/dev
exec $busybox switch_root /root /usr/lib/systemd/systemd --unit=guest.target
