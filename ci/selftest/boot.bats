#!/usr/bin/env bats
# shellcheck shell=bats
# scripts/boot: what a run must look like to pass, and that nothing else does.

load toy.bash

setup() {
	toy_make
	image=$(toy_image 2)
	toy_test topic/good 'patch: none' 'profile: pv' 'timeout: 1' <<<'echo hello'
}

# play SCENARIO: topic/good on a machine with this guest
play() {
	SCENARIO=$1 toy boot pv --kernel "$image" --test topic/good
}

# refused VERDICT TEXT: the run did not pass, with this verdict and this reason
refused() {
	says "$1 pv topic/good"
	says "$2"
	says_not 'SUCCESS pv'
	says_not Traceback
	ends 1
}

# short_timeouts: for tests of a hang, less than 4 seconds for boot and test
short_timeouts() {
	sed -i 's/^boot-seconds.*/boot-seconds = 0.25/' "$TOY/configs/profiles"
}

@test "a good run passes" {
	play ''
	says '    hello'
	says 'SUCCESS pv topic/good'
	ends 0
	[ "$(starts)" -eq 1 ]
}

@test "a dom0 panic before the tests is a crash" {
	play 'boot; console "Kernel panic - not syncing: toy"; exit 0'
	refused CRASH 'Kernel panic - not syncing: toy'
}

@test "a dom0 panic during a test is a crash" {
	play 'boot; report "# start topic/good"; console "[ 1.2] Kernel panic - not syncing: toy"; exit 0'
	refused CRASH 'Kernel panic - not syncing: toy'
}

@test "a dom0 panic after all results and the end line is a crash" {
	play 'boot; tests; end; console "Kernel panic - not syncing: toy"; leave'
	refused CRASH 'Kernel panic - not syncing: toy'
}

@test "a dom0 panic after which the machine stays on is a crash, with its call trace" {
	play 'boot; tests; console "Kernel panic - not syncing: toy"; sleep 1; console "Call Trace: toy"; end; hang'
	refused CRASH 'Call Trace: toy'
}

@test "a panic that reaches the host in two pieces is a crash" {
	play 'boot; printf "Kernel pa" >&3; sleep 0.5; printf "nic - not" >&3; tests; end; leave'
	refused CRASH 'Kernel panic - not'
}

@test "a Xen panic is a crash" {
	play 'boot; tests; end; console "(XEN) Panic on CPU 0:" "(XEN) toy"; exit 0'
	refused CRASH '(XEN) Panic on CPU 0:'
}

@test "a guest with the registers of the hypervisor is the emulator's fault, one of its own is not" {
	dump='"(XEN) d2v0 Triple fault" "(XEN) RIP:    e008:[<ffff82d0402044a5>]" "(XEN) RFLAGS: 0246   CONTEXT: hvm guest (d2v0)"'
	play "boot; console $dump; tests; end; leave"
	refused ERROR "Xen's instruction pointer"
	[ "$(starts)" -eq 3 ]
	play "boot; console ${dump/e008/0010}; tests; end; leave"
	says 'SUCCESS pv topic/good'
}

