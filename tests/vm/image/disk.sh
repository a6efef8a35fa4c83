#!/usr/bin/env bash
# Makes of a tree what a board is flashed with: a root with its hash tree, a signed FIT with the root hash in it, a disk with two slots and a data partition.
# As classes-recipe/campari_verity.bbclass and campari_image.bbclass do, with the same layout as campari-rockchip.wks.in.
#
#   tests/vm/image/disk.sh EXTRA TREE KEYS MACHINE.DTB OUT
#
# EXTRA is what root.sh left beside the tree, KEYS holds campari.key and campari.crt, MACHINE.DTB is the device tree that qemu gives. OUT becomes a folder:
# disk.img, rootfs.img, boot.img (both go into bundles), machine.dtb (with the key that the loader insists on), u-boot.bin, flash.img.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
fail() { echo "image: $*" >&2; exit 2; }
[ $# -eq 5 ] || fail "usage: disk.sh EXTRA TREE KEYS MACHINE.DTB OUT"
extra=$1 tree=$2 keys=$3 machine=$4 out=$5
PATH=$PATH:/usr/sbin:/sbin
for tool in mke2fs veritysetup mkimage mkenvimage fdtput sfdisk cpio xz gzip; do command -v "$tool" >/dev/null || fail "$tool is missing; \`cargo xtask image --vm\` installs it"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# The root, read-only for ever, and its hash tree behind it. The salt is the file system's own sum: the same tree gives the same bytes.
root=$work/rootfs.img
size_mib=$(($(du -sm --apparent-size "$tree" | cut -f 1) * 115 / 100 + 24))
mke2fs -q -t ext4 -b 4096 -O ^has_journal -m 0 -i 8192 -E hash_seed=00000000-0000-4000-8000-000000000000 -U 00000000-0000-4000-8000-000000000001 \
    -d "$tree" "$root" "${size_mib}M"
bytes=$(stat -c %s "$root")
salt=$(sha256sum "$root" | cut -d ' ' -f 1)
veritysetup format --no-superblock --hash=sha256 --data-block-size=4096 --hash-block-size=4096 --data-blocks=$((bytes / 4096)) --hash-offset="$bytes" \
    --salt="$salt" "$root" "$root" >"$work/verity"
hash=$(sed -n 's/^Root hash:[[:space:]]*//p' "$work/verity")
[ -n "$hash" ] || fail "veritysetup gave no root hash"
echo "$hash" >"$out/roothash"

# The initial file system.
early=$work/early
mkdir -p "$early"/{bin,sbin,dev,proc,sys,root,modules,lib,usr/lib/aarch64-linux-gnu}
cp "$extra/all/usr/bin/busybox" "$early/bin/busybox"
cp "$extra/all/usr/sbin/dmsetup" "$early/sbin/dmsetup"
for library in "$extra"/all/usr/lib/aarch64-linux-gnu/libdevmapper.so.1.* "$tree"/usr/lib/aarch64-linux-gnu/{libudev.so.1,libselinux.so.1,libm.so.6,libc.so.6,libpcre2-8.so.0,libcap.so.2}; do
    cp -L "$library" "$early/usr/lib/aarch64-linux-gnu/"
done
cp -L "$tree/usr/lib/ld-linux-aarch64.so.1" "$early/lib/"
ln -s ../usr/lib/aarch64-linux-gnu "$early/lib/aarch64-linux-gnu"
: >"$early/modules/order"
while read -r module; do
    name=$(basename "$module" .xz)
    case $module in *.xz) xz -dc "$module" >"$early/modules/$name" ;; *) cp "$module" "$early/modules/$name" ;; esac
    echo "$name" >>"$early/modules/order"
done <"$extra/early"
install -m 0755 "$here/initramfs-init" "$early/init"
(cd "$early" && find . | LC_ALL=C sort | cpio --quiet --create --format=newc --owner=0:0 --reproducible | gzip -n -1) >"$work/initramfs"

