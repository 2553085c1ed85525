#!/bin/sh
# README's two commands in a clean Debian, as a new user has it: sh debian.sh SUITE [TARGET…]
# Needs root, mmdebstrap and the archive of Debian that this machine installs from. The root goes away
# at the end; /proc, /sys and /dev are mounted in it meanwhile, since make test starts services there.
set -eu
suite=${1:-trixie}
[ $# -gt 0 ] && shift
targets=${*:-"demo test"}
here=$(cd "$(dirname "$0")/../.." && pwd)
root=$(mktemp -d /var/tmp/edgenets-debian.XXXXXX)
# `ip netns` makes / a slave, which has to be a mount of its own.
mount --bind "$root" "$root"

finish() {
    for place in dev/shm dev/pts dev sys proc; do
        mountpoint -q "$root/$place" && umount -l "$root/$place"
    done
    umount -l "$root" 2>/dev/null || true
    rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 130' INT TERM

began=$(date +%s)
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,make,git,ca-certificates \
    "$suite" "$root" >/dev/null
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
mount --bind /dev "$root/dev"
mount -t devpts pts "$root/dev/pts" 2>/dev/null || mount --bind /dev/pts "$root/dev/pts"
mount -t tmpfs shm "$root/dev/shm"

# Certificates are the machine's; how it reaches its package index, PIP_… variables say.
mkdir -p "$root/etc/ssl/certs"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

mkdir -p "$root/srv/new"
git clone --quiet "$here" "$root/srv/new/edgenets"
[ -d "$here/../shared" ] && cp -r "$here/../shared" "$root/srv/new/shared"
echo "$suite: $(chroot "$root" python3 --version), ready after $(($(date +%s) - began)) s"
for target in $targets; do
    began=$(date +%s)
    chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 PIP_DEFAULT_TIMEOUT=180 ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} \
        sh -c "cd /srv/new/edgenets && make $target"
    echo "$suite: make $target took $(($(date +%s) - began)) s"
done
