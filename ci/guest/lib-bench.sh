# shellcheck shell=sh
# For benchmarks below QEMU's -icount shift=0: . /pvops/lib-bench.sh (after lib.sh)

# In microseconds, in which the machine executes 1000 instructions each.
now() {
	# shellcheck disable=SC2016 # for bash
	bash -c 'echo "${EPOCHREALTIME/./}"'
}

# measure NAME OPERATIONS FUNCTION ARGUMENT...: what an operation costs, in instructions. FUNCTION N ARGUMENT... does
# N times OPERATIONS; it is called with $warm, $few and $many. The difference has neither the start nor the end.
# shellcheck disable=SC2154 # the test sets them
measure() {
	measure_name=$1 measure_each=$2 measured=$3
	shift 3
	$measured "$warm" "$@"
	start=$(now)
	$measured "$few" "$@"
	middle=$(now)
	$measured "$many" "$@"
	end=$(now)
	echo "bench $measure_name $(((end - middle - (middle - start)) * 1000 / (many - few) / measure_each))"
}
