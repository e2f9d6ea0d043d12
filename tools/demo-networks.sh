# SPDX-License-Identifier: GPL-3.0-or-later
# The second act of ./demo: networks around the cluster, and its private address. Sourced by it, not run.
# shellcheck shell=sh disable=SC2154  # variables of the demo

cat >landscape.yaml <<'END_OF_LANDSCAPE'
kind: network
name: prod
addressSpace: [10.1.0.0/16]
---
kind: internet-gateway
name: prod
network: prod
---
kind: route-table
name: to-internet
network: prod
routes: [{to: 0.0.0.0/0, via: {internetGateway: prod}}]
---
kind: subnet
name: public
network: prod
ranges: [10.1.1.0/24]
routeTable: to-internet
---
kind: public-address
name: nat
addresses: [198.51.100.130]
---
kind: nat-gateway
name: nat
subnet: public
publicAddress: nat
---
kind: route-table
name: by-nat
network: prod
routes: [{to: 0.0.0.0/0, via: {natGateway: nat}}]
---
kind: subnet
name: nodes
network: prod
ranges: [10.1.2.0/24]
routeTable: by-nat
---
kind: subnet
name: endpoints
network: prod
ranges: [10.1.4.0/24]
---
kind: host
name: node
subnet: nodes
---
kind: network
name: apps
addressSpace: [10.2.0.0/16]
---
kind: subnet
name: apps
network: apps
ranges: [10.2.1.0/24]
---
kind: host
name: app
subnet: apps
---
kind: peering
name: prod-apps
networks: [prod, apps]
---
kind: site
name: office
addressSpace: [172.20.0.0/16]
connections: [{network: prod}]
---
kind: host
name: desk
site: office
END_OF_LANDSCAPE

# Who may come by the private address: the network itself, the peered one, and the office.
group() { # RANGE...
	printf 'kind: security-group\nname: api\nnetwork: prod\ningress:\n  - {protocol: tcp, ports: 443, ranges: [%s]}\n' "$1"
}
cp prod.yaml prod-private.yaml
cat >>prod-private.yaml <<'END_OF_PRIVATE'
private:
  kind: interfaces
  securityGroups: [api]
  placements:
    - {subnet: endpoints, addresses: [10.1.4.10]}
END_OF_PRIVATE

# kubectl on a host of the landscape.
export KUBECONFIG="$tmp/ops.kubeconfig" HOME="$tmp/home-ops"
mkdir -p "$HOME"
cp alice.kubeconfig ops.kubeconfig
no_namespace() { ! ip netns list | grep -q "^postern\."; }

say "second act: a network with a node, a peered network, an office, all on this machine, and real packets"

step "Declare a landscape. Networks, subnets, routes, NAT, a peering, a site, and a host in each."
note "$(grep -c '^kind:' landscape.yaml) documents: $(sed -n 's/^kind: //p' landscape.yaml | sort | uniq -c | awk '{printf "%s%s %s", sep, $1, $2; sep = ", "}')"
typed ops postern apply -f landscape.yaml
told "made, and enforced before the command came back" works prod-apps
typed ops postern get hosts
told "each host has its address" works 10.1.2.
typed ops postern exec node -- ip -brief address
told "and is a network namespace of its own" works 10.1.2.

step "The cluster is public only. The node comes by NAT, and its NAT's address is in no range."
typed ops postern exec node -- kubectl get --raw /version
told "the node is refused" fails reset
typed ops postern explain prod --host node
told "and Postern says why" says 'NO' "$out"
typed ops postern cluster set prod --add-allow 198.51.100.130
typed ops postern exec node -- kubectl get namespaces
told "with its NAT's address in the ranges it gets in" works kube-system
typed ops postern exec app -- kubectl get --raw /version
told "the peered network has no way to the internet at all" fails 'unreachable\|no route\|timeout'

step "Add a private endpoint: an address in the network. Its security group says who may use it."
group "10.1.0.0/16, 10.2.0.0/16, 172.20.0.0/16" >group.yaml
typed ops cat group.yaml
typed ops tail -n 5 prod-private.yaml
typed ops postern apply -f group.yaml -f prod-private.yaml
told "enforced" works prod
typed ops postern exec node -- getent ahosts prod.k8s.example.org
told "the same name now leads the node to the private address" works 10.1.4.10
typed ops postern exec node -- kubectl get namespaces
told "the node gets in, and no longer by NAT: its range is gone from the list" works kube-system
typed alice kubectl get --raw /version
told "alice still comes by the public endpoint" works gitVersion
printf '   %snode$%s kubectl get configmaps --watch -o name &\n' "$c_bold" "$c_off"
postern exec node -- kubectl get configmaps --watch -o name >node.watch 2>&1 </dev/null &
watchers="$watchers $!"
node=$!
told "the node holds a watch open" soon says configmap/second node.watch

step "Private only: switch the public endpoint off. What came by the private one is not touched."
typed ops postern cluster set prod --public off
told "enforced" works prod
typed alice kubectl get --raw /version
told "the internet is out: the name leads to an address it has no way to" fails 'no route\|unreachable\|timeout'
typed ops postern exec node -- kubectl create configmap third
told "the node's watch goes on through it" soon says configmap/third node.watch
told "on the same connection" running "$node"
for host in app desk; do
	typed ops postern exec "$host" -- kubectl get namespaces
	told "$host gets in by the private address" works kube-system
done
typed ops postern explain prod --host desk
told "step by step" works 10.1.4.10

step "Take the office out of the security group."
group "10.1.0.0/16, 10.2.0.0/16" >group.yaml
typed ops postern apply -f group.yaml
told "enforced" works api
typed ops postern exec desk -- kubectl get --raw /version
told "the office is refused" fails 'reset\|refused'
typed ops postern explain prod --host desk
told "and told why" says 'NO' "$out"
typed ops postern exec app -- kubectl get --raw /version
told "the peered network is not" works gitVersion
