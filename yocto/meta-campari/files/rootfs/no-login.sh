#!/bin/sh
# What the production image is beside: no-login.sh ROOT SYSCONFDIR BINDIR SBINDIR UNITDIR. Consoles are for people; here are none. Root has no password that
# could be right, and no shell.
set -eu
root=$1 etc=$1$2 bin=$1$3 sbin=$1$4 units=$1$2/systemd/system
install -d "$units"
for unit in getty@.service serial-getty@.service console-getty.service container-getty@.service autovt@.service getty.target; do
    ln -sf /dev/null "$units/$unit"
done
rm -rf "$units/getty.target.wants"
sed -i "s,^\(root:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:\).*,\1$4/nologin," "$etc/passwd"
sed -i 's,^root:[^:]*:,root:!:,' "$etc/shadow"
for program in "$bin/ssh" "$sbin/sshd" "$sbin/dropbear" "$sbin/dropbearmulti" "$sbin/telnetd" "$bin/gdbserver" "$bin/strace"; do
    if [ -e "$program" ]; then
        echo "the production image holds ${program#"$root"}" >&2
        exit 1
    fi
done
if [ -e "$root$5/campari-eye.service.d/90-development.conf" ]; then
    echo "the production image holds campari-system-development" >&2
    exit 1
fi