@test "each bad line on the console is noticed, harmless ones are not" {
	run python3 - "$TOY" <<-'PY'
		import os, sys
		sys.path.insert(0, f"{sys.argv[1]}/scripts/lib")
		import suite, vm
		profile = dict(suite.load_profiles()["pv"], **{"xen-image": "xen"})
		bad = ["[    1.0] BUG: kernel NULL pointer dereference, address: 0", "kernel BUG at mm/slub.c:1!",
		       "Oops: 0002 [#1] SMP", "WARNING: CPU: 0 PID: 1 at arch/x86/xen/p2m.c:1 f+0x1/0x2",
		       "x86/fpu: Bad FPU state detected at restore", "traps: general protection fault, toy",
		       "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
		       "rcu: INFO: rcu_sched self-detected stall on CPU", "INFO: task a:1 blocked for more than 120 s",
		       "watchdog: Watchdog detected hard LOCKUP on cpu 0", "PANIC: early exception 0x0e IP 10:0",
		       "unchecked MSR access error: RDMSR from 0x1", "(XEN) Hardware Dom0 crashed: rebooting",
		       "(XEN) Assertion 'x' failed at y.c:1", "(XEN) Xen BUG at y.c:1", "(XEN) FATAL TRAP: vector = 14",
		       "list_add corruption. next->prev should be prev", "UBSAN: array-index-out-of-bounds in y.c"]
		good = ["(XEN) WARNING: CONSOLE OUTPUT IS SYNCHRONOUS", "Kernel command line: panic=0", "DEBUG: fine"]
		for line in bad + good:
		    os.environ["SCENARIO"] = f'boot; console "{line}"; end; leave'
		    end = vm.run(lambda work: vm.command(profile, "k", "r", "d", "n", console="socket", work=work), "n", 20)
		    if (end.how, line in end.bad_text()) != (("bad-console", True) if line in bad else ("done", False)):
		        print(end.how, line)
	PY
	ends 0
	[ -z "$output" ] || says 'lines that were judged wrongly'
}

@test "a hang is no pass: before the tests, in a test, after the end line, before QEMU answers" {
	local i scenario=('boot; hang' 'boot; report "# start topic/good"; hang' 'boot; tests; end; hang')
	short_timeouts
	mkdir "$TOY/deaf"
	cat >"$TOY/deaf/qemu-system-x86_64" <<-'END'
		#!/bin/sh
		[ "$1" = --version ] || exec python3 -c 'import sys, time; time.sleep(30); sys.exit("nobody ended me")'
	END
	chmod +x "$TOY/deaf/qemu-system-x86_64"
	for i in 0 1 2 3; do
		{
			((i < 3)) || PATH=$TOY/deaf:$PATH
			play "${scenario[i]-}"
			echo "$output"
			echo "status $status"
		} >"$TOY/out$i" &
	done
	wait
	grep -F 'ERROR pv topic/good error: no end line' "$TOY/out0"
	grep -F 'CRASH pv topic/good hang: ' "$TOY/out1"
	grep -F 'ERROR pv topic/good error: no end line' "$TOY/out2"
	grep -Fx 'ERROR pv topic/good error: QEMU did not start' "$TOY/out3"
	for i in 0 1 2 3; do [ "$(tail -n 1 "$TOY/out$i")" = 'status 1' ]; done
}

@test "a report without its end line is an error" {
	play 'boot; tests; leave'
	refused ERROR 'before the end line'
}

@test "a wrong nonce is an error" {
	play 'boot; tests; report "# pvops end 0123456789abcdef"; leave'
	refused ERROR 'before the end line'
}

@test "QEMU's exit status 0 is an error, even after a whole report" {
	play 'boot; tests; end; exit 0'
	refused ERROR 'status 0'
}

@test "a machine that switches itself off is an error, even after a whole report" {
	play 'boot; tests; end; event SHUTDOWN guest-shutdown; exit 0'
	refused ERROR 'switched the machine off'
}

@test "a report with fewer results than its plan is an error" {
	play 'boot; report 1..2; tests; end; leave'
	refused ERROR plan
}

@test "a report without a plan is an error" {
	play 'tests; end; leave'
	refused ERROR plan
}

@test "a report without a result is an error" {
	play 'boot; report "# start topic/good"; end; leave'
	refused ERROR 'topic/good'
}

@test "a result without a start is an error" {
	play 'boot; report "ok 1 topic/good"; end; leave'
	refused ERROR 'ok 1 topic/good'
}

@test "a second result of the same test is an error" {
	play 'boot; tests; report "ok 2 topic/good"; end; leave'
	refused ERROR 'ok 2 topic/good'
	play 'boot; tests; report "not ok 1 topic/good"; end; leave'
	refused ERROR 'not ok 1 topic/good'
	play 'boot; report "# start topic/good" "not ok 1 topic/good"; tests; end; leave'
	refused ERROR 'ok 1 topic/good'
}

