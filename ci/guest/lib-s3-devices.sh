# shellcheck shell=sh
# For boot tests of devices after S3: . /pvops/lib.sh; . /pvops/lib-s3.sh; . /pvops/lib-s3-devices.sh
#
# What such a test needs: append="e1000e.IntMode=2,0,1" and the devices of QEMU
#   -netdev user,id=n1,net=10.0.3.0/24 -device e1000e,netdev=n1
#   -device pcie-root-port,id=slot0 -netdev user,id=n2,net=10.0.4.0/24 -device e1000e,netdev=n2,bus=slot0
# so that eth0 uses MSI-X, eth1 the pin INTA, and eth2, which is behind a bridge, MSI.

# interrupts WORD: how many came for lines of /proc/interrupts whose last word begins with it
interrupts() {
	awk -v word="$1" 'index($NF, word) == 1 { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts
}
# kind_of DEVICE: msi, msix or intx
kind_of() {
	cat "$1"/msi_irqs/* 2>/dev/null | sort -u | grep . || echo intx
}

devices_begin() {
	devices_net=2
	for devices_kind in msix intx msi; do
		devices_nic=eth$((devices_net - 2))
		[ "$(kind_of /sys/class/net/$devices_nic/device)" = $devices_kind ] ||
			fail "$devices_nic uses $(kind_of /sys/class/net/$devices_nic/device), not $devices_kind"
		# s3_begin has set up eth0.
		[ $devices_nic = eth0 ] || {
			ip link set $devices_nic up
			ip addr add 10.0.$devices_net.15/24 dev $devices_nic
		}
		devices_net=$((devices_net + 1))
	done
	case $(readlink -f /sys/class/net/eth2/device) in
	*/pci0000:00/*/*) ;;
	*) fail "eth2 is not behind a bridge" ;;
	esac
	[ "$(kind_of /sys/class/nvme/nvme0/device)" = msix ] || fail "NVMe uses $(kind_of /sys/class/nvme/nvme0/device)"
	devices_work
}

# devices_work: each device does something, and its interrupts come.
devices_work() {
	for devices_net in 2 3 4; do
		devices_nic=eth$((devices_net - 2))
		devices_before=$(interrupts $devices_nic)
		wait_for 20 ping -q -c 1 -W 2 -I $devices_nic 10.0.$devices_net.2 || fail "$devices_nic is dead"
		devices_say $devices_nic
	done

	devices_before=$(interrupts nvme0q)
	timeout 20 dd if=/dev/nvme0n1 of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null || fail "NVMe is dead"
	devices_say nvme0q 50

	# The alarm of the clock, which is not a PCI device: IRQ 8 of old.
	devices_before=$(interrupts rtc0)
	echo 0 >/sys/class/rtc/rtc0/wakealarm
	echo +2 >/sys/class/rtc/rtc0/wakealarm || fail "no alarm can be set"
	sleep 3.5
	devices_say rtc0

	# The power button: ACPI's interrupt, a GSI too, but level-triggered.
	devices_before=$(interrupts acpi)
	host system_powerdown
	sleep 1
	devices_say acpi
}
devices_say() {
	devices_after=$(interrupts "$1")
	echo "interrupts of $1: $devices_before, then $devices_after"
	[ "$devices_after" -ge $((devices_before + ${2:-1})) ] || fail "$1 has no interrupts, or too few"
}

# alarm_cycle SECONDS: suspend, and let the alarm of the clock wake the machine. SECONDS is how long the way down
# takes. The monitor wakes the machine 2 s after it went to sleep, so the alarm is set to the second before that.
# Returns 1 if the monitor was first.
alarm_cycle() {
	alarm_now=$(cat /sys/class/rtc/rtc0/since_epoch)
	alarm_start=$alarm_now
	while [ "$alarm_now" = "$alarm_start" ]; do alarm_now=$(cat /sys/class/rtc/rtc0/since_epoch); done
	echo 0 >/sys/class/rtc/rtc0/wakealarm
	echo $((alarm_now + $1 + 1)) >/sys/class/rtc/rtc0/wakealarm || fail "no alarm can be set"
	s3_cycle
	cat /sys/firmware/acpi/interrupts/ff_rt_clk /sys/firmware/acpi/interrupts/ff_pwr_btn
	# STS: the status bit of the event is set. The firmware's clock sets it when it wakes the machine.
	grep -q ' STS ' /sys/firmware/acpi/interrupts/ff_rt_clk
}

# way_down: seconds from the beginning of the last suspend to the end of what dom0 does for it, rounded up
way_down() {
	since_mark | awk -F '[][]' '
		/PM: suspend entry/ { begin = $2 }
		/Low-level resume|Enabling non-boot CPUs/ && !end { end = last }
		{ last = $2 }
		END { d = end - begin; n = int(d); print n + (d > n) }'
}

devices_test() {
	s3_begin
	devices_begin
	s3_cycle
	devices_work
	down=$(way_down)
	echo "the way down takes $down s"
	for _ in 1 2 3; do
		if alarm_cycle "$down"; then
			devices_work
			return
		fi
		down=$(way_down)
	done
	fail "the alarm does not wake the machine"
}
