/* SPDX-License-Identifier: MIT */
/*
 * exec.c - a new program in an old process, execve(2). Everything that can fail is done on a new
 * address space first; after begin_new_exec() there is no way back.
 */
#include "guest/exec/elf.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/random.h"
#include "guest/lib/string.h"
#include "guest/mm/vmalloc.h"
#include "guest/process/exec.h"
#include "guest/process/filemap.h"
#include "guest/process/futex.h"
#include "guest/process/internal.h"

#define STACK_TOP	USER_TASK_SIZE
#define STACK_FIRST	(34 * PAGE_SIZE)
#define MAX_ARG_STRLEN	(32 * PAGE_SIZE)
#define MAX_ARG_STRINGS 0x7fffUL
#define STACK_GAP_MIN	(128ULL << 20)
/* Two thirds up, where Linux puts programs that may lie anywhere. */
#define ELF_DYN_BASE	0x555555554000UL
#define MAX_SCRIPTS	4

#define page_down(x)	((x) & ~(PAGE_SIZE - 1))
#define page_up(x)	(((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))

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
	u64 env_at; /* the environment's first, counted from SPARE_ARGS */
	char path[PATH_MAX]; /* of the file as it was named */
	u64 execfn;	     /* that name on the new stack */
	u64 entry, interp_base;
	struct elf_image img;
	u64 load_bias;
	struct cred *cred;
	bool secure; /* AT_SECURE: privileges were gained */
};

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
static int push_string(struct bprm *b, const char *s)
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

static int copy_strings(struct bprm *b, struct strings argv, struct strings envp)
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

static int push_front(struct bprm *b, const char *s)
{
	int err = push_string(b, s);

	b->string[--b->first_arg] = b->p;
	b->argc++;
	return err;
}

/* ---- the file ---------------------------------------------------------------------------------------------- */

static int read_head(struct bprm *b)
{
	s64 pos = 0, n = kernel_read(&b->u->vt, b->file, b->head, sizeof(b->head), &pos);

	if (n < 0)
		return (int)n;
	b->head_size = (size_t)n;
	memset(b->head + n, 0, sizeof(b->head) - (size_t)n);
	return 0;
}