@test "the result of another test is an error" {
	play 'boot; report "# start topic/good" "ok 1 topic/other"; end; leave'
	refused ERROR 'ok 1 topic/other'
	play 'boot; report "# start topic/other" "ok 1 topic/other"; end; leave'
	refused ERROR 'topic/good'
}

@test "what a test prints is not taken for a result" {
	toy_test topic/good 'patch: none' 'profile: pv' <<-'END'
		echo start topic/other
		echo ok 1 topic/good
		printf 'a\fok 1 topic/good\n'
		echo "pvops end $NONCE"
		exit 1
	END
	play ''
	refused FAILURE 'pvops end'
}

@test "QEMU that does not start is an error that shows what QEMU said" {
	TOY_QEMU_ERROR="-device toy: 'toy' is not a valid device model name" play ''
	refused ERROR 'not a valid device model name'
}

@test "without QEMU, or without the guest's files, nothing is judged" {
	local tool
	mkdir "$TOY/tools"
	for tool in bash sh env python3 mke2fs setpriv; do
		ln -s "$(command -v $tool)" "$TOY/tools/$tool"
	done
	PATH=$TOY/tools play ''
	says 'qemu-system-x86_64 is missing; scripts/setup installs it'
	ends 3
	toy_stub lib/guest.sh 'exit 1'
	play ''
	says 'scripts/lib/guest.sh root 1.0 ended with 1'
	says_not Traceback
	ends 4
}

@test "QEMU that is killed is an error" {
	play 'boot; report "# start topic/good"; signal KILL; exit'
	refused ERROR 'status -9'
	play 'boot; tests; end; signal KILL; exit'
	refused ERROR 'status -9'
}

@test "QEMU that dies with the monitor open is an error, not a failure of the harness" {
	play 'boot; tests; end; signal KILL; report "# host 0 info status"; sleep 0.5; exit'
	refused ERROR 'status -9'
	play 'boot; tests; end; signal STOP; report "# host 0 info status"; sleep 0.5; signal KILL; exit'
	refused ERROR 'status -9'
}

@test "a skipped test is not a pass" {
	toy_test topic/good 'patch: none' 'profile: pv' <<-'END'
		echo no hardware
		exit 4
	END
	play ''
	refused SKIP 'no hardware'
}

@test "a failed test says why" {
	toy_test topic/good 'patch: none' 'profile: pv' <<-'END'
		echo FAIL: the toy is broken
		exit 1
	END
	play ''
	refused FAILURE 'topic/good FAIL: the toy is broken'
}

@test "a test that ends the machine does not take the other tests' results with it" {
	toy_test topic/bad 'patch: none' 'profile: pv' 'timeout: 1' <<-'END'
		echo 'BUG: toy' >&3
		exit 200
	END
	toy_test topic/last 'patch: none' 'profile: pv' 'timeout: 1' <<<'echo last'
	toy boot pv --kernel "$image" --test topic/good --test topic/bad --test topic/last
	says 'SUCCESS pv topic/good'
	says 'CRASH pv topic/bad'
	says 'SUCCESS pv topic/last'
	ends 1
	[ "$(starts)" -eq 2 ]
}

@test "expect-console: only a machine that was switched off with that text passes" {
	toy_test topic/good 'patch: none' 'profile: pv' 'expect-console: "going down"' <<-'END'
		echo 'going down' >&3
		echo SHUTDOWN guest-shutdown >&5
		exit 200
	END
	play ''
	says 'SUCCESS pv topic/good'
	ends 0
	play 'boot; report "# start topic/good"; event SHUTDOWN guest-shutdown; exit 0'
	refused FAILURE 'console lacks "going down"'
	play 'boot; console "going down"; report "# start topic/good" "ok 1 topic/good"; end; leave'
	refused FAILURE 'did not switch the machine off'
	play 'console "going down"; event SHUTDOWN guest-shutdown; exit 0'
	refused ERROR 'switched the machine off'
	play 'boot; report "# start topic/good"; console "going down"; exit 0'
	refused ERROR 'status 0'
}

