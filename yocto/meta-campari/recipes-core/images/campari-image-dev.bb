SUMMARY = "Campari for development: anybody logs in, no production identity"
DESCRIPTION = "campari-image with a console and ssh without password and with what debugging needs. Eye and voice start with a development identity only."
LICENSE = "Apache-2.0"

inherit campari_image

# What makes this image unfit for the field is what it is for.
# nooelint: oelint.var.badimagefeature.allow-empty-password,oelint.var.badimagefeature.allow-root-login,oelint.var.badimagefeature.empty-root-password,oelint.var.badimagefeature.post-install-logging
IMAGE_FEATURES += "allow-empty-password allow-root-login empty-root-password post-install-logging ssh-server-dropbear"
IMAGE_INSTALL += "campari-mask campari-system-development strace"
CAMPARI_CONSOLE = "console=${@(d.getVar('SERIAL_CONSOLES') or '115200;ttyAMA0').split()[0].split(';')[1]}"

# Seen wherever somebody looks: at the console, over ssh, in the log, in `hostnamectl`.
ROOTFS_POSTPROCESS_COMMAND:append = " campari_mark"
campari_mark() {
    for file in issue issue.net motd; do
        echo "CAMPARI DEVELOPMENT IMAGE: anybody may log in. Not for a camera that sees people." > ${IMAGE_ROOTFS}${sysconfdir}/$file
    done
    echo campari-DEVELOPMENT > ${IMAGE_ROOTFS}${sysconfdir}/hostname
    if [ ! -e ${IMAGE_ROOTFS}${systemd_system_unitdir}/campari-eye.service.d/90-development.conf ]; then
        bbfatal "campari-system-development is missing: this image would take a production identity"
    fi
}
