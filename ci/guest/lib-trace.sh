# shellcheck shell=sh
# Functions for boot tests that count hypercalls: . /pvops/lib-trace.sh (after lib.sh)

# trace_hypercalls COMMAND...: run the command while Xen traces the hypercalls of dom0 and of other
# domains of its kind. They are in the file trace.bin then, as records TRC_PV_HYPERCALL_V2 of a PV
# domain and TRC_HVM_VMMCALL of a PVH one (Xen's public trace.h).
trace_hypercalls() {
	case $(profile) in
	pv) trace_mask=0x00201000 ;;
	*) trace_mask=0x00082000 ;;
	esac
	xentrace -D -e $trace_mask -S 512 trace.bin 2>trace.log &
	trace_pid=$!
	sleep 1
	trace_status=0
	"$@" || trace_status=$?
	sleep 1
	kill -INT $trace_pid
	wait $trace_pid || { cat trace.log && fail "xentrace"; }
	return $trace_status
}

# trace_count NUMBER: prints how many hypercalls with this number (__HYPERVISOR_* in Xen's public xen.h)
# are in trace.bin; fails (returns 1) if Xen lost records. A record is a word with the event (bits 0 to
# 27), how many words follow (28 to 30) and whether a time stamp of two words comes first (31). The first
# word behind it has the number of the call.
trace_count() {
	od -An -v -tu4 -w4 trace.bin | awk -v number="$1" -v pv=2101261 -v hvm=532498 -v lost=126977 '
		words == 0 {
			event = $1 % 268435456
			stamp = $1 >= 2147483648 ? 2 : 0
			words = stamp + int($1 / 268435456) % 8
			first = words - stamp
			losses += event == lost
			next
		}
		{
			if (words == first && (event == pv || event == hvm))
				found += $1 % 1048576 == number
			words--
		}
		END {
			print found + 0
			exit losses > 0
		}'
}
