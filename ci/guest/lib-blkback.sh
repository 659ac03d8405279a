# shellcheck shell=sh
# Functions for boot tests of block backends: . /pvops/lib-blkback.sh (after lib.sh, lib-domu.sh)

# blk_domu NAME TYPE DISK...: start a domU with two vCPUs and these disks (xl-disk-configuration);
# sets blk_dom to its number. DISK is a line like "vdev=xvda,access=rw,target=/dev/loop0".
blk_domu() {
	blk_name=$1 blk_type=$2
	shift 2
	blk_list=
	for blk_line in "$@"; do blk_list="$blk_list'format=raw,$blk_line',"; done
	domu_start "$blk_name" "$blk_type" vcpus=2 "disk=[$blk_list]"
	blk_dom=$(xl domid "$blk_name")
}

# blk_persistent Y|N: whether blkback uses persistent grants with frontends that connect from now on.
blk_persistent() {
	echo "$1" >/sys/module/xen_blkback/parameters/feature_persistent
}

# vbd DEVICE: a disk's number: xvda is 51712 (major number 202), xvdb 16 more.
vbd() {
	case $1 in
	xvda) echo 51712 ;;
	xvdb) echo 51728 ;;
	xvdc) echo 51744 ;;
	xvdd) echo 51760 ;;
	esac
}

# vbd_node DEVICE NODE: of the backend in XenStore.
vbd_node() {
	xenstore-read "/local/domain/0/backend/vbd/$blk_dom/$(vbd "$1")/$2"
}

# vbd_stat DEVICE COUNTER: of blkback: rd_req, wr_req, f_req, ds_req, oo_req.
vbd_stat() {
	cat "/sys/bus/xen-backend/devices/vbd-$blk_dom-$(vbd "$1")/statistics/$2"
}

sum_of() {
	sha256sum | cut -c1-64
}

