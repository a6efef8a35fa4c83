#!/usr/bin/env bash
# Writes layout.txt: what a C compiler says of every structure, field and constant that the bindings rely on.
#
#   board/rkmpp-sys/record-layout.sh SOURCE_DIR [COMMIT]
#
# SOURCE_DIR is a checkout of https://github.com/rockchip-linux/mpp; COMMIT names it where it is no git checkout. The list of names is the example's own
# output, every number is the headers'. For 64-bit machines. Then `cargo test -p rkmpp-sys` compares.
set -euo pipefail

source=${1:?usage: record-layout.sh SOURCE_DIR [COMMIT]}
here=$(cd "$(dirname "$0")" && pwd)
commit=${2:-$(git -C "$source" log -1 --format='%H of %cs')}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

names=$(cd "$here" && cargo run --quiet --package rkmpp-sys --example layout)
{
    echo '#include <stddef.h>'
    echo '#include <stdio.h>'
    echo '#include "rk_mpi.h"'
    echo '#include "rk_venc_cmd.h"'
    echo 'int main(void) {'
    while read -r name rest; do
        case $rest in
            size=*) echo "printf(\"$name size=%zu align=%zu\\n\", sizeof($name), _Alignof($name));" ;;
            offset=*) echo "printf(\"$name offset=%zu\\n\", offsetof(${name%%.*}, ${name#*.}));" ;;
            =*) echo "printf(\"$name = %lld\\n\", (long long)($name));" ;;
            *) echo "record-layout: cannot read '$name $rest'" >&2; exit 1 ;;
        esac
    done <<<"$names"
    echo 'return 0; }'
} >"$work/layout.c"
"${CC:-cc}" -std=gnu11 -w -I "$source/inc" "$work/layout.c" -o "$work/layout"
{
    echo "# What a C compiler says of rockchip-linux/mpp, commit $commit. Written by record-layout.sh."
    "$work/layout"
} >"$work/layout.txt"
cp "$work/layout.txt" "$here/layout.txt"
echo "$(grep -vc '^#' "$here/layout.txt") lines in $here/layout.txt"
