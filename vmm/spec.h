/* SPDX-License-Identifier: MIT */
/* spec.h - values of options that consist of words with commas between them: FILE,ro,serial=X. */
#ifndef VMM_SPEC_H
#define VMM_SPEC_H

#include "base/types.h"

/*
 * Copies the next word of *at to buf, with ",," taken as a comma, and moves *at behind it. 1; 0 when
 * there is none left; -E2BIG when it does not fit.
 */
int spec_next(const char **at, char *buf, size_t room);

/* The value when word is "key=value", else NULL. */
const char *spec_value(const char *word, const char *key);

#endif
