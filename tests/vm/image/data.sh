#!/usr/bin/env bash
# Makes the data partition of a disk anew, with an identity as provisioning leaves it.
#
#   tests/vm/image/data.sh DISK IDENTITY
#
# Everything in it belongs to the users of the layer's sysusers.d file: run by somebody else than root, it wants fakeroot.
set -euo pipefail
fail() { echo "image: $*" >&2; exit 2; }
[ $# -eq 2 ] || fail "usage: data.sh DISK IDENTITY"
if [ "$(id -u)" != 0 ]; then exec fakeroot bash "$0" "$@"; fi
disk=$1 identity=$2
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
etc=$work/data/lib/campari/etc
mkdir -p "$etc"
cp -r "$identity/." "$etc/"
chown -R 0:0 "$work/data"
chmod -R u=rwX,go=rX "$etc"
chmod 0711 "$etc"
chown -R 971:971 "$etc/tls"
chmod 0700 "$etc/tls"
chmod 0600 "$etc"/tls/*
of() { sfdisk -d "$disk" | sed -n "s/.*$1= *\([0-9]*\),.*name=\"data\".*/\1/p"; }
mke2fs -q -t ext4 -L data -d "$work/data" "$work/data.img" "$(($(of size) / 2))k"
dd if="$work/data.img" of="$disk" bs=1M oflag=seek_bytes seek=$(($(of start) * 512)) conv=notrunc status=none
