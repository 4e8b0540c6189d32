/* SPDX-License-Identifier: MIT */
/* exec_stack.c - what a new program finds on its stack: strings, their arrays, the auxiliary vector. */
#include "guest/arch/x86/asm.h"
#include "guest/kernel/random.h"
#include "guest/lib/string.h"
#include "guest/mm/vmalloc.h"
#include "guest/process/exec_internal.h"

#define MAX_ARG_STRLEN	(32 * PAGE_SIZE)
#define MAX_ARG_STRINGS 0x7fffUL

/* ---- strings ------------------------------------------------------------------------------------------------ */

static int write_new(struct bprm *b, u64 addr, const void *data, size_t n)
{
	/* The stack grows as far as its limit lets it. */
	for (u64 page = page_down(addr); page < addr + n; page += PAGE_SIZE)
		if (handle_mm_fault(b->mm, page, FAULT_WRITE) & VM_FAULT_ERROR)
			return -E2BIG;
	return mm_access(b->mm, addr, (void *)data, n, true, false) == n ? 0 : -EFAULT;
}

/* Below what is there already. */
int push_string(struct bprm *b, const char *s)
{
	size_t n = strlen(s) + 1;

	b->p -= n;
	return write_new(b, b->p, s, n);
}

/* Strings may take a quarter of the stack's limit, and always 128 KiB. */
static bool too_much(const struct bprm *b)
{
	u64 limit = MAX(b->u->proc->rlimit[RLIMIT_STACK] / 4, MAX_ARG_STRLEN);

	limit = MIN(limit, 6UL << 20);
	return STACK_TOP - b->p + (b->argc + b->envc) * 8 > limit;
}

static s64 user_strlen(u64 addr)
{
	char buf[256];

	for (u64 n = 0; n < MAX_ARG_STRLEN; n += sizeof(buf) - 1) {
		s64 got = strncpy_from_user(buf, addr + n, sizeof(buf) - 1);

		if (got >= 0)
			return (s64)n + got;
		if (got != -ENAMETOOLONG)
			return got;
	}
	return -E2BIG;
}

static int push_user_string(struct bprm *b, u64 addr)
{
	s64 len = user_strlen(addr);
	u8 buf[512];
	u64 n;

	if (len < 0)
		return (int)len;
	n = (u64)len + 1;
	b->p -= n;
	if (too_much(b))
		return -E2BIG;
	for (u64 done = 0; done < n;) {
		u64 piece = MIN(n - done, sizeof(buf));
		int err;

		if (copy_from_user(buf, addr + done, piece))
			return -EFAULT;
		/* Somebody may be writing to it: it ends where we measured. */
		if (done + piece == n)
			buf[piece - 1] = '\0';
		err = write_new(b, b->p + done, buf, piece);
		if (err)
			return err;
		done += piece;
	}
	return 0;
}

static s64 count_strings(struct strings s)
{
	u64 n = 0, p;

	if (!s.user && !s.kernel)
		return 0;
	for (; n <= MAX_ARG_STRINGS; n++) {
		if (s.kernel) {
			if (!s.kernel[n])
				return (s64)n;
		} else if (get_user_u64(&p, s.user + n * 8)) {
			return -EFAULT;
		} else if (!p) {
			return (s64)n;
		}
	}
	return -E2BIG;
}

/* The last first, so that they lie in order. */
static int push_strings(struct bprm *b, struct strings s, u64 n, u64 *addrs)
{
	while (n--) {
		u64 p = 0;
		int err;

		if (!s.kernel && get_user_u64(&p, s.user + n * 8))
			return -EFAULT;
		err = s.kernel ? push_string(b, s.kernel[n]) : push_user_string(b, p);
		if (err)
			return err;
		addrs[n] = b->p;
	}
	return 0;
}

/* Room in front of the arguments: each script puts up to two more there. */
#define SPARE_ARGS (2 * MAX_SCRIPTS)

