# SPDX-License-Identifier: GPL-3.0-or-later
# Shared by the scripts of this tree: colours only on a terminal, sudo only where needed.
# Sourced, not run.
# shellcheck shell=sh

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	c_bold=$(printf '\033[1m') c_dim=$(printf '\033[2m') c_green=$(printf '\033[32m')
	c_red=$(printf '\033[31m') c_off=$(printf '\033[0m')
else
	c_bold='' c_dim='' c_green='' c_red='' c_off=''
fi
export c_bold c_dim c_green c_red c_off

say() { printf '%s==>%s %s\n' "$c_bold" "$c_off" "$*"; }
note() { printf '%s    %s%s\n' "$c_dim" "$*" "$c_off"; }
die() { printf '%serror:%s %s\n' "$c_red" "$c_off" "$*" >&2; exit 1; }

# The cache for what is built once and lies outside the tree.
cache_dir() { printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/var/cache}/.cache}/postern"; }

# Run a command as root: directly where we are root, by sudo where we are not.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "need root for: $* (and there is no sudo here)"
	fi
}

# Run a long command with a ticking line on a terminal and a line every 30 s elsewhere.
# with_progress TEXT LOG COMMAND...
with_progress() {
	wp_text=$1 wp_log=$2
	shift 2
	"$@" >"$wp_log" 2>&1 &
	wp_pid=$! wp_start=$(date +%s) wp_n=0
	while kill -0 "$wp_pid" 2>/dev/null; do
		wp_s=$(($(date +%s) - wp_start))
		if [ -t 1 ]; then
			printf '\r%s    %s ... %d s%s ' "$c_dim" "$wp_text" "$wp_s" "$c_off"
		elif [ $((wp_n % 30)) = 29 ]; then
			note "$wp_text ... $wp_s s"
		fi
		wp_n=$((wp_n + 1))
		sleep 1
	done
	if [ -t 1 ]; then printf '\r\033[K'; fi
	if wait "$wp_pid"; then
		note "$wp_text: done in $(($(date +%s) - wp_start)) s"
	else
		tail -n 30 "$wp_log" >&2
		die "$wp_text failed; the whole log is in $wp_log"
	fi
}
