#!/usr/bin/env bats
# shellcheck shell=bats
# scripts/report and scripts/repro: what people read and run who do not run the suite.

load toy.bash

setup() {
	toy_make
	cp "$SCRIPTS"/repro "$TOY/scripts"
	toy_test topic/feature-good 'patch: none' 'profile: pv' <<<'exit 0'
	toy_test topic/one 'patch: topic/one' 'profile: pv' 'before: fail "no feature"' <<-'END'
		has topic/one && exit 0
		echo FAIL: no feature
		exit 1
	END
	printf '%s\n' before '<!-- features -->' old '<!-- /features -->' between \
		'<!-- patches -->' old '<!-- /patches -->' after >"$TOY/README.md"
}

@test "a cell holds the newest verdict; nothing that did not run is called working" {
	toy report --features
	says ') | not run | not run | - | - |'
	toy boot-test
	toy report --features
	says ') | not run | works | - | - |'
	toy_test topic/feature-good 'patch: none' 'profile: pv' <<<'exit 1'
	toy boot-test
	toy report --features
	says ') | not run | **fails** | - | - |'
}

@test "a feature that a patch brings is missing in the base" {
	toy_test topic/feature-new 'patch: topic/two' 'profile: pv' 'before: fail "none"' <<-'END'
		has topic/two && exit 0
		echo FAIL: none
		exit 1
	END
	toy boot-test
	toy report --features
	says 'topic/feature-new`) | not run | works |'
	toy prefix --from 2
	toy report --features
	says 'topic/feature-new`) | **missing** | works |'
}

@test "a patch has its gain, and where it was seen red and green" {
	sed -i 's/^text$/Gain: toys: 2 -> 1/' "$TOY/patches/topic/one.patch"
	toy prefix --to 1
	toy report --patches
	says '| 1 | [toy: one](patches/topic/one.patch) | toys: 2 -> 1 | pv | pv |'
	says '| 2 | [toy: two](patches/topic/two.patch) |  | UNTESTED | UNTESTED |'
}

@test "README.md gets both tables and keeps everything else" {
	toy report --readme
	ends 0
	run grep -vE '^\|' "$TOY/README.md"
	[ "$output" = "$(printf '%s\n' before '<!-- features -->' '<!-- /features -->' between \
		'<!-- patches -->' '<!-- /patches -->' after)" ]
	grep -q 'topic/feature-good' "$TOY/README.md"
	sed -i '/patches -->/d' "$TOY/README.md"
	cp "$TOY/README.md" "$TOY/kept"
	toy report --readme
	ends 1
	says 'README.md has no <!-- patches -->'
	cmp "$TOY/kept" "$TOY/README.md"
}

@test "repro writes a directory that shows red and green by itself" {
	toy repro topic/one --out "$TOY/out"
	ends 0
	mv "$TOY/out" "$TOY/moved"
	grep -q 'the test fails and says "no feature"' "$TOY/moved/README"
	run "$TOY/moved/run" before
	ends 1
	says 'FAIL: no feature'
	run "$TOY/moved/run" after
	ends 0
	says 'ok 1 topic/one'
}

@test "repro refuses what it cannot show, and overwrites nothing" {
	toy repro topic/none
	ends 1
	says 'topic/none is not in the series'
	toy repro topic/two
	ends 1
	says 'UNTESTED'
	mkdir "$TOY/out"
	toy repro topic/one --out "$TOY/out"
	ends 1
	says 'exists; remove it'
	toy repro topic/one --profile bare --out "$TOY/other"
	ends 1
	says 'topic/one runs in pv'
	[ ! -e "$TOY/other" ]
}
