#!/usr/bin/env bats
# shellcheck shell=bats
# scripts/boot-test: what counts as passed, and what a declared gap counts as.

load toy.bash

setup() {
	toy_make
	toy_test topic/good 'patch: none' 'profile: pv' <<<'exit 0'
}

# counts STATUS PASSED FAILED SKIPPED [OPTION...]: scripts/boot-test ends like that
counts() {
	toy boot-test "${@:5}"
	says_not Traceback
	says "$2 passed, $3 failed, $4 skipped"
	ends "$1"
}

@test "a run in which everything passes" {
	toy_test topic/one 'patch: topic/one' 'profile: pv bare' 'before: fail "x"' <<<'has topic/one'
	counts 0 3 0 0
}

@test "tests with the same needs share a boot, and the machine gets them once" {
	toy_test topic/good 'patch: none' 'profile: pv' 'needs: qemu="-device x,id=n1"' <<<'exit 0'
	toy_test topic/other 'patch: none' 'profile: pv' 'needs: qemu="-device x,id=n1"' <<<'exit 0'
	counts 0 2 0 0
	[ "$(starts)" -eq 1 ]
	[ "$(cat "$PVOPS_WORK"/logs/*/*/qemu | grep -o 'id=n1' | wc -l)" -eq 1 ]
}

@test "a run that only skips is no success" {
	toy_test topic/good 'patch: none' 'profile: pv' <<<'exit 4'
	counts 1 0 0 1
}

@test "a run without any test is no success" {
	toy boot-test --topic other
	says "no test of topic other; there are: topic"
	ends 2
	rm "$TOY/ci/tests/topic/good"
	counts 1 0 0 0
	[ "$(starts)" -eq 0 ]
}

@test "an unknown profile is named" {
	toy boot-test --profile moon
	says "'moon'"
	ends 2
}

@test "one failure among passes fails the run" {
	toy_test topic/bad 'patch: none' 'profile: pv' <<<'echo FAIL: toy; exit 1'
	counts 1 1 1 0
	says 'FAILURE  pv         tip   topic/bad  - FAIL: toy'
}

@test "a declared gap that fails as declared is neither passed nor skipped nor failed" {
	toy_test topic/gap 'patch: none' 'profile: pv' 'missing: pv fail "no rocket"' <<<'echo FAIL: no rocket; exit 1'
	counts 0 1 0 0
	says 'MISSING  pv         tip   topic/gap'
	says '1 declared missing: topic/gap(pv)'
}

@test "only a declared gap is no success" {
	toy_test topic/good 'patch: none' 'profile: pv' 'missing: pv "no rocket"' <<<'echo FAIL: no rocket; exit 1'
	counts 1 0 0 0
}

@test "a declared gap that passes is a failure" {
	toy_test topic/gap 'patch: none' 'profile: pv' 'missing: pv fail "no rocket"' <<<'exit 0'
	counts 1 1 1 0
	says "FAILURE  pv         tip   topic/gap  - passes: remove its '# missing: pv' line"
}

@test "a declared gap that fails otherwise is a failure, or a crash" {
	toy_test topic/gap 'patch: none' 'profile: pv' 'missing: pv fail "no rocket"' <<<'echo FAIL: fuel; exit 1'
	counts 1 1 1 0
	says 'FAILURE  pv         tip   topic/gap  - FAIL: fuel'
	toy_test topic/gap 'patch: none' 'profile: pv' 'missing: pv fail "no rocket"' <<<'echo "BUG: no rocket" >&3; exit 200'
	counts 1 1 1 0
	says 'CRASH    pv         tip   topic/gap'
}

@test "a prefix leaves out the tests of later patches" {
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: fail "x"' <<<'exit 1'
	counts 0 1 0 0 --prefix 1
	says_not topic/two
	counts 1 1 1 0
}

@test "a kernel that does not build is a failure" {
	echo 'toy.c:1: error: toy' >>"$TOY/patches/topic/two.patch"
	counts 1 0 1 0
	says 'toy.c:1: error: toy'
}

@test "the rows of a run are kept for the reports" {
	counts 0 1 0 0
	python3 - "$PVOPS_WORK"/runs/*.json <<-'PY'
		import json, sys
		row, = json.load(open(sys.argv[1]))["rows"]
		assert (row["test"], row["verdict"], row["kind"]) == ("topic/good", "SUCCESS", "tip"), row
	PY
}

@test "a profile may have a kernel configuration of its own, and a test a further one" {
	printf '%s\n' '[debug]' 'config = lockdep' >>"$TOY/configs/profiles"
	toy_test topic/good 'patch: none' 'profile: pv debug' <<<'exit 0'
	toy_test topic/other 'patch: none' 'profile: debug' 'needs: config=modular' <<<'exit 0'
	counts 0 3 0 0
	(cd "$PVOPS_WORK/image" && echo *) >"$BATS_TEST_TMPDIR/images"
	[ "$(cat "$BATS_TEST_TMPDIR/images")" = '2-default 2-lockdep 2-modular' ]
}
