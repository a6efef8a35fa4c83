# A loader that starts signed slots, counts, and goes back, where CAMPARI_LOADER_AB asks for it; in Campari's own distribution only. prepare.sh was tried with
# other versions of U-Boot, never with this layer's nor on a board; it refuses one that cannot do what is asked.
FILESEXTRAPATHS:prepend:campari-board := "${THISDIR}/../../../../files/loader:"
SRC_URI:append:campari-board = " ${@bb.utils.contains('CAMPARI_LOADER_AB', '1', '${CAMPARI_LOADER_FILES}', '', d)}"
DEPENDS:append:campari-board = " ${@bb.utils.contains('CAMPARI_LOADER_AB', '1', 'dtc-native u-boot-tools-native', '', d)}"

do_configure:append:campari-board() {
    if [ "${CAMPARI_LOADER_AB}" = 1 ]; then
        [ -n "${CAMPARI_FIT_KEYS}" ] || bbfatal "CAMPARI_LOADER_AB wants CAMPARI_FIT_KEYS: a loader without a key would start nothing"
        sh ${UNPACKDIR}/prepare.sh ${S} ${B}/.config ${CAMPARI_FIT_KEYS} ${UNPACKDIR}/campari.env ${UNPACKDIR}/rockchip.env \
            || bbfatal "this U-Boot cannot be Campari's loader; the line above says why"
    fi
}
