SUMMARY = "The image that a technician flashes: nobody logs in, nothing listens"
DESCRIPTION = "Eye and voice on a verified read-only root in two slots, without console, ssh, swap or core dumps."
LICENSE = "Apache-2.0"

inherit campari_image

ROOTFS_POSTPROCESS_COMMAND:append = " campari_no_login"
campari_no_login() {
    sh ${CAMPARI_ROOTFS_SCRIPTS}/no-login.sh ${IMAGE_ROOTFS} ${sysconfdir} ${bindir} ${sbindir} ${systemd_system_unitdir} \
        || bbfatal "the image is not as it must be; the lines above say why"
}
