# A loader that starts signed slots, counts, and goes back (files/loader). Asked for with CAMPARI_LOADER_AB = "1": it was compiled with U-Boot 2023.01 and seen in
# QEMU, never with this layer's U-Boot nor on a board, and prepare.sh refuses one that cannot do it.
CAMPARI_LOADER_AB ??= "0"
CAMPARI_LOADER_WANTED = "${@'1' if d.getVar('CAMPARI_LOADER_AB') == '1' else ''}"
CAMPARI_LOADER_FILES = "campari-loader.cfg campari.env rockchip.env prepare.sh"

FILESEXTRAPATHS:prepend:campari-board := "${THISDIR}/../../../../files/loader:"
SRC_URI:append:campari-board = "${@' file://'.join([''] + d.getVar('CAMPARI_LOADER_FILES').split()) if d.getVar('CAMPARI_LOADER_WANTED') else ''}"
DEPENDS:append:campari-board = "${@' dtc-native u-boot-tools-native' if d.getVar('CAMPARI_LOADER_WANTED') else ''}"

do_configure:append:campari-board() {
    if [ -n "${CAMPARI_LOADER_WANTED}" ]; then
        [ -n "${CAMPARI_FIT_KEYS}" ] || bbfatal "CAMPARI_LOADER_AB wants CAMPARI_FIT_KEYS: a loader without a key would start nothing"
        sh ${UNPACKDIR}/prepare.sh ${S} ${B}/.config ${CAMPARI_FIT_KEYS} ${UNPACKDIR}/campari.env ${UNPACKDIR}/rockchip.env \
            || bbfatal "this U-Boot cannot be Campari's loader; the line above says why"
    fi
}
