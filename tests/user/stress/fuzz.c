/* SPDX-License-Identifier: MIT */
/*
 * fuzz.c - a hostile program: random calls with random numbers, pointers and lengths, from several
 * threads that change each other's memory and descriptors meanwhile. The kernel below has to stay up, keep
 * its own counsel and get its memory back.
 *
 *   fuzz [-n CALLS] [-s SEED] [-p PROCESSES] [-t THREADS] [-v]
 *
 * One seed and one thread make the same calls each time. Workers are killed and born again when they hang
 * or break, which is what they are for. It runs in guests only: without the file /fuzz-me it refuses, as it
 * harms what it runs on. Left out are calls that end the machine or reach beyond the worker (see unfit()).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 16
#define ARENA	    (64 * 4096)
#define STUCK	    3 /* seconds without a call after which a worker is killed */
#define LEAK	    (8 << 20)
#define STACKS	    256	       /* KiB: of 16 tasks, some worker threads among them */
#define GUARD	    (16 << 20) /* beside the arena, so that a long length leads nowhere */
#define RUSH	    1000000    /* more calls than that between two looks were never made */

/* A worker's calls may hit its own slot as well; believable() tells. */
struct slot {
	volatile unsigned long calls; /* all threads of one worker, all its lives */
	volatile long last;	      /* number of the call that is under way */
};

static struct slot *slots;
static unsigned long wanted = 100000, seed = 1;
static int processes = 2, threads = 3;
static int verbose;
static char *arena;

struct chance {
	unsigned long state;
};

static unsigned long draw(struct chance *c)
{
	/* xorshift64* by Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016 */
	c->state ^= c->state >> 12;
	c->state ^= c->state << 25;
	c->state ^= c->state >> 27;
	return c->state * 0x2545f4914f6cdd1dul;
}

static unsigned long below(struct chance *c, unsigned long n)
{
	return (draw(c) >> 16) % n;
}

/* ---- arguments ---------------------------------------------------------------------------------- */

static const char *const paths[] = {
	"f",
	"d",
	"d/f",
	"d/../f",
	"l",
	"p",
	".",
	"..",
	"/",
	"",
	"none/x",
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/tty",
	"/proc/self/stat",
	"/proc/self/maps",
	"/proc/self/fd/3",
	"/proc/self/mem",
	"/proc/self/exe",
	"/proc/meminfo",
	"/tmp",
};

static unsigned long number(struct chance *c)
{
	static const unsigned long odd[] = {
		0,	    1,	  2,	    7,	       8,	  16,	      64,
		100,	    4095, 4096,	    4097,      65536,	  0x7fffffff, 0x80000000,
		0xffffffff, ~0ul, ~0ul - 1, 1ul << 47, 1ul << 62, 1ul << 63,  0x100000000,
	};

	switch (below(c, 4)) {
	case 0:
		return below(c, 16);
	case 1:
		return 1ul << below(c, 64);
	case 2:
		return draw(c);
	default:
		return odd[below(c, sizeof(odd) / sizeof(odd[0]))];
	}
}

static unsigned long pointer(struct chance *c)
{
	switch (below(c, 10)) {
	case 0:
		return 0;
	case 1:
		return 0xffff888000000000ul + below(c, 1 << 28);
	case 2:
		return 0xffffffff80000000ul + below(c, 1 << 24);
	case 3:
		return draw(c);
	case 4: /* the end of a page, whatever follows */
		return (unsigned long)arena + (1 + below(c, 60)) * 4096 - below(c, 24);
	case 5:
		return (unsigned long)paths[below(c, sizeof(paths) / sizeof(paths[0]))];
	default:
		return (unsigned long)arena + (below(c, ARENA - 8192) & ~7ul);
	}
}

static unsigned long argument(struct chance *c)
{
	switch (below(c, 3)) {
	case 0:
		return below(c, 24); /* a descriptor, a command, a small length */
	case 1:
		return pointer(c);
	default:
		return number(c);
	}
}

/* ---- what is not called ------------------------------------------------------------------------- */

/* Ends the machine, or reaches processes that are no part of this. */
static int unfit(long nr)
{
	static const long no[] = {
		SYS_reboot,	     SYS_exit,		SYS_exit_group,	     SYS_rt_sigreturn,
		SYS_pause,	     SYS_mount,		SYS_umount2,	     SYS_chroot,
		SYS_pivot_root,	     SYS_swapon,	SYS_swapoff,	     SYS_kexec_load,
		SYS_kexec_file_load, SYS_init_module,	SYS_finit_module,    SYS_delete_module,
		SYS_settimeofday,    SYS_clock_settime, SYS_adjtimex,	     SYS_clock_adjtime,
		SYS_setpriority,     SYS_iopl,		SYS_ioperm,	     SYS_ptrace,
		SYS_setsid,	     SYS_vhangup,	SYS_syslog,	     SYS_acct,
		SYS_quotactl,	     SYS_bpf,		SYS_perf_event_open, SYS_userfaultfd,
		SYS_move_mount,	     SYS_mount_setattr, SYS_open_tree,	     SYS_fsopen,
		SYS_fsmount,	     SYS_unshare,	SYS_setns,	     SYS_process_vm_writev,
		SYS_sethostname,     SYS_setdomainname,
	};

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (nr == no[i])
			return 1;
	return 0;
}

