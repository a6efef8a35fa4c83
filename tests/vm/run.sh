#!/usr/bin/env bash
# Runs a program on a real kernel with real V4L2 devices (vivid), in a virtual machine. Its exit status becomes ours.
#
#   tests/vm/run.sh                                   the V4L2 test (board/v4l2/examples/vm_probe), built first
#   tests/vm/run.sh [OPTION]... -- PROGRAM [ARG]...   any program of this machine
#
#   --file SOURCE[:DESTINATION]   put a file or folder there too (default: the same path)
#   --vivid "PARAMETERS"          of the vivid module
#   --modules "NAME[:PARAMETER,...]..."   load these modules as well
#   --timeout SECONDS             give up (default 420)
#   --memory MIB                  of the machine (default 768)
#   --count                       one processor whose every instruction takes a nanosecond of the machine's time: for counting instructions
#
# Programs bring the shared libraries that ldd names. The machine has busybox, /dev/video0 (one memory plane per buffer), /dev/video1 (several) and
# /dev/video2 (an HDMI receiver), a loopback interface, no disk and no network. Debian's kernel is fetched once into .campari/vm. Emulated (no KVM), hence slow.
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
cache=$repository/.campari/vm
files=()
vivid="n_devs=3 node_types=0x1,0x1,0x1 multiplanar=1,2,1 num_inputs=4,4,1 input_types=0xe4,0xe4,0x3"
modules=""
timeout=420
memory=768
processor="-accel tcg,thread=multi -smp 2"

fail() { echo "vm: $*" >&2; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --file) files+=("$2"); shift 2 ;;
        --vivid) vivid=$2; shift 2 ;;
        --modules) modules=$2; shift 2 ;;
        --timeout) timeout=$2; shift 2 ;;
        --memory) memory=$2; shift 2 ;;
        --count) processor="-accel tcg -smp 1 -icount shift=0,sleep=off"; shift ;;
        --) shift; break ;;
        *) fail "unknown option $1 (see the top of $0)" ;;
    esac
done

PATH=$PATH:/usr/sbin:/sbin
for tool in qemu-system-x86_64 cpio dpkg-deb depmod modprobe ldd apt-get; do
    command -v "$tool" >/dev/null || fail "$tool is missing (apt-get install qemu-system-x86 cpio dpkg kmod libc-bin)"
done

if [ $# -eq 0 ]; then
    (cd "$repository" && cargo build --quiet --package board-v4l2 --example vm_probe)
    set -- "${CARGO_TARGET_DIR:-$repository/target}/debug/examples/vm_probe"
fi

# The kernel and a static busybox, once.
if [ ! -e "$cache/ready" ]; then
    rm -rf "$cache/root" && mkdir -p "$cache/root"
    image=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
    [ -n "$image" ] || fail "apt knows no kernel package; run apt-get update"
    for package in "$image" busybox-static; do
        compgen -G "$cache/${package}_*.deb" >/dev/null || (cd "$cache" && apt-get download --quiet "$package")
        dpkg-deb --extract "$cache/${package}"_*.deb "$cache/root"
    done
    touch "$cache/ready"
fi
version=$(basename "$cache"/root/lib/modules/*)
[ -e "$cache/root/lib/modules/$version/modules.dep.bin" ] || depmod -b "$cache/root" "$version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,run,etc,modules}
cp "$cache/root/bin/busybox" "$tree/bin/"

# Modules in the order in which they load, each with its dependencies.
: >"$tree/modules/order"
for wanted in vivid $modules; do
    module=${wanted%%:*}
    [ "$module" = "$wanted" ] || tr , ' ' <<<"${wanted#*:}" >"$tree/modules/$module.parameters"
    modprobe --show-depends -d "$cache/root" -S "$version" "$module" | while read -r _ file _; do
        name=$(basename "$file" .ko)
        [ -e "$tree/modules/$name.ko" ] && continue
        cp "$file" "$tree/modules/$name.ko"
        echo "$name" >>"$tree/modules/order"
    done
done
echo "$vivid" >"$tree/modules/vivid.parameters"

add() { # SOURCE DESTINATION: with the libraries that it loads
    mkdir -p "$tree/$(dirname "$2")"
    cp -rL "$1" "$tree/$2"
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
        [ -e "$tree/$library" ] || install -D "$library" "$tree/$library"
    done || true
}
program=$(command -v "$1") || fail "no program $1"
shift
add "$program" /bin/program
for file in ${files[@]+"${files[@]}"}; do
    add "${file%%:*}" "${file#*:}"
done
{
    printf 'exec /bin/program'
    for argument in "$@"; do printf " '%s'" "${argument//\'/\'\\\'\'}"; done
    echo
} >"$tree/command"
install -m 755 "$(dirname "$0")/init" "$tree/init"
(cd "$tree" && find . | cpio --quiet --create --format=newc --owner=0:0 | gzip -1) >"$work/initramfs"

# The console is the test's output; the last line that init prints carries the status.
status=0
# shellcheck disable=SC2086 # its options are words
timeout --foreground "$timeout" qemu-system-x86_64 \
    $processor -cpu max -m "$memory" -nographic -no-reboot -nodefaults -serial stdio -nic none \
    -kernel "$cache/root/boot/vmlinuz-$version" -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init" </dev/null | tr -d '\r' | tee "$work/console" || status=$?
result=$(sed -n 's/.*campari-vm: exit \([0-9]*\)$/\1/p' "$work/console" | tail -1)
[ -n "$result" ] || fail "the machine ended without a result (qemu ended with $status; 124 would be the timeout of $timeout s)"
exit "$result"
