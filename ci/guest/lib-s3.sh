# shellcheck shell=sh
# For boot tests that suspend the machine: . /pvops/lib.sh; . /pvops/lib-domu.sh; . /pvops/vif.sh; . /pvops/lib-s3.sh

# s3_begin: bring up dom0's network card; remembers what is on the disk.
s3_begin() {
	grep -q deep /sys/power/mem_sleep || fail "no S3 in $(cat /sys/power/mem_sleep)"
	echo deep >/sys/power/mem_sleep
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	wait_for 20 s3_gateway || fail "no network to begin with"
	s3_sum=$(s3_disk)
	s3_slept=0
}
s3_gateway() {
	ping -q -c 1 -W 2 10.0.2.2
}
s3_interrupts() {
	awk '$NF ~ /^eth0/ { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n }' /proc/interrupts
}
s3_disk() {
	timeout 30 dd if=/dev/nvme0n2 bs=1M count=16 iflag=direct 2>/dev/null | sha256sum
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
	[ "$(s3_disk)" = "$s3_sum" ] || fail "cycle $s3_slept: NVMe has other data"
	s3_before=$(s3_interrupts)
	wait_for 20 s3_gateway || fail "cycle $s3_slept: e1000e is dead"
	[ "$(s3_interrupts)" -gt "$s3_before" ] || fail "cycle $s3_slept: e1000e has no interrupts"
}

# A command of the domU is one line.
s3_one_line() {
	tr -s '\n\t' '  '
}

# s3_work: start a PV domU "guest" which from then on writes to its disk and sends to dom0.
s3_work() {
	truncate -s 32M disk.img
	vif_start guest "disk=['format=raw,vdev=xvda,access=rw,target=$PWD/disk.img']"

	# Network: a TCP connection with random data, 64 KiB at a time, and the checksum at both ends.
	# The receiver has nothing to send, but must not say so: nc at the other end would leave.
	mkfifo quiet
	exec 9<>quiet
	busybox nc -l -p 7000 <quiet | sha256sum >received &
	s3_receiver=$!
	wait_for 20 grep -q "$(printf ':%04X 00000000:0000 0A' 7000)" /proc/net/tcp || fail "nobody listens"
	domu_exec guest 'mkfifo /tmp/pipe' || fail "no pipe in the domU"
	domu_job guest send 'sha256sum </tmp/pipe >/tmp/sent & '"$(
		s3_one_line <<-'END'
			while [ ! -e /tmp/stop ]; do
				dd if=/dev/urandom bs=64k count=1 2>/dev/null;
				sleep 0.1;
			done | tee /tmp/pipe | nc 10.9.0.1 7000;
			wait
		END
	)"

	# Disk: write 4 MiB of random data to one of eight places, read them back from the disk, compare.
	domu_job guest write "$(
		s3_one_line <<-'END'
			n=0;
			while [ ! -e /tmp/stop ]; do
				dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null;
				dd if=/tmp/data of=/dev/xvda bs=1M seek=$((n % 8 * 4)) conv=fsync,notrunc 2>/dev/null || exit 1;
				echo 3 >/proc/sys/vm/drop_caches;
				dd if=/dev/xvda bs=1M skip=$((n % 8 * 4)) count=4 2>/dev/null | cmp - /tmp/data || exit 2;
				n=$((n + 1)); echo $n >/tmp/rounds;
			done
		END
	)"
}
s3_rounds() {
	domu_exec guest 'cat /tmp/rounds 2>/dev/null || echo 0'
}
# What dom0 received from the domU.
s3_bytes() {
	# shellcheck disable=SC2154 # vif is set by vif_start
	cat "/sys/class/net/$vif/statistics/rx_bytes"
}

# s3_work_goes_on: both jobs get further
s3_work_goes_on() {
	work_rounds=$(s3_rounds) work_bytes=$(s3_bytes)
	wait_for 60 s3_more_rounds || fail "the domU's disk stands still: $(domu_exec guest 'cat /tmp/write.job')"
	wait_for 60 s3_more_bytes || fail "the domU's network stands still: $(domu_exec guest 'cat /tmp/send.job')"
	echo "rounds of the disk: $work_rounds, then $(s3_rounds); bytes on the network: $work_bytes, then $(s3_bytes)"
}
s3_more_rounds() {
	[ "$(s3_rounds)" -gt "$work_rounds" ]
}
s3_more_bytes() {
	[ "$(s3_bytes)" -gt $((work_bytes + 200000)) ]
}

# s3_work_end: stop the domU's work; nothing was lost.
s3_work_end() {
	domu_exec guest 'touch /tmp/stop'
	domu_job_end guest write 60 || fail "the domU could not write, or read something else than it wrote"
	domu_job_end guest send 60 || fail "the domU's connection broke"
	wait "$s3_receiver"
	s3_sent=$(domu_exec guest 'cat /tmp/sent')
	echo "sent $s3_sent, received $(cat received)"
	[ "$(cat received)" = "$s3_sent" ] || fail "what arrived is not what was sent"

	# The last block that the domU wrote, as dom0 sees it.
	sync
	s3_place=$((($(s3_rounds) - 1) % 8 * 4))
	s3_want=$(domu_exec guest 'sha256sum </tmp/data')
	s3_got=$(dd if=disk.img bs=1M skip=$s3_place count=4 2>/dev/null | sha256sum)
	[ "$s3_got" = "$s3_want" ] || fail "the backing file has $s3_got at $s3_place MiB, not $s3_want"
	domu_stop guest
}
