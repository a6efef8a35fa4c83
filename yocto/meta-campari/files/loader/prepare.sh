#!/bin/sh
# Makes a configured U-Boot tree one that starts Campari: its environment and the key that it insists on are compiled in.
#
#   prepare.sh SOURCE CONFIG KEYS ENV…
#
# CONFIG is its .config, with campari-loader.cfg merged; KEYS a folder with campari.key and campari.crt; each ENV a file of `name=value` lines, later ones
# win. Refuses a U-Boot that cannot do what campari.env asks of it, rather than make one that is less safe than it looks. Can be run again.
set -eu
fail() { echo "prepare.sh: $*" >&2; exit 1; }
[ $# -ge 4 ] || { echo "prepare.sh: SOURCE CONFIG KEYS ENV…" >&2; exit 2; }
source=$1 config=$2 keys=$3
shift 3
mkimage=$(command -v uboot-mkimage || command -v mkimage) || fail "mkimage is missing (u-boot-tools)"
for file in campari.key campari.crt; do [ -e "$keys/$file" ] || fail "$keys has no $file; CAMPARI_FIT_KEYS"; done

# What was asked of the configuration has come to be: a name that this U-Boot does not know is dropped without a word.
for name in FIT_SIGNATURE RSA ENV_IS_NOWHERE CMD_PART CMD_SETEXPR CMD_ITEST CMD_IMPORTENV CMD_EXPORTENV EFI_PARTITION; do
    grep -q "^CONFIG_$name=y" "$config" || fail "CONFIG_$name is not set in $config; is campari-loader.cfg merged, and does this U-Boot have it?"
done
if wrong=$(grep -E '^CONFIG_(ENV_IS_IN_[A-Z_]*|ENVF|USING_KERNEL_DTB|LEGACY_IMAGE_FORMAT)=y' "$config"); then
    fail "$wrong in $config: what is on the disk could take the loader over"
fi
# `env import` with names, since 2018.07: without them the counters' sector could bring commands.
grep -q 'wl ? argc - 2' "$source/cmd/nvedit.c" || fail "this U-Boot's \`env import\` takes no names: what is on the disk could take the loader over"

# The environment, behind everything else that is in the default one: of two values the later one holds.
for file in "$@"; do sed -e '/^#/d' -e '/^$/d' -e 's/[\\"]/\\&/g' -e 's/.*/"&\\0"/' "$file"; done >"$source/include/campari_env.h"
default=$source/include/env_default.h
if ! grep -q campari_env.h "$default"; then
    grep -qE '^[[:space:]]*(CONFIG|CFG)_EXTRA_ENV_SETTINGS$' "$default" || fail "$default is not as it was known"
    sed -i -E '/^[[:space:]]*(CONFIG|CFG)_EXTRA_ENV_SETTINGS$/,/^#endif/ s/^#endif.*/&\n#include "campari_env.h"/' "$default"
fi

# The key: mkimage writes it into a device tree that has nothing else, and what it wrote is added to the board's.
tree=$(sed -n 's/^CONFIG_DEFAULT_DEVICE_TREE="\(.*\)"/\1/p' "$config")
dts=$(find "$source/arch" "$source/dts" -name "$(basename "$tree").dts" 2>/dev/null | head -n 1)
[ -n "$tree" ] && [ -n "$dts" ] || fail "no device tree ${tree:-(CONFIG_DEFAULT_DEVICE_TREE)} below $source"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '/dts-v1/; / { };' | dtc -q -O dtb -o "$work/key.dtb"
: >"$work/nothing"
cat >"$work/any.its" <<'ITS'
/dts-v1/;
/ {
    description = "for its key";
    images { any { data = /incbin/("nothing"); type = "firmware"; compression = "none"; hash { algo = "sha256"; }; }; };
    configurations { default = "any"; any { firmware = "any"; signature { algo = "sha256,rsa4096"; key-name-hint = "campari"; sign-images = "firmware"; }; }; };
};
ITS
(cd "$work" && "$mkimage" -f any.its -K key.dtb -k "$keys" -r any.fit) >"$work/log" 2>&1 || fail "$(cat "$work/log")"
dtc -q -I dtb -O dts "$work/key.dtb" | sed '/^\/dts-v1/d' >"$(dirname "$dts")/campari-key.dtsi"
grep -q 'required = "conf"' "$(dirname "$dts")/campari-key.dtsi" || fail "mkimage wrote no key: $(cat "$work/log")"
grep -q campari-key.dtsi "$dts" || echo '#include "campari-key.dtsi"' >>"$dts"
