#!/usr/bin/env bash
# Makes an update's bundle of what build.sh left in IMAGE, as recipes-core/bundles/campari-bundle_1.0.bb has it.
#
#   tests/vm/image/bundle.sh KEYS IMAGE VERSION OUT.raucb
#
# COMPATIBLE says for which board (campari-vm), SIGNER by which key of KEYS (office).
set -euo pipefail
fail() { echo "image: $*" >&2; exit 2; }
[ $# -eq 4 ] || fail "usage: bundle.sh KEYS IMAGE VERSION OUT.raucb"
keys=$1 image=$2 version=$3 out=$4
PATH=$PATH:/usr/sbin:/sbin
for tool in rauc mksquashfs; do command -v "$tool" >/dev/null || fail "$tool is missing; \`cargo xtask image --vm\` installs it"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for part in rootfs boot; do ln "$image/$part.img" "$work/$part.img" 2>/dev/null || cp "$image/$part.img" "$work/$part.img"; done
cat >"$work/manifest.raucm" <<MANIFEST
[update]
compatible=${COMPATIBLE:-campari-vm}
version=$version

[bundle]
format=verity

[image.rootfs]
filename=rootfs.img

[image.boot]
filename=boot.img
MANIFEST
rm -f "$out"
rauc --cert "$keys/${SIGNER:-office}.crt" --key "$keys/${SIGNER:-office}.key" bundle "$work" "$out" >"$work.log" 2>&1 || {
    cat "$work.log" >&2
    exit 2
}
rm -f "$work.log"
