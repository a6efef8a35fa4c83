#!/usr/bin/env bash
# Prints where chronyd is, for the time server of the test; where it is not installed its package is only unpacked, since installing it would take this
# machine's clock from whoever keeps it now.
#
#   tests/vm/image/chronyd.sh CACHE
set -euo pipefail
cache=$1
PATH=$PATH:/usr/sbin:/sbin
command -v chronyd && exit
if [ ! -x "$cache/chrony/usr/sbin/chronyd" ]; then
    mkdir -p "$cache/chrony"
    (cd "$cache/chrony" && apt-get -q -o APT::Sandbox::User="$(id -un)" download chrony >/dev/null && dpkg-deb --extract chrony_*.deb .) || {
        echo "image: Debian's package chrony cannot be had; is there a network?" >&2
        exit 2
    }
fi
echo "$cache/chrony/usr/sbin/chronyd"
