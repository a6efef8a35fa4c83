SUMMARY = "Configuration and policy of Campari: an example, until a site replaces it"
DESCRIPTION = "A site has a layer of its own with a bbappend that prepends its folder to FILESEXTRAPATHS and brings files of the same names."
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = " \
    file://eye.toml \
    file://site.sources \
    file://voice.toml \
"

S = "${UNPACKDIR}"

# Which of board/profiles the board is; a board that no profile names is a desktop.
CAMPARI_PROFILE ??= "desktop"
CAMPARI_PROFILE:rk3588 ?= "rk3588"
CAMPARI_PROFILE:rk3568 ?= "rk3568"
# The camera, by a name that udev/70-campari.rules gives.
CAMPARI_CAMERA ??= "/dev/campari/vivid"
CAMPARI_CAMERA:rockchip ?= "/dev/campari/isp"

PACKAGE_ARCH = "${MACHINE_ARCH}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${sysconfdir}/campari
    for file in eye.toml voice.toml site.sources; do
        if grep -q '^# EXAMPLE' ${UNPACKDIR}/$file; then
            bbwarn "$file is the example: eye and voice do not start with it. Bring the site's own (yocto/meta-campari/README.md, Customisation)"
        fi
        sed -e 's,@PROFILE@,${CAMPARI_PROFILE},' -e 's,@CAMERA@,${CAMPARI_CAMERA},' ${UNPACKDIR}/$file > ${D}${sysconfdir}/campari/$file
        chmod 0644 ${D}${sysconfdir}/campari/$file
    done
    # A policy is signed by the policy office; there is no example of one that would hold.
    if [ -e ${UNPACKDIR}/policy.json ]; then
        install -m 0644 ${UNPACKDIR}/policy.json ${D}${sysconfdir}/campari/
    fi
}

