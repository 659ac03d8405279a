# shellcheck shell=bats
# A toy project for the selftests: the real scripts, with stubs where a kernel, QEMU or the network
# would be needed. A kernel image is a file with the names of the patches that it has.
#
#	toy_make		the project, in $TOY; two patches, topic/one and topic/two
#	toy_test NAME HEAD...	a boot test; its head lines here, its body (which may use has) on stdin
#	toy_image N		prints the image directory of the first N patches
#	toy SCRIPT ARGS...	runs a script of the project, with a machine that is fake-qemu
#	starts			prints how often the machine was started

SELFTEST=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SCRIPTS=$(cd "$SELFTEST/../../scripts" && pwd)

toy_make() {
	local name
	export TOY=$BATS_TEST_TMPDIR/toy PVOPS_WORK=$BATS_TEST_TMPDIR/toy/work
	unset PVOPS_QUEUE SCENARIO TOY_QEMU_ERROR
	mkdir -p "$TOY"/{bin,configs,scripts,patches/topic,ci/guest/acpi,ci/tests/topic,work}
	cp -r "$SCRIPTS"/{boot,boot-test,prefix,report,lib} "$TOY/scripts"
	ln -s "$SELFTEST/fake-qemu" "$TOY/bin/qemu-system-x86_64"
	ln -s "$(command -v /usr/bin/python3 || command -v python3)" "$TOY/bin/python3"
	PATH=$TOY/bin:$PATH:/usr/sbin
	touch "$TOY"/ci/guest/{init,domu-init} "$TOY/starts"
	echo '# functions for tests' >"$TOY/ci/guest/lib.sh"
	printf '%s\n' topic/one.patch topic/two.patch >"$TOY/series"
	for name in one two; do
		printf '%s\n' "Subject: [PATCH] toy: $name" '' text --- >"$TOY/patches/topic/$name.patch"
	done
	echo '1.2.3 0 none' >"$TOY/configs/bases"
	printf '%s\n' '1.0 old' '2.0 new' >"$TOY/configs/hypervisors"
	cat >"$TOY/configs/profiles" <<-'END'
		[DEFAULT]
		hypervisor = xen
		config = default
		cpu = toy
		smp = 1
		memory = 1G
		machine =
		xen =
		append =
		boot-seconds = 10
		[pv]
		[bare]
		hypervisor = none
	END
	toy_stub fetch 'echo 1.2.3'
	toy_stub setup ':'
	toy_stub build "$(declare -f given stub_build)" 'stub_build "$@"'
	toy_stub lib/guest.sh "$(declare -f stub_guest)" 'stub_guest "$@"'
	mkdir -p "$PVOPS_WORK"/guest/{xen,files/{acpi,initrd}}
	touch "$PVOPS_WORK"/guest/{root,xen/xen}
	echo 'xen 0' >"$PVOPS_WORK/guest/xen/version"
}

# toy_stub SCRIPT LINE...: replaces a script of the project
toy_stub() {
	local name=$1
	shift
	printf '%s\n' '#!/bin/bash' 'set -e' "$@" >"$TOY/scripts/$name"
	chmod +x "$TOY/scripts/$name"
}

# given NAME DEFAULT OPTIONS...: for stubs: the value of --NAME among the options
given() {
	local name=$1 value=$2
	shift 2
	while (($#)); do
		[ "$1" != "--$name" ] || value=$2
		shift 2
	done
	echo "$value"
}

# scripts/build: the image of the first N patches; a patch file that says "error:" does not build,
# one that says "warning:" builds with a warning from there on.
stub_build() {
	local prefix config image patches
	prefix=$(given prefix 2 "$@") config=$(given config default "$@")
	image=$PVOPS_WORK/image/$prefix-$config
	mkdir -p "$image"
	touch "$image"/{warnings,config}
	if ((prefix)); then
		mapfile -t patches < <(head -n "$prefix" "$TOY/series" | sed "s,^,$TOY/patches/,")
		echo "apply: $prefix patches" >&2
		if grep -h error: "${patches[@]}" >&2; then exit 1; fi
		grep -h warning: "${patches[@]}" >"$image/warnings" || true
	fi
	head -n "$prefix" "$TOY/series" >"$image/vmlinux"
	echo "$prefix-$config$(cat "$TOY/image-version" 2>/dev/null || true)" >"$image/id"
	echo "$image"
}

# scripts/lib/guest.sh: files that only have to be there, for each hypervisor other ones
stub_guest() {
	[ "${2-1.0}" = 1.0 ] || mkdir -p "$PVOPS_WORK/guest/$2"
	case $1-${2-1.0} in
	*-1.0) echo "$PVOPS_WORK/guest/$1" ;;
	root-*) touch "$PVOPS_WORK/guest/$2/root-$2" && echo "$PVOPS_WORK/guest/$2/root-$2" ;;
	*) cp -r "$PVOPS_WORK/guest/$1" "$PVOPS_WORK/guest/$2/" && echo "$PVOPS_WORK/guest/$2/$1" ;;
	esac
}

# has TOPIC/NAME: for tests: the kernel that runs has that patch
has() { grep -qx "$1.patch" "$KERNEL"; }

toy_test() {
	local file=$TOY/ci/tests/$1
	shift
	{
		printf '%s\n' '#!/bin/sh' '# This test will prove the harness.' "${@/#/# }"
		declare -f has
		cat
	} >"$file"
	chmod +x "$file"
}

toy_image() { "$TOY/scripts/build" --prefix "$1"; }

toy() {
	local script=$1
	shift
	run "$TOY/scripts/$script" "$@"
}

starts() { wc -l <"$TOY/starts"; }

# says TEXT: the script that ran printed it
# shellcheck disable=SC2154 # bats' run sets status and output
says() {
	[[ $output == *"$1"* ]] || {
		printf 'not in the output (status %s): %s\n%s\n' "$status" "$1" "$output"
		return 1
	}
}

# says_not TEXT
says_not() {
	[[ $output != *"$1"* ]] || {
		printf 'in the output (status %s): %s\n%s\n' "$status" "$1" "$output"
		return 1
	}
}

# ends STATUS: the script that ran left with it
ends() {
	[ "$status" -eq "$1" ] || {
		printf 'exit status %s, expected %s\n%s\n' "$status" "$1" "$output"
		return 1
	}
}
