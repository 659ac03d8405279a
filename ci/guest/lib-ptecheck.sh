# shellcheck shell=sh
# For boot tests of page tables: . /pvops/lib-ptecheck.sh (after lib.sh)

# clean_up: no swap and no file is left on the disk with the tests, and it is read-only again.
clean_up() {
	grep -q ^/pvops/scratch /proc/swaps && swapoff /pvops/scratch/swap
	rm -rf /pvops/scratch
	mount -o remount,ro /pvops
}

# ptecheck_setup MIB: so much swap, and room for files, on the ext4 of the NVMe disk that holds the
# tests. (QEMU forgets what is written there.)
ptecheck_setup() {
	trap clean_up EXIT
	trap 'exit 143' TERM
	mount -o remount,rw /pvops || fail "/pvops can not be written"
	mkdir -p /pvops/scratch
	dd if=/dev/zero of=/pvops/scratch/swap bs=1M count="$1" conv=fsync 2>/dev/null || fail "no room for $1 MiB of swap"
	chmod 600 /pvops/scratch/swap
	mkswap /pvops/scratch/swap >/dev/null || fail mkswap
	swapon /pvops/scratch/swap || fail swapon
}

# ptecheck_run OPTION-OR-CHECK...: as ptecheck.c explains, and the kernel must not complain either.
# What ptecheck says is in the file said.
ptecheck_run() {
	mark
	ptecheck -d /pvops/scratch "$@" >said 2>&1 || {
		cat said
		since_mark
		fail "ptecheck $*"
	}
	cat said
	since_mark >messages
	grep -E 'BUG|WARNING|[Bb]ad (page|rss|swap)|multicall|memory corruption|I/O error|EXT4-fs error' messages &&
		fail "the kernel complains"
	return 0
}
