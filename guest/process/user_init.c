/* SPDX-License-Identifier: MIT */
/* user_init.c - see user_init.h. */
#include "guest/process/user_init.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/mmu.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/smp.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/arch/x86/user_traps.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/tty_console.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/string.h"
#include "guest/process/exec.h"
#include "guest/process/filemap.h"
#include "guest/process/futex.h"
#include "guest/process/groups.h"
#include "guest/process/internal.h"

#define MAX_INIT_ARGS 32

struct mm_system kernel_user_mm;

const struct uaccess_ops kernel_uaccess = { copy_to_user, copy_from_user, USER_TASK_SIZE };

void process_init(void)
{
	kernel_user_mm = (struct mm_system){
		.pg = &kernel_mm.pg,
		.levels = kernel_pt.levels,
		.has_nx = kernel_pt.has_nx,
		.task_size = USER_TASK_SIZE,
		.mmap_min_addr = 0x10000,
		.kernel_pgd = kernel_pt.root,
		.flush_tlb = mmu_flush,
		.lock_mapping = filemap_lock,
		.exe_get = exe_file_get,
		.exe_put = exe_file_put,
	};
	if (mm_system_init(&kernel_user_mm, &kernel_mm.slab))
		env_panic(__FILE__, __LINE__, "no memory for address spaces");
	futex_init();
	usermode_setup_cpu();
}

/* ---- pid 1 ---------------------------------------------------------------------------------------------------- */

struct init_args {
	char text[512]; /* the words, each with its NUL */
	const char *argv[MAX_INIT_ARGS + 1];
};

/* Splits what follows "--" into words; "..." and '...' keep blanks. */
static unsigned split_args(char *text, const char **argv, unsigned n)
{
	char *in = text, *out = text;

	while (*in && n < MAX_INIT_ARGS) {
		char quote = '\0';

		while (*in == ' ')
			in++;
		if (!*in)
			break;
		argv[n++] = out;
		for (; *in && (quote || *in != ' '); in++) {
			if (quote ? *in == quote : *in == '"' || *in == '\'')
				quote = quote ? '\0' : *in;
			else
				*out++ = *in;
		}
		if (*in)
			in++;
		*out++ = '\0';
	}
	return n;
}

static void read_init_args(struct init_args *a)
{
	const char *rest = cmdline_rest(boot_info.cmdline);

	a->argv[0] = NULL;
	if (rest)
		strscpy(a->text, rest, sizeof(a->text));
	a->argv[split_args(a->text, a->argv, 1)] = NULL;
}

static void open_console(struct vfs_task *t)
{
	struct file *f;
	int fd;

	if (filp_open(t, "/dev/console", O_RDWR, 0, &f)) {
		pr_warn("no /dev/console: init has no standard input and output");
		return;
	}
	for (int i = 0; i < 3; i++) {
		fd = get_unused_fd(t, 0, false);
		if (fd >= 0)
			fd_install(t, fd, get_file(f));
	}
	fput(f);
}

