/* SPDX-License-Identifier: MIT */
/*
 * exec.c - a new program in an old process, execve(2). Everything that can fail is done on a new
 * address space first; after begin_new_exec() there is no way back.
 */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/random.h"
#include "guest/lib/string.h"
#include "guest/mm/vmalloc.h"
#include "guest/process/exec.h"
#include "guest/process/exec_internal.h"
#include "guest/process/filemap.h"
#include "guest/process/futex.h"
#include "guest/process/internal.h"
#include "guest/process/tracee.h"

#define STACK_FIRST   (34 * PAGE_SIZE)
#define STACK_GAP_MIN (128ULL << 20)

/* ---- the file ---------------------------------------------------------------------------------------------- */

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

/* One that its user may not read shall not be read in memory either. */
static bool may_dump(struct bprm *b, const struct cred *cred)
{
	return cred->euid == cred->uid && cred->egid == cred->gid && b->readable;
}

static void new_program_state(struct bprm *b)
{
	struct uthread *u = b->u;
	struct cred *cred = b->cred;
	struct process *p = u->proc;
	const struct cred *old = u->vt.cred;
	u64 flags;

	posix_timers_delete(p);
	flush_signal_handlers(p);
	u->altstack = (struct sigaltstack_state){ 0 };
	u->robust_list = u->clear_child_tid = u->set_child_tid = 0;
	rseq_exec(u);
	u->restart = NULL;
	/* A parent shall not signal a child that has gained privileges. */
	if (b->secure)
		u->pdeath_signal = 0;
	flags = spin_lock_irqsave(&proc_lock);
	u->vt.cred = cred;
	p->uid = cred->uid;
	p->did_exec = true;
	p->exit_signal = p->exit_signal ? SIGCHLD : 0;
	p->dumpable = may_dump(b, cred);
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
	struct files_struct *files, *old_files;
	u64 flags;

	if (atomic_read(&u->vt.files->count) > 1) {
		files = files_dup(u->vt.vfs, u->vt.files);
		if (!files)
			return -ENOMEM;
		flags = spin_lock_irqsave(&proc_lock); /* /proc looks at them under it */
		old_files = u->vt.files;
		u->vt.files = files;
		spin_unlock_irqrestore(&proc_lock, flags);
		files_put(&u->vt, old_files);
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
	/* Its denial of writers goes along. */
	b->mm->exe_file = b->file;
	b->file = NULL;
	enter_mm(u, b->mm);
	b->mm = NULL;
	new_program_state(b);
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
	b->readable = !err && !inode_permission(&b->u->vt, b->file->f_inode, MAY_READ);
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
	int err, old_tid = u->tid;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	err = open_exec(&u->vt, dfd, path, lookup, &f);
	if (err)
		return err;
	err = exec_file(u, f, path, (struct strings){ .user = argv },
			(struct strings){ .user = envp });
	if (!err && u->trace)
		tracee_exec(u, old_tid);
	return err;
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
