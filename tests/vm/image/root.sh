#!/usr/bin/env bash
# Makes the file tree of the board's system from Debian's own packages (arm64), without running any of them: no root file system of a running machine is
# needed, no foreign program, no package's install script.
#
#   tests/vm/image/root.sh CACHE TREE
#
# CACHE keeps what was fetched and, as CACHE/extra, what the disk needs beside the root: kernel, boot loader, the initial file system's programs. TREE is made
# anew. What of it is Campari's is put there by install.sh.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
suite=trixie
# Of the dependencies: what only install scripts and people use.
left_out="perl-base debconf libdebconfclient0 initramfs-tools initramfs-tools-core initramfs-tools-bin dracut-install klibc-utils libklibc linux-base mawk ucf
    adduser passwd login.defs libsemanage2 libsemanage-common sensible-utils cpio logsave libtext-charwidth-perl libtext-wrapi18n-perl init-system-helpers
    openssl-provider-legacy debianutils procps tzdata libpam-runtime"

fail() { echo "image: $*" >&2; exit 2; }
[ $# -eq 2 ] || fail "usage: root.sh CACHE TREE"
cache=$1 tree=$2
PATH=$PATH:/usr/sbin:/sbin
for tool in apt-get apt-cache dpkg-deb depmod modprobe systemd-sysusers systemctl; do command -v "$tool" >/dev/null || fail "$tool is missing; \`cargo xtask image --vm\` installs it"; done
words() { sed 's/#.*//' "$here/$1"; }

wanted="$suite $(words packages | tr '\n' ' ')"
if [ "$(cat "$cache/ready" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$cache"
    mkdir -p "$cache"/{debs/partial,state/lists/partial}
    : >"$cache/status"
    # From where this machine has its own packages.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || fail "apt knows no Debian mirror here; run \`apt-get update\` once"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$cache/sources.list"
    apt() {
        local command=$1
        shift
        "$command" -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$cache/state" -o Dir::State::status="$cache/status" \
            -o Dir::Cache="$cache" -o Dir::Cache::archives="$cache/debs" -o Dir::Etc::sourcelist="$cache/sources.list" -o Dir::Etc::sourceparts=- \
            -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)" "$@"
    }
    apt apt-get update >/dev/null || fail "apt has no package lists of $suite for arm64; is there a network?"
    kernel=$(apt apt-cache depends linux-image-arm64 | awk '/Depends: linux-image/ { print $2; exit }')
    [ -n "$kernel" ] || fail "apt knows no kernel for arm64"
    # shellcheck disable=SC2046 # packages are words
    apt apt-get install --download-only --no-install-recommends -y "$kernel" $(words packages) >"$cache/apt.log" || fail "see $cache/apt.log"
    echo "$wanted" >"$cache/ready"
fi

extra=$cache/extra
rm -rf "$tree" "$extra"
mkdir -p "$tree" "$extra/all"
extract() { dpkg-deb --extract "$1" "$2" || fail "$1 cannot be unpacked"; }
# First the links that everything else is unpacked through (/bin is usr/bin).
extract "$cache"/debs/base-files_*.deb "$tree"
for package in "$cache"/debs/*.deb; do
    name=$(basename "${package%%_*}")
    case " $(echo $left_out) " in *" $name "*) continue ;; esac
    case $name in
        linux-image-* | u-boot-qemu | busybox-static | dmsetup) extract "$package" "$extra/all" ;;
        base-files) ;;
        *) extract "$package" "$tree" ;;
    esac
done
# The initial file system's dmsetup brings its libraries from the same release.
extract "$cache"/debs/libdevmapper1.02.1_*.deb "$extra/all"
rm -rf "$tree"/usr/share/{doc,man,info,locale,lintian,bug,bash-completion,zsh,fish,common-licenses,perl5,polkit-1,mime,gdb,base-files,initramfs-tools} \
    "$tree"/usr/lib/{python3,gcc,modules-load.d/README} "$tree"/var "$tree"/usr/{games,local,src,include} "$tree"/etc/{init.d,cron*,default/*,logrotate.d,apt,dpkg,kernel,initramfs-tools}

# Kernel, loader, modules.
version=$(basename "$extra"/all/usr/lib/modules/*)
cp "$extra/all/boot/vmlinuz-$version" "$extra/kernel"
cp "$extra/all/usr/lib/u-boot/qemu_arm64/u-boot.bin" "$extra/u-boot.bin"
ln -sfn usr/lib "$extra/all/lib"
depmod -b "$extra/all" "$version"
: >"$extra/early"
words modules | while read -r when names; do
    for module in $names; do
        { modprobe --show-depends -d "$extra/all" -S "$version" "$module" || fail "Debian's kernel has no module $module"; } | while read -r how file _; do
            [ "$how" = insmod ] || continue # built in
            to=$tree/usr/lib/modules/$version/${file#"$extra"/all/*/modules/"$version"/}
            [ -e "$to" ] && continue
            install -D -m 0644 "$file" "$to"
            [ "$when" = late: ] || echo "$file" >>"$extra/early"
        done
    done
done
for list in modules.builtin modules.builtin.modinfo modules.order; do cp "$extra/all/usr/lib/modules/$version/$list" "$tree/usr/lib/modules/$version/"; done
depmod -b "$tree" "$version"

# Users of the system, by the lists that came with the packages.
for file in passwd group; do cp "$tree/usr/share/base-passwd/$file.master" "$tree/etc/$file"; done
sed 's/^\([^:]*\):.*/\1:!*:::::::/' "$tree/etc/passwd" >"$tree/etc/shadow"
chmod 640 "$tree/etc/shadow"
mkdir -p "$tree"/{dev,proc,sys,run,tmp,var,root,boot}
: >"$tree/etc/machine-id" # filled in memory at each start
ln -sf /run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
: >"$tree/etc/fstab"
echo "$version" >"$extra/version"
