#!/bin/sh
# Install the Debian packages that the tests with a real microphone, network camera, broker and
# browser, with cards, device twins and stand-ins in C need, where this user may.
# Without them those tests are skipped, and say why.
packages="pulseaudio pulseaudio-utils libasound2-plugins libportaudio2
    gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-gi
    mosquitto mosquitto-clients chromium chromium-driver
    nbdkit nbdkit-plugin-python libnbd-bin bmap-tools e2fsprogs fdisk mount mtools dosfstools
    mmdebstrap arch-test qemu-user-static debian-archive-keyring kmod cpio
    fastboot qemu-system-arm qemu-utils netcat-openbsd openssh-client systemd-container iproute2
    gcc libc6-dev openssl"
missing=""
for package in $packages; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "not a Debian system; some tests will be skipped for want of:$missing" >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "no right to install packages; some tests will be skipped for want of:$missing" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
    exit 0
fi
echo "could not install:$missing; some tests will be skipped" >&2
exit 0
