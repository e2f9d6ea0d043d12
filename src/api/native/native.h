/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Postern's own API: HTTP/1.1 and JSON over the Unix socket. doc/openapi.yaml describes it.
 */
#pragma once

#include "control/control.h"

extern const struct control_api native_api;
