#!/usr/bin/env bash
# Makes the kernel and the initial file system of the board in a virtual machine (aarch64), from Debian's own packages.
#
#   tests/vm/board/image.sh OUTPUT [SOURCE[:DESTINATION]]...
#
# OUTPUT becomes a folder with `kernel` and `initramfs`. Each SOURCE (a file or folder of this machine) is put there too, at the same path unless
# another is given; programs bring the shared libraries of Debian's cross compiler. Neither root nor a foreign architecture in dpkg is needed: apt
# keeps its lists for arm64 in .campari/vm/aarch64, where what is fetched stays.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../.." && pwd)/.campari/vm/aarch64
cross=/usr/aarch64-linux-gnu
# What the machine needs of Debian: a kernel with vivid, a shell, v4l2-ctl to play into vivid's output and to make it fail, chrony to keep the clock.
packages="busybox-static chrony v4l-utils libv4l-0 libv4lconvert0 libjpeg62-turbo libudev1 libcap2 libffi8 libgmp10 libgnutls30 libhogweed6 libidn2-0 libnettle8 libp11-kit0 libseccomp2 libtasn1-6 libunistring2"
# Loaded in this order, each after what it depends on.
modules="virtio_mmio virtio_net virtio_rng i6300esb vivid"

fail() { echo "board-vm: $*" >&2; exit 2; }
[ $# -ge 1 ] || fail "usage: image.sh OUTPUT [SOURCE[:DESTINATION]]..."
output=$1
shift
PATH=$PATH:/usr/sbin:/sbin
for tool in apt-get apt-cache dpkg-deb depmod modprobe cpio gzip aarch64-linux-gnu-readelf; do
    command -v "$tool" >/dev/null || fail "$tool is missing; \`cargo xtask board-vm\` installs it"
done

if [ "$(cat "$cache/ready" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$cache"
    mkdir -p "$cache"/{root,debs,state/lists/partial,packages/archives/partial}
    : >"$cache/status"
    apt() {
        local command=$1
        shift
        "$command" -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$cache/state" -o Dir::State::status="$cache/status" \
            -o Dir::Cache="$cache/packages" -o APT::Sandbox::User="$(id -un)" "$@"
    }
    apt apt-get update >/dev/null || fail "apt has no package lists for arm64; is there a network?"
    kernel=$(apt apt-cache depends linux-image-arm64 | awk '/Depends: linux-image/ { print $2; exit }')
    [ -n "$kernel" ] || fail "apt knows no kernel for arm64"
    # shellcheck disable=SC2086 # packages are words
    (cd "$cache/debs" && apt apt-get download "$kernel" $packages >/dev/null)
    for package in "$cache"/debs/*.deb; do dpkg-deb --extract "$package" "$cache/root"; done
    depmod -b "$cache/root" "$(basename "$cache"/root/lib/modules/*)"
    rm -rf "$cache"/{debs,packages,state,status}
    echo "$packages" >"$cache/ready"
fi
version=$(basename "$cache"/root/lib/modules/*)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree"/{bin,sbin,dev,proc,sys,tmp,run,etc,lib,modules,var/lib/chrony}
cp "$cache/root/bin/busybox" "$tree/bin/"
: >"$tree/modules/order"
for module in $modules; do
    { modprobe --show-depends -d "$cache/root" -S "$version" "$module" || fail "Debian's kernel has no module $module"; } | while read -r _ file _; do
        name=$(basename "$file" .ko)
        [ "$file" = "$module" ] || [ -e "$tree/modules/$name.ko" ] && continue # built in, or there already
        cp "$file" "$tree/modules/$name.ko"
        echo "$name" >>"$tree/modules/order"
    done
done

# A program's libraries, and theirs: from the cross compiler, else from the packages.
libraries() {
    local name from
    aarch64-linux-gnu-readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r name; do
        [ -e "$tree/lib/$name" ] && continue
        from=
        for folder in "$(dirname "$1")" "$cross/lib" "$cache/root/usr/lib/aarch64-linux-gnu" "$cache/root/lib/aarch64-linux-gnu"; do
            [ -e "$folder/$name" ] && { from=$folder/$name; break; }
        done
        # What is nowhere may be among the files still to come; the loader says so if it is not.
        [ -n "$from" ] || { echo "board-vm: $1 wants $name, which is nowhere yet" >&2; continue; }
        cp -L "$from" "$tree/lib/$name"
        libraries "$from"
    done
}
add() { # SOURCE DESTINATION
    [ -e "$1" ] || fail "$1 is not there"
    mkdir -p "$tree/$(dirname "$2")"
    cp -rL "$1" "$tree/$2"
    # Only programs and libraries need any.
    if [ -f "$1" ] && [ "$(head -c 4 "$1" | tail -c 3)" = ELF ]; then libraries "$1"; fi
}
add "$cache/root/usr/sbin/chronyd" /sbin/chronyd
add "$cache/root/usr/bin/v4l2-ctl" /bin/v4l2-ctl
for file in "$@"; do
    case $file in
        *:*) add "${file%%:*}" "${file#*:}" ;;
        *) add "$file" "$file" ;;
    esac
done
install -m 755 "$here/init" "$tree/init"
cp "$here/passwd" "$here/group" "$tree/etc/"
mkdir -p "$tree/etc/modules"
cp "$here/vivid" "$tree/etc/modules/"
cp -r "$here/services" "$tree/etc/"
mkdir -p "$output"
cp "$cache/root/boot/vmlinuz-$version" "$output/kernel"
(cd "$tree" && find . | cpio --quiet --create --format=newc --owner=0:0 | gzip -1) >"$output/initramfs"