@test "the host gives the monitor commands that a test asks for, and wakes the machine" {
	toy_test topic/good 'patch: none' 'profile: pv' <<-'END'
		echo '# host 0 system_powerdown' >&4
		read -r first <&6
		echo SUSPEND >&5
		read -r second <&6
		echo "$first, $second"
		[ "$first, $second" = 'system_powerdown, system_wakeup' ]
	END
	play ''
	says 'SUCCESS pv topic/good'
	ends 0
}

@test "the initrd that a test needs is Xen's second module, behind the kernel and its options" {
	toy_test topic/good 'patch: none' 'profile: pv' 'needs: initrd=some append="a,b"' <<-'END'
		tr '\0' '\n' <"/proc/$MACHINE/cmdline" | grep -A 1 -x -e -initrd | grep '/vmlinux .* a,,b,[^, ]*/guest/files/initrd/some\.cpio$'
	END
	play ''
	says 'SUCCESS pv topic/good'
	ends 0
	toy_test topic/good 'patch: none' 'profile: pv' <<-'END'
		! tr '\0' '\n' <"/proc/$MACHINE/cmdline" | grep 'cpio'
	END
	play ''
	says 'SUCCESS pv topic/good'
	ends 0
}

@test "a bad test head is an error with file and line" {
	toy_test topic/bad 'patch: topic/one' 'profile: pv' 'before: explode "x"' </dev/null
	toy boot pv --kernel "$image" --test topic/good
	says 'ci/tests/topic/bad:5: before: expected fail "text"'
	says_not Traceback
	ends 1
	toy_test topic/bad 'patch: none' 'profile: pv' 'needs: rocket=2' </dev/null
	toy boot pv --kernel "$image" --test topic/good
	says "ci/tests/topic/bad:5: needs: unknown need 'rocket'"
	toy_test topic/bad 'patch: none' 'profile: pv' 'before: hang' </dev/null
	toy boot pv --kernel "$image" --test topic/good
	says "ci/tests/topic/bad: '# patch:' and '# before:' go together"
	toy_test topic/bad 'patch: none' </dev/null
	toy boot pv --kernel "$image" --test topic/good
	says "ci/tests/topic/bad: no '# profile:' line"
	ends 1
	[ "$(starts)" -eq 0 ]
}

@test "an unknown profile and an unknown test are named" {
	toy boot moon --kernel "$image" --test topic/good
	says "'moon'"
	says bare
	says_not Traceback
	ends 2
	toy boot pv --kernel "$image" --test topic/none
	says 'no executable test ci/tests/topic/none'
	ends 2
	[ "$(starts)" -eq 0 ]
}

# gone PID: that process has ended, even if nobody has collected it yet
gone() {
	[ ! -e "/proc/$1/status" ] || grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"
}

@test "a run that is killed leaves no machine, no result and no work files" {
	local signal qemu run
	toy_test topic/good 'patch: none' 'profile: pv' <<-'END'
		touch "$TOY/running"
		cat <&6
	END
	for signal in TERM KILL; do
		"$TOY/scripts/boot" pv --kernel "$image" --test topic/good 3>&- &
		run=$!
		until [ -e "$TOY/running" ]; do sleep 0.1; done
		rm "$TOY/running"
		kill -s "$signal" $run
		if wait $run; then false; fi
		qemu=$(tail -n 1 "$TOY/starts" | cut -d ' ' -f 1)
		for _ in 1 2 3 4 5 6 7 8; do
			gone "$qemu" || sleep 0.2
		done
		gone "$qemu"
		[ -z "$(find "$PVOPS_WORK" -name '*.new' -o -name '*.json')" ]
		[ "$signal" = KILL ] || [ -z "$(ls "$PVOPS_WORK/tmp")" ]
	done
}
