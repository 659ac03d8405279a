#!/usr/bin/env bats
# shellcheck shell=bats
# scripts/prefix: red before the patch for the declared reason, green at it; what is run again and when.

load toy.bash

setup() {
	toy_make
	proof one
	proof two
}

# proof NAME: a sound test of topic/NAME
proof() {
	toy_test "topic/$1" "patch: topic/$1" 'profile: pv' 'before: fail "no feature"' 'timeout: 1' <<-END
		has topic/$1 && exit 0
		echo FAIL: no feature $1
		exit 1
	END
}

# proves STATUS STARTS [OPTION...]: scripts/prefix ends like that, after so many more boots
proves() {
	local before
	before=$(starts)
	toy prefix "${@:3}"
	says_not Traceback
	ends "$1"
	[ $(($(starts) - before)) -eq "$2" ] || {
		printf '%s boots instead of %s:\n%s\n' "$(($(starts) - before))" "$2" "$output"
		return 1
	}
}

@test "two sound patches are red and green; a prefix boots once for both colours" {
	proves 0 3
	says 'SUCCESS  pv         red   topic/one'
	says 'SUCCESS  pv         green topic/one'
	says 'SUCCESS  pv         red   topic/two'
	says 'SUCCESS  pv         green topic/two'
	says '4 passed, 0 failed, 0 skipped'
}

@test "results are used again while nothing changed, and only then" {
	echo 'int main(void) { return 0; }' >"$TOY/ci/guest/unused.c"
	printf '#include "abi.h"\nint main(void) { return 0; }\n' >"$TOY/ci/guest/prog.c"
	echo '/* ABI */' >"$TOY/ci/guest/abi.h"
	echo '# prog' >>"$TOY/ci/tests/topic/two"
	proves 0 3
	proves 0 0
	says '4 passed, 0 failed'
	echo '# a comment' >>"$TOY/ci/tests/topic/two"
	proves 0 2
	echo '/* changed */' >>"$TOY/ci/guest/prog.c"
	proves 0 2
	echo '/* changed */' >>"$TOY/ci/guest/unused.c"
	proves 0 0
	echo '/* changed */' >>"$TOY/ci/guest/abi.h"
	proves 0 2
	echo '# changed' >>"$TOY/ci/guest/init"
	proves 0 3
	sed -i 's/^cpu = .*/cpu = other/' "$TOY/configs/profiles"
	proves 0 3
	echo -new >"$TOY/image-version"
	proves 0 3
	proves 0 0
}

@test "other QEMU arguments of the harness, or another bad line, make results old" {
	proves 0 3
	sed -i 's/"-no-reboot",/"-no-reboot", "-toy",/' "$TOY/scripts/lib/vm.py"
	proves 0 3
	sed -i 's/rb"Kernel panic|/rb"meteor|Kernel panic|/' "$TOY/scripts/lib/vm.py"
	proves 0 3
}

@test "a result belongs to the files that were booted, not to those edited meanwhile" {
	# Before its patch the test breaks its own file, as somebody at an editor would.
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: fail "no feature"' <<-'END'
		has topic/two && exit 0
		sed -i 's/has topic/false topic/; s/no feature$/edited/' "$TOY/ci/tests/topic/two"
		echo FAIL: no feature
		exit 1
	END
	proves 0 3
	proves 1 3
	says 'ERROR    pv         red   topic/two'
	says 'FAILURE  pv         green topic/two'
}

@test "red for another reason is an error, tried twice" {
	sed -i 's/no feature/other/; s/before: fail "other"/before: fail "no feature"/' "$TOY/ci/tests/topic/two"
	proves 1 4
	says 'ERROR    pv         red   topic/two  - red for another reason (FAIL: other two), declared: fail "no feature" (second try)'
	says '3 passed, 1 failed'
	says 'first bad: topic/two'
}

@test "a declared panic has to be one, with that text" {
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: panic "toy_free"' 'timeout: 1' <<-'END'
		has topic/two && exit 0
		echo 'BUG: toy' 'RIP: 0010:toy_free+0x1/0x2' >&3
		exit 200
	END
	proves 0 4
	says 'SUCCESS  pv         red   topic/two'
	sed -i 's/toy_free+/toy_alloc+/' "$TOY/ci/tests/topic/two"
	proves 1 3
	says 'ERROR    pv         red   topic/two  - red for another reason'
	sed -i 's/^exit 200/exit 1/; /^echo/s/.*/echo FAIL: toy_free/' "$TOY/ci/tests/topic/two"
	proves 1 3
	says 'ERROR    pv         red   topic/two  - red for another reason'
}

@test "a panic is not the declared failure" {
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: fail "no feature"' 'timeout: 1' <<-'END'
		has topic/two && exit 0
		echo 'BUG: no feature' >&3
		exit 200
	END
	proves 1 5
	says 'ERROR    pv         red   topic/two  - red for another reason'
	says 'SUCCESS  pv         green topic/one'
}

@test "a declared hang has to be one" {
	sed -i 's/^boot-seconds.*/boot-seconds = 0.3/' "$TOY/configs/profiles"
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: hang' 'timeout: 1' <<-'END'
		has topic/two && exit 0
		cat <&6
	END
	proves 0 4
	says 'SUCCESS  pv         red   topic/two'
	sed -i 's/^boot-seconds.*/boot-seconds = 10/' "$TOY/configs/profiles"
	sed -i 's/^cat.*/exit 1/' "$TOY/ci/tests/topic/two"
	proves 1 5
	says 'ERROR    pv         red   topic/two  - red for another reason'
}