/* Calls whose first argument is a process: only this one is meant. */
static int names_process(long nr)
{
	static const long some[] = {
		SYS_kill,
		SYS_tkill,
		SYS_tgkill,
		SYS_rt_sigqueueinfo,
		SYS_rt_tgsigqueueinfo,
		SYS_prlimit64,
		SYS_setpgid,
		SYS_sched_setparam,
		SYS_sched_setscheduler,
		SYS_sched_setaffinity,
		SYS_sched_setattr,
		SYS_pidfd_open,
		SYS_migrate_pages,
		SYS_move_pages,
		SYS_process_vm_readv,
		SYS_get_robust_list,
		SYS_kcmp,
	};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		if (nr == some[i])
			return 1;
	return 0;
}

static long pick_call(struct chance *c)
{
	long nr;

	do
		nr = below(c, 50) ? (long)below(c, 452) : (long)number(c);
	while (unfit(nr));
	return nr;
}

/* ---- a worker ----------------------------------------------------------------------------------- */

static void one_call(struct chance *c, struct slot *slot)
{
	unsigned long a[6];
	long nr = pick_call(c), ret;

	for (int i = 0; i < 6; i++)
		a[i] = argument(c);
	if (names_process(nr)) {
		a[0] = nr == SYS_kill || nr == SYS_prlimit64 ? (unsigned long)getpid()
							     : (unsigned long)syscall(SYS_gettid);
		if (nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill ||
		    nr == SYS_rt_sigqueueinfo)
			a[1] = below(c, 3) ? 0 : SIGALRM;
	}
	/* Waits that nobody ends are cut by the alarm, which such a call must not have turned off for ever. */
	if (nr == SYS_close_range)
		a[0] = 3 + below(c, 20);
	if ((nr == SYS_close || nr == SYS_dup2 || nr == SYS_dup3) && a[nr != SYS_close] < 3)
		return;
	slot->last = nr;
	if (nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3) {
		ret = syscall(SYS_fork);
		if (!ret)
			syscall(SYS_exit_group, 0);
	} else {
		ret = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	__atomic_add_fetch(&slot->calls, 1, __ATOMIC_RELAXED);
	if (verbose)
		dprintf(2, "%ld(%lx, %lx, %lx, %lx) = %ld\n", nr, a[0], a[1], a[2], a[3], ret);
	if (below(c, 64) == 0)
		*(unsigned long *)(arena + (below(c, ARENA - 4096) & ~7ul)) = argument(c);
	if (below(c, 256) == 0) /* what a call took away */
		mmap(arena, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

struct life {
	struct chance chance;
	struct slot *slot;
	unsigned long until;
};

static void *live(void *arg)
{
	struct life *l = arg;

	while (l->slot->calls < l->until)
		one_call(&l->chance, l->slot);
	return NULL;
}

static void nothing(int sig)
{
	(void)sig;
}

static void confine(int number_, unsigned generation)
{
	const struct rlimit small = { 32, 32 }, space = { 256 << 20, 256 << 20 },
			    file = { 1 << 20, 1 << 20 }, few = { 64, 64 }, none = { 0, 0 };
	char folder[48];

	snprintf(folder, sizeof(folder), "/tmp/fuzz%d", number_);
	mkdir(folder, 0777);
	chmod(folder, 0777);
	if (chdir(folder))
		_exit(3);
	mkdir("d", 0777);
	close(open("f", O_RDWR | O_CREAT, 0666));
	if (symlink("f", "l") && errno != EEXIST)
		_exit(3);
	setrlimit(RLIMIT_NOFILE, &small);
	setrlimit(RLIMIT_AS, &space);
	setrlimit(RLIMIT_FSIZE, &file);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* Every other life as nobody: other answers, other paths. */
	if (generation & 1) {
		setrlimit(RLIMIT_NPROC, &few);
		if (syscall(SYS_setresgid, 65534, 65534, 65534) ||
		    syscall(SYS_setresuid, 65534, 65534, 65534))
			_exit(3);
	}
}

static void worker(int number_, unsigned generation, unsigned long until)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct itimerval {
		struct timeval a, b;
	} tick = { { 0, 50000 }, { 0, 50000 } };
	struct life lives[8];
	pthread_t t;
	int in, fds[2];

	/* The group of the parent must not be reached. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	confine(number_, generation);
	in = open("/dev/null", O_RDWR);
	dup2(in, 0);
	if (!verbose)
		dup2(in, 2);
	dup2(in, 1);
	if (pipe(fds) || open("f", O_RDWR) < 0)
		_exit(3);
	arena = mmap(NULL, 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		     0);
	arena = mmap(arena + GUARD, ARENA, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	sigaction(SIGALRM, &sa, NULL);
	syscall(SYS_setitimer, 0, &tick, NULL);
	for (int i = 0; i < threads; i++) {
		lives[i] =
			(struct life){ { seed * 1000003 + (unsigned long)number_ * 7919 +
					 generation * 104729ul + (unsigned long)i * 15485863 + 1 },
				       &slots[number_],
				       until };
		if (i)
			pthread_create(&t, NULL, live, &lives[i]);
	}
	live(&lives[0]);
	_exit(0);
}

/* ---- the parent --------------------------------------------------------------------------------- */

static unsigned long free_memory(void)
{
	struct sysinfo s;

	/* What caches hold comes and goes; what nobody holds is what counts, after a moment for late frees. */
	usleep(300000);
	sysinfo(&s);
	return s.freeram + s.bufferram;
}

/* KiB, of all tasks: what was not given back when they ended. */
static long kernel_stacks(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "KernelStack: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void clean(int number_)
{
	char command[64];

	snprintf(command, sizeof(command), "/tmp/fuzz%d", number_);
	pid_t pid = fork();
	if (!pid) {
		/* The folder holds files and one level of folders; others' leftovers go with the machine. */
		if (chdir(command) == 0) {
			unlink("f"), unlink("l"), unlink("p"), unlink("d/f"), rmdir("d");
		}
		rmdir(command);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

struct watched {
	pid_t pid;
	unsigned generation;
	unsigned long seen;
	time_t since;
};

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void begin(struct watched *w, int i, unsigned long each)
{
	w->generation++;
	w->seen = slots[i].calls;
	w->since = now();
	w->pid = fork();
	if (!w->pid)
		worker(i, w->generation, each);
}

/* Takes what the worker counted since the last look; 0 when its slot holds something else. */
static int believable(struct slot *slot, struct watched *w)
{
	unsigned long calls = slot->calls;

	if (calls == w->seen)
		return 1;
	if (calls - w->seen > RUSH) {
		slot->calls = w->seen;
		return 0;
	}
	w->seen = calls;
	w->since = now();
	return 1;
}

static struct watched w[MAX_WORKERS];

static unsigned long run(void)
{
	unsigned long each = wanted / (unsigned long)processes, lives = 0;
	int running = 1;

	for (int i = 0; i < processes; i++)
		begin(&w[i], i, each);
	while (running) {
		usleep(20000);
		running = 0;
		for (int i = 0; i < processes; i++) {
			if (!w[i].pid)
				continue;
			running = 1;
			if (!believable(&slots[i], &w[i]) || now() - w[i].since > STUCK)
				kill(w[i].pid, SIGKILL);
			if (waitpid(w[i].pid, NULL, WNOHANG) != w[i].pid)
				continue;
			lives++;
			w[i].pid = 0;
			believable(&slots[i], &w[i]);
			if (w[i].seen < each) {
				slots[i].calls =
					w[i].seen + 1; /* the call that ended the last life */
				begin(&w[i], i, each);
			}
		}
	}
	return lives;
}

static int usage(void)
{
	fputs("usage: fuzz [-n CALLS] [-s SEED] [-p PROCESSES] [-t THREADS] [-v]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long before, after, lives, calls = 0;
	long stacks;
	int c;

	while ((c = getopt(argc, argv, "n:s:p:t:v")) >= 0) {
		if (c == 'n')
			wanted = strtoul(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (c == 'p')
			processes = atoi(optarg);
		else if (c == 't')
			threads = atoi(optarg);
		else if (c == 'v')
			verbose = 1;
		else
			return usage();
	}
	if (processes < 1 || processes > MAX_WORKERS || threads < 1 || threads > 8)
		return usage();
	if (access("/fuzz-me", F_OK)) {
		fputs("fuzz: this harms what it runs on; in a guest that may be harmed, make a file /fuzz-me\n",
		      stderr);
		return 1;
	}
	slots = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGINT, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	before = free_memory();
	stacks = kernel_stacks();
	lives = run();
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	for (int i = 0; i < processes; i++) {
		calls += w[i].seen;
		clean(i);
	}
	after = free_memory();
	stacks = kernel_stacks() - stacks;
	printf("fuzz: seed %lu, %lu calls, %lu lives, free memory %lu -> %lu KiB\n", seed, calls,
	       lives, before >> 10, after >> 10);
	printf("@fuzz.calls %s\n", calls >= wanted ? "all made" : "some missing");
	printf("@fuzz.memory %s\n", after + LEAK >= before ? "came back" : "was lost");
	printf("@fuzz.stacks %s\n", stacks < STACKS ? "came back" : "were lost");
	return calls >= wanted && after + LEAK >= before && stacks < STACKS ? 0 : 1;
}
