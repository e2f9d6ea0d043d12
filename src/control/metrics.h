/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that is counted, as Prometheus text (exposition format 0.0.4).
 */
#pragma once

#include "control/request.h"

/* Answers r, after the gates have been asked for their clusters' figures. */
void metrics_answer(struct request *r);
