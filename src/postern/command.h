/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands: one table from which parsing, help and completion are made. A new command is one more row in command.c
 * and a function that runs it.
 */
#pragma once

#include "base/err.h"
#include "postern/args.h"
#include "postern/client.h"
#include "postern/term.h"

#include <jansson.h>

enum option_kind {
	OPTION_FLAG,   /* no value */
	OPTION_TEXT,   /* any value */
	OPTION_FILE,   /* a path, completed as one */
	OPTION_OBJECT, /* the name of an object of the kind that meta names: "CLUSTER" */
	OPTION_COUNT,  /* a whole number >= 0 */
	OPTION_CHOICE, /* one of meta, "a|b|c" */
};

struct option_def {
	const char *name; /* "file" for --file */
	char letter;	  /* 'f', 0: none */
	enum option_kind kind;
	const char *meta; /* the value in help: "FILE", or the choices */
	const char *help;
};

#define COMMAND_OPTIONS_MAX 16

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_YAML };

/* What a running command has at hand. */
struct cli {
	struct client client;
	enum output output;
	struct args args;
	struct term out;
};

/* The exit status (>= 0), or -ERR_x with e filled, which main prints. */
typedef int command_fn(struct cli *c, struct err *e);

struct command {
	const char *name;    /* one word, or two: "cluster set" */
	const char *group;   /* heading in the overview */
	const char *words;   /* its positional arguments in help: "KIND NAME" */
	const char *also;    /* other words that people try for it, to suggest it: "diff plan" */
	const char *summary; /* one line, no full stop */
	const char *about;   /* paragraphs */
	const char *examples;
	size_t min_words, max_words;
	bool has_rest; /* behind max_words stands another command's line, which is not looked into */
	command_fn *run;
	struct option_def options[COMMAND_OPTIONS_MAX]; /* ends at name NULL */
};

const struct command *command_at(size_t i); /* NULL past the end */
const struct command *command_find(const char *name);
/* The options of every command. Ends at name NULL. */
const struct option_def *global_options(void);

/* Print json as the -o option asks and return true; false: the caller renders it for people. */
bool cli_emit(const struct cli *c, const json_t *json);

command_fn exec_run, names_run, resolve_run;
command_fn apply_run, check_run, delete_run, cluster_set_run, zone_import_run, zone_export_run;
command_fn get_run, describe_run, status_run, connections_run, events_run, history_run, explain_run,
	operation_run;
command_fn kubeconfig_run, completion_run, version_run, help_run;
