#!/usr/bin/env bash
# Makes the disk that the machine boots: packages, Campari, two slots, a data partition as a flasher leaves it.
#
#   tests/vm/image/build.sh CACHE PROGRAMS TFLITE VERSION OUT
#
# CACHE keeps what was fetched and the keys of this machine's own updates and boots. OUT: see disk.sh. DEVELOPMENT=yes and BLIND=yes: see campari.sh; ROOT_ONLY=yes
# makes what goes into an update's bundle, and no disk. Everything in the tree belongs to root: run by somebody else, it wants fakeroot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
fail() { echo "image: $*" >&2; exit 2; }
[ $# -eq 5 ] || fail "usage: build.sh CACHE PROGRAMS TFLITE VERSION OUT"
cache=$1 programs=$2 tflite=$3 version=$4 out=$5
if [ "$(id -u)" != 0 ]; then
    command -v fakeroot >/dev/null || fail "fakeroot is missing; \`cargo xtask image --vm\` installs it"
    exec fakeroot bash "$0" "$@"
fi
mkdir -p "$cache/keys" "$out"
key() { # NAME EXTENSIONS ALGORITHM...
    local name=$1 extensions=$2
    shift 2
    [ -e "$cache/keys/$name.crt" ] && return
    printf '[req]\ndistinguished_name=name\n[name]\n[as]\n%b' "$extensions" >"$cache/keys/$name.cnf"
    openssl req -x509 -config "$cache/keys/$name.cnf" -extensions as -newkey "$@" -nodes -keyout "$cache/keys/$name.key" -out "$cache/keys/$name.crt" \
        -subj "/CN=Campari test $name" -days 3650 2>/dev/null || fail "openssl makes no key"
}
key campari 'basicConstraints=critical,CA:TRUE\n' rsa:4096
# What the purpose `codesign` asks for. CMS, which signs bundles, does not take Ed25519.
signs='basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,codeSigning\n'
key office "$signs" ec -pkeyopt ec_paramgen_curve:P-384
key unknown "$signs" ec -pkeyopt ec_paramgen_curve:P-384

# The tree of packages is the same each time, and is kept.
stamp=$(cat "$here/root.sh" "$here/packages" "$here/modules" | sha256sum)
if [ "$(cat "$cache/tree.stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -f "$cache/tree.stamp"
    bash "$here/root.sh" "$cache/debian" "$cache/tree"
    echo "$stamp" >"$cache/tree.stamp"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -a "$cache/tree" "$work/tree"
# Whoever ran this before may have been somebody else.
chown -R 0:0 "$work/tree"
bash "$here/campari.sh" "$work/tree" "$programs" "$tflite" "$version" "$cache/keys/office.crt"

# The machine, as the loader and the kernel see it. Without ACPI, which would take its GPIO lines.
qemu-system-aarch64 -M virt,acpi=off,dumpdtb="$work/machine.dtb" -cpu cortex-a76 -smp 2 -m 1536 -nodefaults -nographic 2>/dev/null
[ -s "$work/machine.dtb" ] || fail "qemu tells nothing of its machine"
bash "$here/disk.sh" "$cache/debian/extra" "$work/tree" "$cache/keys" "$work/machine.dtb" "$out"
