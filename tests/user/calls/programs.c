/* SPDX-License-Identifier: MIT */
/* programs.c - execve and execveat: what a new program gets, what it loses, what is refused. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

extern char **environ;

static char self[256]; /* this program, by a path that does not need /proc */

static char *no_env[] = { NULL };

/* Runs this program again as the helper ROLE (below) and tells how it ended. */
static void again(const char *role, char *const *env)
{
	pid_t pid = fork();

	if (!pid) {
		char *argv[] = { self, "--role", (char *)role, "", "a b", NULL };

		Q(execve, self, argv, env);
		_exit(111);
	}
	say("%s: %s", role, wait_words(finish(pid)));
}

static void arguments(void)
{
	char *env[] = { "A=1", "B=two words", "", "A=again", NULL };

	again("arguments", env);
	again("arguments", no_env);
	again("arguments", NULL);
}

static void role_arguments(int argc, char **argv)
{
	NUM(argc);
	IS(strcmp(argv[0], self) == 0);
	for (int i = 1; i < argc; i++)
		say("argv %d '%s'", i, argv[i]);
	for (char **e = environ; *e; e++)
		say("env '%s'", *e);
	/* The stack is as the psABI says: argc is at a multiple of 16. */
	IS(((uintptr_t)(argv - 1) & 15) == 0);
	IS(argv[argc] == NULL);
}

static void auxiliary(void)
{
	again("auxiliary", no_env);
}

static void role_auxiliary(void)
{
	IS(getauxval(AT_PAGESZ) == 4096);
	NUM(getauxval(AT_CLKTCK));
	NUM(getauxval(AT_SECURE));
	NUM(getauxval(AT_UID));
	NUM(getauxval(AT_EGID));
	NUM(getauxval(AT_PHENT));
	NUM(getauxval(AT_BASE));
	NUM(getauxval(AT_FLAGS));
	IS(getauxval(AT_PHNUM) >= 2 && getauxval(AT_PHDR));
	IS(getauxval(AT_RANDOM) != 0 && getauxval(AT_ENTRY) != 0);
	say("%s", (const char *)getauxval(AT_PLATFORM));
	IS(strcmp((const char *)getauxval(AT_EXECFN), self) == 0);
	const unsigned char *r = (const unsigned char *)getauxval(AT_RANDOM);
	int sum = 0;
	for (int i = 0; i < 16; i++)
		sum |= r[i];
	IS(sum != 0);
}

static void survivors(void)
{
	unsigned long block = 1ul << (SIGUSR2 - 1) | 1ul << (SIGTERM - 1);
	stack_t ss = { .ss_sp = pages(4), .ss_size = 16384 };
	int fd = (int)Q(open, "/dev/null", O_RDWR), cloexec;

	Q(dup2, fd, 60);
	cloexec = (int)Q(fcntl, fd, F_DUPFD_CLOEXEC, 61);
	NUM(cloexec);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGHUP, (void (*)(int))exit);
	Q(rt_sigprocmask, SIG_BLOCK, &block, NULL, 8);
	Q(kill, getpid(), SIGTERM);
	sigaltstack(&ss, NULL);
	Q(alarm, 100);
	Q(umask, 033);
	Q(prctl, PR_SET_NAME, "oldname");
	Q(prctl, PR_SET_PDEATHSIG, SIGUSR1);
	Q(setpriority, PRIO_PROCESS, 0, 3);
	Q(mkdir, "here", 0755);
	Q(chdir, "here");
	char *argv[] = { self, "--role", "survivors", NULL };
	Q(execve, self, argv, environ);
}

