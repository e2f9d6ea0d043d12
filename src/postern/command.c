/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/command.h"

#include "model/document.h"

#include <string.h>

#define LOOK   "Look"
#define CHANGE "Change"
#define OTHER  "Connect and learn"

#define OPTION_FORCE                                                                    \
	{                                                                               \
		"force", 0, OPTION_FLAG, NULL,                                          \
			"allow what is merely unwise, such as a cluster with no way in" \
	}
#define OPTION_WAIT                                                                             \
	{                                                                                       \
		"wait", 0, OPTION_COUNT, "SECONDS",                                             \
			"how long to wait until every gate enforces the change (10; 0: do not)" \
	}
#define OPTION_INPUT                                                                       \
	{                                                                                  \
		"file", 'f', OPTION_FILE, "FILE",                                          \
			"YAML or JSON documents; a folder: its files; -: standard input; " \
			"repeatable"                                                       \
	}

/* clang-format off */
static const struct option_def globals[] = {
	{"socket", 0, OPTION_FILE, "PATH", "the daemon's socket ($POSTERN_SOCKET, else " SOCKET_DEFAULT ")"},
	{"output", 'o', OPTION_CHOICE, "table|json|yaml", "for people (table), or for programs"},
	{"help", 'h', OPTION_FLAG, NULL, "this help"},
	{"version", 0, OPTION_FLAG, NULL, "the version of this program"},
	{NULL},
};

