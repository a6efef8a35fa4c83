# Slots and trust of a board; in Campari's own distribution only.
FILESEXTRAPATHS:prepend:campari-board := "${THISDIR}/files:"

do_install:append:campari-board() {
    sed -i -e 's,@COMPATIBLE@,campari-${MACHINE},' -e 's,@BOOTLOADER@,${CAMPARI_RAUC_BOOTLOADER},' -e 's,@VERSION@,${DISTRO_VERSION},' \
        ${D}${nonarch_libdir}/rauc/system.conf
    if [ "${CAMPARI_RAUC_BOOTLOADER}" = noop ]; then
        # No boot partition of its own: the kernel comes from outside.
        sed -i '/^\[slot\.boot/,$d' ${D}${nonarch_libdir}/rauc/system.conf
    fi
    if grep -q '^# EXAMPLE' ${UNPACKDIR}/ca.cert.pem; then
        bbwarn "ca.cert.pem is the example, which trusts no signature: no update can be installed. Set RAUC_KEYRING_FILE to the site's own"
    fi
}

PACKAGE_ARCH:campari-board = "${MACHINE_ARCH}"
