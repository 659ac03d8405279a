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

# a_run FILE ROW...: a record; a row is KIND TEST VERDICT REMARK
a_run() {
	local file=$1 separator='' row kind test verdict remark
	shift
	{
		echo '{"base": "1.2.3", "date": "2026-01-01T00:00:00Z", "series": ["topic/one", "topic/two"], "rows": ['
		for row; do
			read -r kind test verdict remark <<<"$row"
			printf '%s{"kind": "%s", "test": "%s", "verdict": "%s", "remark": "%s", "patch": "none", "profile": "pv",
				"prefix": 2, "log": "%s"}' "$separator" "$kind" "$test" "$verdict" "$remark" "$PVOPS_WORK/logs"
			separator=,
		done
		echo ']}'
	} >"$file"
}

# red_and_green: run the first patch's test before and at it, and what the reports say then
red_and_green() {
	printf 'diff --git a/file b/file\n+%s\n' 1 >>"$TOY/patches/topic/one.patch"
	toy prefix --to 1
	ends 0
}

# matrix: prints the matrix
matrix() {
	toy report --matrix
	ends 0
	run cat "$TOY/MATRIX.md"
}

@test "the matrix shows red and green with their logs, what is stale and what is untested" {
	red_and_green
	matrix
	says '| # | patch | Xen, pv |'
	says '| 1 | [toy: one](patches/topic/one.patch) | [red][1], [green][2] |'
	says '| 2 | [toy: two](patches/topic/two.patch) **UNTESTED** | - |'
	grep -q 'Linux version toy' "$TOY/$(sed -n 's/^\[2\]: //p' "$TOY/MATRIX.md")"

	# What changed since makes a result stale; another wording of a patch does not.
	sed -i 's/^text$/other words/' "$TOY/patches/topic/one.patch"
	matrix
	says '| [red][1], [green][2] |'
	sed -i 's/^+1$/+2/' "$TOY/patches/topic/one.patch"
	matrix
	says '| [red][1], ~~[green][2]~~ (stale) |'
	sed -i 's/^+2$/+1/' "$TOY/patches/topic/one.patch"
	echo '# more' >>"$TOY/ci/tests/topic/one"
	matrix
	says '| ~~[red][1]~~ (stale), ~~[green][2]~~ (stale) |'
	a_run "$PVOPS_WORK/runs/a.json" 'tip topic/feature-good SUCCESS'
	rm "$TOY/ci/tests/topic/one"
	matrix
	says '(patches/topic/one.patch) **UNTESTED** |'
}

