# shellcheck shell=sh
# For boot tests with hardware errors: . /pvops/lib.sh; . /pvops/lib-mce.sh

# What mce_inject puts into bank 4 of CPU 1: valid, enabled, with an address and MISC, and the code of an error
# that the memory controller corrected on a read from channel 0 (Intel SDM, compound error codes). MISC says
# that the address is physical, and good for 4 KiB.
mce_status=9c00000000000090
mce_addr=12345000
mce_misc=8c

# mce_inject: a corrected error, of which Xen tells dom0 when it polls next, within 20 s. The record from
# /dev/mcelog is in the file mce.record then.
mce_inject() {
	host "mce 1 4 0x$mce_status 0 0x$mce_addr 0x$mce_misc"
	wait_for 40 mce_read || fail "no record in /dev/mcelog"
	[ "$(mce_field 65 1) $(mce_field 76 4)" = "4 1" ] ||
		fail "the record is about bank $(mce_field 65 1) of APIC ID $(mce_field 76 4)"
}
mce_read() {
	dd if=/dev/mcelog bs=4096 count=1 of=mce.record
	[ -s mce.record ]
}

# mce_field OFFSET SIZE: a number from the record (struct xen_mce in Linux' include/xen/interface/xen-mca.h)
mce_field() {
	od -An -j "$1" -N "$2" -t "u$2" mce.record | tr -d ' '
}
