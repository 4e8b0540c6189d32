/* SPDX-License-Identifier: MIT */
/*
 * swapped.c - touches more memory than the host leaves it, from several processes, so that the host swaps
 * all the time; and looks whether it is still what was written.
 *
 *   swapped MIB PROCESSES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

static int look(const volatile unsigned long *word, unsigned long pages, unsigned long first)
{
	for (unsigned long i = 0; i < pages; i++) {
		unsigned long page = (first + i * 7) % pages;

		if (word[page * PAGE / sizeof(*word)] != page * 3 + 1)
			return 1;
	}
	return 0;
}

/* How often the host said that a page had come from its swap. */
static unsigned long told(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long n = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " HYP: %lu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	unsigned long pages = argc > 1 ? strtoul(argv[1], NULL, 10) << 20 >> 12 : 0;
	int processes = argc > 2 ? atoi(argv[2]) : 1, status, bad = 0;
	volatile unsigned long *word;

	if (!pages) {
		fputs("usage: swapped MIB PROCESSES\n", stderr);
		return 2;
	}
	word = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned long i = 0; i < pages; i++)
		word[i * PAGE / sizeof(*word)] = i * 3 + 1;
	for (int k = 0; k < processes; k++)
		if (!fork())
			_exit(look(word, pages,
				   (unsigned long)k * pages / (unsigned long)processes));
	while (wait(&status) > 0)
		bad |= status;
	printf("@swapped.memory %s\n", bad ? "is not what was written" : "is what was written");
	printf("@swapped.host told of %lu pages\n", told());
	return bad != 0;
}
