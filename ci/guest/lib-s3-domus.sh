# shellcheck shell=sh
# For boot tests that put dom0 to sleep with domUs at work: . /pvops/lib.sh; . /pvops/lib-domu.sh; . /pvops/lib-s3-domus.sh
#
# Each domU writes random data to a disk, reads it back and compares, and sends other random data over a TCP
# connection to dom0, with a checksum at both ends; all without a pause that is longer than a tenth of a second.

# work_start NAME pv|pvh NUMBER: start a domU, with a disk in a file of dom0 and an interface 10.9.NUMBER.2, and its work.
work_start() {
	work_nr=$3
	cat >"vif-$1" <<-END
		#!/bin/sh
		[ "\$1" = online ] || exit 0
		ip addr add 10.9.$work_nr.1/24 dev "\$vif"
		ip link set "\$vif" up
		xenstore-write "\$XENBUS_PATH/hotplug-status" connected
	END
	chmod +x "vif-$1"
	truncate -s 8M "$1.img"
	domu_start "$1" "$2" "vif=['script=$PWD/vif-$1,mac=00:16:3e:00:00:0$work_nr']" \
		"disk=['format=raw,vdev=xvda,access=rw,target=$PWD/$1.img']"
	domu_exec "$1" "ip addr add 10.9.$work_nr.2/24 dev eth0 && ip link set eth0 up" || fail "no eth0 in $1"
	wait_for 30 ping -q -c 1 -W 2 "10.9.$work_nr.2" || fail "$1 does not answer"
	xl domid "$1" >"$1.domid"

	# The receiver has nothing to send, but must not say so: nc at the other end would leave.
	mkfifo "$1.quiet"
	sleep 10000 >"$1.quiet" &
	echo $! >"$1.holder"
	busybox nc -l -p "700$work_nr" <"$1.quiet" | sha256sum >"$1.received" &
	echo $! >"$1.receiver"
	wait_for 20 grep -q ":$(printf %04X "700$work_nr") 00000000:0000 0A" /proc/net/tcp || fail "nobody listens for $1"
	domu_lines "$1" "
		mkfifo /tmp/pipe
		cat >/tmp/send <<-'END'
			sha256sum </tmp/pipe >/tmp/sent &
			while [ ! -e /tmp/stop ]; do
				dd if=/dev/urandom bs=32k count=1 2>/dev/null
				sleep 0.1
			done | tee /tmp/pipe | nc 10.9.$work_nr.1 700$work_nr
			wait
		END
		cat >/tmp/write <<-'END'
			n=0
			while [ ! -e /tmp/stop ]; do
				dd if=/dev/urandom of=/tmp/data bs=256k count=4 2>/dev/null
				dd if=/tmp/data of=/dev/xvda bs=1M seek=\$((n % 8)) conv=fsync,notrunc 2>/dev/null || exit 1
				echo 3 >/proc/sys/vm/drop_caches
				dd if=/dev/xvda bs=1M skip=\$((n % 8)) count=1 2>/dev/null | cmp - /tmp/data || exit 2
				n=\$((n + 1))
				echo \$n >/tmp/rounds
				sleep 0.05
			done
		END
		echo 0 >/tmp/rounds" || fail "no jobs in $1"
	domu_job "$1" send "sh /tmp/send"
	domu_job "$1" write "sh /tmp/write"
	work_goes_on "$1"
}

work_rounds() {
	domu_exec "$1" 'cat /tmp/rounds'
}
work_bytes() {
	cat "/sys/class/net/vif$(cat "$1.domid").0/statistics/rx_bytes"
}
work_more_rounds() {
	[ "$(work_rounds "$1")" -gt "$work_r" ]
}
work_more_bytes() {
	[ "$(work_bytes "$1")" -gt $((work_b + 100000)) ]
}

# work_goes_on NAME: the domU has written and sent more than when it was called.
work_goes_on() {
	work_r=$(work_rounds "$1") work_b=$(work_bytes "$1")
	wait_for 40 work_more_rounds "$1" || fail "the disk of $1 stands still: $(domu_exec "$1" 'cat /tmp/write.job')"
	wait_for 40 work_more_bytes "$1" || fail "the network of $1 stands still: $(domu_exec "$1" 'cat /tmp/send.job')"
}

# work_end NAME: end the work and the domU; nothing was lost.
work_end() {
	echo "$1: $(work_rounds "$1") rounds of 1 MiB on the disk, $(work_bytes "$1") bytes over the network"
	domu_exec "$1" 'touch /tmp/stop'
	domu_job_end "$1" write 40 || fail "$1 could not write, or read something else than it wrote"
	domu_job_end "$1" send 40 || fail "the connection of $1 broke"
	wait "$(cat "$1.receiver")"
	kill "$(cat "$1.holder")"
	work_sent=$(domu_exec "$1" 'cat /tmp/sent')
	[ "$(cat "$1.received")" = "$work_sent" ] || fail "$1 sent $work_sent, received was $(cat "$1.received")"
	# The last block that it wrote, as dom0 sees it.
	sync
	work_place=$((($(work_rounds "$1") - 1) % 8))
	work_want=$(domu_exec "$1" 'sha256sum </tmp/data')
	work_got=$(dd if="$1.img" bs=1M skip=$work_place count=1 2>/dev/null | sha256sum)
	[ "$work_got" = "$work_want" ] || fail "$1.img has $work_got at $work_place MiB, not $work_want"
	domu_stop "$1"
}

# s2idle_test: "freeze" twice with a domU at work, and wake up by the power button.
ticks() {
	domu_exec first 'cat /tmp/ticks'
}
s2idle_test() {
	sci=$(sed -n 's/^ *\([0-9]*\):.* acpi$/\1/p' /proc/interrupts)
	work_start first pv 1
	# shellcheck disable=SC2016 # the shell of the domU expands it
	domu_job first tick 'n=0; while [ ! -e /tmp/stop ]; do n=$((n + 1)); echo $n >/tmp/ticks; sleep 0.1; done'
	for round in 1 2; do
		mark
		before=$(ticks)
		host -d 6 system_powerdown
		echo freeze >/sys/power/state || fail "round $round: no freeze"
		after=$(ticks)
		since_mark | grep 'PM: '
		since_mark | grep -q 's2idle' || fail "round $round: dom0 did not sleep"
		[ "$(cat /sys/power/pm_wakeup_irq)" = "$sci" ] || fail "woken by interrupt $(cat /sys/power/pm_wakeup_irq), not $sci"
		echo "ticks of the domU: $before, then $after"
		[ "$after" -gt $((before + 20)) ] || fail "the domU stood still while dom0 slept"
		work_goes_on first
	done
	work_end first
}
