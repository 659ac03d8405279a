# shellcheck shell=sh
# More functions for boot tests with domUs: . /pvops/lib-domu.sh (after lib.sh)

# A test that fails leaves nothing behind that the next one could stumble over. Libraries and tests
# which start more than domUs have a clean_up of their own, which calls domu_clean_up.
domu_clean_up() {
	for domu_left in $(xl list | awk '$2 ~ /^[1-9]/ { print $2 }'); do xl destroy "$domu_left"; done
}
clean_up() {
	domu_clean_up
}
domu_exit() {
	[ "$1" = 0 ] || clean_up >/dev/null 2>&1
	exit "$1"
}
trap 'domu_exit $?' EXIT
trap 'exit 143' TERM

# domu_lines NAME LINES [SECONDS]: run several lines of shell in the domU, as domu_exec runs one.
domu_lines() {
	domu_exec "$1" "echo $(printf '%s\n' "$2" | base64 -w 0) | base64 -d | sh" "${3:-60}"
}

# domu_job NAME JOB COMMAND: start a shell command in the domU and go on; JOB names it.
domu_job() {
	domu_exec "$1" "{ { $3; }; echo \"status \$?\"; } >/tmp/$2.job 2>&1 &"
}

# domu_job_says NAME JOB TEXT [SECONDS]: wait until a line of the job's output begins with TEXT;
# prints what follows it.
domu_job_says() {
	wait_for "${4:-20}" domu_exec "$1" "grep -q '^$3' /tmp/$2.job" || {
		domu_exec "$1" "cat /tmp/$2.job" >&2
		return 1
	}
	# Messages of the domU's kernel may come between: they do not have the mark.
	domu_exec "$1" "sed -n 's/^$3 */@@/p' /tmp/$2.job" | sed -n 's/^@@//p'
}

# domu_job_end NAME JOB [SECONDS]: wait for the end of the job, print its output, return its status.
domu_job_end() {
	domu_job_status=$(domu_job_says "$1" "$2" status "${3:-30}") || return 124
	domu_exec "$1" "grep -v ^status /tmp/$2.job"
	return "$domu_job_status"
}
