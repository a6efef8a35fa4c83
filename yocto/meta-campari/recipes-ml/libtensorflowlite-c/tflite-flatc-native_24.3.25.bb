SUMMARY = "FlatBuffers' compiler, of the version that TensorFlow Lite's headers are of"
DESCRIPTION = "What another version generates refuses to be compiled with them; meta-oe's moves on with FlatBuffers."
HOMEPAGE = "https://flatbuffers.dev"
SECTION = "devel"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

require tflite-pins.inc

SRC_URI = "git://${@d.getVarFlag('TFLITE_GIT', 'flatbuffers')};protocol=https;nobranch=1"
SRCREV = "${@d.getVarFlag('TFLITE_REV', 'flatbuffers')}"

inherit cmake
inherit_defer native

EXTRA_OECMAKE = " \
    -DFLATBUFFERS_BUILD_TESTS=OFF \
    -DFLATBUFFERS_BUILD_FLATHASH=OFF \
    -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
"

do_install() {
    install -D -m 0755 ${B}/flatc ${D}${bindir}/flatc
}
