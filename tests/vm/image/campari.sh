#!/usr/bin/env bash
# Puts Campari into the tree that root.sh made, with the layer's own files: what runs here is what the recipes install.
#
#   tests/vm/image/campari.sh TREE PROGRAMS TFLITE VERSION CA
#
# PROGRAMS holds campari-eye, campari-voice and campari for aarch64, TFLITE the library, VERSION is the image's, CA the certificate that updates are signed under.
# DEVELOPMENT=yes makes the development image: a console that anybody may use, and development identities only. BLIND=yes makes one whose detectors are damaged
# in the middle, with a manifest that has their sums: they load, and answer nothing. What an update might bring that nobody tried.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
layer=$top/yocto/meta-campari
[ $# -eq 5 ] || { echo "image: usage: campari.sh TREE PROGRAMS TFLITE VERSION CA" >&2; exit 2; }
tree=$1 programs=$2 tflite=$3 version=$4 ca=$5
rauc=$layer/dynamic-layers/rauc

for program in campari-eye campari-voice campari; do install -D -m 0755 "$programs/$program" "$tree/usr/bin/$program"; done
install -D -m 0644 "$tflite" "$tree/usr/lib/aarch64-linux-gnu/libtensorflowlite_c.so"
install -d "$tree/usr/share/campari/models"
models=$tree/usr/share/campari/models
cp "$top"/models/manifest.toml "$top"/models/*.tflite "$models/"
if [ "${BLIND:-}" = yes ]; then
    for model in "$models"/*.tflite; do
        sum=$(sha256sum "$model" | cut -d ' ' -f 1)
        dd if=/dev/zero of="$model" bs=1000 seek=$(($(stat -c %s "$model") / 2000)) count=400 conv=notrunc status=none
        sed -i "s/$sum/$(sha256sum "$model" | cut -d ' ' -f 1)/" "$models/manifest.toml"
    done
fi
DEVELOPMENT=${DEVELOPMENT:-} sh "$layer/recipes-campari/campari-system/files/install.sh" "$layer/recipes-campari/campari-system/files" "$tree" \
    /usr/lib/systemd/system /usr/lib /usr/lib/udev /usr/lib/systemd /usr/libexec
sh "$rauc/recipes-campari/campari-update/files/install.sh" "$rauc/recipes-campari/campari-update/files" "$tree" /usr/lib/systemd/system /usr/libexec
# The example, with which neither eye nor voice starts.
for file in eye.toml voice.toml site.sources; do
    install -D -m 0644 "$layer/recipes-campari/campari-config/files/$file" "$tree/etc/campari/$file"
done
sed -i -e 's,@PROFILE@,vm,' -e 's,@CAMERA@,/dev/campari/vivid,' "$tree/etc/campari/eye.toml"
# Slots and trust.
install -D -m 0644 "$rauc/recipes-core/rauc/files/system.conf" "$tree/etc/rauc/system.conf"
sed -i -e 's,@COMPATIBLE@,campari-vm,' -e 's,@BOOTLOADER@,uboot,' -e "s,@VERSION@,$version," "$tree/etc/rauc/system.conf"
install -D -m 0644 "$ca" "$tree/usr/lib/rauc/ca.cert.pem"
install -D -m 0644 "$rauc/recipes-core/rauc/files/fw_env.config" "$tree/etc/fw_env.config"
# The machine's own: its network, its camera.
install -D -m 0644 "$here/files/80-wired.network" "$tree/usr/lib/systemd/network/80-wired.network"
install -D -m 0644 "$here/files/vivid.conf" "$tree/usr/lib/modules-load.d/vivid.conf"
install -D -m 0644 "$here/files/vivid-options.conf" "$tree/usr/lib/modprobe.d/vivid.conf"

cat >"$tree/usr/lib/os-release" <<OS
ID=campari
NAME=Campari
VERSION_ID=$version
PRETTY_NAME="Campari $version, a board in a virtual machine"
OS
echo campari >"$tree/etc/hostname"
# The users of all packages, and of ours. (`u!`, a locked user, is newer than this machine's systemd may be; all of these are locked.)
sed -i 's/^u!/u/' "$tree"/usr/lib/sysusers.d/*.conf
systemd-sysusers --root="$tree" >/dev/null
systemctl --root="$tree" --quiet disable systemd-timesyncd.service nftables.service chrony-wait.service 2>/dev/null || true
units="systemd-networkd.service systemd-resolved.service dbus.service dbus.socket chrony.service rauc.service"
units="$units campari-eye.service campari-voice.service campari-firewall.service etc-campari.mount var.mount campari-mark-good.service"
# shellcheck disable=SC2086 # units are words
systemctl --root="$tree" --quiet enable $units
# Nothing is to be made up at the first start: the tree is newer than that, and cannot be written.
touch "$tree/etc/.updated"
systemctl --root="$tree" --quiet mask ldconfig.service
ln -sf /usr/lib/systemd/system/multi-user.target "$tree/etc/systemd/system/default.target"
sh "$layer/files/rootfs/harden.sh" "$tree" /etc
if [ "${DEVELOPMENT:-}" = yes ]; then
    for file in issue issue.net motd; do
        echo "CAMPARI DEVELOPMENT IMAGE: anybody may log in. Not for a camera that sees people." >"$tree/etc/$file"
    done
    install -D -m 0644 "$here/files/console.service" "$tree/usr/lib/systemd/system/campari-console.service"
    systemctl --root="$tree" --quiet enable campari-console.service
    # There is no getty in this tree.
    systemctl --root="$tree" --quiet mask serial-getty@hvc0.service serial-getty@ttyAMA0.service
else
    sh "$layer/files/rootfs/no-login.sh" "$tree" /etc /usr/bin /usr/sbin /usr/lib/systemd/system
fi
