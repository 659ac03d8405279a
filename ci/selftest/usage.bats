#!/usr/bin/env bats
# shellcheck shell=bats
# All scripts: what a user gets wrong is said in words, with exit status 2.

load toy.bash

setup() {
	toy_make
	cp "$SCRIPTS"/{apply,bench,build,check,export,fetch,rebase,repro} "$TOY/scripts"
	touch "$TOY"/configs/{dom0,domu}.config
	toy_test topic/one 'patch: topic/one' 'profile: pv' 'before: fail "none"' <<<'has topic/one || { echo none; exit 1; }'
}

# refused TEXT SCRIPT ARGS...: exit 2, and that text
refused() {
	toy "${@:2}"
	says "$1"
	says_not Traceback
	says_not 'internal error'
	says_not 'line '
	ends 2
	[ "$(starts)" -eq 0 ]
}

@test "--help of each script has an example" {
	local script
	cp "$SCRIPTS/setup" "$TOY/scripts"
	for script in apply bench boot boot-test build check export fetch prefix rebase report repro setup; do
		toy "$script" --help
		ends 0
		says example
		says_not @BASE@
	done
}

@test "an unknown option, and an option without its value" {
	local script option
	cp "$SCRIPTS/setup" "$TOY/scripts"
	for script in apply bench boot-test build check fetch prefix rebase report setup 'boot pv' 'export topic' 'repro topic/one'; do
		# shellcheck disable=SC2086 # with its arguments
		refused --moon $script --moon
	done
	for script in apply build check fetch rebase; do
		refused '--tree needs a value' $script --tree
	done
	for option in --prefix --rev --config; do
		refused "$option needs a value" build $option
	done
	refused '--changed needs a value' check --changed
}

@test "an unknown base" {
	local script
	for script in fetch apply bench boot-test build check prefix report 'boot pv' 'export topic' 'repro topic/one'; do
		# shellcheck disable=SC2086 # with its arguments
		refused 'unknown base: 9.9; configs/bases has: 1.2.3' $script --base 9.9
	done
}

@test "a prefix, configuration, revision or image that does not exist" {
	refused '--prefix takes a number, not x' build --prefix x
	refused "configs/moon.config; configs/ has: default dom0 domu" build --config moon
	refused 'no kernel image: /none' boot pv --kernel /none
	toy_stub fetch 'echo 1.2.3'
	refused 'the series has 2 patches' boot-test --prefix 3
	refused 'the series has 2 patches' boot-test --prefix -1
}

@test "a work directory that cannot be written" {
	PVOPS_WORK=/proc/none refused 'cannot write to the work directory /proc/none' fetch
	PVOPS_WORK=/proc/none refused 'cannot write to the work directory /proc/none' prefix
}

@test "a profile file or a test that cannot be read" {
	printf '# \xff\n' >>"$TOY/ci/tests/topic/one"
	toy boot-test
	says "ci/tests/topic/one: 'utf-8' codec"
	says_not Traceback
	ends 1
	echo moon >"$TOY/configs/profiles"
	refused configs/profiles boot pv
	rm "$TOY/configs/profiles"
	refused configs/profiles prefix
}

@test "a script that is killed, or fails without a word" {
	toy_stub fetch "kill \$\$"
	toy prefix
	says 'prefix: scripts/fetch was killed by signal 15'
	ends 4
	toy_stub fetch 'exit 3'
	toy prefix
	says 'prefix: scripts/fetch ended with 3'
	ends 3
}

@test "a series that lists a patch which does not exist, or none at all" {
	toy_stub fetch 'echo 1.2.3'
	rm "$TOY/patches/topic/two.patch"
	toy prefix
	says 'the series of 1.2.3 lists a patch that does not exist: topic/two.patch'
	says_not Traceback
	ends 1
	rm "$TOY/series"
	toy report
	says 'the series of 1.2.3 cannot be read'
	says_not Traceback
	ends 4
}
