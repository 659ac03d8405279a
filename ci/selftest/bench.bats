#!/usr/bin/env bats
# shellcheck shell=bats
# scripts/bench: the table, the picture, and that nothing is shown which was not measured.

load toy.bash

setup() {
	toy_make
	cp "$SCRIPTS/bench" "$TOY/scripts"
}

# value BARE BASE TIP: for benchmarks: which of them, by the machine and the kernel that runs
value() {
	if ! tr '\0' '\n' <"/proc/$MACHINE/cmdline" | grep -qx -e -initrd; then
		echo "$1"
	elif has topic/two; then
		echo "$3"
	else
		echo "$2"
	fi
}

# toy_bench NAME PROFILES: a benchmark with the body on stdin, which may use value
toy_bench() {
	toy_test "$1" 'patch: none' "profile: $2" 'timeout: 5' <<<"$(declare -f value)"$'\n'"$(cat)"
}

# row TEXT: a line of the table, whatever its columns are apart
row() {
	output=$(tr -s ' ' <<<"$output") says "$1"
}

@test "base and series stand beside bare Linux, as ratios" {
	toy_bench topic/bench-walk 'pv bare' <<-'END'
		echo "bench per-page $(value 100 450 150)"
		echo "bench not a value"
	END
	toy bench topic
	row 'topic/bench-walk bare base bare tip pv base pv tip'
	row $'\nper-page 100 100 (1.00) 450 (4.50) 150 (1.50)'
	says_not 'not a'
	ends 0
	[ "$(starts)" -eq 4 ]
}

@test "what was measured before is not measured again, unless asked" {
	toy_bench topic/bench-walk 'bare pv' <<<'echo bench a 1'
	toy bench
	toy bench --profile pv
	ends 0
	[ "$(starts)" -eq 4 ]
	toy bench --fresh --profile bare
	ends 0
	[ "$(starts)" -eq 6 ]
}

@test "a value that one of the machines does not have is a dash" {
	toy_bench topic/bench-walk 'bare pv' <<-'END'
		echo "bench only-$(value bare base tip) 7"
	END
	toy bench
	row $'\nonly-base - - 7 -'
	row $'\nonly-bare 7 7 (1.00) - -'
	ends 0
}

@test "the picture shows each value once, and is well-formed" {
	toy_bench topic/bench-walk 'bare pv' <<-'END'
		echo "bench a<b $(value 100 450 150)"
		echo "bench bare-only$(value '' -base -tip) 7"
	END
	toy_bench topic/bench-pv pv <<<'echo bench not-on-bare 9'
	toy bench --svg "$TOY/picture.svg"
	ends 0
	run python3 - "$TOY/picture.svg" <<-'END'
		import sys, xml.dom.minidom as dom
		for text in dom.parse(sys.argv[1]).getElementsByTagName("text"):
		    print(text.firstChild.data)
	END
	says 'a<b'
	says '4.50'
	says '1.50'
	says 'bare Linux'
	says_not bare-only
	says_not not-on-bare
	ends 0
}

@test "without the bare machine there is no picture, but a table" {
	toy_bench topic/bench-pv pv <<<'echo bench not-on-bare 9'
	toy bench --svg "$TOY/picture.svg"
	row $'\nnot-on-bare 9 9 (1.00)'
	says 'nothing to draw'
	says_not Traceback
	ends 1
	[ ! -e "$TOY/picture.svg" ]
}

@test "a benchmark that fails, or a kernel that does not boot, is no number" {
	toy_bench topic/bench-walk 'bare pv' <<-'END'
		echo bench a 1
		[ "$(value 0 0 1)" = 0 ]
	END
	toy bench
	says 'topic/bench-walk in pv: '
	says_not $'\na '
	says_not Traceback
	ends 1
	SCENARIO='boot; tests; end; console "Kernel panic - not syncing: toy"; leave' toy bench --fresh
	says 'topic/bench-walk in bare: '
	ends 1
}

# marks VALUE...: what the plugin of QEMU logs, if it is in use
marks() {
	tr '\0' '\n' <"/proc/$MACHINE/cmdline" | sed -n '/^-D$/{n;p}' | while read -r log; do
		printf '%s\n' "$@" >"$log"
	done
}

@test "what Xen executes stands beside the whole, per operation" {
	toy_bench topic/bench-walk 'pv bare' <<-END
		$(declare -f marks)
		echo "bench per-page \$(value 100 450 150) 10"
		echo "bench per-call 2000"
		marks 3000 1500
	END
	toy bench --xen-share
	row 'topic/bench-walk bare base bare tip pv base pv base in Xen pv tip pv tip in Xen'
	row $'\nper-page 100 100 (1.00) 450 (4.50) 300 (3.00) 150 (1.50) 300 (3.00)'
	row $'\nper-call 2000 2000 (1.00) 2000 (1.00) 1500 (0.75)'
	ends 0
}

@test "a benchmark that marks only some of its parts is not taken apart" {
	toy_bench topic/bench-walk pv <<-END
		$(declare -f marks)
		echo bench a 1
		echo bench b 2
		marks 3
	END
	toy bench --xen-share
	says 'has 2 values, but marks 1'
	ends 1
}

@test "a topic without benchmarks is named" {
	toy bench moon
	says 'no benchmark of topic moon'
	ends 2
	[ "$(starts)" -eq 0 ]
}
