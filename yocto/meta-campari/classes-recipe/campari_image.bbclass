# What both images are: a read-only root with dm-verity in two slots, a data partition, nobody who logs in. What only one of them is, stands in its recipe.

inherit core-image campari_verity

IMAGE_FEATURES += "read-only-rootfs"
IMAGE_LINGUAS = ""

# The hardware encoder's library, where the board has one: the BSP layer's, or librockchip-mpp for a BSP without.
CAMPARI_MPP ??= ""
CAMPARI_MPP:rockchip ?= "rockchip-mpp"
# Updates need meta-rauc. An image without it can only be flashed anew.
CAMPARI_UPDATE = "${@bb.utils.contains('BBFILE_COLLECTIONS', 'rauc', 'campari-update', '', d)}"

IMAGE_INSTALL = "\
    packagegroup-core-boot \
    campari \
    campari-system \
    ${CAMPARI_MPP} \
    ${CAMPARI_UPDATE} \
"
# Marks a slot good because it has booted. Ours asks first whether it masks (campari-update).
BAD_RECOMMENDATIONS += "rauc-mark-good"
PACKAGE_EXCLUDE += "rauc-mark-good"

IMAGE_FSTYPES = "ext4.verity wic"
IMAGE_TYPEDEP:wic = "ext4.verity"
CAMPARI_WKS ??= "campari-slots.wks.in"
CAMPARI_WKS:rockchip ?= "campari-rockchip.wks.in"
WKS_FILE = "${CAMPARI_WKS}"
# Not the boot loaders of PCs, which are the default: ours is the board's own, and only where the .wks file has it.
WKS_FILE_DEPENDS = "${WKS_FILE_DEPENDS_DEFAULT}"
CAMPARI_LOADER ??= ""
CAMPARI_LOADER:rockchip ?= "virtual/bootloader:do_deploy"
do_image_wic[depends] += "${CAMPARI_LOADER}"
WKS_SEARCH_PATH:prepend = "${CAMPARI_LAYERDIR}/files/wic:"
# 4 KiB blocks: what dm-verity hashes. No journal, no room: nothing is ever written.
EXTRA_IMAGECMD:ext4 = "-b 4096 -O ^has_journal -m 0 -i 8192"
IMAGE_ROOTFS_EXTRA_SPACE = "0"
IMAGE_OVERHEAD_FACTOR = "1.05"

# Kernel, device tree and command line in one signed FIT: what the root hash stands in. `a` and `b` differ only in the partition they look at.
CAMPARI_DTB ??= ""
CAMPARI_DTB:rockchip ?= "${@os.path.basename((d.getVar('KERNEL_DEVICETREE') or '').split(' ')[0])}"
CAMPARI_CONSOLE ??= ""
CAMPARI_CMDLINE ??= "ro rootwait panic=10 lockdown=confidentiality systemd.swap=no ${CAMPARI_CONSOLE}"
# A folder with campari.key and campari.crt, which is not in this repository.
CAMPARI_FIT_KEYS ??= ""
CAMPARI_FIT_LOAD:rk3588 ?= "0x00400000"
CAMPARI_FIT_LOAD:rk3568 ?= "0x00400000"
CAMPARI_FIT_LOAD ??= "0x40400000"

do_campari_boot[depends] += "virtual/kernel:do_deploy dtc-native:do_populate_sysroot u-boot-tools-native:do_populate_sysroot"
do_campari_boot[doc] = "Writes the kernel's command line with the root hash, and the FIT that it is signed in"
do_campari_boot[dirs] = "${WORKDIR}/campari-boot"
do_campari_boot[cleandirs] = "${WORKDIR}/campari-boot"
do_campari_boot[vardeps] += "CAMPARI_FIT_KEYS"
do_campari_boot[file-checksums] += "${CAMPARI_LAYERDIR}/files/loader/counters.env:True"
do_campari_boot() {
    read -r sectors table < ${IMGDEPLOYDIR}/${IMAGE_NAME}.ext4.verity.table
    for slot in a b; do
        device=PARTLABEL=rootfs-$slot
        echo "dm-mod.create=\"root,,,ro,0 $sectors verity 1 $device $device $table 1 restart_on_corruption\" root=/dev/dm-0 rauc.slot=$(echo $slot | tr ab AB) ${CAMPARI_CMDLINE}" \
            > ${IMGDEPLOYDIR}/${IMAGE_LINK_NAME}.cmdline-$slot
    done
    [ -n "${CAMPARI_DTB}" ] || return 0

    signature=""
    if [ -n "${CAMPARI_FIT_KEYS}" ]; then
        signature='signature { algo = "sha256,rsa4096"; key-name-hint = "campari"; sign-images = "kernel", "fdt"; };'
    else
        bbwarn "CAMPARI_FIT_KEYS is not set: kernel, device tree and root hash are not signed, and whoever can write the eMMC can replace them"
    fi
    {
        echo '/dts-v1/; / { description = "Campari"; #address-cells = <1>; images {'
        echo "kernel { data = /incbin/(\"${DEPLOY_DIR_IMAGE}/Image\"); type = \"kernel\"; arch = \"arm64\"; os = \"linux\"; compression = \"none\";"
        echo "load = <${CAMPARI_FIT_LOAD}>; entry = <${CAMPARI_FIT_LOAD}>; hash { algo = \"sha256\"; }; };"
        for slot in a b; do
            cp ${DEPLOY_DIR_IMAGE}/${CAMPARI_DTB} $slot.dtb
            fdtput -p -t s $slot.dtb /chosen bootargs "$(cat ${IMGDEPLOYDIR}/${IMAGE_LINK_NAME}.cmdline-$slot)"
            echo "fdt-$slot { data = /incbin/(\"$slot.dtb\"); type = \"flat_dt\"; arch = \"arm64\"; compression = \"none\"; hash { algo = \"sha256\"; }; };"
        done
        echo '}; configurations { default = "conf-a";'
        for slot in a b; do
            echo "conf-$slot { kernel = \"kernel\"; fdt = \"fdt-$slot\"; $signature };"
        done
        echo '}; };'
    } > campari.its
    # The loader's counters, three starts for each slot; the sector that fw_env.config names.
    uboot-mkenvimage -s 0x200 -o ${IMGDEPLOYDIR}/${IMAGE_LINK_NAME}.uboot-env ${CAMPARI_LAYERDIR}/files/loader/counters.env
    uboot-mkimage -f campari.its ${IMGDEPLOYDIR}/${IMAGE_LINK_NAME}.fit
    if [ -n "${CAMPARI_FIT_KEYS}" ]; then
        uboot-mkimage -F -k ${CAMPARI_FIT_KEYS} -r ${IMGDEPLOYDIR}/${IMAGE_LINK_NAME}.fit
    fi
}
addtask do_campari_boot after do_image_ext4 before do_image_wic do_image_complete

# What hardens a tree is a script, so that whatever else makes an image of Campari does the same.
CAMPARI_ROOTFS_SCRIPTS = "${CAMPARI_LAYERDIR}/files/rootfs"
ROOTFS_POSTPROCESS_COMMAND:append = " campari_harden"
do_rootfs[file-checksums] += "${CAMPARI_ROOTFS_SCRIPTS}/harden.sh:True ${CAMPARI_ROOTFS_SCRIPTS}/no-login.sh:True"
campari_harden() {
    sh ${CAMPARI_ROOTFS_SCRIPTS}/harden.sh ${IMAGE_ROOTFS} ${sysconfdir} || bbfatal "the image is not as it must be; the lines above say why"
}