static void close_file(struct bprm *b)
{
	if (!b->file)
		return;
	allow_write_access(b->file);
	fput(b->file);
	b->file = NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "#!interpreter argument": replaces argv[0] by interpreter, argument and the script's name. */
static int enter_script(struct bprm *b)
{
	char line[256], *end, *interp, *arg;
	int err;

	memcpy(line, b->head + 2, sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	end = memchr(line, '\n', sizeof(line));
	if (!end)
		end = line + strlen(line);
	while (end > line && is_blank(end[-1]))
		end--;
	*end = '\0';
	for (interp = line; is_blank(*interp); interp++)
		;
	if (!*interp)
		return -ENOEXEC;
	for (arg = interp; *arg && !is_blank(*arg); arg++)
		;
	if (*arg)
		*arg++ = '\0';
	while (is_blank(*arg))
		arg++;

	b->first_arg++; /* argv[0] goes */
	b->argc--;
	err = push_front(b, b->path);
	if (!err && *arg)
		err = push_front(b, arg);
	if (!err)
		err = push_front(b, interp);
	if (err)
		return err;
	close_file(b);
	strscpy(b->path, interp, sizeof(b->path));
	err = open_exec(&b->u->vt, AT_FDCWD, b->path, LOOKUP_FOLLOW, &b->file);
	return err ? err : read_head(b);
}

/* ---- mapping -------------------------------------------------------------------------------------------------- */

static u64 rights(const struct elf_segment *s)
{
	return (s->read ? VM_READ : 0) | (s->write ? VM_WRITE : 0) | (s->exec ? VM_EXEC : 0) |
	       VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
}

static int map_anonymous(struct mm_struct *mm, u64 start, u64 end, u64 vm_flags)
{
	struct mmap_request req = {
		.addr = start, .len = end - start, .vm_flags = vm_flags, .flags = MAP_FIXED
	};
	s64 got = start < end ? mm_mmap(mm, &req) : 0;

	return got < 0 ? (int)got : 0;
}

static int map_segment(struct bprm *b, struct file *f, const struct elf_segment *s, u64 bias)
{
	u64 start = page_down(s->vaddr + bias), file_end = s->vaddr + bias + s->filesz;
	u64 end = page_up(s->vaddr + bias + s->memsz);
	struct mmap_request req = { .addr = start,
				    .len = page_up(file_end) - start,
				    .vm_flags = rights(s),
				    .pgoff = page_down(s->offset) >> PAGE_SHIFT,
				    .flags = MAP_FIXED };
	static const u8 zeroes[PAGE_SIZE];
	u64 tail = page_up(file_end) - file_end;
	s64 got;
	int err;

	if (!s->filesz)
		return map_anonymous(b->mm, start, end, rights(s));
	err = filemap_prepare(f, &req);
	if (err)
		return err;
	got = mm_mmap(b->mm, &req);
	if (got < 0)
		return (int)got;
	/* What lies behind the file's part in its last page is the beginning of the zeroes. */
	if (s->memsz > s->filesz && tail && s->write &&
	    mm_access(b->mm, file_end, (void *)zeroes, tail, true, false) != tail)
		return -EFAULT;
	return map_anonymous(b->mm, page_up(file_end), end, rights(s));
}

static int map_image(struct bprm *b, struct file *f, const struct elf_image *img, u64 bias)
{
	for (unsigned i = 0; i < img->nr_segments; i++) {
		int err = map_segment(b, f, &img->segment[i], bias);

		if (err)
			return err;
	}
	return 0;
}

/* A free place for all of the image; its lowest address, or 0. */
static u64 find_place(struct bprm *b, const struct elf_image *img)
{
	struct mmap_request req = { .len = img->end - img->start, .vm_flags = 0 };
	s64 at = mm_mmap(b->mm, &req);

	return at < 0 ? 0 : (u64)at;
}

static int load_interpreter(struct bprm *b)
{
	char name[256];
	struct elf_image *img = &b->img;
	struct elf_image *interp;
	struct file *f = NULL;
	s64 pos = (s64)img->interp_offset, n;
	const char *why;
	u64 at;
	int err;

	n = kernel_read(&b->u->vt, b->file, name, MIN(img->interp_size, sizeof(name)), &pos);
	if (n != (s64)img->interp_size || name[n - 1])
		return -ENOEXEC;
	interp = kzalloc(&kernel_mm.slab, sizeof(*interp), GFP_KERNEL);
	if (!interp)
		return -ENOMEM;
	err = open_exec(&b->u->vt, AT_FDCWD, name, LOOKUP_FOLLOW, &f);
	if (err)
		goto out;
	/* The program's own headers have been read by now. */
	pos = 0;
	n = kernel_read(&b->u->vt, f, b->head, sizeof(b->head), &pos);
	err = n < 0 ? (int)n
		    : elf_parse(b->head, (size_t)n, (u64)f->f_inode->i_size, interp, &why);
	if (err)
		goto out_file;
	at = interp->position_independent ? find_place(b, interp) : interp->start;
	err = at ? map_image(b, f, interp, at - interp->start) : -ENOMEM;
	b->interp_base = at - interp->start;
	b->entry = interp->entry + b->interp_base;
out_file:
	allow_write_access(f);
	fput(f);
out:
	kfree(&kernel_mm.slab, interp);
	return err;
}

static int load_elf(struct bprm *b)
{
	struct elf_image *img = &b->img;
	struct mm_struct *mm = b->mm;
	const char *why;
	int err = elf_parse(b->head, b->head_size, (u64)b->file->f_inode->i_size, img, &why);

	if (err)
		return err;
	if (img->position_independent)
		b->load_bias = ELF_DYN_BASE - img->start;
	err = map_image(b, b->file, img, b->load_bias);
	if (err)
		return err;
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];
		u64 start = s->vaddr + b->load_bias;

		if (s->exec && !mm->start_code) {
			mm->start_code = start;
			mm->end_code = start + s->filesz;
		} else if (s->write) {
			mm->start_data = mm->start_data ? mm->start_data : start;
			mm->end_data = start + s->filesz;
		}
	}
	mm->start_brk = mm->brk = img->end + b->load_bias;
	b->entry = img->entry + b->load_bias;
	return img->interp_size ? load_interpreter(b) : 0;
}