static const struct command commands[] = {
	{
		.name = "apply", .group = CHANGE, .words = "", .also = "create put replace set update push",
		.summary = "Declare clusters and networks: make them as the documents say",
		.about =
			"Creates what is new, updates what differs, leaves the rest alone. All documents of one\n"
			"call are one change: all are accepted, or none is. A document replaces the whole object:\n"
			"a field that is left out goes back to its default; addresses that the daemon chose stay.\n"
			"Documents may refer to each other in any order.\n\n"
			"The command comes back when every gate enforces the change, on new connections and on\n"
			"those already open; connections that it forbids have been cut by then.",
		.examples =
			"  postern apply -f prod.yaml\n"
			"  postern apply -f clusters/                 every *.yaml, *.yml and *.json in it\n"
			"  postern get -o yaml | sed s/10.0.0.5/10.0.0.6/ | postern apply -f -\n",
		.run = apply_run,
		.options = {OPTION_INPUT, OPTION_FORCE, OPTION_WAIT},
	}, {
		.name = "check", .group = CHANGE, .words = "", .also = "diff plan validate lint dry-run test",
		.summary = "Show what apply would change, and change nothing",
		.about =
			"The daemon checks the documents as it would for apply and answers with the difference:\n"
			"+ is added, - is removed, ~ is changed.",
		.examples =
			"  postern check -f clusters/\n"
			"  postern check -f clusters/ --exit-code     exit status 10 if there is a difference\n",
		.run = check_run,
		.options = {OPTION_INPUT, OPTION_FORCE,
			{"exit-code", 0, OPTION_FLAG, NULL, "exit with 10 if apply would change something"}},
	}, {
		.name = "delete", .group = CHANGE, .words = "KIND NAME", .also = "rm remove del destroy",
		.summary = "Delete an object, or those that documents name",
		.about =
			"Nothing is asked: connections of a deleted cluster are cut at once. Of documents given by\n"
			"-f only kind and name count, and either all of them are deleted or none is. What another\n"
			"object refers to is deleted only together with that one.",
		.examples =
			"  postern delete cluster prod\n"
			"  postern delete host web\n"
			"  postern delete -f landscape/               all of it, in any order\n",
		.max_words = 2, .run = delete_run,
		.options = {OPTION_INPUT, OPTION_FORCE, OPTION_WAIT},
	}, {
		.name = "cluster set", .group = CHANGE, .words = "NAME", .also = "edit patch allow allowlist authorize",
		.summary = "Change single settings of one cluster",
		.about =
			"What is not named stays as it is. --allow replaces the authorized ranges; --add-allow and\n"
			"--remove-allow change them one by one, on top of what anybody else changes meanwhile.",
		.examples =
			"  postern cluster set prod --allow 203.0.113.0/24,2001:db8::/32\n"
			"  postern cluster set prod --add-allow 198.51.100.7 --remove-allow 203.0.113.0/24\n"
			"  postern cluster set prod --allow all       open to every source again\n"
			"  postern cluster set prod --public off --force\n"
			"  postern cluster set prod --private on --private-allow 10.0.0.0/16\n"
			"  postern cluster set prod --upstream 10.0.0.5,10.0.0.6:6443 --drain 30\n",
		.min_words = 1, .max_words = 1, .run = cluster_set_run,
		.options = {
			{"allow", 0, OPTION_TEXT, "P,P...|all|none", "authorized ranges: these; every source; nobody"},
			{"add-allow", 0, OPTION_TEXT, "P,P...", "authorize these prefixes too; repeatable"},
			{"remove-allow", 0, OPTION_TEXT, "P,P...", "no longer authorize these prefixes; repeatable"},
			{"public", 0, OPTION_CHOICE, "on|off", "the public endpoint"},
			{"private", 0, OPTION_CHOICE, "on|off", "the cluster's private addresses; they stay its own"},
			{"private-allow", 0, OPTION_TEXT, "P,P...|all|none", "who may use them, besides what security groups say"},
			{"drain", 0, OPTION_COUNT, "SECONDS", "how long a connection that a change forbids may go on"},
			{"upstream", 0, OPTION_TEXT, "A[:P],...", "the API servers; the port is 6443 unless given"},
			{"max-connections", 0, OPTION_COUNT, "N", "connections of the cluster at once (0: no limit)"},
			{"max-per-source", 0, OPTION_COUNT, "N", "connections of one source at once (0: no limit)"},
			{"proxy-protocol", 0, OPTION_CHOICE, "off|v2", "tell the upstream the client's address"},
			OPTION_FORCE, OPTION_WAIT},
	}, {
		.name = "zone import", .group = CHANGE, .words = "ZONE", .also = "zonefile bind axfr",
		.summary = "Make a zone of a zone file",
		.about =
			"Replaces the whole zone. Every line is looked at first: one that is wrong is named with the\n"
			"reason, and nothing is changed. SOA and the NS \"ns\" of the domain are made by the system; of\n"
			"the SOA in the file only the last number, for how long it may be remembered that there is no\n"
			"such name, is taken over.",
		.examples =
			"  postern zone import corp -f corp.zone --domain corp.example\n"
			"  postern zone import corp -f corp.zone --domain corp.example --print > corp.yaml\n"
			"  dig @ns.corp.example corp.example axfr | postern zone import corp -f - --domain corp.example\n",
		.min_words = 1, .max_words = 1, .run = zone_import_run,
		.options = {
			{"file", 'f', OPTION_FILE, "FILE", "the zone file; -: standard input"},
			{"domain", 0, OPTION_TEXT, "DOMAIN", "the domain of the zone, and of names in the file that end in no dot"},
			{"visibility", 0, OPTION_CHOICE, "private|public", "for networks that it is linked to (private), or for all"},
			{"print", 0, OPTION_FLAG, NULL, "print the document, and change nothing"},
			OPTION_FORCE, OPTION_WAIT},
	}, {
		.name = "zone export", .group = LOOK, .words = "ZONE", .also = "dump",
		.summary = "A zone as a zone file that other name servers load",
		.about =
			"What is declared, with the SOA and NS that the system makes; the serial is the zone's\n"
			"revision. BIND takes a zone as a primary only if its NS has an address: where the system's\n"
			"has none, a comment in the file says so. Addresses of clusters that have it as their own zone\n"
			"are not in it.",
		.examples = "  postern zone export corp > corp.zone\n",
		.min_words = 1, .max_words = 1, .run = zone_export_run,
	}, {
		.name = "get", .group = LOOK, .words = "[KIND [NAME]]", .also = "ls list show cat all clusters cluster hosts networks",
		.summary = "List what is declared",
		.about =
			"Without a kind, or with \"all\", everything that is declared.\n\n"
			"With -o yaml the documents alone are printed, so that the output can be applied again; with\n"
			"-o json, the objects as the API gives them, with revision and status.",
		.examples =
			"  postern get clusters\n"
			"  postern get hosts\n"
			"  postern get cluster prod -o yaml > prod.yaml\n"
			"  postern get all -o yaml > all.yaml\n"
			"  postern get clusters -o json | jq -r '.items[].name'\n",
		.max_words = 2, .run = get_run,
	}, {
		.name = "describe", .group = LOOK, .words = "KIND NAME", .also = "inspect info",
		.summary = "Everything about one object: settings, health, connections, changes",
		.about =
			"Of a cluster: settings with their defaults, private addresses, the health of each upstream,\n"
			"what was admitted and refused. Of other kinds: the document, addresses, and what refers to\n"
			"the object. Of all: the last changes.",
		.examples = "  postern describe cluster prod\n  postern describe subnet/private-a\n",
		.min_words = 1, .max_words = 2, .run = describe_run,
	}, {
		.name = "status", .group = LOOK, .words = "", .also = "health ping stat top",
		.summary = "Is the daemon well, and does every gate enforce the last change",
		.about = "One line that says it, then the gates and the name server processes one by one.",
		.examples = "  postern status\n  watch -n1 postern status\n",
		.run = status_run,
	}, {
		.name = "connections", .group = LOOK, .words = "[CLUSTER]", .also = "conns sessions netstat",
		.summary = "The connections that are open now, and why each is allowed",
		.about = "UP is from the client to the upstream, DOWN the other way.",
		.examples = "  postern connections\n  postern connections prod\n",
		.max_words = 1, .run = connections_run,
	}, {
		.name = "events", .group = LOOK, .words = "", .also = "logs log tail watch",
		.summary = "What is refused, cut and changed, as it happens",
		.about =
			"Prints the last events and, with -f, goes on with the new ones. A refusal names the rule\n"
			"that decided it. With -o json each line is the event as the API gives it.",
		.examples =
			"  postern events -f\n"
			"  postern events -f --cluster prod --accepted\n"
			"  postern events --last 100 -o json | jq 'select(.event == \"refused\") | .source'\n",
		.run = events_run,
		.options = {
			{"follow", 'f', OPTION_FLAG, NULL, "go on with new events as they happen"},
			{"cluster", 0, OPTION_OBJECT, "CLUSTER", "only those of this cluster"},
			{"accepted", 0, OPTION_FLAG, NULL, "also connections that were accepted or closed"},
			{"last", 0, OPTION_COUNT, "N", "how many past events (all that are kept)"}},
	}, {
		.name = "history", .group = LOOK, .words = "[KIND NAME]", .also = "blame audit rollout",
		.summary = "Who changed what, when, and how soon it was enforced",
		.about = 
			"The last 100, newest last; with --after, those behind that revision, oldest first. With\n"
			"-o json each change carries the document as it was after it.",
		.examples =
			"  postern history\n"
			"  postern history cluster prod\n"
			"  postern history --after 17                 changes behind revision 17\n",
		.max_words = 2, .run = history_run,
		.options = {
			{"after", 0, OPTION_COUNT, "REVISION", "only changes behind this revision"},
			{"limit", 0, OPTION_COUNT, "N", "at most N changes (100)"}},
	}, {
		.name = "explain", .group = LOOK, .words = "CLUSTER [SOURCE]", .also = "why can trace",
		.summary = "Can this source, or this host, reach this cluster, and by which rule",
		.about =
			"From a SOURCE on the internet: the rules of the public endpoint. From a host, or from an\n"
			"address in a network: what the cluster's name answers there, then each step that a packet\n"
			"takes, security groups, routes and gateways, until the rule that decides.\n\n"
			"Asks what is declared at this moment.",
		.examples =
			"  postern explain prod 203.0.113.9\n"
			"  postern explain prod --host web\n"
			"  postern explain prod --host web --address 10.0.1.7\n"
			"  postern explain prod --host web --address public\n"
			"  postern explain prod 10.0.2.9 --network shop\n",
		.min_words = 1, .max_words = 2, .run = explain_run,
		.options = {
			{"host", 0, OPTION_OBJECT, "HOST", "from this host"},
			{"network", 0, OPTION_OBJECT, "NETWORK", "SOURCE is an address in this network"},
			{"address", 0, OPTION_TEXT, "A|public|private", "not what the name answers, but this address"}},
	}, {
		.name = "names", .group = LOOK, .words = "HOST", .also = "dns hosts getent",
		.summary = "The names of clusters that answer on a host, and what they answer",
		.about = "As lines of a hosts file.",
		.examples = "  postern names web\n",
		.min_words = 1, .max_words = 1, .run = names_run,
	}, {
		.name = "resolve", .group = LOOK, .words = "NAME", .also = "dig nslookup host drill",
		.summary = "What a name is answered there, and why",
		.about =
			"Each zone and server that is asked for the name, in their order, until the one that decides.\n"
			"Without a place: on the internet. Without a type: A and AAAA.\n\n"
			"Asks what is declared at this moment; servers that names are forwarded to are named, not asked.\n"
			"Exit status 3 if nothing has an answer.",
		.examples =
			"  postern resolve prod.k8s.example.org --host web\n"
			"  postern resolve corp.example --type MX --network shop\n"
			"  postern resolve prod.k8s.example.org\n",
		.min_words = 1, .max_words = 1, .run = resolve_run,
		.options = {
			{"host", 0, OPTION_OBJECT, "HOST", "on this host"},
			{"network", 0, OPTION_OBJECT, "NETWORK", "in this network"},
			{"site", 0, OPTION_OBJECT, "SITE", "in this site"},
			{"type", 't', OPTION_TEXT, "TYPE", "type of the records"}},
	}, {
		.name = "operation", .group = LOOK, .words = "ID", .also = "op operations wait",
		.summary = "How far a change has come",
		.about = "Exit status 8 while a gate has not yet enforced it.",
		.examples = "  postern operation 17 --wait 30\n",
		.min_words = 1, .max_words = 1, .run = operation_run,
		.options = {{"wait", 0, OPTION_COUNT, "SECONDS", "wait until it is enforced, at most so long (0)"}},
	}, {
		.name = "exec", .group = OTHER, .words = "HOST", .also = "run ssh enter shell nsenter",
		.summary = "Run a command on a host",
		.about =
			"The command runs on this machine, as root, with the host's network and the resolver of that\n"
			"network in /etc/resolv.conf; everything else is as it is here. Its exit status is the command's. What\n"
			"stands behind HOST, or behind --, is the command and not looked into.",
		.examples =
			"  postern exec web -- kubectl get ns\n"
			"  postern exec web curl -sk https://prod.k8s.example.org/version\n"
			"  postern exec web -- bash\n",
		.min_words = 1, .max_words = 1, .has_rest = true, .run = exec_run,
	}, {
		.name = "kubeconfig", .group = OTHER, .words = "NAME", .also = "config credentials login kubectl",
		.summary = "A kubeconfig that leads through the public endpoint",
		.about =
			"The certificate authority is the one of the cluster's document. Without credentials the\n"
			"context has no user: add one with kubectl config set-credentials NAME.",
		.examples =
			"  postern kubeconfig prod --token \"$TOKEN\" > prod.kubeconfig\n"
			"  postern kubeconfig prod --client-certificate me.crt --client-key me.key > ~/.kube/config\n",
		.min_words = 1, .max_words = 1, .run = kubeconfig_run,
		.options = {
			{"port", 0, OPTION_COUNT, "N", "the port that clients use (443)"},
			{"client-certificate", 0, OPTION_FILE, "FILE", "PEM, put into the kubeconfig"},
			{"client-key", 0, OPTION_FILE, "FILE", "PEM, put into the kubeconfig"},
			{"token", 0, OPTION_TEXT, "TOKEN", "a bearer token"}},
	}, {
		.name = "completion", .group = OTHER, .words = "bash", .also = "complete",
		.summary = "Completion for the shell",
		.about = "Prints a script that completes commands, options, kinds and names of objects.",
		.examples =
			"  source <(postern completion bash)\n"
			"  postern completion bash > /etc/bash_completion.d/postern\n",
		.min_words = 1, .max_words = 1, .run = completion_run,
	}, {
		.name = "version", .group = OTHER, .words = "",
		.summary = "The version of this program and of the daemon",
		.about = "The daemon's version is left out if it cannot be reached.",
		.examples = "  postern version\n",
		.run = version_run,
	}, {
		.name = "help", .group = OTHER, .words = "[COMMAND]", .also = "man usage",
		.summary = "Help on a command",
		.about = "The same as postern COMMAND --help.",
		.examples = "  postern help apply\n",
		.max_words = 2, .run = help_run,
	},
};
/* clang-format on */

const struct command *command_at(size_t i)
{
	return i < ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

const struct option_def *global_options(void)
{
	return globals;
}

bool cli_emit(const struct cli *c, const json_t *json)
{
	_cleanup_free_ char *text = NULL;

	if (c->output == OUTPUT_TABLE)
		return false;
	if (c->output == OUTPUT_YAML)
		text = document_to_yaml(json);
	else
		text = json_dumps(json, JSON_INDENT(2) | JSON_ENCODE_ANY);
	if (text)
		fprintf(c->out.file, "%s%s", text, c->output == OUTPUT_JSON ? "\n" : "");
	return true;
}
