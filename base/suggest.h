/* SPDX-License-Identifier: MIT */
/* suggest.h - "did you mean": the nearest of some words to a mistyped one. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/*
 * The candidate nearest to word by edit distance (insert, delete, replace, swap of neighbours), or
 * NULL when none is near enough to be meant: at most a third of the word's length, at least one.
 */
const char *suggest(const char *word, const char *const *candidates, size_t n);

#endif
