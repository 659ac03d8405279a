#!/usr/bin/env bats
# shellcheck shell=bats
# The option --hypervisor, and what tests need of a hypervisor.

load toy.bash

setup() {
	toy_make
	toy_test topic/good 'patch: none' 'profile: pv' 'timeout: 1' <<<'echo hello'
}

# below VERSION SCRIPT ARGS...: with a console that says which Xen it is
below() {
	SCENARIO="console '(XEN) Xen version $1.7'; boot; tests; end; leave" toy "$2" --hypervisor "$1" "${@:3}"
}

# newer: topic/good becomes a test for Xen 2.0
newer() {
	toy_test topic/good 'patch: none' 'profile: pv' 'needs: hypervisor>=1.5' <<<'echo hello'
}

@test "an unknown hypervisor is named, and those that there are" {
	local script
	for script in boot-test prefix 'boot pv'; do
		# shellcheck disable=SC2086 # a script and its profile
		toy $script --hypervisor 3.0
		says "'3.0'"
		says "'1.0', '2.0'"
		ends 2
	done
	[ "$(starts)" -eq 0 ]
}

@test "the guest of an unknown hypervisor is not made" {
	cp "$SCRIPTS/lib/guest.sh" "$TOY/scripts/lib"
	toy lib/guest.sh root 2
	says 'configs/hypervisors has no Xen 2'
	ends 2
}

@test "a release whose packages can not be had is named, and leaves nothing" {
	cp "$SCRIPTS/lib/guest.sh" "$TOY/scripts/lib"
	printf '%s\n' '#!/bin/sh' 'echo "E: no such release: $*" >&2' 'exit 25' >"$TOY/bin/mmdebstrap"
	chmod +x "$TOY/bin/mmdebstrap"
	for what in root xen; do
		toy lib/guest.sh $what 2.0
		says 'E: no such release: '
		says 'no packages of Xen 2.0 from Debian new'
		ends 4
		toy lib/guest.sh $what 2.0
		ends 4
	done
}

@test "each hypervisor has results of its own" {
	below 1.0 boot-test
	says '1 passed, 0 failed, 0 skipped'
	below 2.0 boot-test
	[ "$(starts)" -eq 2 ]
	[ "$(tail -n 1 "$TOY/starts" | cut -d ' ' -f 2)" = "$(head -n 1 "$TOY/starts" | cut -d ' ' -f 2)" ]
	below 1.0 boot-test
	below 2.0 boot-test
	toy boot-test
	says '1 passed, 0 failed, 0 skipped'
	[ "$(starts)" -eq 2 ]
}

@test "a test whose need is not met is not booted, and is a skip with the reason" {
	newer
	toy_test topic/other 'patch: none' 'profile: pv' <<<'exit 0'
	toy boot-test
	says 'SKIP     pv         tip   topic/good  - needs hypervisor>=1.5, not 1.0'
	says '1 passed, 0 failed, 1 skipped'
	ends 0
	toy boot-test --hypervisor 2.0
	says '2 passed, 0 failed, 0 skipped'
	toy boot pv --test topic/good
	says 'SKIP pv topic/good needs hypervisor>=1.5, not 1.0'
	says_not log:
	ends 1
	[ "$(starts)" -eq 2 ]
	toy boot pv --test topic/good --hypervisor 2.0
	says 'SUCCESS pv topic/good'
	ends 0
}

@test "a test may need an older hypervisor, or one between two" {
	toy_test topic/good 'patch: none' 'profile: pv' 'needs: hypervisor<2.0' <<<'exit 0'
	toy boot-test --hypervisor 2.0
	says 'needs hypervisor<2.0, not 2.0'
	says '0 passed, 0 failed, 1 skipped'
	ends 1
	toy_test topic/good 'patch: none' 'profile: pv' 'needs: hypervisor>=1.0 hypervisor<1.10' <<<'exit 0'
	toy boot-test
	says '1 passed, 0 failed, 0 skipped'
	toy boot-test --hypervisor 2.0
	says 'needs hypervisor<1.10, not 2.0'
}