@test "a test that passes before its patch is a failure, not tried again" {
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: fail "no feature"' <<<'exit 0'
	proves 1 3
	says 'FAILURE  pv         red   topic/two  - passes without its patch'
	says '3 passed, 1 failed'
}

@test "a test that fails at its patch is a failure, not tried again" {
	sed -i 's/has topic/false topic/' "$TOY/ci/tests/topic/one"
	proves 1 3
	says 'FAILURE  pv         green topic/one  - FAIL: no feature'
	says 'first bad: topic/one'
}

@test "a crash at its patch is a crash, not tried again" {
	toy_test topic/one 'patch: topic/one' 'profile: pv' 'before: fail "no feature"' 'timeout: 1' <<-'END'
		has topic/one || { echo FAIL: no feature; exit 1; }
		echo 'Kernel panic - not syncing: toy' >&3
		exit 200
	END
	proves 1 4
	says 'CRASH    pv         green topic/one'
	says 'SUCCESS  pv         red   topic/two'
	says '3 passed, 1 failed'
}

@test "an error is tried once more, and not a third time" {
	SCENARIO='stumble; boot; tests; end; leave' proves 0 4
	says '(second try)'
	says '4 passed, 0 failed'
	echo '# changed' >>"$TOY/ci/guest/init"
	SCENARIO='boot; tests; end; exit 0' proves 1 6
	says '0 passed, 4 failed'
}

@test "what ended as an error is not remembered" {
	SCENARIO='boot; tests; end; exit 0' proves 1 6
	proves 0 3
	says_not '(second try)'
}

@test "a patch that no test names is UNTESTED, a failure" {
	rm "$TOY/ci/tests/topic/two"
	proves 1 2
	says 'topic/two - UNTESTED: no test names this patch'
	says '2 passed, 1 failed'
}

@test "a patch whose tests only skip, or run in no profile, is UNTESTED, a failure" {
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: fail "no feature"' <<<'exit 4'
	proves 1 3
	says 'topic/two - UNTESTED'
	says '2 passed, 1 failed, 2 skipped'
	toy_test topic/two 'patch: topic/two' 'profile: vp' 'before: fail "no feature"' <<<'exit 4'
	proves 1 0
	says 'topic/two - UNTESTED'
	says '2 passed, 1 failed, 0 skipped'
}

@test "a prefix that does not build is a failure, and the others are proved" {
	echo 'toy.c:1: error: toy' >>"$TOY/patches/topic/two.patch"
	proves 1 2
	says 'FAILURE  build topic/two - toy.c:1: error: toy'
	says '3 passed, 1 failed'
	says 'first bad: topic/two'
}

@test "a new warning of the compiler is a failure of the patch that brings it" {
	echo 'toy.c:1: warning: toy' >>"$TOY/patches/topic/one.patch"
	proves 1 3
	says 'topic/one - toy.c:1: warning: toy'
	says '4 passed, 1 failed'
	says 'first bad: topic/one'
}

@test "the first bad prefix is named, not the first that has no test" {
	rm "$TOY/ci/tests/topic/two"
	sed -i 's/has topic/false topic/' "$TOY/ci/tests/topic/one"
	proves 1 2
	says 'first bad: topic/one'
}

@test "--all runs the earlier tests and the feature tests at each prefix" {
	toy_test topic/feature 'patch: none' 'profile: bare' <<<'exit 0'
	proves 0 6 --all
	says 'SUCCESS  bare       green topic/feature'
	says '8 passed, 0 failed'
}

@test "a series without a patch to prove, and a range beyond it, are said" {
	proves 2 0 --from 2 --to 3
	says 'the series has patches 1 to 2'
	proves 2 0 --shard 3/2
	says "invalid shard value: '3/2'"
	proves 0 0 --shard 3/3
	says 'nothing to prove'
}

# order: the numbers of the patches in the order in which they were proved
order() { sed -n 's,^--- \([0-9]*\)/2 .*,\1,p' <<<"$1" | paste -s -d ' '; }

@test "a budget is for what was never proved, headers last, then for the oldest results" {
	proves 0 3 --budget 5
	[ "$(order "$output")" = '1 2' ]
	rm -r "$PVOPS_WORK/proved"
	echo '+++ b/include/linux/toy.h' >>"$TOY/patches/topic/one.patch"
	toy prefix --budget 5
	[ "$(order "$output")" = '2 1' ]
	touch -d yesterday "$PVOPS_WORK/proved/topic/one"
	toy prefix --budget 5
	[ "$(order "$output")" = '1 2' ]
}

@test "what a budget does not reach is named and not counted" {
	proves 1 0 --budget -1
	says 'not reached within the budget: topic/one topic/two'
	says '0 passed, 0 failed, 0 skipped'
}

@test "--profile leaves the other profiles out, and does not call their patches untested" {
	toy_test topic/bare 'patch: none' 'profile: bare' 'timeout: 1' <<<'exit 0'
	proves 0 3 --all --profile bare
	says '3 passed, 0 failed, 0 skipped'
	says_not UNTESTED
}

@test "a profile that is only run on request is not part of the suite" {
	sed -i 's/^\[bare\]/&\non-request = yes/' "$TOY/configs/profiles"
	toy_test topic/bare 'patch: none' 'profile: bare' 'timeout: 1' <<<'exit 0'
	toy boot-test
	says '2 passed, 0 failed, 0 skipped'
	toy boot-test --profile bare
	says '1 passed, 0 failed, 0 skipped'
}
