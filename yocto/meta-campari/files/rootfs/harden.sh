#!/bin/sh
# What both images are: harden.sh ROOT SYSCONFDIR. The last word: what must not be in the image is looked for in the image.
set -eu
root=$1 etc=$1$2
units=$etc/systemd/system
install -d "$units" "$etc/campari"
# No debugging shell on a console, and no rescue shell after a failed boot: a board that does not boot starts anew, and falls back to its other slot.
for unit in debug-shell.service emergency.service rescue.service systemd-coredump.socket swap.target; do
    ln -sf /dev/null "$units/$unit"
done
if grep -qs swap "$etc/fstab"; then
    echo "the image's fstab has swap: raw pixels could reach the disk" >&2
    exit 1
fi
