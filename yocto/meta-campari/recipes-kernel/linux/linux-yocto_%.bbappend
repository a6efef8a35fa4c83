# What Campari needs of a kernel; in its own distribution only.
FILESEXTRAPATHS:prepend:campari-board := "${THISDIR}/files:"
SRC_URI:append:campari-board = " file://campari.cfg"
