SUMMARY = "Marks a slot good once the new system has shown that it masks"
DESCRIPTION = "Otherwise the board starts anew, and its boot loader goes back to the other slot."
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = " \
    file://campari-mark-good.service \
    file://campari-self-test.service \
    file://install.sh \
    file://mark-good \
"

S = "${UNPACKDIR}"

inherit allarch features_check systemd

REQUIRED_DISTRO_FEATURES = "rauc systemd"

SYSTEMD_SERVICE:${PN} = "campari-mark-good.service campari-self-test.service"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    sh ${UNPACKDIR}/install.sh ${UNPACKDIR} ${D} ${systemd_system_unitdir} ${libexecdir}
}

FILES:${PN} += "${libexecdir}/campari"

RDEPENDS:${PN} = "campari-eye rauc rauc-service virtual-rauc-conf"