@test "a later prefix that fails is shown at its patch; a build that failed until it is built" {
	red_and_green
	toy_test topic/one 'patch: topic/one' 'profile: pv' 'before: fail "no feature"' <<-'END'
		has topic/two && exit 1
		has topic/one && exit 0
		echo FAIL: no feature
		exit 1
	END
	toy prefix --all
	ends 1
	matrix
	says '| [red][1], [**FAILURE**][2] |'
	echo error: >>"$TOY/patches/topic/two.patch"
	rm "$PVOPS_WORK"/runs/*.json
	toy prefix --from 2
	matrix
	says '(patches/topic/two.patch) **UNTESTED, build** |'
	sed -i /error:/d "$TOY/patches/topic/two.patch"
	toy_test topic/two 'patch: topic/two' 'profile: pv' 'before: fail "none"' <<<'has topic/two || { echo none; exit 1; }'
	toy prefix --from 2
	matrix
	says '(patches/topic/two.patch) | [red][1], [green][2] |'
}

@test "JUnit and KTAP hold every result, and what the test and the console said" {
	toy_test topic/feature-lacking 'patch: none' 'profile: pv' 'missing: pv fail "not yet"' <<<'echo not yet; exit 1'
	toy_test topic/bad 'patch: none' 'profile: pv' \
		<<<$'echo "said & done"\nprintf \'BUG: <toy> \\033[0m\\n\' >&3\nexit 200'
	toy boot-test
	toy report --junit "$TOY/junit.xml" --ktap "$TOY/ktap"
	ends 0
	run python3 - "$TOY/junit.xml" <<-'END'
		import sys, xml.etree.ElementTree as xml
		suite, = xml.parse(sys.argv[1]).getroot()
		print(*(suite.get(k) for k in ("name", "tests", "failures", "errors", "skipped")))
		for case in suite:
		    print(case.get("name"), *((part.tag, part.get("message"), part.text) for part in case if part.tag != "system-out"))
	END
	says '1.2.3 Xen pv 4 1 0 1'
	says "tip topic/feature-lacking ('skipped', 'missing: not yet', None)"
	says "tip topic/bad ('failure', 'panic: BUG: <toy> ', 'said & done\n"
	says $'\ntip topic/feature-good\n'
	run cat "$TOY/ktap"
	says "$(printf '%s\n' 'KTAP version 1' 1..1 '    KTAP version 1' '    # Subtest: 1.2.3 Xen pv' '    1..4')"
	says '    not ok 1 tip topic/bad'
	says ' tip topic/feature-lacking # XFAIL missing: not yet'
	says $'\nnot ok 1 1.2.3 Xen pv'
}

@test "the page needs nothing beside it and marks the first bad line of a console" {
	mkdir "$PVOPS_WORK"/{runs,logs}
	printf '%s\n' 'not bad' 'BUG: <toy>' 'Oops, again' >"$PVOPS_WORK/logs/console"
	touch "$PVOPS_WORK/logs/report"
	a_run "$PVOPS_WORK/runs/a.json" 'tip topic/feature-good CRASH panic: <toy>'
	echo '<svg xmlns="http://www.w3.org/2000/svg"/>' >"$TOY/chart.svg"
	toy report --html "$TOY/page.html" --svg "$TOY/chart.svg"
	ends 0
	run grep -oE '<mark>.*</mark>|(src|href)="[^"#]{8}' "$TOY/page.html"
	says '<mark>>    2 BUG: &lt;toy&gt;</mark>'
	[ "$(sort -u <<<"$output" | grep -cvE '^href="work/log|^src="data:ima|^<mark>')" -eq 0 ]
	says 'src="data:ima'
	says 'href="work/log'
	says_not Oops
	run python3 - "$TOY/page.html" <<-'END'
		import html.parser, sys
		class Balance(html.parser.HTMLParser):
		    open = []
		    def handle_starttag(self, tag, attributes):
		        if tag not in ("meta", "input", "img"):
		            self.open.append(tag)
		    def handle_endtag(self, tag):
		        assert self.open.pop() == tag, f"{tag} at line {self.getpos()[0]}"
		page = Balance()
		page.feed(open(sys.argv[1]).read())
		print("left open:", page.open)
	END
	says 'left open: []'
}

@test "two runs are compared: better, worse, new, gone" {
	mkdir "$PVOPS_WORK/runs"
	a_run "$TOY/a.json" 'tip topic/a FAILURE why' 'tip topic/b SUCCESS' 'tip topic/c SUCCESS' 'tip topic/d SKIP'
	a_run "$PVOPS_WORK/runs/b.json" 'tip topic/a SUCCESS' 'tip topic/b SKIP why not' 'tip topic/d SKIP' 'tip topic/e SUCCESS'
	toy report --compare "$TOY/a.json" b
	ends 1
	[ "$output" = 'better  FAILURE  -> SUCCESS  pv         tip topic/a
worse   SUCCESS  -> SKIP     pv         tip topic/b  - why not
new     -        -> SUCCESS  pv         tip topic/e
gone    SUCCESS  -> -        pv         tip topic/c
1 worse, 1 better, 1 new, 1 gone, 1 same' ]
	toy report --compare "$TOY/a.json" "$TOY/a.json"
	ends 0
	a_run "$TOY/c.json" 'tip topic/new CRASH why'
	a_run "$TOY/d.json"
	toy report --compare "$TOY/d.json" "$TOY/c.json"
	ends 1
	says '1 worse, 0 better'
}

@test "a report is about the named runs, and shows a result of an unknown source as stale" {
	mkdir "$PVOPS_WORK/runs"
	a_run "$TOY/a.json" 'tip topic/feature-good SUCCESS'
	a_run "$PVOPS_WORK/runs/b.json" 'tip topic/feature-good SUCCESS' 'base topic/feature-good FAILURE why'
	toy report --run "$TOY/a.json" --ktap "$TOY/ktap"
	ends 0
	[ "$(tail -n +5 "$TOY/ktap")" = '    1..1
    ok 1 tip topic/feature-good # SKIP stale, of an unknown source; was SUCCESS
ok 1 1.2.3 Xen pv' ]
	toy report --ktap "$TOY/ktap"
	grep -qx '    not ok 1 base topic/feature-good' "$TOY/ktap"
}

@test "what is no run, or cannot be written, is refused" {
	mkdir "$PVOPS_WORK/runs"
	toy report --compare none none
	ends 2
	says 'runs/none.json is not the record of a run'
	toy report --junit "$TOY/junit.xml"
	ends 2
	says 'work/runs has a result; scripts/boot-test'
	[ ! -e "$TOY/junit.xml" ]
	a_run "$PVOPS_WORK/runs/a.json" 'tip topic/feature-good SUCCESS'
	toy report --junit "$TOY/none/junit.xml"
	ends 2
	says "cannot write $TOY/none/junit.xml: No such file"
	toy report --html "$TOY/page.html" --svg "$TOY/none.svg"
	ends 2
	says 'none.svg: no such file; scripts/bench --svg'
	[ ! -e "$TOY/page.html" ]
	echo '{"rows": [' >"$PVOPS_WORK/runs/torn.json"
	echo kept >"$TOY/MATRIX.md"
	toy report --matrix
	ends 2
	says 'torn.json is not the record of a run'
	[ "$(cat "$TOY/MATRIX.md")" = kept ]
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
	ends 2
	says 'topic/none is not in the series'
	toy repro topic/two
	ends 1
	says 'UNTESTED'
	mkdir "$TOY/out"
	toy repro topic/one --out "$TOY/out"
	ends 2
	says 'exists; remove it'
	toy repro topic/one --profile bare --out "$TOY/other"
	ends 2
	says 'topic/one runs in pv'
	[ ! -e "$TOY/other" ]
}
