/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/args.h"

#include "model/kind.h"
#include "postern/command.h"
#include "postern/text.h"

#include <assert.h>
#include <string.h>

#define NEAR_BYTES_MAX 64

size_t edit_distance(const char *a, const char *b)
{
	size_t la = strnlen(a, NEAR_BYTES_MAX), lb = strnlen(b, NEAR_BYTES_MAX);
	size_t d[3][NEAR_BYTES_MAX + 1]; /* rows i - 2, i - 1 and i of the usual matrix */

	for (size_t j = 0; j <= lb; j++)
		d[1][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = d[2];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = d[1][j - 1] + (a[i - 1] != b[j - 1]);

			if (d[1][j] + 1 < best)
				best = d[1][j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[0][j - 2] + 1 < best)
				best = d[0][j - 2] + 1;
			now[j] = best;
		}
		memcpy(d[0], d[1], sizeof d[0]);
		memcpy(d[1], d[2], sizeof d[1]);
	}
	return d[1][lb];
}

size_t nearness(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), distance = edit_distance(a, b);

	if (la >= 2 && strncmp(a, b, la) == 0)
		return 1; /* the start of the word is as good as a typo */
	return distance <= 1 + (la > lb ? la : lb) / 4 && distance < la ? distance : SIZE_MAX;
}

static bool is_listed(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; p && *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, word, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static int unknown_command(const char *word, struct err *e)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;
	char shown[80];

	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);
		size_t distance = is_listed(c->also, word) ? 0 : nearness(word, c->name);

		if (distance < best_distance) {
			best_distance = distance;
			best = c->name;
		}
	}
	str_quote(shown, sizeof shown, word, strlen(word));
	if (best)
		return err_set(e, ERR_USAGE, NULL, "unknown command \"%s\"; did you mean \"%s\"?",
			       shown, best);
	return err_set(e, ERR_USAGE, NULL, "unknown command \"%s\"; \"postern help\" lists them",
		       shown);
}

static const struct option_def *option_in(const struct option_def *list, const char *name,
					  size_t len)
{
	for (; list && list->name; list++) {
		if (strlen(list->name) == len && memcmp(list->name, name, len) == 0)
			return list;
	}
	return NULL;
}

static const struct option_def *letter_in(const struct option_def *list, char letter)
{
	for (; list && list->name; list++) {
		if (list->letter == letter)
			return list;
	}
	return NULL;
}

static void nearest_in(const struct option_def *list, const char *name, const char **best,
		       size_t *best_distance)
{
	for (; list && list->name; list++) {
		size_t distance = nearness(name, list->name);

		if (distance < *best_distance) {
			*best_distance = distance;
			*best = list->name;
		}
	}
}

static int unknown_option(const struct command *c, const char *arg, struct err *e)
{
	const char *best = NULL, *name = arg + strspn(arg, "-");
	_cleanup_free_ char *bare = strndup(name, strcspn(name, "="));
	size_t best_distance = SIZE_MAX;
	char shown[80];

	str_quote(shown, sizeof shown, arg, strcspn(arg, "="));
	if (bare) {
		nearest_in(global_options(), bare, &best, &best_distance);
		nearest_in(c ? c->options : NULL, bare, &best, &best_distance);
	}
	if (!c && !best)
		return err_set(e, ERR_USAGE, shown,
			       "unknown here; a command's options stand behind the command");
	if (best)
		return err_set(e, ERR_USAGE, shown, "unknown option; did you mean --%s?", best);
	return err_set(e, ERR_USAGE, shown, "unknown option; \"postern help %s\" lists them",
		       c->name);
}

static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value), n;

	for (; *choices; choices += n + (choices[n] == '|')) {
		n = strcspn(choices, "|");
		if (n == len && memcmp(choices, value, n) == 0)
			return true;
	}
	return false;
}

static int check_value(const struct option_def *o, const char *value, struct err *e)
{
	char name[40], shown[80];

	snprintf(name, sizeof name, "--%s", o->name);
	str_quote(shown, sizeof shown, value, strlen(value));
	if (o->kind == OPTION_COUNT &&
	    (!*value || strlen(value) > 9 || value[strspn(value, "0123456789")]))
		return err_set(e, ERR_USAGE, name,
			       "\"%s\" is not a whole number from 0 to 999999999", shown);
	if (o->kind == OPTION_CHOICE && !is_choice(o->meta, value))
		return err_set(e, ERR_USAGE, name, "\"%s\" is not one of %s", shown, o->meta);
	return 0;
}

/* The option that starts at argv[*i], its value included; *i is left at the last argument used. */
static int take_option(struct args *a, int argc, char **argv, int *i, struct err *e)
{
	const struct option_def *own = a->command ? a->command->options : NULL, *o;
	const char *arg = argv[*i], *value = NULL;

	if (arg[1] == '-') {
		size_t len = strcspn(arg + 2, "=");

		o = option_in(own, arg + 2, len);
		o = o ? o : option_in(global_options(), arg + 2, len);
		value = arg[2 + len] == '=' ? arg + 2 + len + 1 : NULL;
	} else {
		o = letter_in(own, arg[1]);
		o = o ? o : letter_in(global_options(), arg[1]);
		value = arg[2] ? arg + 2 + (arg[2] == '=') : NULL;
	}
	if (!o)
		return unknown_option(a->command, arg, e);
	if (o->kind == OPTION_FLAG && value)
		return err_set(e, ERR_USAGE, arg, "--%s takes no value", o->name);
	if (o->kind != OPTION_FLAG && !value) {
		if (*i + 1 >= argc)
			return err_set(e, ERR_USAGE, arg, "needs a value: %s", o->meta);
		value = argv[++*i];
	}
	if (a->n_given == ARGS_MAX)
		return err_set(e, ERR_USAGE, NULL, "more than %d options", ARGS_MAX);
	a->given[a->n_given].option = o;
	a->given[a->n_given++].value = value;
	return value ? check_value(o, value, e) : 0;
}