@test "needs of the hypervisor do not take a boot of their own" {
	toy_test topic/other 'patch: none' 'profile: pv' 'timeout: 1' 'needs: hypervisor>=1.0' <<<'exit 0'
	toy boot-test
	says '2 passed, 0 failed, 0 skipped'
	[ "$(starts)" -eq 1 ]
}

@test "a bad need is an error with file and line" {
	local need
	for need in hypervisor hypervisor=1.0 'hypervisor>=new' 'hypervisor>1.0'; do
		toy_test topic/good 'patch: none' 'profile: pv' "needs: $need" </dev/null
		toy boot-test
		says "ci/tests/topic/good:5: needs: '$need': write hypervisor>=X.Y or hypervisor<X.Y"
		ends 1
	done
}

@test "a need that no hypervisor meets is found by the checks" {
	toy_test topic/good 'patch: none' 'profile: pv' 'needs: hypervisor>=2.1' <<<'exit 0'
	QUEUE=$TOY run python3 "$TOY/scripts/lib/lint.py" tests
	says 'not ok tests topic/good - needs: configs/hypervisors has no hypervisor>=2.1'
	newer
	QUEUE=$TOY run python3 "$TOY/scripts/lib/lint.py" tests
	says 'ok tests topic/good'
	says_not 'not ok'
}

@test "a patch is proved below the hypervisor that its test needs" {
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: fail "none"' 'needs: hypervisor>=2.0' <<-'END'
		has topic/two && exit 0
		echo FAIL: none
		exit 1
	END
	below 1.0 prefix --from 2
	says 'SKIP     pv         red   topic/two  - needs hypervisor>=2.0, not 1.0'
	says 'SKIP     pv         green topic/two'
	says_not UNTESTED
	says '0 passed, 0 failed, 2 skipped'
	below 2.0 prefix --from 2
	says '2 passed, 0 failed, 0 skipped'
	ends 0
	toy report --patches
	says ' | pv below Xen 2.0 | pv below Xen 2.0 |'
	below 1.0 prefix --from 2
	toy report --patches
	says ' | pv below Xen 2.0 | pv below Xen 2.0 |'
	toy report --matrix "$TOY/MATRIX.md"
	grep -E '^\| # \| patch \| Xen 2.0.7, pv \|$' "$TOY/MATRIX.md"
	toy_test topic/one 'patch: topic/one' 'profile: pv' 'before: fail "none"' <<-'END'
		has topic/one && exit 0
		echo FAIL: none
		exit 1
	END
	below 1.0 prefix
	toy report --matrix "$TOY/MATRIX.md"
	grep -F '| # | patch | Xen 1.0.7, pv | Xen 2.0.7, pv |' "$TOY/MATRIX.md"
	grep -E '^\| 1 .*\| \[red\].*\[green\].*\| not run.*\|$' "$TOY/MATRIX.md"
	grep -E '^\| 2 .*\| - \| \[red\].*\[green\].* \|$' "$TOY/MATRIX.md"
}

@test "the tables for README.md are about the first hypervisor that has what a test needs" {
	toy_test topic/feature-good 'patch: none' 'profile: pv' <<<'exit 0'
	toy_test topic/feature-new 'patch: none' 'profile: pv' 'needs: hypervisor>=2.0' <<<'exit 0'
	below 1.0 boot-test
	says 'topic/feature-good`) | not run | works |'
	says 'topic/feature-new` below Xen 2.0) | not run | not run |'
	toy_test topic/feature-good 'patch: none' 'profile: pv' <<<'echo FAIL: toy; exit 1'
	below 2.0 boot-test
	says 'FAILURE  pv         tip   topic/feature-good'
	says 'topic/feature-good`) | not run | works |'
	says 'topic/feature-new` below Xen 2.0) | not run | works |'
}
