# shellcheck shell=sh
# For boot tests of a sleep that Xen refuses: . /pvops/lib.sh; . /pvops/lib-domu.sh; . /pvops/lib-s3.sh;
# . /pvops/lib-s3-domus.sh; . /pvops/lib-s3-refused.sh

# refused: ask for S1, which Xen refuses. The error is reported, logged and counted, and dom0 works on.
refused() {
	refused_times=$((${refused_times:-0} + 1))
	xl dmesg -c >/dev/null
	mark
	refused_status=0
	echo standby >/sys/power/state || refused_status=1
	s3_disk_is_back
	since_mark >log
	cat log
	xl dmesg | grep 'Entering ACPI S1' || fail "Xen was not asked for S1"
	[ $refused_status -ne 0 ] || fail "a standby that did not happen counts as success"
	grep -q 'did not enter ACPI state S1 (-22)' log || fail "the log does not say why"
	[ "$(cat /sys/power/suspend_stats/fail)" = $refused_times ] || fail "not counted as a failure"
	[ "$(cat /sys/devices/system/cpu/online)" = 0-1 ] || fail "CPUs $(cat /sys/devices/system/cpu/online)"
	s3_disk >s3-disk.new || fail "NVMe is dead"
	cmp s3-disk s3-disk.new || fail "NVMe has other data"
	s3_before=$(s3_interrupts)
	wait_for 20 s3_gateway || fail "e1000e is dead"
	[ "$(s3_interrupts)" -gt "$s3_before" ] || fail "e1000e has no interrupts"
}

# refused_test: with and without a domU at work. Then the machine sleeps after all, in S3.
refused_test() {
	grep -q standby /sys/power/state || fail "no standby in $(cat /sys/power/state)"
	s3_begin
	refused
	work_start first pv 1
	refused
	work_goes_on first
	"$@"
	work_end first
}
