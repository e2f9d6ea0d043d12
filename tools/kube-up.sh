#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start or stop a real kube-apiserver with its own etcd and PKI, for the demo and the tests.
#
#   tools/kube-up.sh up DIR ADDRESS PORT NAME...   NAME: server names and addresses for its certificate
#   tools/kube-up.sh down DIR
#
# `up` returns when the API server says that it is ready. In DIR then are: ca.crt, admin.crt, admin.key (group
# system:masters), kubeconfig (straight to ADDRESS:PORT), the logs, and the process ids that `down` ends.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"

usage() { die "usage: $0 up DIR ADDRESS PORT NAME... | down DIR"; }

# stop NAME: end the process that we started under this name, and wait until it is gone.
stop() {
	[ -f "$dir/$1.pid" ] || return 0
	stop_pid=$(cat "$dir/$1.pid")
	rm -f "$dir/$1.pid"
	# Ours only: a reused process id has another program behind it.
	case $(tr '\0' ' ' <"/proc/$stop_pid/cmdline" 2>/dev/null || true) in
	*"$dir"*) ;;
	*) return 0 ;;
	esac
	kill -KILL "$stop_pid" 2>/dev/null || true
	while kill -0 "$stop_pid" 2>/dev/null; do
		case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$stop_pid/status" 2>/dev/null || true) in
		Z*) break ;; # gone, but for whoever should have waited for it
		esac
		sleep 0.05
	done
}

# leaf FILE SUBJECT EXTENSION...: a key and a certificate signed by the CA.
leaf() {
	leaf_file=$1 leaf_subject=$2
	shift 2
	for leaf_ext in "$@"; do
		set -- "$@" -addext "$leaf_ext"
		shift
	done
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -batch \
		-CA ca.crt -CAkey ca.key -subj "$leaf_subject" -keyout "$leaf_file.key" \
		-out "$leaf_file.crt" -addext basicConstraints=critical,CA:FALSE "$@" 2>>openssl.log ||
		die "openssl made no $leaf_file.crt; see $dir/openssl.log"
}

make_pki() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -batch \
		-subj /CN=kubernetes -keyout ca.key -out ca.crt 2>>openssl.log ||
		die "openssl made no ca.crt; see $dir/openssl.log"
	san="DNS:localhost,IP:127.0.0.1,IP:$address"
	for n in "$@"; do
		case $n in
		*:* | *[0-9].[0-9]*[0-9]) san="$san,IP:$n" ;;
		*) san="$san,DNS:$n" ;;
		esac
	done
	leaf apiserver /CN=kube-apiserver "subjectAltName=$san" extendedKeyUsage=serverAuth
	leaf admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
	openssl genrsa -out sa.key 2048 2>>openssl.log
}

write_kubeconfig() {
	cat >kubeconfig <<-END
		apiVersion: v1
		kind: Config
		current-context: direct
		clusters: [{name: direct, cluster: {server: "https://$address:$port", certificate-authority: $dir/ca.crt}}]
		users: [{name: admin, user: {client-certificate: $dir/admin.crt, client-key: $dir/admin.key}}]
		contexts: [{name: direct, context: {cluster: direct, user: admin}}]
	END
}

# ready URL TEXT PID CURL-OPTION...: wait until URL answers TEXT while PID lives.
ready() {
	r_url=$1 r_text=$2 r_pid=$3 r_n=0
	shift 3
	until curl -s --max-time 2 --noproxy '*' "$@" "$r_url" 2>/dev/null | grep -q "$r_text"; do
		kill -0 "$r_pid" 2>/dev/null || return 1
		r_n=$((r_n + 1))
		[ "$r_n" -lt 900 ] || return 1
		sleep 0.1
	done
}

up() {
	[ $# -ge 4 ] || usage
	address=$2 port=$3
	shift 3
	assets=$("$here/kube-assets.sh")
	mkdir -p "$dir"
	dir=$(CDPATH='' cd -- "$dir" && pwd)
	cd "$dir"
	make_pki "$@"
	write_kubeconfig

	# Its two ports are next to the API server's, so that two of them can run side by side.
	client=$((port + 1)) peer=$((port + 2))
	"$assets/etcd" --name=postern --data-dir="$dir/etcd" --log-level=warn \
		--listen-client-urls="http://127.0.0.1:$client" --advertise-client-urls="http://127.0.0.1:$client" \
		--listen-peer-urls="http://127.0.0.1:$peer" >etcd.log 2>&1 </dev/null &
	echo $! >etcd.pid
	trap 'stop kube-apiserver; stop etcd' EXIT
	ready "http://127.0.0.1:$client/health" '"true"' "$(cat etcd.pid)" ||
		die "etcd did not come up; see $dir/etcd.log"

	"$assets/kube-apiserver" --etcd-servers="http://127.0.0.1:$client" --cert-dir="$dir" \
		--bind-address="$address" --advertise-address="$address" --secure-port="$port" \
		--tls-cert-file=apiserver.crt --tls-private-key-file=apiserver.key --client-ca-file=ca.crt \
		--service-account-issuer=https://kubernetes.default.svc --service-account-key-file=sa.key \
		--service-account-signing-key-file=sa.key --authorization-mode=RBAC \
		--service-cluster-ip-range=10.96.0.0/16 --endpoint-reconciler-type=none \
		--disable-admission-plugins=ServiceAccount >kube-apiserver.log 2>&1 </dev/null &
	echo $! >kube-apiserver.pid
	ready "https://$address:$port/readyz" '^ok$' "$(cat kube-apiserver.pid)" \
		--cacert ca.crt --cert admin.crt --key admin.key ||
		die "kube-apiserver did not come up; see $dir/kube-apiserver.log"
	trap - EXIT
}

[ $# -ge 2 ] || usage
dir=$2
case $1 in
up)
	shift
	up "$@"
	;;
down)
	[ -d "$dir" ] || exit 0
	dir=$(CDPATH='' cd -- "$dir" && pwd)
	stop kube-apiserver
	stop etcd
	;;
*) usage ;;
esac
