#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Run each libFuzzer target of a build folder for some seconds, from its seed corpus. What it finds anew stays in
# BUILD/corpus; a crash is kept in BUILD, printed by its name, and ends the run with status 1.
#
#   tools/fuzz.sh BUILD SECONDS
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
[ $# = 2 ] || die "usage: $0 BUILD SECONDS"
build=$1 seconds=$2 bad=0 n=0

for target in "$build"/tests/fuzz/fuzz_*; do
	if [ ! -f "$target" ] || [ ! -x "$target" ]; then continue; fi
	name=${target##*/fuzz_}
	seeds=$here/../tests/fuzz/corpus/$name
	mkdir -p "$build/corpus/$name"
	say "fuzz $name, $seconds s"
	n=$((n + 1))
	log=$build/fuzz_$name.log
	if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$build/crash-$name-" "$build/corpus/$name" "$seeds" >"$log" 2>&1; then
		note "$(sed -n 's/^stat::number_of_executed_units: */executions: /p' "$log")"
	else
		tail -n 30 "$log"
		printf '%sfuzz %s failed%s; the input is in %s/crash-%s-*\n' "$c_red" "$name" "$c_off" "$build" "$name"
		bad=1
	fi
done
[ "$n" -gt 0 ] || die "no fuzz target in $build: configure with CC=clang and -Dfuzz=true"
exit "$bad"
