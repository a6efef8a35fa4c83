SUMMARY = "The image that a technician flashes: nobody logs in, nothing listens"
DESCRIPTION = "Eye and voice on a verified read-only root in two slots, without console, ssh, swap or core dumps."
LICENSE = "Apache-2.0"

inherit campari_image

# Consoles are for people; here are none. Root has no password that could be right, and no shell.
ROOTFS_POSTPROCESS_COMMAND:append = " campari_no_login"
campari_no_login() {
    units=${IMAGE_ROOTFS}${sysconfdir}/systemd/system
    for unit in getty@.service serial-getty@.service console-getty.service container-getty@.service autovt@.service getty.target; do
        ln -sf /dev/null $units/$unit
    done
    rm -rf $units/getty.target.wants
    sed -i 's,^\(root:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:\).*,\1${base_sbindir}/nologin,' ${IMAGE_ROOTFS}${sysconfdir}/passwd
    sed -i 's,^root:[^:]*:,root:!:,' ${IMAGE_ROOTFS}${sysconfdir}/shadow
    for program in ${bindir}/ssh ${sbindir}/sshd ${sbindir}/dropbear ${sbindir}/dropbearmulti ${sbindir}/telnetd ${bindir}/gdbserver ${bindir}/strace; do
        if [ -e ${IMAGE_ROOTFS}$program ]; then
            bbfatal "the production image holds $program"
        fi
    done
    if [ -e ${IMAGE_ROOTFS}${systemd_system_unitdir}/campari-eye.service.d/90-development.conf ]; then
        bbfatal "the production image holds campari-system-development"
    fi
}
