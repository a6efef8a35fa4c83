SUMMARY = "Campari: surveillance cameras shared with traffic centres, nobody recognisable"
DESCRIPTION = "Eye (captures, masks, encodes; no network), voice (MQTT and RTP; no raw pixels) and the command line of technicians and centralists."
SECTION = "multimedia"
LICENSE = "Apache-2.0"

require campari-archive.inc

inherit cargo pkgconfig

DEPENDS += "clang-native libtensorflowlite-c"
# tflitec's build script links curl, on the build machine only; openh264's assembly for x86 wants nasm.
DEPENDS += "openssl-native pkgconfig-native zlib-native"
DEPENDS:append:x86-64 = " nasm-native"

# Crates are in the archive; cargo.bbclass names this folder in place of the registry, and compiles with --frozen.
CARGO_VENDORING_DIRECTORY = "${S}/vendor"
# LTO and line tables as the workspace's release profile states them.
CARGO_BUILD_FLAGS += "--package eye --package voice --package campari --package maskfile"

# bindgen (tflitec, v4l) reads C headers as the target's compiler would.
export LIBCLANG_PATH = "${STAGING_LIBDIR_NATIVE}"
export BINDGEN_EXTRA_CLANG_ARGS = "--target=${TARGET_SYS} --sysroot=${STAGING_DIR_TARGET} ${TARGET_CC_ARCH}"
# In place of the developer's library in the workspace's .cargo/config.toml.
export TFLITEC_PREBUILT_PATH = "${STAGING_LIBDIR}/libtensorflowlite_c.so"
export TFLITEC_HEADER_DIR = "${S}/board/tflite/include"

do_install() {
    for program in campari-eye campari-voice campari campari-mask; do
        install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/$program ${D}${bindir}/$program
    done
    # For reading: the programs have them built in.
    install -d ${D}${datadir}/campari/profiles
    install -m 0644 ${S}/board/profiles/*.toml ${D}${datadir}/campari/profiles/
    rm ${D}${datadir}/campari/profiles/vm.toml ${D}${datadir}/campari/profiles/desktop.toml
}

PACKAGE_BEFORE_PN = "${PN}-eye ${PN}-voice ${PN}-mask"
SUMMARY:${PN}-eye = "Campari eye: captures, decides, masks, encodes"
FILES:${PN}-eye = "${bindir}/campari-eye ${datadir}/campari/profiles"
RDEPENDS:${PN}-eye = "campari-models"
SUMMARY:${PN}-voice = "Campari voice: MQTT and RTP"
FILES:${PN}-voice = "${bindir}/campari-voice"
SUMMARY:${PN}-mask = "Masks files with the eye's own detector; not for a board in the field"
FILES:${PN}-mask = "${bindir}/campari-mask"
RDEPENDS:${PN}-mask = "campari-models"
