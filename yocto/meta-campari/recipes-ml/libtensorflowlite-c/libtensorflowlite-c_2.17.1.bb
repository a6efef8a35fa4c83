SUMMARY = "TensorFlow Lite's C library, with XNNPACK"
DESCRIPTION = "The version that board/tflite's headers describe; with any other the eye refuses to start."
HOMEPAGE = "https://www.tensorflow.org/lite"
SECTION = "libs"
# Of what is linked in: cpuinfo, XNNPACK, pthreadpool (BSD), farmhash, FP16, FXdiv (MIT), Eigen (MPL); the terms of fft2d have no name in SPDX. Only the
# sum of TensorFlow's own file is checked.
LICENSE = "Apache-2.0 & BSD-2-Clause & BSD-3-Clause & MIT & MPL-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=${TFLITE_LICENSE_MD5}"

DEPENDS = "tflite-flatc-native"

require tflite-pins.inc

# One git source for each name, unpacked beside the others. Nothing is asked of the network for sources that are not pinned: do_fetch says which.
python () {
    uris, missing = [], []
    for name in d.getVar("TFLITE_SOURCES").split():
        revision = d.getVarFlag("TFLITE_REV", name)
        if not revision:
            missing.append(name)
            continue
        d.setVar("SRCREV_" + name, revision)
        uris.append("git://%s;protocol=https;nobranch=1;name=%s;destsuffix=%s" % (d.getVarFlag("TFLITE_GIT", name), name, name))
    if not d.getVar("TFLITE_LICENSE_MD5"):
        missing.append("LICENSE")
    if missing:
        d.setVar("SRC_URI", "")
        d.setVar("TFLITE_MISSING", " ".join(missing))
        d.appendVarFlag("do_fetch", "prefuncs", " tflite_refuse")
    else:
        d.setVar("SRC_URI", " ".join(uris))
        d.setVar("SRCREV_FORMAT", "tensorflow")
}

python tflite_refuse() {
    bb.fatal("not yet pinned, see tflite-pins.inc: %s" % d.getVar("TFLITE_MISSING"))
}

S = "${UNPACKDIR}/tensorflow"
OECMAKE_SOURCEPATH = "${S}/tensorflow/lite/c"

inherit cmake

# FetchContent finds every source where do_unpack left it, and fails rather than fetch one that is missing here.
EXTRA_OECMAKE = " \
    -DFETCHCONTENT_FULLY_DISCONNECTED=ON \
    -DTFLITE_ENABLE_XNNPACK=ON \
    -DTFLITE_ENABLE_GPU=OFF \
    -DTFLITE_HOST_TOOLS_DIR=${STAGING_BINDIR_NATIVE} \
    -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
    -DCPUINFO_SOURCE_DIR=${UNPACKDIR}/cpuinfo \
    -DFP16_SOURCE_DIR=${UNPACKDIR}/fp16 \
    -DFXDIV_SOURCE_DIR=${UNPACKDIR}/fxdiv \
    -DPSIMD_SOURCE_DIR=${UNPACKDIR}/psimd \
    -DPTHREADPOOL_SOURCE_DIR=${UNPACKDIR}/pthreadpool \
    ${@' '.join('-DFETCHCONTENT_SOURCE_DIR_%s=${UNPACKDIR}/%s' % (name.upper(), name) for name in d.getVar('TFLITE_SOURCES').split() if name != 'tensorflow')} \
"

do_install() {
    install -D -m 0755 ${B}/libtensorflowlite_c.so ${D}${libdir}/libtensorflowlite_c.so
}

# TensorFlow gives its library no version in its name.
FILES_SOLIBSDEV = ""
FILES:${PN} += "${libdir}/libtensorflowlite_c.so"
