# shellcheck shell=sh
# For boot tests of PCI passthrough: . /pvops/lib-passthrough.sh (after lib.sh)

# passthrough_feature BDF: give the network card to a PV domU and back. The card is an e1000e whose network
# has an echo server, 10.0.2.100 port 7.
passthrough_feature() {
	pt_bdf=$1
	pt_dev=/sys/bus/pci/devices/$1
	pt_driver e1000e || fail "$pt_bdf has another driver than e1000e to begin with"
	mark
	xl pci-assignable-add "$pt_bdf"
	since_mark | grep -E 'pciback|e1000e'
	pt_driver pciback || fail "pciback does not take $pt_bdf"
	xl pci-assignable-list | grep "$pt_bdf" || fail "not in the list of xl"

	domu_start guest pv "pci=['$pt_bdf']" || fail "no domU with the card"
	domu_exec guest 'cat /sys/bus/pci/devices/*/uevent; ls -l /sys/class/net/eth0/device/driver' ||
		fail "the domU has no driver for the card"
	domu_exec guest 'ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; sleep 3; ping -c 3 10.0.2.2' ||
		fail "the domU's card is silent: $(domu_exec guest 'dmesg | tail -n 20')"

	# 4 MiB of random data there and back.
	domu_exec guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null'
	domu_exec guest '(cat /tmp/data; sleep 20) | timeout 60 nc 10.0.2.100 7 | head -c 4194304 | cmp - /tmp/data' 90 ||
		fail "the domU's data do not come back as sent"
	domu_exec guest 'grep eth0 /proc/interrupts'
	pt_interrupts=$(domu_exec guest 'grep -c "xen-pirq.*msi-x.*eth0" /proc/interrupts')
	[ "$pt_interrupts" -ge 2 ] || fail "the domU's card has no MSI-X"

	domu_stop guest
	xl pci-assignable-remove -r "$pt_bdf"
	pt_driver e1000e || fail "dom0 does not get the card back"
	since_mark | grep -E 'MSI-X (preparation|release) failed' && fail "MSI-X was not released"
	pt_net=$(ls "$pt_dev/net")
	ip addr add 10.0.2.15/24 dev "$pt_net"
	ip link set "$pt_net" up
	wait_for 20 ping -c 1 -W 2 -I "$pt_net" 10.0.2.2 || fail "the card is silent in dom0"
}

pt_driver() {
	[ "$(basename "$(readlink "$pt_dev/driver")")" = "$1" ]
}
