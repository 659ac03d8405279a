# shellcheck shell=sh
# Functions for boot tests: . /pvops/lib.sh

# fail TEXT...: say why and end the test as failed.
fail() {
	echo "FAIL: $*"
	exit 1
}

# skip TEXT...: say why this machine cannot tell and end the test as skipped.
skip() {
	echo "$*"
	exit 4
}

# host [-d SECONDS] COMMAND...: the host runs a command of QEMU's monitor, e.g. "system_powerdown".
host() {
	delay=0
	if [ "$1" = -d ]; then
		delay=$2
		shift 2
	fi
	echo "# host $delay $*" >/dev/ttyS1
}

# profile: prints pv or pvh, the kind of this dom0.
profile() {
	read -r kind </sys/hypervisor/guest_type
	echo "$kind" | tr '[:upper:]' '[:lower:]'
}

# mark / since_mark: the kernel messages since the last mark.
mark() {
	mark_id="pvops: mark $$ $(cut -d' ' -f1 /proc/uptime)"
	echo "$mark_id" >/dev/kmsg
}
since_mark() {
	dmesg | sed "1,/$mark_id/d"
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails (returns 1) after SECONDS.
wait_for() {
	wait_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $wait_end ] || return 1
		sleep 0.2
	done
}

# domu_start NAME pv|pvh [XL-CONFIG-LINE...]: start a domU with this kernel and wait for its shell.
# Its memory is 192 MiB and it has one vCPU unless a line says otherwise.
domu_start() {
	domu_name=$1 domu_type=$2
	shift 2
	{
		echo "name='$domu_name'"
		echo "type='$domu_type'"
		echo "kernel='/pvops/vmlinuz'"
		echo "ramdisk='/pvops/domu.cpio'"
		echo "memory=192"
		echo "vcpus=1"
		echo "extra='console=hvc0 loglevel=4 tsc=reliable'"
		echo "on_crash='preserve'"
		for line in "$@"; do echo "$line"; done
	} >"/tmp/$domu_name.cfg"
	xl create -q "/tmp/$domu_name.cfg" || fail "xl create $domu_name"
	domu_console "$domu_name"
	domu_wait "$domu_name" 'domu ready' 180 || {
		tail -n 40 "/var/log/xen/console/guest-$domu_name.log"
		fail "$domu_name did not come up"
	}
}

# domu_console NAME: find the domU's console, once more after xl restore.
domu_console() {
	domu_tty=$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty") || fail "$1 has no console"
	ln -sf "$domu_tty" "/tmp/$1.tty"
	stty -F "$domu_tty" raw -echo
}

# domu_wait NAME LINE SECONDS: copy the domU's console to standard output until LINE (a prefix)
# comes; sets domu_rest to what follows it.
domu_wait() {
	domu_end=$(($(date +%s) + $3))
	while :; do
		domu_left=$((domu_end - $(date +%s)))
		[ $domu_left -gt 0 ] || return 1
		# shellcheck disable=SC3045 # busybox' read has a time-out
		IFS= read -r -t $domu_left domu_line <"/tmp/$1.tty" || return 1
		domu_line=${domu_line%"$(printf '\r')"}
		case $domu_line in
		"$2"*) break ;;
		*) printf '%s\n' "$domu_line" ;;
		esac
	done
	domu_rest=${domu_line#"$2"}
}

# domu_exec NAME COMMAND [SECONDS]: run a shell command in the domU, print its output, return its status.
domu_exec() {
	domu_tag="@$(cut -c1-8 /proc/sys/kernel/random/uuid)"
	printf '%s %s\n' "$domu_tag" "$2" >"/tmp/$1.tty"
	domu_wait "$1" "$domu_tag " "${3:-60}" || {
		echo "no answer from $1: $2"
		return 125
	}
	return "$domu_rest"
}

# domu_stop NAME: destroy it and wait until it has gone.
domu_stop() {
	xl destroy "$1"
	wait_for 30 domu_gone "$1" || fail "$1 does not go away"
}
domu_gone() {
	! xl domid "$1"
}
