#!/bin/sh
# Puts what runs Campari into a system's tree: install.sh FILES DESTDIR UNITDIR LIBDIR UDEVDIR SYSTEMDDIR LIBEXECDIR
# (FILES is this folder; the others as the system has them: /usr/lib/systemd/system /usr/lib /usr/lib/udev /usr/lib/systemd /usr/libexec). With DEVELOPMENT=yes also
# what makes eye and voice take a development identity only. The recipe calls it, and so does whatever else makes an image of Campari: one list of files.
set -eu
[ $# -eq 7 ] || { echo "install.sh: FILES DESTDIR UNITDIR LIBDIR UDEVDIR SYSTEMDDIR LIBEXECDIR" >&2; exit 2; }
files=$1 root=$2 libexec=$7
units=$root$3 lib=$root$4 udev=$root$5 systemd=$root$6
file() { install -D -m 0644 "$files/$1" "$2"; }

for unit in campari-eye.service campari-firewall.service campari-stick@.service campari-voice.service etc-campari.mount var.mount; do
    file "systemd/$unit" "$units/$unit"
done
sed -i -e "s,@LIBEXECDIR@,$libexec," "$units/campari-stick@.service"
install -D -m 0755 "$files/stick" "$root$libexec/campari/stick"
file systemd/chronyd.service.d-campari.conf "$units/chronyd.service.d/10-campari.conf"
file systemd/systemd-resolved.service.d-campari.conf "$units/systemd-resolved.service.d/10-campari.conf"
for part in system journald coredump; do
    file "systemd/$part-campari.conf" "$systemd/$part.conf.d/10-campari.conf"
done
if [ "${DEVELOPMENT:-}" = yes ]; then
    for service in campari-eye campari-voice; do
        file systemd/campari-development.conf "$units/$service.service.d/90-development.conf"
    done
    file systemd/firewall-development.conf "$units/campari-firewall.service.d/90-development.conf"
    file nftables/campari-development.nft "$lib/campari/campari-development.nft"
fi
file nftables/campari.nft "$lib/campari/campari.nft"
file chrony/chrony.conf "$lib/campari/chrony.conf"
file sysusers.d/campari.conf "$lib/sysusers.d/campari.conf"
file tmpfiles.d/campari.conf "$lib/tmpfiles.d/campari.conf"
file sysctl.d/70-campari.conf "$lib/sysctl.d/70-campari.conf"
file udev/70-campari.rules "$udev/rules.d/70-campari.rules"
