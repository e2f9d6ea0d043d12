#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the Debian packages that a set of tasks needs, and nothing where all are there.
#
#   tools/deps.sh SET...     sets: build run test lint bench fuzz
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"

build="gcc make meson ninja-build pkg-config libc6-dev linux-libc-dev liblmdb-dev libsqlite3-dev
	libmicrohttpd-dev libjansson-dev libyaml-dev libseccomp-dev libcap-ng-dev
	libcurl4-gnutls-dev libxxhash-dev libmnl-dev libnftables-dev
	libknot-dev"
run="iproute2 nftables openssl ca-certificates"
test="libcmocka-dev libknot-dev python3 python3-pytest python3-yaml python3-dnspython knot
	knot-dnsutils bind9 bind9-dnsutils curl strace
	util-linux procps mandoc bash-completion git"
lint="clang clang-format-14 clang-tidy cppcheck pmccabe shellcheck mandoc git"
bench="haproxy nginx-light libnginx-mod-stream strace python3 util-linux
	knot nsd bind9 bind9-dnsutils unbound dnsperf"
fuzz="clang libclang-rt-14-dev"

want=""
for set_name in "$@"; do
	case $set_name in
	build) want="$want $build" ;;
	run) want="$want $run" ;;
	test) want="$want $test" ;;
	lint) want="$want $lint" ;;
	bench) want="$want $bench" ;;
	fuzz) want="$want $fuzz" ;;
	*) die "unknown set '$set_name': build run test lint bench fuzz" ;;
	esac
done

missing=""
for p in $want; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
		missing="$missing $p"
done
# kubectl: Debian's, unless one is there already.
case " $* " in
*" run "*) command -v kubectl >/dev/null 2>&1 || missing="$missing kubernetes-client" ;;
esac
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 ||
	die "these packages are missing and this is no Debian:$missing"
say "installing packages:$missing"
log=$(mktemp)
# A peer of the tests or the benchmark must not start itself as a service: policy-rc.d says no while we install.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
	made_policy=yes
fi
cleanup() {
	[ "$made_policy" = no ] || as_root rm -f "$policy"
	rm -f "$log"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
with_progress "package lists" "$log" as_root apt-get -q update
# shellcheck disable=SC2086  # a list of words
with_progress "install" "$log" as_root env DEBIAN_FRONTEND=noninteractive \
	apt-get -q -y --no-install-recommends install $missing
