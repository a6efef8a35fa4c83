SUMMARY = "What runs Campari on a board: users, units, folders, devices, firewall, time"
DESCRIPTION = "Installs, unchanged, the files below files/; anything else that makes an image of Campari takes them from there too."
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = " \
    file://chrony/chrony.conf \
    file://install.sh \
    file://nftables/campari-development.nft \
    file://nftables/campari.nft \
    file://stick \
    file://sysctl.d/70-campari.conf \
    file://systemd/campari-development.conf \
    file://systemd/campari-eye.service \
    file://systemd/campari-firewall.service \
    file://systemd/campari-stick@.service \
    file://systemd/campari-voice.service \
    file://systemd/chronyd.service.d-campari.conf \
    file://systemd/coredump-campari.conf \
    file://systemd/etc-campari.mount \
    file://systemd/firewall-development.conf \
    file://systemd/journald-campari.conf \
    file://systemd/system-campari.conf \
    file://systemd/systemd-resolved.service.d-campari.conf \
    file://systemd/var.mount \
    file://sysusers.d/campari.conf \
    file://tmpfiles.d/campari.conf \
    file://udev/70-campari.rules \
"

S = "${UNPACKDIR}"

inherit allarch features_check systemd useradd

REQUIRED_DISTRO_FEATURES = "systemd"

# One source of truth: the image's users are those of the sysusers.d file, which a read-only /etc cannot be given at boot.
CAMPARI_SYSUSERS = "${THISDIR}/files/sysusers.d/campari.conf"
CAMPARI_SYSUSERS[vardepvalue] = ""

def campari_sysusers(d, kind):
    import shlex
    path = d.getVar("CAMPARI_SYSUSERS")
    bb.parse.mark_dependency(d, path)
    params = []
    with open(path) as lines:
        for words in (shlex.split(line, comments=True) for line in lines):
            if not words:
                continue
            name, number = words[1], words[2]
            params += ["--system --gid %s %s" % (number, name)] if kind == "g" else []
            if kind == "u" and words[0] == "u":
                params += ["--system --uid %s --gid %s --no-create-home --home-dir / --shell ${base_sbindir}/nologin --comment '%s' %s"
                           % (number, name, words[3], name)]
    return "; ".join(params)

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "${@campari_sysusers(d, 'g')}"
USERADD_PARAM:${PN} = "${@campari_sysusers(d, 'u')}"

SYSTEMD_SERVICE:${PN} = "campari-eye.service campari-voice.service campari-firewall.service etc-campari.mount var.mount"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    # The development image's files too: they are a package of their own.
    DEVELOPMENT=yes sh ${UNPACKDIR}/install.sh ${UNPACKDIR} ${D} ${systemd_system_unitdir} ${nonarch_libdir} ${nonarch_base_libdir}/udev ${systemd_unitdir} \
        ${libexecdir}
}

# The development image's drop-ins are a package of their own, which the production image must not hold (campari-image.bbclass).
PACKAGE_BEFORE_PN = "${PN}-development"
SUMMARY:${PN}-development = "Lets eye and voice run with a development identity only"
FILES:${PN}-development = "\
    ${nonarch_libdir}/campari/campari-development.nft \
    ${systemd_system_unitdir}/campari-*.service.d/90-development.conf \
"
FILES:${PN} += "\
    ${nonarch_base_libdir}/udev \
    ${nonarch_libdir}/campari \
    ${nonarch_libdir}/sysctl.d \
    ${nonarch_libdir}/sysusers.d \
    ${nonarch_libdir}/tmpfiles.d \
    ${libexecdir}/campari \
    ${systemd_unitdir} \
"

RDEPENDS:${PN} = "campari campari-config campari-eye campari-voice chrony nftables"
RDEPENDS:${PN}-development = "${PN}"