/* ---- the new stack ------------------------------------------------------------------------------------------------ */

enum {
	AT_NULL = 0, AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_BASE = 7, AT_FLAGS = 8,
	AT_ENTRY = 9, AT_UID = 11, AT_EUID = 12, AT_GID = 13, AT_EGID = 14, AT_PLATFORM = 15,
	AT_HWCAP = 16, AT_CLKTCK = 17, AT_SECURE = 23, AT_RANDOM = 25, AT_EXECFN = 31,
};
enum { AUXV_WORDS = 2 * 20 };

static size_t fill_auxv(const struct bprm *b, u64 *v, u64 platform, u64 random)
{
	const struct cred *c = b->cred;
	const u64 words[] = {
		AT_HWCAP, cpuid(1, 0).edx, AT_PAGESZ, PAGE_SIZE, AT_CLKTCK, 100,
		AT_PHDR, b->img.phdr_vaddr ? b->img.phdr_vaddr + b->load_bias : 0,
		AT_PHENT, 56, AT_PHNUM, b->img.phnum, AT_BASE, b->interp_base, AT_FLAGS, 0,
		AT_ENTRY, b->img.entry + b->load_bias, AT_UID, c->uid, AT_EUID, c->euid,
		AT_GID, c->gid, AT_EGID, c->egid, AT_SECURE, b->secure, AT_RANDOM, random,
		AT_EXECFN, b->execfn, AT_PLATFORM, platform, AT_NULL, 0,
	};

	_Static_assert(ARRAY_SIZE(words) <= AUXV_WORDS, "room");
	memcpy(v, words, sizeof(words));
	return ARRAY_SIZE(words);
}

/* argc, the two arrays and the auxiliary vector: psABI figure 3.9. *sp is where they begin. */
static int build_stack(struct bprm *b, u64 *sp)
{
	u64 n = 1 + b->argc + 1 + b->envc + 1 + AUXV_WORDS, i = 0, platform, random;
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

/* ---- the point of no return ----------------------------------------------------------------------------------------- */

static void set_name(struct uthread *u, const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	strscpy(u->th->t.comm, base, sizeof(u->th->t.comm));
	strscpy(u->proc->exe, base, sizeof(u->proc->exe));
}

static void enter_mm(struct uthread *u, struct mm_struct *mm)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	u->mm = mm;
	mmu_switch(mm);
	spin_unlock_irqrestore(&proc_lock, flags);
}

static void new_program_state(struct uthread *u, struct cred *cred)
{
	struct process *p = u->proc;
	const struct cred *old = u->vt.cred;
	u64 flags;

	posix_timers_delete(p);
	flush_signal_handlers(p);
	u->altstack = (struct sigaltstack_state){ .flags = 2 };
	u->robust_list = u->clear_child_tid = u->set_child_tid = 0;
	u->restart = NULL;
	u->pdeath_signal = 0;
	flags = spin_lock_irqsave(&proc_lock);
	u->vt.cred = cred;
	p->uid = cred->uid;
	p->did_exec = true;
	p->exit_signal = p->exit_signal ? SIGCHLD : 0;
	p->dumpable = cred->euid == cred->uid && cred->egid == cred->gid;
	if (p->vfork_done)
		complete(p->vfork_done);
	p->vfork_done = NULL;
	spin_unlock_irqrestore(&proc_lock, flags);
	cred_put(old);
}

/* Its own signal actions: a table shared with CLONE_SIGHAND stays with the others. */
static int unshare(struct uthread *u)
{
	struct process *p = u->proc;
	struct sighand *mine, *old;
	struct files_struct *files;
	u64 flags;

	if (atomic_read(&u->vt.files->count) > 1) {
		files = files_dup(u->vt.vfs, u->vt.files);
		if (!files)
			return -ENOMEM;
		files_put(&u->vt, u->vt.files);
		u->vt.files = files;
	}
	if (atomic_read(&p->sighand->refs) == 1)
		return 0;
	mine = sighand_new();
	if (!mine)
		return -ENOMEM;
	flags = spin_lock_irqsave(&proc_lock);
	old = p->sighand;
	memcpy(mine->action, old->action, sizeof(mine->action));
	p->sighand = mine;
	spin_unlock_irqrestore(&proc_lock, flags);
	sighand_put(old);
	return 0;
}