static void role_survivors(void)
{
	struct sigaction sa;
	unsigned long mask = 0, pending = 0;
	stack_t ss;
	char b[64];
	int sig = -1;

	X(fcntl, 60, F_GETFD);
	X(fcntl, 61, F_GETFD);
	sigaction(SIGUSR1, NULL, &sa);
	IS(sa.sa_handler == SIG_IGN);
	sigaction(SIGHUP, NULL, &sa);
	IS(sa.sa_handler == SIG_DFL);
	Q(rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
	HEX(mask);
	Q(rt_sigpending, &pending, 8);
	HEX(pending);
	sigaltstack(NULL, &ss);
	NUM(ss.ss_flags);
	IS(Q(alarm, 0) > 90);
	X(umask, 022);
	Q(prctl, PR_GET_NAME, b);
	IS(strcmp(b, strrchr(self, '/') + 1) == 0);
	Q(prctl, PR_GET_PDEATHSIG, &sig);
	NUM(sig);
	X(getpriority, PRIO_PROCESS, 0);
	say("%s", strrchr(getcwd(b, sizeof(b)), '/'));
}

static void refusals(void)
{
	char *argv[] = { "x", NULL };
	static char text[5000];
	Elf64_Ehdr eh;
	int fd;

	X(execve, "none", argv, no_env);
	X(execve, "", argv, no_env);
	X(execve, ".", argv, no_env);
	X(execve, "/dev/null", argv, no_env);
	X(execve, unmapped(), argv, no_env);
	X(execve, self, KERNEL_LINEAR, no_env);
	X(execve, self, unmapped(), no_env);
	put_file("f", "plain text", 10);
	X(execve, "f", argv, no_env);
	Q(chmod, "f", 0755);
	X(execve, "f", argv, no_env);
	X(execve, "f/x", argv, no_env);
	put_file("empty", "", 0);
	Q(chmod, "empty", 0755);
	X(execve, "empty", argv, no_env);
	/* A file that is being written, and one that runs. */
	fd = (int)Q(open, "f", O_RDWR);
	X(execve, "f", argv, no_env);
	Q(close, fd);
	X(open, self, O_RDWR);
	fd = (int)Q(open, self, O_RDONLY);
	Q(read, fd, &eh, sizeof(eh));
	Q(close, fd);
	const Elf64_Ehdr good = eh;
	put_file("e", &eh, 20);
	Q(chmod, "e", 0755);
	X(execve, "e", argv, no_env);
	eh.e_machine = EM_AARCH64;
	put_file("e", &eh, sizeof(eh));
	X(execve, "e", argv, no_env);
	eh = good;
	eh.e_type = ET_REL;
	put_file("e", &eh, sizeof(eh));
	X(execve, "e", argv, no_env);
	eh = good;
	eh.e_phentsize = 10;
	put_file("e", &eh, sizeof(eh));
	X(execve, "e", argv, no_env);
	eh = good;
	eh.e_phnum = 0;
	put_file("e", &eh, sizeof(eh));
	X(execve, "e", argv, no_env);
	eh = good;
	eh.e_phoff = 1ul << 40;
	memcpy(text, &eh, sizeof(eh));
	put_file("e", text, sizeof(text));
	X(execve, "e", argv, no_env);
	/* An interpreter that does not exist. */
	Elf64_Phdr ph = { .p_type = PT_INTERP, .p_offset = 200, .p_filesz = 8 };
	eh = good;
	eh.e_phoff = 64;
	eh.e_phnum = 1;
	memcpy(text, &eh, sizeof(eh));
	memcpy(text + 64, &ph, sizeof(ph));
	memcpy(text + 200, "/no/ld.", 8);
	put_file("e", text, sizeof(text));
	X(execve, "e", argv, no_env);
	ph.p_filesz = 1;
	memcpy(text + 64, &ph, sizeof(ph));
	put_file("e", text, sizeof(text));
	X(execve, "e", argv, no_env);
}

static void copy_self(const char *to, mode_t mode)
{
	static char buf[65536];
	int in = (int)Q(open, self, O_RDONLY), out = (int)Q(open, to, O_WRONLY | O_CREAT, 0755);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		Q(write, out, buf, n);
	Q(close, in);
	Q(close, out);
	Q(chmod, to, mode);
}

/* A running program cannot be written to, for as long as its address space is there. */
static void busy(void)
{
	char *argv[] = { "copy", "--role", "sleeper", NULL }, *script[] = { "./s", NULL };
	char text[600];
	int fd, go[2];
	pid_t pid;

	copy_self("copy", 0755);
	X(truncate, self, 1);
	X(open, self, O_WRONLY | O_TRUNC);
	X(open, self, O_RDONLY | O_TRUNC);
	Q(pipe2, go, O_CLOEXEC);
	pid = fork();
	if (!pid) {
		Q(execve, "copy", argv, no_env);
		_exit(1);
	}
	Q(close, go[1]);
	Q(read, go[0], text, 1); /* it runs */
	X(open, "copy", O_WRONLY);
	X(open, "copy", O_RDONLY | O_TRUNC);
	X(truncate, "copy", 1);
	fd = (int)OK(open, "copy", O_RDONLY);
	X(fchmod, fd, 0700);
	OK(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	Q(rename, "copy", "moved");
	X(open, "moved", O_WRONLY);
	Q(kill, pid, SIGKILL);
	finish(pid);
	fd = (int)OK(open, "moved", O_WRONLY);
	X(execve, "moved", argv, no_env);
	Q(close, fd);
	/* A script's own file is free once its interpreter is the program. */
	snprintf(text, sizeof(text), "#!%s --role=sleeper\n", self);
	put_file("s", text, strlen(text));
	Q(chmod, "s", 0755);
	Q(pipe2, go, O_CLOEXEC);
	pid = fork();
	if (!pid) {
		Q(execve, "s", script, no_env);
		_exit(1);
	}
	Q(close, go[1]);
	Q(read, go[0], text, 1);
	OK(open, "s", O_WRONLY);
	Q(kill, pid, SIGKILL);
	finish(pid);
}

static void too_much(void)
{
	static char *many[200000];
	static char word[140000];
	char *one[] = { word, NULL };
	struct rlimit l = { 1 << 20, 1 << 20 };

	memset(word, 'w', sizeof(word) - 1);
	X(execve, self, one, no_env);
	X(execve, self, no_env, one);
	for (size_t i = 0; i < 199999; i++)
		many[i] = "--a-word-of-some-length";
	Q(setrlimit, RLIMIT_STACK, &l);
	X(execve, self, many, no_env);
}

static void script(const char *what, const char *text, const char *arg)
{
	char *argv[] = { "script", (char *)arg, NULL };
	pid_t pid;
	long err;

	put_file("s", text, strlen(text));
	Q(chmod, "s", 0755);
	pid = fork();
	if (!pid) {
		err = Q(execve, "s", argv, environ);
		say("%s: -%s", what, err_name(err));
		_exit(1);
	}
	finish(pid);
}

static void scripts(void)
{
	char text[600];

	snprintf(text, sizeof(text), "#!%s --role=plain\n", self);
	script("with one word", text, "arg");
	snprintf(text, sizeof(text), "#!  %s   --role=two words here  \nmore", self);
	script("with blanks", text, "arg");
	script("missing interpreter", "#!/no/such\n", "arg");
	script("nothing", "#!\n", "arg");
	script("itself", "#!./s\n", "arg");
	snprintf(text, sizeof(text), "#!%s --role=no-newline", self);
	script("without a newline", text, NULL);
	/* A script that is run by a script. */
	snprintf(text, sizeof(text), "#!%s --role=inner\n", self);
	put_file("inner", text, strlen(text));
	Q(chmod, "inner", 0755);
	script("of scripts", "#!./inner x\n", "arg");
}

static void by_descriptor(void)
{
	char *argv[] = { self, "--role", "arguments", NULL };
	int fd = (int)Q(open, self, O_PATH | O_CLOEXEC), dir = (int)Q(open, "/proc/self", O_PATH);
	char b[256] = { 0 };

	IS(Q(readlink, "/proc/self/exe", b, 255) > 0 && strcmp(b, self) == 0);
	X(execveat, fd, "", argv, no_env, 0);
	X(execveat, 12345, "x", argv, no_env, 0);
	X(execveat, fd, "", argv, no_env, 0x10);
	X(execveat, dir, "exe", argv, no_env, AT_SYMLINK_NOFOLLOW);
	if (!fork()) {
		Q(execveat, fd, "", argv, no_env, AT_EMPTY_PATH);
		_exit(1);
	}
	wait(NULL);
	if (!fork()) {
		Q(execveat, dir, "exe", argv, no_env, 0);
		_exit(1);
	}
	wait(NULL);
}

static void set_user_id(void)
{
	char *argv[] = { self, "--role", "ids", NULL };

	copy_self("suid", 0755);
	Q(chown, "suid", 1234, 2345);
	Q(chmod, "suid", 06755);
	if (!fork()) {
		Q(execve, "suid", argv, no_env);
		_exit(1);
	}
	wait(NULL);
	if (!fork()) {
		Q(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		Q(execve, "suid", argv, no_env);
		_exit(1);
	}
	wait(NULL);
	if (!fork()) {
		Q(setresuid, 77, 77, 77);
		Q(execve, "suid", argv, no_env);
		_exit(1);
	}
	wait(NULL);
	copy_self("secret", 0711);
	if (!fork()) {
		Q(setresuid, 77, 77, 77);
		X(open, "secret", O_RDONLY);
		Q(execve, "secret", argv, no_env);
		_exit(1);
	}
	wait(NULL);
	copy_self("closed", 0700);
	if (!fork()) {
		Q(setresuid, 77, 77, 77);
		X(execve, "closed", argv, no_env);
		_exit(1);
	}
	wait(NULL);
	copy_self("nobody", 0600);
	X(execve, "nobody", argv, no_env);
}

static void role_ids(void)
{
	uid_t r, e, s;

	Q(getresuid, &r, &e, &s);
	say("uid %d %d %d", (int)r, (int)e, (int)s);
	Q(getresgid, &r, &e, &s);
	say("gid %d %d %d", (int)r, (int)e, (int)s);
	NUM(getauxval(AT_SECURE));
	X(prctl, PR_GET_DUMPABLE);
}

/* The memory of the old program is gone, vfork's parent goes on. */
static void from_vfork(void)
{
	static char *argv[] = { self, "--role=vfork", NULL };
	pid_t pid = vfork();

	if (!pid) {
		execve(self, argv, no_env);
		_exit(1);
	}
	say("%s", wait_words(finish(pid)));
}

static const struct test tests[] = {
	T(arguments), T(auxiliary), T(survivors),     T(refusals),    T(busy),
	T(too_much),  T(scripts),   T(by_descriptor), T(set_user_id), T(from_vfork),
};

static void role_line(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		say("argv %d '%s'", i, argv[i]);
}

static const struct test roles[] = { T(role_auxiliary), T(role_survivors), T(role_ids) };

int main(int argc, char **argv)
{
	snprintf(self, sizeof(self), "%s", argv[0]);
	if (argc < 2 || strncmp(argv[1], "--role", 6) != 0)
		return check_main("programs", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
	check_as("programs", argc > 2 && argv[1][6] == '\0' ? argv[2] : "script");
	if (strcmp(argv[1] + 6, "=sleeper") == 0 || (argc > 2 && strcmp(argv[2], "sleeper") == 0))
		sleep(30);
	else if (argv[1][6])
		role_line(argc, argv);
	else if (strcmp(argv[2], "arguments") == 0)
		role_arguments(argc, argv);
	for (size_t i = 0; i < 3; i++)
		if (argc > 2 && strcmp(roles[i].name + 5, argv[2]) == 0)
			roles[i].run();
	return 0;
}
