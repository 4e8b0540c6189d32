/* SPDX-License-Identifier: MIT */
/*
 * meter.c - runs a command and prints what it cost, as one line of JSON.
 *
 * meter [--sample] COMMAND...   wall and CPU time. CPU time is exact: wait4(2) adds up the scheduler's
 *     own nanoseconds; only its split into user and system time is guessed from ticks. So that share
 *     is sampled: a perf cpu-clock event interrupts the command every SAMPLE_NS, user mode only.
 *     Interrupts that the kernel held back fire at the instruction after `syscall`; they are kernel
 *     time, and are counted apart ("edge"). "thread" is the part of all threads but the first.
 * meter --steps FIRST COUNT COMMAND...   user-mode instructions per KVM_RUN, exactly: single-steps
 *     the thread that calls KVM_RUN, from its FIRST return on, over COUNT round trips.
 * meter --start COMMAND...   user-mode instructions and system calls of all threads, from exec to
 *     exit, by single-stepping.
 *
 * The command's standard streams are this program's, but for stdout: /dev/null.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_NS  23000 /* no multiple of anything that a VMM does */
#define MAX_CPUS   256
#define RING_PAGES 512
#define MAX_EDGES  512
#define KVM_RUN_NR 0xae80UL

static void die(const char *what)
{
	fprintf(stderr, "meter: %s: %s\n", what, strerror(errno));
	exit(125);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void become(char **argv)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		dup2(null, 1);
	execvp(argv[0], argv);
	_exit(125);
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- sampling ------------------------------------------------------------------------------- */

struct sampler {
	int fd[MAX_CPUS];
	struct perf_event_mmap_page *ring[MAX_CPUS];
	int nr;
	pid_t pid; /* whose memory tells edges from work */
	uint64_t edge_ip[MAX_EDGES], work_ip[MAX_EDGES];
	unsigned nr_edge_ip, nr_work_ip;
	uint64_t work, thread_work; /* samples of the main thread, of all others */
	uint64_t edge, lost;
};

static void sampler_open(struct sampler *s, pid_t pid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = SAMPLE_NS,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID,
		.disabled = 1,
		.enable_on_exec = 1,
		.inherit = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
		.wakeup_events = 1u << 30,
	};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t size = (1 + RING_PAGES) * (size_t)sysconf(_SC_PAGESIZE);

	for (int cpu = 0; cpu < cpus && cpu < MAX_CPUS; cpu++, s->nr++) {
		s->fd[cpu] = (int)syscall(SYS_perf_event_open, &attr, pid, cpu, -1,
					  PERF_FLAG_FD_CLOEXEC);
		if (s->fd[cpu] < 0)
			die("perf_event_open");
		s->ring[cpu] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd[cpu], 0);
		if (s->ring[cpu] == MAP_FAILED)
			die("perf ring");
	}
	s->pid = pid;
}

static bool holds(const uint64_t *set, unsigned n, uint64_t ip)
{
	for (unsigned i = 0; i < n; i++)
		if (set[i] == ip)
			return true;
	return false;
}

/* Does ip follow a syscall instruction? Remembered, for the memory is gone at the end. */
static bool is_edge(struct sampler *s, uint64_t ip)
{
	uint8_t before[2] = { 0 };
	struct iovec to = { before, 2 }, from = { (void *)(uintptr_t)(ip - 2), 2 };
	bool edge;

	if (holds(s->edge_ip, s->nr_edge_ip, ip))
		return true;
	if (holds(s->work_ip, s->nr_work_ip, ip))
		return false;
	if (process_vm_readv(s->pid, &to, 1, &from, 1, 0) != 2)
		return false;
	edge = before[0] == 0x0f && before[1] == 0x05;
	if (edge && s->nr_edge_ip < MAX_EDGES)
		s->edge_ip[s->nr_edge_ip++] = ip;
	else if (!edge && s->nr_work_ip < MAX_EDGES)
		s->work_ip[s->nr_work_ip++] = ip;
	return edge;
}