int copy_strings(struct bprm *b, struct strings argv, struct strings envp)
{
	s64 argc = count_strings(argv), envc = count_strings(envp);
	int err;

	if (argc < 0 || envc < 0)
		return (int)(argc < 0 ? argc : envc);
	b->string = vzalloc(&kernel_mm.vmalloc, (u64)(argc + envc + SPARE_ARGS + 2) * sizeof(u64));
	if (!b->string)
		return -ENOMEM;
	b->first_arg = SPARE_ARGS;
	b->argc = (u64)argc;
	b->envc = (u64)envc;
	b->env_at = b->argc + 1;
	err = push_string(b, b->path);
	b->execfn = b->p;
	if (!err)
		err = push_strings(b, envp, b->envc, &b->string[SPARE_ARGS + b->env_at]);
	if (!err)
		err = push_strings(b, argv, b->argc, &b->string[SPARE_ARGS]);
	if (!err && !argc) {
		/* There is always a name: an empty one, as on Linux. */
		err = push_string(b, "");
		b->string[SPARE_ARGS] = b->p;
		b->argc = 1;
	}
	return err;
}

int push_front(struct bprm *b, const char *s)
{
	int err = push_string(b, s);

	b->string[--b->first_arg] = b->p;
	b->argc++;
	return err;
}

/* ---- the new stack ------------------------------------------------------------------------------------------------ */

enum {
	AT_NULL = 0,
	AT_PHDR = 3,
	AT_PHENT = 4,
	AT_PHNUM = 5,
	AT_PAGESZ = 6,
	AT_BASE = 7,
	AT_FLAGS = 8,
	AT_ENTRY = 9,
	AT_UID = 11,
	AT_EUID = 12,
	AT_GID = 13,
	AT_EGID = 14,
	AT_PLATFORM = 15,
	AT_HWCAP = 16,
	AT_CLKTCK = 17,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_RSEQ_SIZE = 27, /* AT_RSEQ_FEATURE_SIZE */
	AT_RSEQ_ALIGN = 28,
	AT_EXECFN = 31,
};

/* Into the mm, whence debuggers take it, and to v. */
static size_t fill_auxv(const struct bprm *b, u64 *v, u64 platform, u64 random)
{
	const struct cred *c = b->cred;
	const u64 words[] = {
		AT_HWCAP,      cpuid(1, 0).edx,
		AT_PAGESZ,     PAGE_SIZE,
		AT_CLKTCK,     100,
		AT_PHDR,       b->img.phdr_vaddr ? b->img.phdr_vaddr + b->load_bias : 0,
		AT_PHENT,      56,
		AT_PHNUM,      b->img.phnum,
		AT_BASE,       b->interp_base,
		AT_FLAGS,      0,
		AT_ENTRY,      b->img.entry + b->load_bias,
		AT_UID,	       c->uid,
		AT_EUID,       c->euid,
		AT_GID,	       c->gid,
		AT_EGID,       c->egid,
		AT_SECURE,     b->secure,
		AT_RANDOM,     random,
		AT_EXECFN,     b->execfn,
		AT_RSEQ_SIZE,  RSEQ_FEATURE_SIZE,
		AT_RSEQ_ALIGN, RSEQ_ALIGN,
		AT_PLATFORM,   platform,
		AT_NULL,       0,
	};

	_Static_assert(ARRAY_SIZE(words) <= MM_AUXV_WORDS, "room");
	memcpy(b->mm->auxv, words, sizeof(words));
	memcpy(v, words, sizeof(words));
	return ARRAY_SIZE(words);
}

int build_stack(struct bprm *b, u64 *sp)
{
	u64 n = 1 + b->argc + 1 + b->envc + 1 + MM_AUXV_WORDS, i = 0, platform, random;
	const u64 *env = &b->string[SPARE_ARGS + b->env_at];
	u64 *v = vzalloc(&kernel_mm.vmalloc, n * sizeof(u64));
	u8 seed[16];
	int err;

	if (!v)
		return -ENOMEM;
	b->mm->arg_start = b->string[b->first_arg];
	b->mm->arg_end = b->mm->env_start = b->envc ? b->string[SPARE_ARGS + b->env_at] : b->execfn;
	b->mm->env_end = b->execfn;
	err = push_string(b, "x86_64");
	platform = b->p;
	random_bytes(seed, sizeof(seed));
	b->p = random = (b->p - sizeof(seed)) & ~15UL;
	if (!err)
		err = write_new(b, random, seed, sizeof(seed));
	v[i++] = b->argc;
	memcpy(&v[i], &b->string[b->first_arg], b->argc * 8);
	i += b->argc + 1;
	memcpy(&v[i], env, b->envc * 8);
	i += b->envc + 1;
	i += fill_auxv(b, &v[i], platform, random);
	*sp = (b->p - i * 8) & ~15UL;
	if (!err)
		err = write_new(b, *sp, v, i * 8);
	b->mm->start_stack = *sp;
	vfree(&kernel_mm.vmalloc, v);
	return err;
}