# Kernel, initial file system, device tree and command line in one signed FIT; `a` and `b` differ only in the partition they look at.
gzip -n -1 -c "$extra/kernel" >"$work/kernel.gz"
table="$((bytes / 512)) verity 1 DEVICE DEVICE 4096 4096 $((bytes / 4096)) $((bytes / 4096)) sha256 $hash $salt 1 restart_on_corruption"
console=${CONSOLE:-console=ttyAMA0 systemd.show_status=yes}
for slot in a b; do
    cp "$machine" "$work/$slot.dtb"
    fdtput -p -t s "$work/$slot.dtb" /chosen bootargs \
        "dm-mod.create=\"root,,,ro,0 ${table//DEVICE/PARTLABEL=rootfs-$slot}\" root=/dev/dm-0 rauc.slot=${slot^^} ro rootwait panic=10 lockdown=confidentiality systemd.swap=no $console"
done
signature='signature { algo = "sha256,rsa4096"; key-name-hint = "campari"; sign-images = "kernel", "ramdisk", "fdt"; };'
image() { echo "$1 { data = /incbin/(\"$2\"); $3 hash { algo = \"sha256\"; }; };"; }
{
    echo '/dts-v1/; / { description = "Campari"; images {'
    image kernel kernel.gz 'type = "kernel"; arch = "arm64"; os = "linux"; compression = "gzip"; load = <0x40400000>; entry = <0x40400000>;'
    image ramdisk initramfs 'type = "ramdisk"; arch = "arm64"; os = "linux"; compression = "none";'
    for slot in a b; do image "fdt-$slot" "$slot.dtb" 'type = "flat_dt"; arch = "arm64"; compression = "none";'; done
    echo '}; configurations { default = "conf-a";'
    for slot in a b; do echo "conf-$slot { kernel = \"kernel\"; ramdisk = \"ramdisk\"; fdt = \"fdt-$slot\"; $signature };"; done
    echo '}; };'
} >"$work/campari.its"
(cd "$work" && mkimage -f campari.its boot.img >mkimage.log) || fail "$(cat "$work/mkimage.log")"
cp "$machine" "$out/machine.dtb"
mkimage -F -k "$keys" -K "$out/machine.dtb" -r "$work/boot.img" >"$work/mkimage.log" || fail "$(cat "$work/mkimage.log")"
mv "$root" "$out/rootfs.img"
mv "$work/boot.img" "$out/boot.img"
cp "$extra/u-boot.bin" "$out/u-boot.bin"

[ "${ROOT_ONLY:-}" != yes ] || exit 0

# The loader's own flash: what it does, as on a board. The counters are on the disk, in one sector, which is written as a whole or not at all.
loader=$here/../../../yocto/meta-campari/files/loader
cat "$loader/campari.env" "$here/loader.env" | mkenvimage -s 0x40000 -o "$out/flash.img" -
truncate -s 64M "$out/flash.img"
mkenvimage -s 0x200 -o "$work/counters" "$loader/counters.env"

# The disk.
slot_mib=${SLOT_MIB:-384} boot_mib=64 data_mib=${DATA_MIB:-256}
disk=$out/disk.img
rm -f "$disk"
truncate -s $((slot_mib * 2 + boot_mib * 2 + data_mib + 16))M "$disk"
sfdisk -q "$disk" <<PARTITIONS
label: gpt
first-lba: 2048
name=uboot-env, size=1MiB
name=boot-a, size=${boot_mib}MiB
name=boot-b, size=${boot_mib}MiB
name=rootfs-a, size=${slot_mib}MiB
name=rootfs-b, size=${slot_mib}MiB
name=data
PARTITIONS
mke2fs -q -t ext4 -L data "$work/data.img" "${data_mib}M"
start() { sfdisk -d "$disk" | sed -n "s/.*start= *\([0-9]*\),.*name=\"$1\".*/\1/p"; }
put() { # FILE PARTITION
    [ "$(stat -c %s "$1")" -le $(($(sfdisk -d "$disk" | sed -n "s/.*size= *\([0-9]*\),.*name=\"$2\".*/\1/p") * 512)) ] || fail "$1 is larger than the partition $2"
    dd if="$1" of="$disk" bs=1M oflag=seek_bytes seek=$(($(start "$2") * 512)) conv=notrunc,sparse status=none
}
put "$work/counters" uboot-env
for slot in a b; do put "$out/boot.img" "boot-$slot"; put "$out/rootfs.img" "rootfs-$slot"; done
put "$work/data.img" data