static void copy_out(const uint8_t *data, uint64_t size, uint64_t at, void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = data[(at + i) % size];
}

static void sampler_drain(struct sampler *s)
{
	for (int i = 0; i < s->nr; i++) {
		struct perf_event_mmap_page *m = s->ring[i];
		const uint8_t *data = (const uint8_t *)m + m->data_offset;
		uint64_t head = __atomic_load_n(&m->data_head, __ATOMIC_ACQUIRE);

		while (m->data_tail < head) {
			struct {
				struct perf_event_header h;
				uint64_t ip;
				uint32_t pid, tid;
			} rec;

			copy_out(data, m->data_size, m->data_tail, &rec, sizeof(rec));
			if (rec.h.type == PERF_RECORD_LOST)
				s->lost++;
			else if (rec.h.type == PERF_RECORD_SAMPLE && is_edge(s, rec.ip))
				s->edge++;
			else if (rec.h.type == PERF_RECORD_SAMPLE && rec.tid == rec.pid)
				s->work++;
			else if (rec.h.type == PERF_RECORD_SAMPLE)
				s->thread_work++;
			__atomic_store_n(&m->data_tail, m->data_tail + rec.h.size,
					 __ATOMIC_RELEASE);
		}
	}
}

static int measure(char **argv, bool sample)
{
	struct sampler s = { 0 };
	struct rusage ru;
	uint64_t start, wall;
	int gate[2], status, r, polls = 0;
	char byte = 0;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		if (read(gate[0], &byte, 1) < 0)
			_exit(125);
		become(argv);
	}
	if (sample)
		sampler_open(&s, pid);
	start = now_ns();
	if (write(gate[1], &byte, 1) != 1)
		die("gate");
	if (!sample) {
		r = wait4(pid, &status, 0, &ru);
	} else {
		while ((r = wait4(pid, &status, WNOHANG, &ru)) == 0) {
			sampler_drain(&s);
			/* Often at first: of a short run little is left to be read at its end. */
			nanosleep(&(struct timespec){ .tv_nsec = polls++ < 40 ? 500000 : 20000000 },
				  NULL);
		}
		sampler_drain(&s);
	}
	wall = now_ns() - start;
	if (r < 0)
		die("wait4");
	printf("{\"status\": %d, \"wall_ns\": %llu, \"cpu_ns\": %llu, \"max_rss_kib\": %ld",
	       exit_status(status), (unsigned long long)wall,
	       (unsigned long long)((ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000LL +
				    (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000LL),
	       ru.ru_maxrss);
	if (sample)
		printf(", \"user_ns\": %llu, \"thread_user_ns\": %llu, \"edge_ns\": %llu, "
		       "\"lost\": %llu",
		       (unsigned long long)(s.work + s.thread_work) * SAMPLE_NS,
		       (unsigned long long)s.thread_work * SAMPLE_NS,
		       (unsigned long long)s.edge * SAMPLE_NS, (unsigned long long)s.lost);
	printf("}\n");
	return 0;
}

/* ---- single-stepping ------------------------------------------------------------------------ */

static pid_t spawn_traced(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		become(argv);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	ptrace(PTRACE_SETOPTIONS, pid, 0,
	       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
		       PTRACE_O_EXITKILL);
	return pid;
}

static struct user_regs_struct regs_of(pid_t tid)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, tid, 0, &r))
		die("PTRACE_GETREGS");
	return r;
}

/* What a stopped thread is to be given back: a signal that is not the tracer's own doing. */
static int to_deliver(int status)
{
	int sig = WSTOPSIG(status);

	return sig == SIGTRAP || sig == SIGSTOP || sig == (SIGTRAP | 0x80) || status >> 16 ? 0
											   : sig;
}

