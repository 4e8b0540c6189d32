/* SPDX-License-Identifier: MIT */
/* exec_internal.h - what execve(2) is putting together, shared by its three files. */
#ifndef GUEST_PROCESS_EXEC_INTERNAL_H
#define GUEST_PROCESS_EXEC_INTERNAL_H

#include "guest/arch/x86/uaccess.h"
#include "guest/exec/elf.h"
#include "guest/process/internal.h"

#define MAX_SCRIPTS  4 /* "#!" upon "#!" */
#define STACK_TOP    USER_TASK_SIZE
#define page_down(x) ((x) & ~(PAGE_SIZE - 1))
#define page_up(x)   (((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))

/* Strings: a user's NULL-terminated array, or the kernel's own. */
struct strings {
	u64 user;
	const char *const *kernel;
};

/* What is being put together. */
struct bprm {
	struct uthread *u;
	struct file *file;
	struct mm_struct *mm;
	u8 head[ELF_HEAD_SIZE];
	size_t head_size;
	u64 p;	     /* the lowest string on the new stack */
	u64 *string; /* their addresses: the arguments', then the environment's */
	u64 first_arg, argc, envc;
	u64 env_at;	     /* the environment's first, counted from SPARE_ARGS */
	char path[PATH_MAX]; /* of the file as it was named */
	u64 execfn;	     /* that name on the new stack */
	u64 entry, interp_base;
	struct elf_image img;
	u64 load_bias;
	struct cred *cred;
	bool secure;   /* AT_SECURE: privileges were gained */
	bool readable; /* by its user: else its memory is not, either */
};

/* ---- exec_stack.c: strings first, from the top down; the rest below when the program is known ------ */

/* Both arrays' strings; b->string is from vzalloc(). 0, -E2BIG, -EFAULT, -ENOMEM. */
int copy_strings(struct bprm *b, struct strings argv, struct strings envp);
/* One string more on the new stack, b->p is where; as a new first argument. */
int push_string(struct bprm *b, const char *s);
int push_front(struct bprm *b, const char *s);
/* argc, the two arrays and the auxiliary vector: psABI figure 3.9. *sp is where they begin. */
int build_stack(struct bprm *b, u64 *sp);

/* ---- exec_load.c -------------------------------------------------------------------------------------- */

/* The file's first bytes to b->head. */
int read_head(struct bprm *b);
/* Private zeroes at [start, end), which may be empty. */
int map_anonymous(struct mm_struct *mm, u64 start, u64 end, u64 vm_flags);
/* Maps the program in b->head, and its interpreter, into b->mm. 0, -ENOEXEC, or what mapping says. */
int load_elf(struct bprm *b);

#endif