/* A command of two words has its first word in common with others of its group. */
static int take_command(struct args *a, int argc, char **argv, int *i, struct err *e)
{
	const char *word = argv[*i], *second = *i + 1 < argc ? argv[*i + 1] : "-", *near = NULL;
	size_t len = strlen(word), best = SIZE_MAX;

	a->command = command_find(word);
	if (a->command)
		return 0;
	for (size_t k = 0; command_at(k); k++) {
		const struct command *c = command_at(k);
		size_t distance;

		if (strncmp(c->name, word, len) != 0 || c->name[len] != ' ')
			continue;
		if (strcmp(second, c->name + len + 1) == 0) {
			++*i;
			a->command = c;
			return 0;
		}
		distance = edit_distance(second, c->name + len + 1);
		if (distance < best) {
			best = distance;
			near = c->name;
		}
	}
	if (!near)
		return unknown_command(word, e);
	if (second[0] == '-')
		return err_set(e, ERR_USAGE, NULL, "\"postern %s\" needs more; try \"postern %s\"",
			       word, near);
	return err_set(e, ERR_USAGE, NULL, "unknown command \"%s %.40s\"; did you mean \"%s\"?",
		       word, second, near);
}

static int check_words(const struct args *a, struct err *e)
{
	const struct command *c = a->command;

	if (a->n_words < c->min_words)
		return err_set(e, ERR_USAGE, NULL,
			       "\"postern %s\" needs %s; see \"postern help %s\"", c->name,
			       c->words, c->name);
	if (a->n_words > c->max_words)
		return err_set(
			e, ERR_USAGE, NULL,
			"\"%.60s\" is one word too many for \"postern %s%s%s\"; see \"postern help "
			"%s\"",
			a->words[c->max_words], c->name, *c->words ? " " : "", c->words, c->name);
	return 0;
}

/* What follows is somebody else's command line; options, and a "--", may still stand before it. */
static bool is_rest(const struct args *a)
{
	return a->command && a->command->has_rest && a->n_words == a->command->max_words;
}

int args_parse(int argc, char **argv, struct args *ret_args, struct err *e)
{
	bool options = true;
	int rc = 0;

	*ret_args = (struct args){0};
	for (int i = 1; rc == 0 && i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			rc = take_option(ret_args, argc, argv, &i, e);
		} else if (!ret_args->command) {
			rc = take_command(ret_args, argc, argv, &i, e);
		} else if (is_rest(ret_args)) {
			ret_args->rest = argv + i;
			break;
		} else if (ret_args->n_words == ARGS_MAX) {
			rc = err_set(e, ERR_USAGE, NULL, "more than %d words", ARGS_MAX);
		} else {
			ret_args->words[ret_args->n_words++] = argv[i];
		}
	}
	if (rc == 0 && ret_args->command && !args_has(ret_args, "help"))
		rc = check_words(ret_args, e);
	return rc;
}

size_t args_all(const struct args *a, const char *name, const char **ret_values, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_given && n < cap; i++) {
		if (strcmp(a->given[i].option->name, name) == 0)
			ret_values[n++] = a->given[i].value;
	}
	return n;
}

bool args_has(const struct args *a, const char *name)
{
	const char *value;

	return args_all(a, name, &value, 1) > 0;
}

const char *args_get(const struct args *a, const char *name)
{
	const char *values[ARGS_MAX];
	size_t n = args_all(a, name, values, ARGS_MAX);

	return n ? values[n - 1] : NULL;
}

const char *args_word(const struct args *a, size_t i)
{
	return i < a->n_words ? a->words[i] : NULL;
}

static int unknown_kind(const char *word, struct err *e)
{
	struct text all;
	_cleanup_free_ char *listed = NULL;
	char shown[80];

	text_open(&all);
	for (size_t i = 0; kind_at(i); i++)
		fprintf(all.file, "%s%s", i ? ", " : "", kind_at(i)->plural);
	listed = text_take(&all);
	str_quote(shown, sizeof shown, word, strlen(word));
	for (size_t i = 0; kind_at(i); i++) {
		if (nearness(word, kind_at(i)->plural) != SIZE_MAX)
			return err_set(e, ERR_USAGE, NULL,
				       "unknown kind \"%s\"; did you mean \"%s\"?", shown,
				       kind_at(i)->name);
	}
	return err_set(e, ERR_USAGE, NULL, "unknown kind \"%s\"; there are: %s", shown, listed);
}

int args_object(const struct args *a, const struct kind **ret_kind, const char **ret_name,
		struct err *e)
{
	const char *kind = args_word(a, 0), *name = args_word(a, 1), *slash;
	_cleanup_free_ char *bare = NULL;

	assert(kind);
	slash = strchr(kind, '/');
	if (slash && name)
		return err_set(e, ERR_USAGE, NULL, "one object at a time: KIND NAME or KIND/NAME");
	if (slash && !slash[1])
		return err_set(e, ERR_USAGE, NULL, "no name behind \"%.60s\"", kind);
	bare = must_dup(kind);
	if (slash)
		bare[slash - kind] = '\0';
	*ret_kind = kind_find(bare);
	if (!*ret_kind)
		return unknown_kind(bare, e);
	*ret_name = slash ? slash + 1 : name;
	return 0;
}
