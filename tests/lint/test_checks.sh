#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each check script fails on a planted defect, names it, and passes without it: a check that cannot fail checks nothing.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tools=$here/../../tools
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
trap 'exit 1' INT TERM
bad=0
spdx='/* SPDX-License-Identifier: GPL-3.0-or-later */'

fresh() {
	rm -rf "$t/tree"
	mkdir -p "$t/tree/src/base" "$t/tree/src/gate" "$t/tree/src/postern" "$t/tree/doc" "$t/tree/tools"
	cp "$here/../../.clang-format" "$t/tree"
	{
		printf '%s\n' "$spdx" '#include "base/good.h"' '' '/* strcpy( in a comment and a string is no call */'
		printf 'int good(int a)\n{\n\tconst char *s = "sprintf(";\n\n\treturn a + (int)sizeof(s);\n}\n'
	} >"$t/tree/src/gate/good.c"
	cp "$t/tree/src/gate/good.c" "$t/tree/src/base/good.h"
	sed -i '/#include/d' "$t/tree/src/base/good.h"
	# shellcheck disable=SC2016  # the planted files' own text
	printf '#!/bin/sh\n# SPDX-License-Identifier: GPL-3.0-or-later\necho "$1"\n' >"$t/tree/tools/good.sh"
	# shellcheck disable=SC2016
	printf '.\\" SPDX-License-Identifier: GPL-3.0-or-later\n.Dd $Mdocdate$\n.Dt GOOD 1\n.Os\n.Sh NAME\n.Nm good\n.Nd a page\n.Sh DESCRIPTION\nText.\n' >"$t/tree/doc/good.1"
}

# planted CHECK WANT: CHECK fails on the tree and its output names WANT.
planted() {
	if out=$("$tools/$1" "$t/tree" 2>&1); then
		echo "$1 passed over a planted defect ($2)"
		bad=1
	elif ! printf '%s\n' "$out" | grep -q -- "$2"; then
		echo "$1 failed, but did not name '$2':"
		printf '%s\n' "$out"
		bad=1
	fi
	fresh
}

# line FILE TEXT: append a line to a file of the tree.
line() { printf '%b\n' "$2" >>"$t/tree/$1"; }

fresh
for c in layers banned spdx paths length complexity shell format man; do
	out=$("$tools/check-$c" "$t/tree" 2>&1) || {
		echo "check-$c fails on a good tree:"
		printf '%s\n' "$out"
		bad=1
	}
done

line src/base/up.h "$spdx\n#include \"gate/good.h\""
planted check-layers 'base may not know "gate/good.h"'
line src/postern/x.c "$spdx\n#include \"gate/good.h\""
planted check-layers 'postern may not know'
line src/base/flat.c "$spdx\n#include \"good.h\""
planted check-layers 'folder/good.h'
mkdir "$t/tree/src/misc"
line src/misc/x.c "$spdx"
planted check-layers 'not in the list'

for call in strcpy strcat sprintf vsprintf strtok atoi atol gets alloca; do
	line src/gate/bad.c "$spdx\nint f(void) { return $call(x, y); }"
	planted check-banned 'bad.c:2'
done
line src/gate/bad.c "$spdx\nlong f(void) { return time(NULL); }"
planted check-banned 'bad.c:2'
line src/gate/bad.c "$spdx\nint c = CLOCK_REALTIME;"
planted check-banned 'monotonic'
line src/gate/bad.c "$spdx\n/* TO""DO later */"
planted check-banned 'marker'

line src/gate/bare.c "int x;"
planted check-spdx 'bare.c'
line doc/x.md "see /wo""rk/main/src"
planted check-paths 'x.md'
line doc/x.md "from deb.deb""ian.org"
planted check-paths 'x.md'

awk 'BEGIN { print "/* SPDX-License-Identifier: GPL-3.0-or-later */"; for (i = 0; i < 600; i++) print "int x" i ";" }' \
	>"$t/tree/src/gate/long.c"
planted check-length 'long.c: 601'
awk 'BEGIN { print "int f(int a)\n{"; for (i = 0; i < 31; i++) print "\tif (a == " i ")\n\t\ta++;"; print "\treturn a;\n}" }' \
	>"$t/tree/src/gate/knot.c"
planted check-complexity 'complexity 32'
awk 'BEGIN { print "int f(int a)\n{"; for (i = 0; i < 160; i++) print "\ta++;"; print "\treturn a;\n}" }' >"$t/tree/src/gate/tall.c"
planted check-complexity 'lines'

# shellcheck disable=SC2016  # the planted script's own text
line tools/bad.sh '#!/bin/sh\nrm $1'
planted check-shell 'SC2086'
line src/gate/ugly.c "$spdx\nint  ugly ( void ){return 1;}"
planted check-format 'ugly.c'
line doc/good.1 '.Sh SEE ALSO\n.Xr'
planted check-man 'good.1'

[ "$bad" = 0 ] && echo "every check fails where it should"
exit "$bad"
