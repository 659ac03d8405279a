# shellcheck shell=sh
# For boot tests that make microcode: . /pvops/lib.sh; . /pvops/lib-microcode.sh
# What is in the files has no meaning, and the revision is the one that the CPU has: the emulated
# one forgets what it is given.

# u32 VALUE..., u16 VALUE...: little-endian numbers
u32() {
	for value in "$@"; do
		u16 $((value & 0xffff)) $((value >> 16 & 0xffff))
	done
}
u16() {
	for half in "$@"; do
		# shellcheck disable=SC2059 # the format is the data
		printf "\\$(printf %o $((half & 0xff)))\\$(printf %o $((half >> 8)))"
	done
}
zeros() {
	head -c "$1" /dev/zero
}

# cpu_signature: CPUID(1).EAX
cpu_signature() {
	echo "0x$(dd if=/dev/cpu/0/cpuid bs=16 count=1 skip=1 iflag=skip_bytes 2>/dev/null | od -An -tx4 | cut -d' ' -f2)"
}

# microcode_amd SIGNATURE REVISION: a container, which is a table that maps a signature to a number,
# and a patch of 3200 bytes for that number.
microcode_amd() {
	u32 0x00414d44
	# Type 0: one CPU, then the end of the table.
	u32 0 32 "$1" 0 0
	u16 0x8012 0
	zeros 16
	# Type 1: date, revision, loader, then chipset ids, and the number.
	u32 1 3200 0x01012020 "$2"
	u16 0x8004 0
	u32 0 0 0
	u16 0x8012 0
	zeros $((3200 - 28))
}

# microcode_intel SIGNATURE REVISION [SUM]: a header and 2000 bytes, which as 32-bit numbers add up
# to 0 or, for a file with an error, to SUM.
microcode_intel() {
	# version, revision, date, signature, checksum, loader, platforms, sizes of data and of all
	intel_sum=$((${3:-0} - (1 + $2 + 0x01012020 + $1 + 1 + 1 + 2000 + 2048)))
	u32 1 "$2" 0x01012020 "$1" $intel_sum 1 1 2000 2048 0 0 0
	zeros 2000
}

# microcode_files: have the kernel look for files in the current directory
microcode_files() {
	printf %s "$PWD" >/sys/module/firmware_class/parameters/path
}

# reload: prints the error, if any
reload() {
	printf 1 | dd of=/sys/devices/system/cpu/microcode/reload 2>reload.log && return
	sed -n 's/.*: //p' reload.log | head -n 1
	return 1
}

# applied REVISION: how often Xen has updated a CPU to it
applied() {
	xl dmesg | grep -c "microcode: CPU[01] updated from revision 0x$1 to 0x$1"
}

# revisions REVISION: sysfs and /proc/cpuinfo of both CPUs have it
revisions() {
	[ "$(cat /sys/devices/system/cpu/cpu[01]/microcode/version)" = "$(printf '0x%s\n' "$1" "$1")" ] ||
		fail "sysfs has" /sys/devices/system/cpu/cpu[01]/microcode/version
	[ "$(grep -c "^microcode.*: 0x$1\$" /proc/cpuinfo)" = 2 ] || fail "/proc/cpuinfo lacks revision 0x$1, twice"
}
