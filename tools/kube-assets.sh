#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Print the folder that holds a real kube-apiserver and etcd; build what is missing, once.
#
# KUBEBUILDER_ASSETS (the envtest convention) wins. Else etcd is Debian's and kube-apiserver is
# built from Debian's source package "kubernetes" into the cache. Only the folder is printed on
# standard output; progress goes to standard error.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
	for b in kube-apiserver etcd; do
		[ -x "$KUBEBUILDER_ASSETS/$b" ] ||
			die "KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, but $b is not an executable there"
	done
	printf '%s\n' "$KUBEBUILDER_ASSETS"
	exit 0
fi

exec 3>&1 1>&2
assets=$(cache_dir)/assets
mkdir -p "$assets"

if [ ! -x "$assets/etcd" ]; then
	if ! command -v etcd >/dev/null 2>&1; then
		say "installing etcd from Debian (etcd-server)"
		log=$(mktemp)
		with_progress "package lists" "$log" as_root apt-get -q update
		# Only the program is wanted: unpack the package instead of installing a service.
		deb=$(mktemp -d)
		(cd "$deb" && apt-get -q download etcd-server >/dev/null && dpkg-deb -x etcd-server_*.deb x)
		install -m 755 "$deb/x/usr/bin/etcd" "$assets/etcd.new"
		mv "$assets/etcd.new" "$assets/etcd"
		rm -rf "$deb" "$log"
	else
		ln -sf "$(command -v etcd)" "$assets/etcd"
	fi
fi

if [ ! -x "$assets/kube-apiserver" ]; then
	say "building kube-apiserver from Debian's source package, once (6 minutes on 2 cores)"
	need=""
	for p in golang-go rsync dpkg-dev make gcc libc6-dev; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
			need="$need $p"
	done
	work=$(mktemp -d "$assets/build.XXXXXX")
	trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM
	log=$(dirname "$assets")/kube-apiserver.log
	if [ -n "$need" ]; then
		with_progress "package lists" "$log" as_root apt-get -q update
		# shellcheck disable=SC2086  # a list of words
		with_progress "install$need" "$log" as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get -q -y --no-install-recommends install $need
	fi

	# A source list of our own, made from the machine's by turning deb into deb-src: nothing under
	# /etc/apt changes.
	mkdir -p "$work/parts" "$work/lists/partial" "$work/src"
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
		[ -r "$f" ] || continue
		case $f in
		*.sources)
			grep -qi 'debian' "$f" || continue
			sed 's/^Types:.*/Types: deb-src/' "$f" >"$work/parts/${f##*/}"
			;;
		*.list)
			sed -n 's/^deb\(-src\)\{0,1\} \(.*debian.*\)/deb-src \2/p' "$f" >"$work/parts/${f##*/}"
			;;
		esac
	done
	chmod 755 "$work" "$work/parts" "$work/lists"
	apt_src() {
		apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" \
			-o Dir::State::lists="$work/lists" -o APT::Sandbox::User=root "$@"
	}
	# shellcheck disable=SC2317  # called through with_progress
	fetch() { apt_src update && cd "$work/src" && apt_src source kubernetes; }
	with_progress "fetch the source" "$log" fetch

	tree=$(find "$work/src" -mindepth 1 -maxdepth 1 -type d -name 'kubernetes-*' | head -n 1)
	[ -n "$tree" ] || die "the source package unpacked into no kubernetes-* folder"
	version=$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Version |
		sed 's/.*really//; s/-[^-]*$//; s/^[0-9]*://')
	# shellcheck disable=SC2317  # called through with_progress
	compile() {
		cd "$tree" && env GOPATH="$work/go" GOCACHE="$work/gocache" GO111MODULE=off GOFLAGS=-mod=vendor \
			KUBE_GIT_VERSION="v$version" KUBE_GIT_COMMIT=debian KUBE_GIT_TREE_STATE=clean \
			KUBE_GIT_MAJOR="$(echo "$version" | cut -d. -f1)" \
			KUBE_GIT_MINOR="$(echo "$version" | cut -d. -f2)" \
			make all WHAT=cmd/kube-apiserver
	}
	with_progress "compile kube-apiserver v$version" "$log" compile
	bin=$(find "$tree/_output" -type f -name kube-apiserver | head -n 1)
	[ -n "$bin" ] || die "make ended well but left no kube-apiserver; see $log"
	install -m 755 "$bin" "$assets/kube-apiserver.new"
	mv "$assets/kube-apiserver.new" "$assets/kube-apiserver"
fi
printf '%s\n' "$assets" >&3
