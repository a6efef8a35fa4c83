#!/usr/bin/env bash
# Makes the data partition of a disk anew, with an identity as provisioning leaves it.
#
#   tests/vm/image/data.sh DISK IDENTITY
#
# FULL=yes leaves no block of it free. Everything in it belongs to the users of the layer's sysusers.d file: run by somebody else than root, it wants fakeroot.
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
if [ "${FULL:-}" = yes ]; then
    # It was not full when the board first started: its folders are there.
    for folder in lib/campari/eye lib/chrony lib/rauc lib/systemd log/journal tmp cache; do mkdir -p "$work/data/$folder"; done
    chown 970:970 "$work/data/lib/campari/eye"
    chmod 0700 "$work/data/lib/campari/eye" "$work/data/lib/rauc"
    chmod 0750 "$work/data/lib/chrony"
    chmod 0711 "$work/data/lib/campari"
    chmod 1777 "$work/data/tmp"
fi
of() { sfdisk -d "$disk" | sed -n "s/.*$1= *\([0-9]*\),.*name=\"data\".*/\1/p"; }
mke2fs -q -t ext4 -L data -d "$work/data" "$work/data.img" "$(($(of size) / 2))k"
if [ "${FULL:-}" = yes ]; then
    free=$(dumpe2fs -h "$work/data.img" 2>/dev/null | sed -n 's/^Free blocks: *//p')
    # In pieces, the last ones small: what is left over is less than a file's own bookkeeping.
    for share in 90 60 60 60 60 60 60 60; do
        dd if=/dev/urandom of="$work/piece" bs=4096 count=$((free * share / 100)) status=none
        debugfs -w -R "write $work/piece full-$share-$RANDOM$RANDOM" "$work/data.img" >/dev/null 2>&1
        free=$(dumpe2fs -h "$work/data.img" 2>/dev/null | sed -n 's/^Free blocks: *//p')
        [ "$free" -gt 2 ] || break
    done
fi
dd if="$work/data.img" of="$disk" bs=1M oflag=seek_bytes seek=$(($(of start) * 512)) conv=notrunc status=none
