# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by the check scripts: the files of the tree that people wrote, one a line.
# shellcheck shell=sh

# tree_files ROOT: everything but what git ignores, built or kept aside, and the fuzzers' corpora (made-up bytes).
tree_files() {
	find "$1" \( -name .git -o -name build -o -name 'build-*' -o -name __pycache__ -o -name .pytest_cache \
		-o -name corpus \) -prune -o -type f ! -name '*.pyc' -print | sort
}

c_files() { tree_files "$1" | grep -E '\.[ch]$'; }

# is_shell FILE: by name or by its first line.
is_shell() {
	case $1 in
	*.sh) return 0 ;;
	*.*) return 1 ;;
	esac
	head -n 1 "$1" | grep -qE '^#!(/usr)?/bin/(env )?(ba)?sh'
}