static int begin_new_exec(struct bprm *b)
{
	struct uthread *u = b->u;
	int err = de_thread(u);

	if (!err)
		err = unshare(u);
	if (err)
		return err;
	if (u->mm)
		release_mm(u);
	mm_set_limits(b->mm, u->proc);
	enter_mm(u, b->mm);
	b->mm = NULL;
	new_program_state(u, b->cred);
	b->cred = NULL;
	files_close_on_exec(&u->vt);
	set_name(u, b->path);
	return 0;
}

static int new_mm(struct bprm *b)
{
	u64 stack = b->u->proc->rlimit[RLIMIT_STACK], gap;
	struct mm_struct *mm = mm_alloc(&kernel_user_mm);

	if (!mm)
		return -ENOMEM;
	b->mm = mm;
	gap = MAX(stack, STACK_GAP_MIN);
	gap = MIN(gap, STACK_TOP / 6 * 5);
	mm->mmap_base = page_down(STACK_TOP - gap - (1 << 20));
	mm->limits.stack = MAX(stack, 256ULL << 10);
	b->p = STACK_TOP - 8;
	return map_anonymous(mm, STACK_TOP - STACK_FIRST, STACK_TOP,
			     VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |
				     VM_GROWSDOWN);
}

static int load_and_start(struct bprm *b)
{
	struct pt_regs *regs = user_frame(b->u->th->stack);
	u64 sp, flags;
	int err, scripts = 0;

	for (err = read_head(b); !err && b->head[0] == '#' && b->head[1] == '!';
	     err = enter_script(b))
		if (++scripts > MAX_SCRIPTS)
			return -ELOOP;
	if (!err)
		err = prepare_exec_creds(b->u, b->file, &b->cred, &b->secure);
	if (!err)
		err = load_elf(b);
	if (!err)
		err = build_stack(b, &sp);
	if (!err)
		err = begin_new_exec(b);
	if (err)
		return err;
	user_frame_start(regs, b->entry, sp);
	b->u->frame = regs;
	flags = local_irq_save();
	user_state_init(&b->u->regs);
	user_state_load(&b->u->regs);
	local_irq_restore(flags);
	return 0;
}

static int exec_file(struct uthread *u, struct file *f, const char *path, struct strings argv,
		     struct strings envp)
{
	struct bprm *b = kzalloc(&kernel_mm.slab, sizeof(*b), GFP_KERNEL);
	int err;

	if (!b) {
		allow_write_access(f);
		fput(f);
		return -ENOMEM;
	}
	b->u = u;
	b->file = f;
	strscpy(b->path, path, sizeof(b->path));
	err = new_mm(b);
	if (!err)
		err = copy_strings(b, argv, envp);
	if (!err)
		err = load_and_start(b);
	close_file(b);
	if (b->mm)
		mmput(b->mm);
	if (b->cred)
		cred_put(b->cred);
	vfree(&kernel_mm.vmalloc, b->string);
	kfree(&kernel_mm.slab, b);
	return err;
}

s64 do_execveat(int dfd, const char *path, u64 argv, u64 envp, int flags)
{
	struct uthread *u = current_uthread();
	unsigned lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct file *f;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = open_exec(&u->vt, dfd, path, lookup, &f);
	return err ? err
		   : exec_file(u, f, path, (struct strings){ .user = argv },
			       (struct strings){ .user = envp });
}

int kernel_execve(const char *const *argv, const char *const *envp)
{
	struct uthread *u = current_uthread();
	struct file *f;
	int err = open_exec(&u->vt, AT_FDCWD, argv[0], LOOKUP_FOLLOW, &f);

	return err ? err
		   : exec_file(u, f, argv[0], (struct strings){ .kernel = argv },
			       (struct strings){ .kernel = envp });
}
