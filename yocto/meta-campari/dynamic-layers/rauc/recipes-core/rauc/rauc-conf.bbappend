# Slots and trust of a board; in Campari's own distribution only.
FILESEXTRAPATHS:prepend:campari-board := "${THISDIR}/files:"

SRC_URI:append:campari-board = " file://fw_env.config"

do_install:append:campari-board() {
    # Below /usr/lib in wrynose's meta-rauc, below /etc in whinlatter's; RAUC looks into both.
    conf=${D}${nonarch_libdir}/rauc
    [ -e $conf/system.conf ] || conf=${D}${sysconfdir}/rauc
    keyring=$(basename ${RAUC_KEYRING_FILE})
    [ -e $conf/$keyring ] || bbfatal "meta-rauc did not install $keyring beside system.conf"
    sed -i -e 's,@COMPATIBLE@,campari-${MACHINE},' -e 's,@BOOTLOADER@,${CAMPARI_RAUC_BOOTLOADER},' -e 's,@VERSION@,${DISTRO_VERSION},' \
        -e "/^\[keyring\]/,/^\[/s,^path=.*,path=${conf#${D}}/$keyring," $conf/system.conf
    if [ "${CAMPARI_RAUC_BOOTLOADER}" = noop ]; then
        # No boot partition of its own: the kernel comes from outside.
        sed -i '/^\[slot\.boot/,$d' $conf/system.conf
    elif [ "${CAMPARI_RAUC_BOOTLOADER}" = uboot ]; then
        install -D -m 0644 ${UNPACKDIR}/fw_env.config ${D}${sysconfdir}/fw_env.config
    fi
    if grep -q '^# EXAMPLE' $conf/$keyring; then
        bbwarn "$keyring is the example, which trusts no signature: no update can be installed. Set RAUC_KEYRING_FILE to the site's own"
    fi
}

PACKAGE_ARCH:campari-board = "${MACHINE_ARCH}"
