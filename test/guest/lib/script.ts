/** What the guest runs once systemd is up: the groups, side by side where they do not meet, each in a process of its own. */
export function guestScript({ root, inside }: { readonly root: string; readonly inside: string }): string {
  return `cd ${root}
stty -F /dev/ttyS1 raw -echo
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -m 0666 -p /dev/net; [ -e /dev/net/tun ] || mknod -m 0666 /dev/net/tun c 10 200
as_root() {
  mkdir -p "/mnt/$1" && TMPDIR="/mnt/$1" SLIPWAY_RUNTIME=$2 ${process.execPath} ${inside} "$3" /dev/ttyS1
}
as_user() {
  mkdir -p "/mnt/$1/home" && chown -R "$1:" "/mnt/$1"
  setpriv --reuid="$1" --regid="$1" --init-groups --inh-caps=-all env -i PATH="$PATH" HOME="/mnt/$1/home" \\
    TMPDIR="/mnt/$1" XDG_RUNTIME_DIR="$2" ${process.execPath} ${inside} "$3" /dev/ttyS1
}
modprobe -a bridge veth nf_tables nft_chain_nat nft_masq nft_fib_inet tun vxlan esp4 xfrm_user
chmod 0666 /dev/ttyS1
chmod 0711 /mnt
(systemctl start dbus.socket systemd-logind; loginctl enable-linger slipway-guest) &
as_root cluster runc 'two hosts of a cluster'
as_root runc runc 'root with runc'
as_user slipway-guest /run/user/4321 'a user with delegation'
as_root crun crun 'root with crun'
as_user slipway-other /mnt/slipway-other 'a user without delegation'
echo o > /proc/sysrq-trigger
`
}