static int try_program(struct init_args *a, const char *path)
{
	static const char *const env[] = { "HOME=/", "TERM=linux",
					   "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL };
	int err;

	a->argv[0] = path;
	err = kernel_execve(a->argv, env);
	if (!err)
		pr_info("init: %s runs as pid 1", path);
	return err;
}

static _Noreturn void become_program(struct uthread *u)
{
	exit_to_user_mode(u->frame);
	enter_user_mode();
}

/* The first life of pid 1: a kernel thread that becomes a program. */
static int init_thread_fn(void *unused)
{
	static const char *const programs[] = { "/init", "/sbin/init", "/etc/init", "/bin/init",
						"/bin/sh" };
	struct init_args *a = kzalloc(&kernel_mm.slab, sizeof(*a), GFP_KERNEL);
	struct uthread *u = current_uthread();
	char path[128];
	int err = -ENOMEM;

	(void)unused;
	if (!a)
		panic("no memory for init");
	open_console(&u->vt);
	read_init_args(a);
	if (cmdline_str(boot_info.cmdline, "init", path, sizeof(path)) >= 0) {
		err = try_program(a, path);
		if (err) {
			pr_err("init=%s cannot be run: error %d", path, -err);
			machine_exit(EXIT_STATUS_PANIC);
		}
	}
	for (unsigned i = 0; err && i < ARRAY_SIZE(programs); i++)
		err = try_program(a, programs[i]);
	kfree(&kernel_mm.slab, a);
	if (err) {
		pr_err("no init found: give an initramfs with /init, or init=PATH");
		machine_exit(EXIT_STATUS_PANIC);
	}
	become_program(u);
}

static struct first_program *first_program; /* NULL: pid 1 is a common init */

static int first_program_fn(void *unused)
{
	struct first_program *f = first_program;
	const char *const argv[] = { f->path, f->arg, NULL }, *const env[] = { NULL };

	(void)unused;
	f->err = kernel_execve(argv, env);
	complete(&f->loaded);
	wait_for_completion(&f->go);
	become_program(current_uthread());
}

/* Pid 1, which begins with fn. */
static int start_first_process(int (*fn)(void *unused))
{
	struct process *p = process_alloc(NULL);
	struct uthread *u = p ? uthread_alloc_kernel(fn, 1) : NULL;
	u64 flags;

	if (!u)
		return -ENOMEM;
	p->sighand = sighand_new();
	u->vt = (struct vfs_task){
		.vfs = &kernel_vfs,
		.cred = cred_get(&init_cred),
		.fs = fs_struct_new(&kernel_vfs),
		.files = files_new(&kernel_vfs),
		.rlimit = p->rlimit,
		.rchar = &u->io.rchar,
		.wchar = &u->io.wchar,
		.syscr = &u->io.syscr,
		.syscw = &u->io.syscw,
	};
	if (!p->sighand || !u->vt.fs || !u->vt.files)
		return -ENOMEM;
	thread_set_name(u->th, "init");
	if (sched_fork(kernel_sched, &u->th->t, NULL))
		return -ENOMEM;
	flags = spin_lock_irqsave(&proc_lock);
	p->tgid = p->pgid = p->sid = u->tid;
	p->real_parent = p->parent = get_process(p);
	list_add_tail(&p->all_node, &all_processes);
	uthread_attach(u, p);
	u->th->t.tgid = u->vt.tgid = p->tgid;
	init_process = p;
	spin_unlock_irqrestore(&proc_lock, flags);
	tty_console_listen();
	start_thread(u);
	return 0;
}

int start_init(void)
{
	return start_first_process(init_thread_fn);
}

int start_first_program(struct first_program *f)
{
	int err;

	init_completion(&f->loaded);
	init_completion(&f->go);
	init_completion(&f->ended);
	first_program = f;
	err = start_first_process(first_program_fn);
	if (err)
		return err;
	wait_for_completion(&f->loaded);
	return f->err;
}

_Noreturn void init_has_ended(int status)
{
	int sig = status & 0x7f;

	if (first_program) {
		first_program->status = status;
		complete(&first_program->ended);
		/* It stays, lest there be none to adopt orphans. */
		for (;;) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			schedule();
		}
	}
	if (sig) {
		pr_emerg("init was killed by signal %d", sig);
		machine_exit((u8)(EXIT_STATUS_PANIC));
	}
	pr_info("init has ended with status %d", status >> 8 & 0xff);
	machine_exit((u8)(status >> 8));
}

/* ---- other CPUs --------------------------------------------------------------------------------------------------- */

void kick_task(struct task_struct *t)
{
	unsigned cpu = READ_ONCE(t->cpu);

	if (cpu != smp_processor_id() && READ_ONCE(t->on_cpu))
		smp_send_reschedule(cpu);
}

/* ---- exec of one thread among many ------------------------------------------------------------------------------------ */

static void become_leader(struct uthread *u)
{
	struct process *p = u->proc;
	int old = u->tid;

	if (old == p->tgid)
		return;
	uthread_detach(u);
	u->tid = p->tgid;
	u->th->t.pid = p->tgid;
	uthread_attach_again(u);
	tid_free_locked(old);
}

int de_thread(struct uthread *u)
{
	struct process *p = u->proc;
	struct uthread *other;
	u64 flags = spin_lock_irqsave(&proc_lock);
	int err;

	if (p->group_exit || p->execing) {
		spin_unlock_irqrestore(&proc_lock, flags);
		return -EAGAIN;
	}
	p->execing = u;
	for_each_thread (p, other)
		if (other != u)
			kill_thread_locked(other);
	spin_unlock_irqrestore(&proc_lock, flags);
	err = wait_event_killable(&p->wait_child, READ_ONCE(p->nr_threads) == 1);
	flags = spin_lock_irqsave(&proc_lock);
	p->execing = NULL;
	if (!err)
		become_leader(u);
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}
