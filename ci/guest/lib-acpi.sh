# shellcheck shell=sh
# Functions for boot tests with the table cpu-notify.asl: . /pvops/lib-acpi.sh (after lib.sh)

# The temperature that is the remote control of that table.
acpi_zone() {
	for acpi_dir in /sys/class/thermal/thermal_zone*; do
		if [ "$(cat "$acpi_dir/type")" = acpitz ]; then
			echo "$acpi_dir/temp"
			return
		fi
	done
	fail "no ACPI thermal zone"
}

# acpi_order BYTE: have the firmware do what the head of the table says about the byte.
acpi_order() {
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\$(printf %03o "$1")" | dd of=/dev/port bs=1 seek=$((0x3ef)) conv=notrunc 2>/dev/null
	cat "$(acpi_zone)" >/dev/null || fail "no temperature"
}

# acpi_answers: prints the digit of CPU 0, and that of CPU 1, for what dom0 answered to the latest 0x80.
acpi_answers() {
	printf '%02d\n' $(($(cat "$(acpi_zone)") / 1000 - 100))
}
