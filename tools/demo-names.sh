# SPDX-License-Identifier: GPL-3.0-or-later
# The third act of ./demo: names, a view for each network; and the end of the landscape. Sourced by it, not run.
# shellcheck shell=sh disable=SC2154  # variables of the demo

cat >names.yaml <<'END_OF_NAMES'
kind: zone
name: corp
domain: corp.example
visibility: private
records:
  - {name: registry, type: A, values: [10.1.2.50]}
  - {name: api, type: CNAME, values: [prod.k8s.example.org]}
---
kind: zone-link
name: corp-prod
zone: corp
network: prod
END_OF_NAMES
link() { # NETWORK
	printf 'kind: zone-link\nname: corp-%s\nzone: corp\nnetwork: %s\n' "$1" "$1"
}
aks() { # PUBLIC-NAME
	sed 's/^  fqdn:.*/&\n  enabled: false/' prod-private.yaml
	printf 'dns: {zone: system, publicName: %s}\n' "$1"
}
# What the name server of the host's network answers, by a real question.
answer() { # HOST NAME
	typed ops postern exec "$1" -- getent ahostsv4 "$2"
}
no_answer() { [ "$status" != 0 ]; }
private=prod.prod.privatelink.k8s.example.org

say "third act: names, which every network sees in its own way"

step "A private zone, linked to one of the two networks. Its name is there, and nowhere else."
typed ops cat names.yaml
typed ops postern apply -f names.yaml
told "enforced" works corp
answer node registry.corp.example
told "the node has it from its network's resolver" works 10.1.2.50
answer app registry.corp.example
told "the peered network does not" no_answer
link apps >link.yaml
typed ops postern apply -f link.yaml
told "linked, enforced" works corp-apps
answer app registry.corp.example
told "and now it does" works 10.1.2.50
answer node api.corp.example
told "an alias leads into the cluster's own name, and to the private address" works 10.1.4.10

step "As AKS has it: a private name in a zone that the system keeps, and the public name off."
aks false >aks.yaml
typed ops tail -n 1 aks.yaml
typed ops postern apply -f aks.yaml
told "enforced" works prod
answer node "$private"
told "the node, in the cluster's network, has the private name" works 10.1.4.10
answer app "$private"
told "the peered network has not" no_answer
typed ops postern resolve "$private" --host app
told "and Postern says why" says 'not linked' "$out"
answer node prod.k8s.example.org
told "the public name is nowhere" no_answer

step "Link that zone to the peered network: same command, next question."
cat >system-link.yaml <<'END_OF_LINK'
kind: zone-link
name: prod-apps
cluster: prod
network: apps
END_OF_LINK
typed ops postern apply -f system-link.yaml
told "enforced" works prod-apps
answer app "$private"
told "the peered network has the private name" works 10.1.4.10
typed ops postern resolve "$private" --host app
told "by the link" says 'prod-apps' "$out"
typed ops postern delete -f system-link.yaml

step "With the public name on it leads to the private address, for everybody, also on the internet."
aks true >aks.yaml
typed ops postern apply -f aks.yaml
told "enforced" works prod
typed alice getent ahostsv4 prod.k8s.example.org
told "alice is told an address that she has no way to" works 10.1.4.10
typed ops postern exec app -- kubectl get --raw /version
told "the peered network gets in by it" works gitVersion
typed ops postern delete -f link.yaml -f names.yaml

step "Back to public only, and everything of the landscape goes. What is in use cannot go first."
typed ops postern delete -f group.yaml -f landscape.yaml
told "refused: the cluster has an address in it" fails 'cluster "prod"'
typed ops postern apply -f prod.yaml
told "public again" works prod
told "the node's watch has ended with the private address" soon sh -c "! kill -0 $node 2>/dev/null || grep -q 'reset\|unable to decode\|EOF' node.watch"
typed ops postern delete -f group.yaml -f landscape.yaml
told "deleted" works prod-apps
typed ops ip netns list
told "nothing is left of it" no_namespace
typed alice kubectl get configmaps -o name
told "and alice works on" works configmap/third
