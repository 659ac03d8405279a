# shellcheck shell=sh
# For boot tests of pciback: . /pvops/lib-pciback.sh (after lib.sh)

pciback=/sys/bus/pci/drivers/pciback

# pci_seize BDF / pci_release BDF [DRIVER]: bind the device to pciback; take it from there, for this driver if named.
pci_seize() {
	if [ -e "/sys/bus/pci/devices/$1/driver" ]; then
		echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind" || fail "cannot unbind $1"
	fi
	echo "$1" >$pciback/new_slot
	echo "$1" >$pciback/bind || fail "pciback does not bind $1"
}
pci_release() {
	echo "$1" >$pciback/unbind || fail "pciback does not let go of $1"
	echo "$1" >$pciback/remove_slot
	[ -z "${2-}" ] || echo "$1" >"/sys/bus/pci/drivers/$2/bind" || fail "$2 does not take $1"
}

# pci_config BDF OFFSET BYTES: what is there in the configuration space, in hexadecimal.
pci_config() {
	od -An -v -tx1 -j $(($2)) -N "$3" "/sys/bus/pci/devices/$1/config" | xargs
}

# pci_capability BDF ID: offset of the capability with this ID (two hexadecimal digits)
pci_capability() {
	pci_next=$(pci_config "$1" 0x34 1)
	while [ "$pci_next" != 00 ]; do
		if [ "$(pci_config "$1" "0x$pci_next" 1)" = "$2" ]; then
			echo "0x$pci_next"
			return
		fi
		pci_next=$(pci_config "$1" $((0x$pci_next + 1)) 1)
	done
	return 1
}
# pci_bus_master BDF, pci_msix BDF: whether it is one, and whether MSI-X is enabled
pci_bus_master() {
	[ $((0x$(pci_config "$1" 4 1) & 4)) != 0 ]
}
pci_msix() {
	[ $((0x$(pci_config "$1" $(($(pci_capability "$1" 11) + 3)) 1) & 0x80)) != 0 ]
}

# pci_export DOMID NUMBER BDF...: offer the devices to a frontend of this domain, as the toolstack does, but
# without access to anything but pciback. Its directory, in xenstore below the domain's, is device/pci/NUMBER, but
# for dom0, whose kernel has no frontend, pcifront/NUMBER. pci_revoke DOMID NUMBER: take them back.
pci_export() {
	pci_back=/local/domain/0/backend/pci/$1/$2
	pci_front=/local/domain/$1/device/pci/$2
	[ "$1" != 0 ] || pci_front=/local/domain/0/pcifront/$2
	pci_domid=$1 pci_count=0
	xenstore-write "$pci_front/backend" "$pci_back" "$pci_front/backend-id" 0 "$pci_front/state" 1
	xenstore-chmod -r "$pci_front" "n$1" r0
	xenstore-write "$pci_back/frontend" "$pci_front" "$pci_back/frontend-id" "$1" "$pci_back/online" 1
	xenstore-chmod -r "$pci_back" n0 "r$1"
	shift 2
	for pci_bdf; do
		xenstore-write "$pci_back/dev-$pci_count" "$pci_bdf"
		pci_count=$((pci_count + 1))
	done
	xenstore-write "$pci_back/num_devs" $pci_count
	xenstore-write "$pci_back/state" 1
	wait_for 10 pci_in_state 3 || fail "pciback does not export $*: $(xenstore-ls "$pci_back")"
	xenstore-chmod -r "$pci_back" n0 "r$pci_domid"
}
pci_in_state() {
	[ "$(xenstore-read "$pci_back/state")" = "$1" ]
}
pci_revoke() {
	# Its link goes before the driver gives up what it has, the directory after that.
	pci_device=$(readlink -f "/sys/bus/xen-backend/devices/pci-$1-$2")
	xenstore-rm "/local/domain/0/backend/pci/$1/$2"
	wait_for 10 test ! -e "$pci_device" || fail "pciback keeps what domain $1 had"
	[ "$1" != 0 ] || xenstore-rm "/local/domain/0/pcifront/$2"
}

# pci_reassign BDF: give the device to the running PV domU "guest" five times, call the function traffic each time, and
# take it back, the last time by destroying the domU. Traffic has "$round"; the domU has MSI-X in use after it.
# Before the device is detached, the function release is called. A domU that has the device when it starts may not
# survive its removal: its pci_sysfs_init() and its pcifront can both make the files of sysfs for the device.
pci_reassign() {
	bdf=$1
	pci_capability "$bdf" 11 >/dev/null || fail "$bdf has no MSI-X"
	mark
	xl pci-assignable-add "$bdf"
	[ "$(basename "$(readlink "/sys/bus/pci/devices/$bdf/driver")")" = pciback ] || fail "pciback does not take $bdf"
	pci_header=$(pci_config "$bdf" 0 64)
	round=0
	pci_clean
	domu_start guest pv "passthrough='enabled'" e820_host=1
	for round in 1 2 3 4 5; do
		xl pci-attach guest "$bdf" || fail "round $round: xl pci-attach"
		pci_traffic
		[ $round != 5 ] || break
		release
		xl pci-detach guest "$bdf" || fail "round $round: xl pci-detach"
		wait_for 20 pci_detached || fail "round $round: it is not detached: $(xl pci-list guest)"
		pci_clean
	done
	domu_stop guest
	pci_clean
	xl pci-assignable-remove -r "$bdf"
	since_mark | grep -E 'MSI-X (preparation|release) failed' && fail "MSI-X was not released"
	return 0
}
pci_traffic() {
	traffic
	pci_msix "$bdf" || fail "round $round: no MSI-X in use"
	pci_bus_master "$bdf" || fail "round $round: no bus mastering in use"
}
pci_detached() {
	# shellcheck disable=SC2016 # the domU's
	! xl pci-list guest | grep -q "$bdf" && domu_exec guest '[ -z "$(ls /sys/bus/pci/devices)" ]'
}
pci_restored() {
	[ "$(pci_config "$bdf" 0 64)" = "$pci_header" ]
}
pci_clean() {
	wait_for 5 pci_restored
	echo "round $round: $(pci_config "$bdf" 0 64)"
	pci_restored || fail "round $round: the header was $pci_header"
	! pci_bus_master "$bdf" || fail "round $round: it is a bus master"
	! pci_msix "$bdf" || fail "round $round: MSI-X is enabled"
}
