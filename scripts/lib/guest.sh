#!/usr/bin/env bash
# Makes the guest side: scripts/lib/guest.sh root|xen|files [VERSION] prints the path of what it made.
#   root   root file system of dom0 (disk image): Debian with Xen's toolstack   [network]
#   xen    directory with the hypervisor of the same Debian release             [network]
#   files  directory with init, lib.sh, the programs of ci/guest, ACPI tables and initrds
# VERSION is one of configs/hypervisors, by default the first. Each is cached in $PVOPS_WORK/guest under a name
# made of its inputs.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
PVOPS_WORK=${PVOPS_WORK:-$HOME/.cache/pvops-dom0}

# choose [VERSION]: sets XEN, SUITE and PACKAGES
choose() {
	local table=$ROOT/configs/hypervisors
	read -r XEN SUITE < <(awk -v xen="${1-}" '/^[0-9]/ && (!xen || $1 "" == xen) { print; exit }' "$table") || {
		echo "guest.sh: configs/hypervisors has no Xen $1" >&2
		exit 2
	}
	PACKAGES="xen-utils-$XEN xenstore-utils xen-utils-common iproute2 iputils-ping ethtool
	busybox-static bridge-utils kmod procps mount"
}

# debian ARGUMENTS...: mmdebstrap, and which release it was that could not be had
debian() {
	mmdebstrap --quiet "$@" >&2 || {
		echo "guest.sh: no packages of Xen $XEN from Debian $SUITE, see above; is its mirror reachable?" >&2
		return 4
	}
}

# What every root image gets on top: busybox as sh (its read has a time-out) and the mount of
# the NVMe namespace which holds everything that changes between runs (LABEL=pvops).
customize() {
	cat <<'END'
ln -sf /bin/busybox "$1/bin/sh"
mkdir -p "$1/pvops" "$1/lib/modules"
cat >"$1/sbin/pvops-init" <<'INIT'
#!/bin/sh
until mount -t ext4 -o ro "$(busybox findfs LABEL=pvops)" /pvops; do sleep 0.1; done
exec /pvops/init
INIT
chmod 755 "$1/sbin/pvops-init"
END
	# For init and the tests all are alike: the tools in the same place, the same shell.
	[ "$XEN" = 4.17 ] || cat <<END
ln -s xen-$XEN "\$1/usr/lib/xen-4.17"
cp "\$(command -v busybox)" "\$1/bin/busybox"
END
}

make_root() { # file
	local hook
	hook=$(customize)
	# shellcheck disable=SC2086 # a list of words
	debian --variant=essential --include="$(echo $PACKAGES | tr ' ' ,)" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook="$hook" --format=ext2 "$SUITE" "$1.ext2"
	# NVMe namespaces get their names in any order: a partition can be named by its UUID.
	truncate -s "$(($(stat -c %s "$1.ext2") + 1048576))" "$1"
	printf 'label: dos\nlabel-id: 0x70766f70\nstart=2048, type=83\n' | sfdisk -q "$1"
	dd if="$1.ext2" of="$1" bs=1M seek=1 conv=notrunc status=none
	rm "$1.ext2"
}

make_xen() { # directory
	mkdir -p "$1/deb"
	debian --variant=extract --include="xen-hypervisor-$XEN-amd64" --skip=essential/unlink,cleanup/apt \
		--format=tar "$SUITE" "$1/deb/tar"
	tar -xf "$1/deb/tar" -C "$1/deb" --strip-components=5 ./var/cache/apt/archives
	dpkg-deb -x "$1"/deb/*.deb "$1/deb"
	gunzip -c "$1/deb/boot/xen-$XEN-amd64.gz" >"$1/xen"
	basename "$1"/deb/*.deb >"$1/version"
	rm -rf "$1/deb"
}

# archive: the current directory as an initrd
archive() {
	find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet
}

make_files() { # directory
	local src name domu
	mkdir -p "$1/bin" "$1/acpi"
	cp "$ROOT"/ci/guest/init "$ROOT"/ci/guest/*.sh "$1/"
	chmod 755 "$1/init"
	for src in "$ROOT"/ci/guest/*.c; do
		[ -e "$src" ] || continue
		name=$(basename "$src" .c)
		gcc -O2 -Wall -Wextra -Werror -static -I "$ROOT/ci/guest" -o "$1/bin/$name" "$src" -pthread
		strip "$1/bin/$name"
	done
	for src in "$ROOT"/ci/guest/acpi/*.asl; do
		[ -e "$src" ] || continue
		iasl -p "$1/acpi/$(basename "$src" .asl)" "$src" >"$1/acpi/log" 2>&1 || {
			cat "$1/acpi/log" >&2
			return 1
		}
	done
	mkdir -p "$1/initrd"
	for src in "$ROOT"/ci/guest/initrd/*; do
		[ -e "$src" ] || continue
		mkdir "$1/new"
		(cd "$1/new" && sh -e "$src" "$ROOT/ci/guest" >&2 && archive) >"$1/initrd/$(basename "$src").cpio"
		rm -rf "$1/new"
	done
	domu=$1/domu
	mkdir -p "$domu/bin" "$domu/dev" "$domu/pvops"
	cp "$(command -v busybox)" "$domu/bin/"
	cp -r "$1/bin" "$domu/pvops/bin"
	cp "$ROOT/ci/guest/domu-init" "$domu/init"
	chmod 755 "$domu/init"
	(cd "$domu" && archive) >"$1/domu.cpio"
	rm -rf "$domu"
}

# cached KIND KEY SUFFIX: print the cached path, made by make_KIND if it is not there yet. Who comes second waits.
cached() {
	local path=$PVOPS_WORK/guest/$1-$2$3 tmp=$PVOPS_WORK/guest/new.$1$3
	mkdir -p "$PVOPS_WORK/guest"
	exec 9>>"$tmp.lock"
	flock 9
	if [ ! -e "$path" ]; then
		rm -rf "$tmp"
		"make_$1" "$tmp"
		mv -T "$tmp" "$path"
	fi
	echo "$path"
}

key() {
	sha256sum | cut -c1-16
}

main() {
	choose "${2-}"
	case ${1-} in
	root) cached root "$( (echo "$SUITE $XEN $PACKAGES" && customize) | key)" .img ;;
	xen) cached xen "$SUITE-$XEN" "" ;;
	files) cached files "$(cd "$ROOT/ci/guest" && find . -type f ! -name '.*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | key)" "" ;;
	*)
		echo "usage: scripts/lib/guest.sh root|xen|files [VERSION]" >&2
		exit 2
		;;
	esac
}

main "$@"
