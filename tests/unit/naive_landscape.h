/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules between objects once more, written from the manual and without any of the landscape's code: every rule, over every
 * document, each time. world: an object of documents by "kind/name", as the store would have them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* The sentence of the first rule that is broken, NULL if none is. before: the world that is changed into this one. */
const char *naive_broken(const json_t *world, const json_t *before);
