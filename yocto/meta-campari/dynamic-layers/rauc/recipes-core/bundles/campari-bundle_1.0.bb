SUMMARY = "Update bundle of campari-image: signed, verity, may be streamed"
DESCRIPTION = "What RAUC installs into the slot that does not run; docs/update.md says how a board decides to keep it."
LICENSE = "Apache-2.0"

inherit bundle

# As images: built when asked for.
EXCLUDE_FROM_WORLD = "1"

RAUC_BUNDLE_COMPATIBLE = "campari-${MACHINE}"
RAUC_BUNDLE_VERSION = "${DISTRO_VERSION}"
RAUC_BUNDLE_DESCRIPTION = "Campari ${DISTRO_VERSION}"
RAUC_BUNDLE_FORMAT = "verity"

# Names that end in .img are written as they are.
RAUC_BUNDLE_SLOTS = "rootfs"
RAUC_BUNDLE_SLOTS:append:rockchip = " boot"
RAUC_SLOT_rootfs = "campari-image"
RAUC_SLOT_rootfs[fstype] = "ext4.verity"
RAUC_SLOT_rootfs[rename] = "rootfs.img"
RAUC_SLOT_boot = "campari-image"
RAUC_SLOT_boot[fstype] = "fit"
RAUC_SLOT_boot[rename] = "boot.img"

# RAUC_KEY_FILE and RAUC_CERT_FILE are the update office's, and not in this repository.
