SUMMARY = "Rockchip's Media Process Platform: the hardware encoder's library"
DESCRIPTION = "For boards whose BSP layer has none. Where it has one (meta-rockchip: rockchip-mpp), CAMPARI_MPP names that, and this is not built."
HOMEPAGE = "https://github.com/rockchip-linux/mpp"
SECTION = "libs"
LICENSE = "Apache-2.0 & MIT"
LIC_FILES_CHKSUM = " \
    file://LICENSES/Apache-2.0;md5=7f43e699e0a26fae98c2938092f008d2 \
    file://LICENSES/MIT;md5=e8f57dd048e186199433be2c41bd3d6d \
"

# The commit that board/rkmpp-sys/layout.txt was recorded from, 2024-03-13.
PV = "1.0+git"
SRCREV = "ee946af015c350c926a0fca2f02da8e429f8b079"
SRC_URI = "git://github.com/rockchip-linux/mpp.git;protocol=https;nobranch=1"

inherit cmake pkgconfig

COMPATIBLE_HOST = "(aarch64|arm).*-linux"

EXTRA_OECMAKE = "-DRKPLATFORM=ON -DHAVE_DRM=ON -DBUILD_TEST=OFF -DCMAKE_POLICY_VERSION_MINIMUM=3.5"

# The eye loads librockchip_mpp.so.1 when it starts; the old VPU interface is not for it.
PACKAGE_BEFORE_PN = "${PN}-vpu"
FILES:${PN}-vpu = "${libdir}/librockchip_vpu${SOLIBS}"

RCONFLICTS:${PN} = "rockchip-mpp"
