# What Campari needs of a kernel; in its own distribution only.
FILESEXTRAPATHS:prepend:campari-board := "${THISDIR}/../../../../recipes-kernel/linux/files:"
SRC_URI:append:campari-board = " file://campari.cfg"
