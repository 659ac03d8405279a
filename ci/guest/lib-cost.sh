# shellcheck shell=sh
# What the kernel spends on a page-table entry: . /pvops/lib-cost.sh, after lib.sh.

# measure: run ptecost, and print what it says.
measure() {
	ptecost >cost || fail "ptecost"
	cat cost
}

# cost NAME: one of ptecost's numbers.
cost() {
	awk -v name="$1" '$2 == name { print $3 }' cost
}

# cheaper NAME PERCENT: fail unless NAME costs less than PERCENT % of a system call.
cheaper() {
	cost=$(cost "$1") call=$(cost system-call)
	if [ -z "$cost" ] || [ -z "$call" ]; then
		fail "ptecost says nothing about $1"
	fi
	# Less than nothing means that the measurement went wrong.
	[ "$cost" -gt 0 ] || fail "$1 costs $cost instructions"
	[ $((cost * 100)) -lt $((call * $2)) ] || fail "$1 costs $cost instructions, $2 % of a system call or more"
}
