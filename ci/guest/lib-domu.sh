# shellcheck shell=sh
# More functions for boot tests with domUs: . /pvops/lib-domu.sh (after lib.sh)

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
	domu_exec "$1" "sed -n 's/^$3 *//p' /tmp/$2.job"
}

# domu_job_end NAME JOB [SECONDS]: wait for the end of the job, print its output, return its status.
domu_job_end() {
	domu_job_status=$(domu_job_says "$1" "$2" status "${3:-30}") || return 124
	domu_exec "$1" "grep -v ^status /tmp/$2.job"
	return "$domu_job_status"
}
