#!/bin/sh
# Puts what decides about an update into a system's tree: install.sh FILES DESTDIR UNITDIR LIBEXECDIR (FILES is this folder; the others as the system has them).
set -eu
[ $# -eq 4 ] || { echo "install.sh: FILES DESTDIR UNITDIR LIBEXECDIR" >&2; exit 2; }
files=$1 root=$2 units=$3 libexec=$4
for unit in campari-mark-good.service campari-self-test.service; do
    install -D -m 0644 "$files/$unit" "$root$units/$unit"
done
sed -i -e "s,@LIBEXECDIR@,$libexec," "$root$units/campari-mark-good.service"
install -D -m 0755 "$files/mark-good" "$root$libexec/campari/mark-good"