# blk_guest_writes NAME DEVICE BACKING: random data from the guest, on both its CPUs, the checksum
# compared in dom0. BACKING is a file, or a block device which dom0 has not cached.
blk_guest_writes() {
	# Two streams of 1 MiB, 64 KiB requests; then sectors which are not aligned to pages.
	domu_lines "$1" "
		cd /tmp
		dd if=/dev/urandom of=r bs=1M count=2 2>/dev/null
		dd if=r of=/dev/$2 bs=64k count=16 conv=fsync,notrunc 2>/dev/null &
		dd if=r of=/dev/$2 bs=64k skip=16 seek=16 conv=fsync,notrunc 2>/dev/null && wait \$! || echo lost
		dd if=r of=/dev/$2 bs=512 seek=4103 count=77 oflag=direct conv=notrunc 2>/dev/null || echo lost
		{ cat r; head -c 39424 r; } | sha256sum" >sum
	case $3 in /dev/*) blockdev --flushbufs "$3" ;; esac
	blk_got=$({
		head -c 2097152 "$3"
		dd if="$3" bs=512 skip=4103 count=77 2>/dev/null
	} | sum_of)
	grep -q "^$blk_got" sum || fail "$2: the guest wrote $(cut -c1-64 sum), dom0 finds $blk_got"
	echo "$2: 2 MiB and 77 sectors written by the guest"
}

# blk_guest_reads NAME DEVICE BACKING: random data from dom0, the checksum compared in the guest.
blk_guest_reads() {
	dd if=/dev/urandom of=random bs=1M count=2 2>/dev/null
	dd if=random of="$3" bs=1M conv=fsync,notrunc 2>/dev/null || fail "dom0 can not write to $3"
	case $3 in /dev/*) blockdev --flushbufs "$3" ;; esac
	blk_want=$(sum_of <random)
	domu_exec "$1" "blockdev --flushbufs /dev/$2; head -c 2097152 /dev/$2 | sha256sum" >sum ||
		fail "$2: the guest can not read"
	grep -q "^$blk_want" sum || fail "$2: dom0 wrote $blk_want, the guest reads $(cut -c1-64 sum)"
	echo "$2: 2 MiB read by the guest"
}

# blk_flush NAME DEVICE: fsync in the guest reaches blkback as a flush request.
blk_flush() {
	blk_before=$(vbd_stat "$2" f_req)
	[ "$(vbd_node "$2" feature-flush-cache)" = 1 ] ||
		fail "$2: no feature-flush-cache"
	domu_exec "$1" "grep -q 'write back' /sys/block/$2/queue/write_cache && dd if=/dev/zero of=/dev/$2 bs=4k count=1 seek=1500 conv=fsync,notrunc 2>/dev/null" ||
		fail "$2: fsync failed, or the guest does not see a write cache"
	[ "$(vbd_stat "$2" f_req)" -gt "$blk_before" ] || fail "$2: fsync sent no flush to blkback"
	echo "$2: fsync flushes"
}

# blk_discard NAME DEVICE BACKING: the middle MiB of 2 MiB of data discarded by the guest: zeroes for both
# sides, the rest untouched; a file becomes smaller.
blk_discard() {
	blk_before=$(vbd_stat "$2" ds_req)
	blk_blocks=$(stat -c %b "$3")
	[ "$(vbd_node "$2" feature-discard)" = 1 ] || fail "$2: no feature-discard"
	head -c 2097152 "$3" >before
	domu_exec "$1" "blkdiscard -o 524288 -l 1048576 /dev/$2 && sync" || fail "$2: blkdiscard failed"
	[ "$(vbd_stat "$2" ds_req)" -gt "$blk_before" ] || fail "$2: no discard reached blkback"
	dd if=/dev/zero of=before bs=512k seek=1 count=2 conv=notrunc 2>/dev/null
	case $3 in /dev/*) blockdev --flushbufs "$3" ;; esac
	blk_want=$(sum_of <before)
	[ "$(head -c 2097152 "$3" | sum_of)" = "$blk_want" ] ||
		fail "$2: dom0 does not find 1 MiB of zeroes amid the data"
	domu_exec "$1" "blockdev --flushbufs /dev/$2; head -c 2097152 /dev/$2 | sha256sum" >sum
	grep -q "^$blk_want" sum || fail "$2: the guest does not find 1 MiB of zeroes amid the data"
	[ -b "$3" ] || [ "$(stat -c %b "$3")" -le $((blk_blocks - 2000)) ] ||
		fail "$2: the file has $(stat -c %b "$3") blocks after a discard, $blk_blocks before"
	echo "$2: 1 MiB discarded"
}

# blk_disk NAME DEVICE BACKING: all of it.
blk_disk() {
	blk_guest_writes "$@"
	blk_guest_reads "$@"
	blk_flush "$1" "$2"
	blk_discard "$@"
	[ "$(vbd_stat "$2" oo_req)" = 0 ] || fail "$2: requests found no page in dom0"
}

# blk_readonly NAME DEVICE FILE: reads yes, writes no, even when the guest insists.
blk_readonly() {
	blk_want=$(sum_of <"$3")
	domu_exec "$1" "sha256sum </dev/$2" >sum || fail "$2: the guest can not read"
	grep -q "^$blk_want" sum || fail "$2: the guest reads something else"
	[ "$(vbd_node "$2" mode)" = r ] || fail "$2: mode is not r"
	domu_exec "$1" "dd if=/dev/zero of=/dev/$2 bs=4k count=1 conv=fsync,notrunc 2>/dev/null" &&
		fail "$2: the guest can write to a read-only disk"
	domu_exec "$1" "blockdev --setrw /dev/$2; dd if=/dev/zero of=/dev/$2 bs=4k count=1 conv=fsync,notrunc" &&
		fail "$2: the guest can make a read-only disk writable"
	[ "$(sum_of <"$3")" = "$blk_want" ] || fail "$2: the file behind a read-only disk has changed"
	echo "$2: read-only"
}

# ublk_start [OPTION...] FILE: serve it; sets ublk_dev and ublk_pid.
ublk_start() {
	ublk "$@" >ublk.txt 2>&1 &
	ublk_pid=$!
	wait_for 10 grep -q ^/dev/ublkb ublk.txt || fail "ublk: $(cat ublk.txt)"
	read -r ublk_dev <ublk.txt
	wait_for 5 test -b "$ublk_dev" || fail "$ublk_dev does not appear"
}

# ublk_stop: the server ends, having seen every kind of request, and the device is gone.
ublk_stop() {
	kill "$ublk_pid"
	wait "$ublk_pid" || fail "ublk ended with $?: $(cat ublk.txt)"
	[ ! -e "$ublk_dev" ] || fail "$ublk_dev is still there"
	grep -q '^served reads=[1-9].* writes=[1-9].* flushes=[1-9].* discards=[1-9].* errors=0$' ublk.txt ||
		fail "ublk: $(cat ublk.txt)"
	tail -n 1 ublk.txt
}

no_loop() {
	! losetup -a | grep -q "$1"
}

clean_up() {
	domu_clean_up
	losetup -d "$ro"
	losetup -d "$late"
	losetup -d /dev/loop5
	kill "$ublk_pid"
}

# blkback_feature pv|pvh: the whole test with a domU of that kind.
blkback_feature() {
	quick=script=/pvops/block-quick.sh
	truncate -s 16M loop.img ublk.img late.img
	dd if=/dev/urandom of=ro.img bs=1M count=2 2>/dev/null
	ublk_start ublk.img
	ro=/dev/loop6 late=/dev/loop7
	losetup -r $ro ro.img || fail "losetup $ro"
	losetup $late late.img || fail "losetup $late"
	mark
	# A PV domU's first disk is set up by Xen's own script, which makes the loop device.
	first=target=$PWD/loop.img
	if [ "$1" = pvh ]; then
		losetup /dev/loop5 loop.img || fail "losetup /dev/loop5"
		first=$quick,target=/dev/loop5
	fi
	blk_domu blocks "$1" "vdev=xvda,access=rw,$first" \
		"vdev=xvdb,access=rw,$quick,target=$ublk_dev" "vdev=xvdc,access=ro,$quick,target=$ro"
	[ "$(xenstore-read "/local/domain/$blk_dom/device/vbd/51712/multi-queue-num-queues")" = 2 ] ||
		fail "a guest with two vCPUs does not use two queues"
	blk_disk blocks xvda loop.img
	blk_disk blocks xvdb ublk.img
	blk_readonly blocks xvdc ro.img

	# One more disk comes and goes while the guest runs.
	xl block-attach blocks "format=raw,vdev=xvdd,access=rw,$quick,target=$late" || fail "xl block-attach"
	wait_for 10 domu_exec blocks "test -b /dev/xvdd" || fail "a disk that was attached does not appear"
	blk_guest_writes blocks xvdd late.img
	# libxl stops waiting for the guest after ten seconds, which a busy machine may need.
	xl block-detach blocks xvdd || echo "xl block-detach ended with $?"
	wait_for 30 domu_exec blocks "! test -b /dev/xvdd" || fail "a disk that was detached is still there"

	domu_exec blocks "! dmesg | grep -E 'I/O error|timed out|blkfront.*(error|fail)'" || fail "errors in the guest"
	domu_stop blocks
	losetup -d $ro || fail "losetup -d $ro"
	losetup -d $late || fail "losetup -d $late"
	[ "$1" = pv ] || losetup -d /dev/loop5 || fail "losetup -d /dev/loop5"
	wait_for 10 no_loop "$PWD" || fail "loop devices are left: $(losetup -a)"
	ublk_stop
	since_mark | grep -E 'I/O error|xen-blkback.*(invalid|fail|error)' && fail "errors in dom0"
	return 0
}
