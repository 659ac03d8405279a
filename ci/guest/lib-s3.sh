# shellcheck shell=sh
# For boot tests that suspend the machine: . /pvops/lib.sh; . /pvops/lib-s3.sh

# s3_begin: bring up dom0's network card; remembers what is on the disk.
s3_begin() {
	grep -q deep /sys/power/mem_sleep || fail "no S3 in $(cat /sys/power/mem_sleep)"
	echo deep >/sys/power/mem_sleep
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	wait_for 20 s3_gateway || fail "no network to begin with"
	s3_disk >s3-disk || fail "the disk can not be read to begin with"
	s3_slept=0
}
s3_gateway() {
	ping -q -c 1 -W 2 10.0.2.2
}
s3_interrupts() {
	awk '$NF ~ /^eth0/ { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n }' /proc/interrupts
}
# A file, as a suspend writes what is dirty of the file system.
s3_disk() {
	timeout 30 dd if=/pvops/vmlinuz bs=1M count=16 iflag=direct 2>/dev/null
}

# s3_disk_is_back: waits for it. Without it nothing can be run, not even what reports the result, so there are only
# commands of the shell here, and a line on the console that ends the boot as failed.
s3_disk_is_back() {
	read -r s3_now _ </proc/uptime
	s3_end=$((${s3_now%.*} + 20))
	s3_state=
	until [ "$s3_state" = live ]; do
		read -r s3_state </sys/class/nvme/nvme0/state
		read -r s3_now _ </proc/uptime
		[ "${s3_now%.*}" -lt $s3_end ] || {
			echo "BUG: no NVMe after S3" >/dev/kmsg
			exit 1
		}
	done 2>/dev/null
}

# s3_cycle: suspend and resume; Xen has slept, and dom0's CPUs, disk and network card work after it.
s3_cycle() {
	s3_slept=$((s3_slept + 1))
	mark
	echo mem >/sys/power/state || fail "cycle $s3_slept: no suspend"
	s3_disk_is_back
	since_mark | grep -E 'PM:|timeout|error|fail'
	[ "$(xl dmesg | grep -c 'Entering ACPI S3 state')" = $s3_slept ] || fail "cycle $s3_slept: Xen did not enter S3"
	since_mark | grep -q 'PM: suspend exit' || fail "cycle $s3_slept: no end of the suspend in the log"
	[ "$(cat /sys/devices/system/cpu/online)" = 0-1 ] ||
		fail "cycle $s3_slept: CPUs $(cat /sys/devices/system/cpu/online)"
	s3_disk >s3-disk.new || fail "cycle $s3_slept: NVMe can not be read"
	cmp s3-disk s3-disk.new || fail "cycle $s3_slept: NVMe has other data, $(cmp -l s3-disk s3-disk.new | wc -l) bytes"
	s3_before=$(s3_interrupts)
	wait_for 20 s3_gateway || fail "cycle $s3_slept: e1000e is dead"
	[ "$(s3_interrupts)" -gt "$s3_before" ] || fail "cycle $s3_slept: e1000e has no interrupts"
}