/* Lets everything run until some thread has called KVM_RUN `first` times; returns that thread. */
static pid_t find_vcpu(pid_t pid, unsigned long first, uint64_t *syscall_ip)
{
	unsigned long seen = 0;
	pid_t tid = pid;
	int status = 0, sig = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, tid, 0, sig) && errno != ESRCH)
			die("PTRACE_SYSCALL");
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0 || (tid == pid && !WIFSTOPPED(status)))
			return -1;
		sig = 0;
		if (!WIFSTOPPED(status))
			continue;
		sig = to_deliver(status);
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct user_regs_struct r = regs_of(tid);

			if (r.orig_rax == SYS_ioctl && r.rsi == KVM_RUN_NR && seen++ == first * 2) {
				*syscall_ip = r.rip - 2;
				return tid;
			}
		}
	}
}

static int steps(char **argv, unsigned long first, unsigned long count)
{
	uint64_t ip, instructions = 0;
	unsigned long trips = 0;
	pid_t pid = spawn_traced(argv), vcpu = find_vcpu(pid, first, &ip);
	int status;

	if (vcpu < 0) {
		fprintf(stderr, "meter: the command ended before KVM_RUN number %lu\n", first);
		return 1;
	}
	/* Stopped on entry to KVM_RUN; the first step leaves it. */
	if (ptrace(PTRACE_SINGLESTEP, vcpu, 0, 0))
		die("PTRACE_SINGLESTEP");
	while (trips <= count) {
		struct user_regs_struct r;
		int sig;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0 || (tid == pid && !WIFSTOPPED(status))) {
			fprintf(stderr, "meter: the command ended while it was stepped\n");
			return 1;
		}
		if (!WIFSTOPPED(status))
			continue;
		sig = to_deliver(status);
		if (tid != vcpu) {
			ptrace(PTRACE_CONT, tid, 0, sig);
			continue;
		}
		r = regs_of(vcpu);
		if (r.rip == ip && (r.rax & 0xffffffff) == SYS_ioctl && r.rsi == KVM_RUN_NR)
			trips++;
		if (trips && trips <= count && WSTOPSIG(status) == SIGTRAP)
			instructions++;
		if (ptrace(PTRACE_SINGLESTEP, vcpu, 0, sig))
			die("PTRACE_SINGLESTEP");
	}
	kill(pid, SIGKILL);
	printf("{\"status\": 0, \"instructions\": %llu, \"trips\": %lu, \"per_exit\": %.2f}\n",
	       (unsigned long long)instructions, count, (double)instructions / (double)count);
	return 0;
}

static int start(char **argv)
{
	pid_t pid = spawn_traced(argv), tid = pid;
	uint64_t instructions = 0;
	int status, sig = 0, code = -1;
	bool execed = false;

	for (;;) {
		if (ptrace(execed ? PTRACE_SINGLESTEP : PTRACE_CONT, tid, 0, sig) && errno != ESRCH)
			die("PTRACE_SINGLESTEP");
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0)
			break;
		if (!WIFSTOPPED(status)) {
			if (tid == pid) {
				code = exit_status(status);
				break;
			}
			continue;
		}
		sig = to_deliver(status);
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			execed = true;
		else if (WSTOPSIG(status) == SIGTRAP && !(status >> 16))
			instructions++;
	}
	printf("{\"status\": %d, \"instructions\": %llu}\n", code,
	       (unsigned long long)instructions);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--steps") && argc > 4)
		return steps(argv + 4, strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0));
	if (argc > 2 && !strcmp(argv[1], "--start"))
		return start(argv + 2);
	if (argc > 2 && !strcmp(argv[1], "--sample"))
		return measure(argv + 2, true);
	if (argc > 1 && argv[1][0] != '-')
		return measure(argv + 1, false);
	fprintf(stderr, "usage: meter [--sample | --steps FIRST COUNT | --start] COMMAND...\n");
	return 2;
}
