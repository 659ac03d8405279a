# shellcheck shell=sh
# For boot tests with a network interface: . /pvops/lib.sh; . /pvops/vif.sh

# vif_start NAME [XL-CONFIG-LINE...]: start a PV domU with one interface, 10.9.0.2 as eth0, which
# ends in dom0 as $vif, 10.9.0.1, no bridge between. $vif_front is its directory in xenstore.
# dom0 knows the MAC address of the guest, so that it can send to a guest that does not answer.
# Neither end has IPv6, which would send on its own.
vif_start() {
	vif_domu=$1
	shift
	# The hotplug script that libxl runs: netback connects when it finds hotplug-status.
	cat >vif-script <<-'END'
		#!/bin/sh
		[ "$1" = online ] || exit 0
		v6=/proc/sys/net/ipv6/conf/$vif/disable_ipv6
		[ ! -e "$v6" ] || echo 1 >"$v6"
		ip addr add 10.9.0.1/24 dev "$vif"
		ip link set "$vif" up
		xenstore-write "$XENBUS_PATH/hotplug-status" connected
	END
	chmod +x vif-script
	domu_start "$vif_domu" pv "vif=['script=$PWD/vif-script,mac=00:16:3e:00:00:02']" "$@"
	vif_id=$(xl domid "$vif_domu")
	vif=vif$vif_id.0
	# shellcheck disable=SC2034 # for the test
	vif_front=/local/domain/$vif_id/device/vif/0
	# shellcheck disable=SC2016 # the shell of the domU expands it
	domu_exec "$vif_domu" 'v6=/proc/sys/net/ipv6/conf/eth0/disable_ipv6; [ ! -e $v6 ] || echo 1 >$v6'
	domu_exec "$vif_domu" 'ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up' || fail "no eth0 in $vif_domu"
	# Not the ip of busybox, which only shows neighbours.
	/sbin/ip neigh replace 10.9.0.2 lladdr 00:16:3e:00:00:02 dev "$vif" || fail "no $vif"
	wait_for 30 vif_carrier || fail "$vif has no carrier"
}
vif_carrier() {
	[ "$(cat "/sys/class/net/$vif/carrier")" = 1 ]
}

# vif_send COUNT BYTES: send UDP datagrams to the domU's discard port.
vif_send() {
	bash -c 'exec 3>/dev/udp/10.9.0.2/9 && dd if=/dev/zero bs="$2" count="$1" >&3' - "$@" 2>dd.log || {
		cat dd.log
		fail "cannot send $1 datagrams"
	}
}
