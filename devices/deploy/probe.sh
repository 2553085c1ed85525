# Prints key=value lines about this machine. Only what every Linux system has is relied on.
PATH=$PATH:/usr/sbin:/sbin
say() { printf '%s=%s\n' "$1" "$2"; }

for file in /proc/device-tree/model /sys/class/dmi/id/product_name; do
    [ -r $file ] && say model "$(tr -d '\0' < $file)"
done
say architecture "$(uname -m)"
say bits "$(getconf LONG_BIT 2>/dev/null)"
say kernel "$(uname -sr)"
say cores "$(nproc 2>/dev/null || grep -c ^processor /proc/cpuinfo)"
say memory_kb "$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)"
place=/opt
[ -d /opt/edgenets ] && place=/opt/edgenets
say free_kb "$(df -Pk $place 2>/dev/null | awk 'NR == 2 { print $4 }')"
[ -r /etc/os-release ] && say system "$(. /etc/os-release; echo "$PRETTY_NAME")"
say libc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
[ -d /run/systemd/system ] && say systemd yes

seen=
for python in python3 python3.14 python3.13 python3.12 python3.11; do
    path=$(command -v $python) || continue
    path=$(readlink -f "$path")
    case "$seen" in *" $path "*) continue ;; esac
    seen="$seen $path "
    say python "$path $("$path" --version 2>&1)"
done

# Of a board's video devices most are codecs; VIDIOC_QUERYCAP tells which capture, and no more.
captures() {
    python3 - "$1" <<'END' 2>/dev/null
import fcntl, struct, sys
with open(sys.argv[1], "rb", buffering=0) as device:
    capability = fcntl.ioctl(device, 0x80685600, bytes(104))
can = struct.unpack_from("<I", capability, 88)[0]
sys.exit(0 if can & 0x1001 and not can & 0xC000 else 3)
END
    [ $? -ne 3 ]
}
for name in /sys/class/video4linux/video*/name; do
    [ -r "$name" ] || continue
    device=${name%/name}
    captures "/dev/${device##*/}" && say camera "/dev/${device##*/} $(cat "$name")"
done
if [ -r /proc/asound/pcm ]; then
    grep ': capture' /proc/asound/pcm | cut -d: -f3 | sed 's/^ //' |
        while read -r name; do say microphone "$name"; done
fi
for device in /sys/bus/usb/devices/*; do
    [ -r "$device/idVendor" ] || continue
    case "$(cat "$device/idVendor"):$(cat "$device/idProduct")" in
        1a6e:089a|18d1:9302) say accelerator "Coral USB" ;;
    esac
done
ldconfig -p 2>/dev/null | grep -q libportaudio && say library portaudio
[ -e /dev/apex_0 ] && say accelerator "Coral PCIe"
[ -e /dev/nvhost-gpu ] || [ -e /dev/nvgpu ] && say accelerator "NVIDIA Jetson GPU"
[ -e /dev/hailo0 ] && say accelerator "Hailo"

for zone in /sys/class/thermal/thermal_zone*/temp; do
    [ -r "$zone" ] && say temperature "$(cat "$zone" 2>/dev/null)"
done
command -v vcgencmd > /dev/null && say throttled "$(vcgencmd get_throttled 2>/dev/null)"
[ -L /opt/edgenets/keeper/current ] && say keeper "$(readlink /opt/edgenets/keeper/current)"
exit 0
