#!/usr/bin/env bash
# Makes the disk that the machine boots: packages, Campari, an identity, two slots.
#
#   tests/vm/image/build.sh CACHE PROGRAMS TFLITE VERSION IDENTITY OUT
#
# CACHE keeps what was fetched and the keys of this machine's own updates and boots. IDENTITY is a folder as provisioning leaves it (/etc/campari of the board).
# OUT: see disk.sh. Everything in the tree belongs to root: run by somebody else, it wants fakeroot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
fail() { echo "image: $*" >&2; exit 2; }
[ $# -eq 6 ] || fail "usage: build.sh CACHE PROGRAMS TFLITE VERSION IDENTITY OUT"
cache=$1 programs=$2 tflite=$3 version=$4 identity=$5 out=$6
if [ "$(id -u)" != 0 ]; then
    command -v fakeroot >/dev/null || fail "fakeroot is missing; \`cargo xtask image --vm\` installs it"
    exec fakeroot bash "$0" "$@"
fi
mkdir -p "$cache/keys" "$out"
key() { # NAME ALGORITHM
    [ -e "$cache/keys/$1.crt" ] && return
    openssl req -x509 -newkey "$2" -nodes -keyout "$cache/keys/$1.key" -out "$cache/keys/$1.crt" -subj "/CN=Campari test $1" -days 3650 \
        -addext extendedKeyUsage=codeSigning 2>/dev/null || fail "openssl makes no key"
}
key campari rsa:4096
key update ed25519

# The tree of packages is the same each time, and is kept.
stamp=$(cat "$here/root.sh" "$here/packages" "$here/modules" | sha256sum)
if [ "$(cat "$cache/tree.stamp" 2>/dev/null)" != "$stamp" ]; then
    bash "$here/root.sh" "$cache/debian" "$cache/tree"
    echo "$stamp" >"$cache/tree.stamp"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -a "$cache/tree" "$work/tree"
# Whoever ran this before may have been somebody else.
chown -R 0:0 "$work/tree"
bash "$here/campari.sh" "$work/tree" "$programs" "$tflite" "$version" "$cache/keys/update.crt"

# The identity, with the owners that the units expect.
etc=$work/data/lib/campari/etc
mkdir -p "$etc"
cp -r "$identity/." "$etc/"
chown -R 0:0 "$work/data"
chmod -R u=rwX,go=rX "$etc"
chmod 0711 "$etc"
chown -R 971:971 "$etc/tls"
chmod 0700 "$etc/tls"
chmod 0600 "$etc"/tls/*

# The machine, as the loader and the kernel see it. Without ACPI, which would take its GPIO lines.
qemu-system-aarch64 -M virt,acpi=off,dumpdtb="$work/machine.dtb" -cpu cortex-a76 -smp 2 -m 1536 -nodefaults -nographic 2>/dev/null
[ -s "$work/machine.dtb" ] || fail "qemu tells nothing of its machine"
DATA=$work/data bash "$here/disk.sh" "$cache/debian/extra" "$work/tree" "$cache/keys" "$work/machine.dtb" "$out"
