/* SPDX-License-Identifier: MIT */
/* json.h - writing a JSON string; reading JSON is a library's work. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdio.h>

/* Writes text in quotes with RFC 8259 escapes; bytes outside ASCII pass unchanged. */
void json_put_string(FILE *out, const char *text);

#endif
