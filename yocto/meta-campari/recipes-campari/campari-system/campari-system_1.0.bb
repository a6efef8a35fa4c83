SUMMARY = "What runs Campari on a board: users, units, folders, devices, firewall, time"
DESCRIPTION = "Installs, unchanged, the files below files/; anything else that makes an image of Campari takes them from there too."
SECTION = "base"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = " \
    file://chrony/chrony.conf \
    file://nftables/campari-development.nft \
    file://nftables/campari.nft \
    file://sysctl.d/70-campari.conf \
    file://systemd/campari-development.conf \
    file://systemd/campari-eye.service \
    file://systemd/campari-firewall.service \
    file://systemd/campari-voice.service \
    file://systemd/chronyd.service.d-campari.conf \
    file://systemd/coredump-campari.conf \
    file://systemd/etc-campari.mount \
    file://systemd/firewall-development.conf \
    file://systemd/journald-campari.conf \
    file://systemd/system-campari.conf \
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
    install -d ${D}${systemd_system_unitdir} ${D}${nonarch_libdir}/campari
    for unit in campari-eye.service campari-firewall.service campari-voice.service etc-campari.mount var.mount; do
        install -m 0644 ${UNPACKDIR}/systemd/$unit ${D}${systemd_system_unitdir}/
    done
    install -D -m 0644 ${UNPACKDIR}/systemd/chronyd.service.d-campari.conf ${D}${systemd_system_unitdir}/chronyd.service.d/10-campari.conf
    for part in system journald coredump; do
        install -D -m 0644 ${UNPACKDIR}/systemd/$part-campari.conf ${D}${systemd_unitdir}/$part.conf.d/10-campari.conf
    done
    for service in campari-eye campari-voice; do
        install -D -m 0644 ${UNPACKDIR}/systemd/campari-development.conf \
            ${D}${systemd_system_unitdir}/$service.service.d/90-development.conf
    done
    install -D -m 0644 ${UNPACKDIR}/systemd/firewall-development.conf \
        ${D}${systemd_system_unitdir}/campari-firewall.service.d/90-development.conf
    install -m 0644 ${UNPACKDIR}/nftables/campari-development.nft ${D}${nonarch_libdir}/campari/
    install -m 0644 ${UNPACKDIR}/nftables/campari.nft ${UNPACKDIR}/chrony/chrony.conf ${D}${nonarch_libdir}/campari/
    install -D -m 0644 ${UNPACKDIR}/sysusers.d/campari.conf ${D}${nonarch_libdir}/sysusers.d/campari.conf
    install -D -m 0644 ${UNPACKDIR}/tmpfiles.d/campari.conf ${D}${nonarch_libdir}/tmpfiles.d/campari.conf
    install -D -m 0644 ${UNPACKDIR}/sysctl.d/70-campari.conf ${D}${nonarch_libdir}/sysctl.d/70-campari.conf
    install -D -m 0644 ${UNPACKDIR}/udev/70-campari.rules ${D}${nonarch_base_libdir}/udev/rules.d/70-campari.rules
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
    ${systemd_unitdir} \
"

RDEPENDS:${PN} = "campari-config campari-eye campari-voice chrony nftables"
RDEPENDS:${PN}-development = "${PN}"
