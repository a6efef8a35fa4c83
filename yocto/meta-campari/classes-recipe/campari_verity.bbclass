# An image type: IMAGE_FSTYPES = "ext4.verity" gives the file system with its dm-verity hash tree behind it, in one file, and beside it NAME.ext4.verity.table, the
# words of the kernel's table (Documentation/admin-guide/device-mapper/verity.rst) from the block sizes on. The salt is the file system's own sum, so that the
# same image gives the same bytes.

CONVERSIONTYPES:append = " verity"
CONVERSION_DEPENDS_verity = "cryptsetup-native"
CONVERSION_CMD:verity = "campari_verity ${IMAGE_NAME}.${type}"

campari_verity() {
    cp --sparse=always $1 $1.verity
    truncate --size=%4096 $1.verity
    bytes=$(stat -c %s $1.verity)
    salt=$(sha256sum $1.verity | cut -d ' ' -f 1)
    veritysetup format --no-superblock --hash=sha256 --data-block-size=4096 --hash-block-size=4096 \
        --data-blocks=$(expr $bytes / 4096) --hash-offset=$bytes --salt=$salt $1.verity $1.verity > $1.verity.info
    root=$(sed -n 's/^Root hash:[[:space:]]*//p' $1.verity.info)
    [ -n "$root" ] || bbfatal "veritysetup gave no root hash for $1"
    echo "$(expr $bytes / 512) 4096 4096 $(expr $bytes / 4096) $(expr $bytes / 4096) sha256 $root $salt" > $1.verity.table
    rm $1.verity.info
}
