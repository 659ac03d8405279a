# shellcheck shell=sh
# Functions for boot tests of network backends: . /pvops/lib-netback.sh (after lib.sh, lib-domu.sh)

# net_queue_events VIF QUEUE: events that arrived for a queue of a backend, all CPUs together.
net_queue_events() {
	awk -v name="$1-q$2" '
		index($NF, name) == 1 { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i }
		END { print sum + 0 }' /proc/interrupts
}

# net_statistic VIF COUNTER
net_statistic() {
	cat "/sys/class/net/$1/statistics/$2"
}

clean_up() {
	domu_clean_up
	kill "$net_server"
	ip link del net0
}

# netback_feature pv|pvh: the whole test with a domU of that kind.
netback_feature() {
	ip link add net0 type bridge || fail "no bridge"
	ip addr add 10.77.0.1/24 dev net0
	ip link set net0 up
	netxfer serve 7000 >serve.txt &
	net_server=$!
	wait_for 5 grep -q ready serve.txt || fail "netxfer serve: $(cat serve.txt)"
	mark
	# A PV domU's first interface is set up by Xen's own script.
	quick=script=/pvops/vif-quick.sh
	[ "$1" = pv ] && first= || first=$quick,
	domu_start net "$1" vcpus=2 "vif=['${first}bridge=net0,mac=00:16:3e:77:00:00',
		'$quick,bridge=net0,mac=00:16:3e:77:00:01']"
	net_dom=$(xl domid net)
	vif=vif$net_dom.0
	domu_exec net 'ip link set eth0 up && ip link set eth1 up && ip addr add 10.77.0.2/24 dev eth0' ||
		fail "the guest has no eth0 and eth1"
	domu_job net serve 'netxfer serve 7000'
	for queue in 0 1; do
		[ -d "/sys/class/net/$vif/queues/tx-$queue" ] || fail "$vif has no queue $queue"
	done
	[ "$(xenstore-read "/local/domain/$net_dom/device/vif/0/multi-queue-num-queues")" = 2 ] ||
		fail "a guest with two vCPUs does not use two queues"

	domu_exec net 'ping -c 3 -i 0.2 -W 5 10.77.0.1' >ping.txt || fail "ping from the guest: $(cat ping.txt)"
	ping -c 3 -i 0.2 -W 5 10.77.0.2 >ping.txt || fail "ping from dom0: $(cat ping.txt)"
	ping -c 2 -i 0.2 -W 5 -s 8000 10.77.0.2 >ping.txt || fail "ping of 8000 bytes from dom0: $(cat ping.txt)"
	echo "ping: both ways"

	# Eight connections at a time, each with 128 KiB there and back; the flows spread over the queues.
	q0=$(net_queue_events "$vif" 0) q1=$(net_queue_events "$vif" 1)
	domu_exec net 'netxfer tcp 10.77.0.1 7000 131072 8' || fail "TCP, connected by the guest"
	domu_job_says net serve ready >/dev/null || fail "no server in the guest"
	netxfer tcp 10.77.0.2 7000 131072 8 || fail "TCP, connected by dom0"
	domu_exec net 'netxfer udp 10.77.0.1 7000 200 1400 2' || fail "UDP, sent by the guest"
	netxfer udp 10.77.0.2 7000 200 1400 2 || fail "UDP, sent by dom0"
	netxfer udp 10.77.0.2 7000 30 100 || fail "UDP, small packets"
	netxfer udp 10.77.0.2 7000 20 6000 || fail "UDP, fragments"
	q0=$(($(net_queue_events "$vif" 0) - q0)) q1=$(($(net_queue_events "$vif" 1) - q1))
	echo "queues: $q0 and $q1 events"
	[ $q0 -gt 0 ] || fail "queue 0 of $vif is idle"
	[ $q1 -gt 0 ] || fail "queue 1 of $vif is idle"

	# From one interface of the guest through both backends and the bridge to the other.
	before=$(net_statistic "vif$net_dom.1" rx_packets)
	domu_exec net 'netxfer frames eth0 eth1 100' || fail "frames across the bridge"
	[ $(($(net_statistic "vif$net_dom.1" rx_packets) - before)) -ge 100 ] ||
		fail "the frames did not come through vif$net_dom.1"
	[ "$(net_statistic "$vif" rx_errors)" = 0 ] || fail "$vif: $(net_statistic "$vif" rx_errors) receive errors"

	domu_exec net "! dmesg | grep -iE '(xen_netfront|eth[01]).*(error|fail|illegal|invalid|bad)'" ||
		fail "errors in the guest"
	domu_stop net
	[ ! -e "/sys/class/net/$vif" ] || fail "$vif is still there"
	since_mark | grep -E 'vif.*(error|fail|invalid|Draining)' && fail "errors in dom0"
	kill $net_server
	ip link del net0
	return 0
}
