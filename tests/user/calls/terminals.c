/* SPDX-License-Identifier: MIT */
/* terminals.c - pseudo terminals: line discipline, sizes, sessions, process groups, job control. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define GETS  0x5401
#define SETS  0x5402
#define SETSW 0x5403
#define SETSF 0x5404

/* The kernel's struct termios, which is shorter than the libraries'. */
struct k_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
};

static int master, slave;
static char slave_name[32];

static void open_pair(void)
{
	int n = -1, zero = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0 || ioctl(master, TIOCGPTN, &n) || ioctl(master, TIOCSPTLCK, &zero))
		say("no pseudo terminal: %s", err_name(errno));
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", n);
	slave = open(slave_name, O_RDWR | O_NOCTTY);
}

static void set_flags(uint32_t iflag, uint32_t oflag, uint32_t lflag)
{
	struct k_termios t;

	Q(ioctl, slave, GETS, &t);
	t.iflag = iflag;
	t.oflag = oflag;
	t.lflag = lflag;
	Q(ioctl, slave, SETS, &t);
}

/* What has come, with control characters in words; waits a moment for the first. */
static void show_input(const char *what, int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char b[256], text[1024];
	size_t at = 0;
	long n;

	if (poll(&p, 1, 300) <= 0) {
		say("%s: nothing", what);
		return;
	}
	nap(30);
	n = Q(read, fd, b, sizeof(b));
	if (n < 0) {
		say("%s: -%s", what, err_name(n));
		return;
	}
	for (long i = 0; i < n && at < sizeof(text) - 8; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       b[i] >= ' ' && b[i] < 127 ? "%c" : "<%02x>",
				       (unsigned char)b[i]);
	text[at] = '\0';
	say("%s: '%s'", what, text);
}

static void type(const char *text)
{
	Q(write, master, text, strlen(text));
}

/* On Linux what was written comes through a worker thread: waits until it is there. */
static void type_and_wait(const char *text)
{
	struct pollfd p = { slave, POLLIN, 0 };

	type(text);
	poll(&p, 1, 2000);
}

static void making(void)
{
	int n = -1, locked = -1, fd;
	struct stat st;

	fd = (int)OK(open, "/dev/ptmx", O_RDWR | O_NOCTTY);
	X(ioctl, fd, TIOCGPTN, &n);
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", n);
	X(ioctl, fd, TIOCGPTLCK, &locked);
	NUM(locked);
	X(open, slave_name, O_RDWR | O_NOCTTY);
	X(ioctl, fd, TIOCSPTLCK, &(int){ 0 });
	slave = (int)OK(open, slave_name, O_RDWR | O_NOCTTY);
	Q(fstat, slave, &st);
	say("mode %o major %d", st.st_mode, (int)(st.st_rdev >> 8 & 0xfff));
	X(ioctl, slave, TIOCGPTN, &n);
	X(close, fd);
	X(read, slave, &n, 1);
	X(write, slave, "x", 1);
	X(open, slave_name, O_RDWR | O_NOCTTY);
	X(open, "/dev/tty", O_RDWR);
	open_pair();
	X(close, slave);
	X(read, master, &n, 1);
	slave = (int)OK(open, slave_name, O_RDWR | O_NOCTTY);
	Q(fcntl, master, F_SETFL, O_RDWR | O_NONBLOCK);
	X(read, master, &n, 1);
	X(lseek, slave, 0, SEEK_SET);
}

static void settings(void)
{
	struct k_termios t;
	struct winsize ws = { 1, 2, 3, 4 };
	int v = -1;

	open_pair();
	X(ioctl, slave, GETS, &t);
	HEX(t.iflag);
	HEX(t.oflag);
	HEX(t.cflag);
	HEX(t.lflag);
	NUM(t.line);
	for (int i = 0; i < 17; i++)
		say("cc %d: %d", i, t.cc[i]);
	t.lflag &= ~(uint32_t)ECHO;
	X(ioctl, slave, SETSW, &t);
	Q(ioctl, master, GETS, &t);
	HEX(t.lflag);
	X(ioctl, slave, GETS, unmapped());
	X(ioctl, slave, SETS, unmapped());
	X(ioctl, slave, TIOCGWINSZ, &ws);
	say("%d %d %d %d", ws.ws_row, ws.ws_col, ws.ws_xpixel, ws.ws_ypixel);
	ws = (struct winsize){ 24, 80, 640, 480 };
	X(ioctl, master, TIOCSWINSZ, &ws);
	ws.ws_row = 0;
	X(ioctl, slave, TIOCGWINSZ, &ws);
	say("%d %d", ws.ws_row, ws.ws_col);
	X(ioctl, slave, TIOCGPGRP, &v);
	X(ioctl, slave, TIOCSPGRP, &(int){ 1 });
	X(ioctl, slave, TIOCGSID, &v);
	X(ioctl, slave, TIOCNOTTY);
	X(ioctl, slave, TIOCOUTQ, &v);
	NUM(v);
	X(ioctl, slave, 0x5499, &v);
	X(ioctl, slave, TCFLSH, 9);
	X(ioctl, slave, TCFLSH, TCIOFLUSH);
	X(ioctl, slave, TIOCGETD, &v);
	NUM(v);
}

static void cooked(void)
{
	int n = -1;

	open_pair();
	type("abc");
	Q(ioctl, slave, FIONREAD, &n);
	NUM(n);
	show_input("half a line", slave);
	type("def\r");
	show_input("line", slave);
	show_input("echo", master);
	type("one\ntwo\n");
	show_input("first of two", slave);
	show_input("second", slave);
	type("wrong\177\177\177\177\177\177right\n");
	show_input("erased", slave);
	type("some words\027here\n");
	show_input("word erased", slave);
	type("all gone\025new\n");
	show_input("line killed", slave);
	type("end\004");
	show_input("end in a line", slave);
	type("\004");
	show_input("end", slave);
	type("quoted \026\003 x\n");
	show_input("literal next", slave);
	show_input("echoes", master);
	type("\001\033\t\n");
	show_input("controls", slave);
	show_input("echo of controls", master);
	Q(write, slave, "out\nput\tx", 9);
	show_input("output", master);
	char b[4] = { 0 };
	type("long line\n");
	X(read, slave, b, 3);
	say("%.3s", b);
	show_input("the rest", slave);
	X(ioctl, slave, TIOCSTI, "z");
	static char line[5001];
	memset(line, 'l', 5000);
	set_flags(ICRNL, 0, ICANON);
	Q(write, master, line, 5000);
	Q(write, master, "\n", 1);
	static char got[6000];
	X(read, slave, got, 6000);
}

static void raw(void)
{
	struct k_termios t;
	char b[32];

	open_pair();
	set_flags(0, 0, 0);
	type("a\r\n\003\004\177");
	show_input("raw", slave);
	show_input("no echo", master);
	Q(write, slave, "x\ny", 3);
	show_input("raw output", master);
	set_flags(INLCR | ISTRIP | IUCLC, OPOST | OLCUC, IEXTEN);
	type("AB\n\341");
	show_input("translated", slave);
	Q(write, slave, "xy", 2);
	show_input("upper", master);
	set_flags(IGNCR, OPOST | OCRNL, ECHO | ECHOCTL);
	type("a\rb\001");
	show_input("no returns", slave);
	show_input("echo", master);
	set_flags(0, 0, 0);
	Q(ioctl, slave, GETS, &t);
	t.cc[VMIN] = 4;
	t.cc[VTIME] = 0;
	Q(ioctl, slave, SETS, &t);
	type("12");
	struct pollfd p = { slave, POLLIN, 0 };
	X(poll, &p, 1, 50);
	type("345");
	X(read, slave, b, 32);
	t.cc[VMIN] = 0;
	t.cc[VTIME] = 1;
	Q(ioctl, slave, SETS, &t);
	X(read, slave, b, 32);
	type_and_wait("z");
	X(read, slave, b, 32);
	t.cc[VMIN] = 0;
	t.cc[VTIME] = 0;
	Q(ioctl, slave, SETS, &t);
	X(read, slave, b, 32);
	Q(fcntl, slave, F_SETFL, O_RDWR | O_NONBLOCK);
	t.cc[VMIN] = 1;
	Q(ioctl, slave, SETS, &t);
	X(read, slave, b, 32);
	type_and_wait("before");
	t.lflag |= ICANON;
	X(ioctl, slave, SETSF, &t);
	X(read, slave, b, 32);
}

static void sessions(void)
{
	pid_t pid, me = getpid();

	X(setsid);
	X(setpgid, 0, 0);
	X(setpgid, 1, 0);
	X(setpgid, 0, 1);
	X(setpgid, -1, 0);
	X(setpgid, 0, -1);
	X(setpgid, 12345678, 0);
	X(getpgid, 12345678);
	X(getsid, 12345678);
	X(getpgid, -1);
	IS(Q(getpgid, 0) == me && Q(getpgrp) == me);
	pid = fork();
	if (!pid) {
		IS(Q(getpgrp) == me);
		IS(Q(setsid) == Q(getpid));
		IS(Q(getsid, 0) == Q(getpid) && Q(getpgrp) == Q(getpid));
		X(setpgid, 0, 0);
		X(setsid);
		_exit(0);
	}
	say("%s", wait_words(finish(pid)));
	pid = fork();
	if (!pid) {
		Q(setsid);
		nap(200);
		_exit(0);
	}
	nap(60);
	X(setpgid, pid, pid);
	IS(Q(getpgid, pid) == pid);
	finish(pid);
	pid = fork();
	if (!pid) {
		nap(200);
		_exit(0);
	}
	X(setpgid, pid, pid);
	IS(Q(getpgid, pid) == pid);
	X(setpgid, pid, me);
	finish(pid);
	int gone[2]; /* its writing end goes with the exec */

	pipe2(gone, O_CLOEXEC);
	pid = fork();
	if (!pid) {
		char *argv[] = { "terminals", "sleep", NULL };
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	close(gone[1]);
	(void)!read(gone[0], gone, 1);
	close(gone[0]);
	X(setpgid, pid, pid);
	finish(pid);
}

static volatile int got_signal;

static void on_signal(int sig)
{
	got_signal = sig;
}

/* A session leader on the slave, with fn as its life. */
static int in_session(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		Q(setsid);
		X(open, "/dev/tty", O_RDWR);
		X(ioctl, slave, TIOCSCTTY, 0);
		fn();
		_exit(0);
	}
	return finish(pid);
}

static void control(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	char b[8];
	int v = 0;
	pid_t child;

	for (int s = SIGHUP; s <= SIGQUIT; s++)
		sigaction(s, &sa, NULL);
	sigaction(SIGTSTP, &sa, NULL);
	sigaction(SIGWINCH, &sa, NULL);
	OK(open, "/dev/tty", O_RDWR);
	X(ioctl, slave, TIOCGSID, &v);
	IS(v == getpid());
	X(ioctl, slave, TIOCGPGRP, &v);
	IS(v == getpid());
	type("\003");
	nap(30);
	NUM(got_signal);
	type("\034");
	nap(30);
	NUM(got_signal);
	type("half\032");
	nap(30);
	NUM(got_signal);
	type("rest\n");
	show_input("after stop", slave);
	X(ioctl, master, TIOCSWINSZ, &(struct winsize){ .ws_row = 50 });
	nap(30);
	NUM(got_signal);
	/* A signal ends a read, and ^C throws the line away. */
	got_signal = 0;
	child = fork();
	if (!child) {
		await_state(getppid(), "S");
		type("\003");
		_exit(0);
	}
	X(read, slave, b, 8);
	finish(child);
	/* The child's group to the front: this one may not read any more, and is stopped for writing with TOSTOP. */
	child = fork();
	if (!child) {
		nap(600);
		_exit(0);
	}
	Q(setpgid, child, child);
	signal(SIGTTOU, SIG_IGN);
	X(ioctl, slave, TIOCSPGRP, &child);
	X(ioctl, slave, TIOCGPGRP, &v);
	IS(v == child);
	signal(SIGTTIN, SIG_IGN);
	X(read, slave, b, 8);
	signal(SIGTTIN, SIG_DFL);
	X(read, slave, b, 8);
	X(write, slave, "w", 1);
	signal(SIGTTOU, on_signal);
	got_signal = 0;
	set_flags(ICRNL, OPOST, ISIG | ICANON | TOSTOP);
	X(ioctl, slave, TIOCSPGRP, &(int){ 12345678 });
	X(ioctl, slave, TIOCSPGRP, &(int){ -1 });
	signal(SIGTTOU, SIG_IGN);
	X(ioctl, slave, TIOCSPGRP, &(int){ getpid() });
	finish(child);
	X(ioctl, slave, TIOCSPGRP, &(int){ 12345678 });
	X(ioctl, slave, TIOCSPGRP, &(int){ 1 });
	X(ioctl, slave, TIOCSCTTY, 0);
	X(ioctl, slave, TIOCNOTTY);
	nap(20);
	NUM(got_signal);
	X(ioctl, slave, TIOCGPGRP, &v);
	X(open, "/dev/tty", O_RDWR);
}

static void job_control(void)
{
	open_pair();
	say("%s", wait_words(in_session(control)));
}

static void reads_in_background(void)
{
	char b[8];
	int status, v;
	pid_t job;

	job = fork();
	if (!job) {
		Q(setpgid, 0, 0);
		v = (int)Q(read, slave, b, 8);
		_exit(v);
	}
	Q(setpgid, job, job);
	Q(wait4, job, &status, WUNTRACED, NULL);
	say("%s", wait_words(status));
	type("job\n");
	signal(SIGTTOU, SIG_IGN);
	Q(ioctl, slave, TIOCSPGRP, &job);
	Q(kill, -job, SIGCONT);
	Q(wait4, job, &status, WUNTRACED, NULL);
	say("%s", wait_words(status));
	job = fork();
	if (!job) {
		Q(setpgid, 0, 0);
		signal(SIGTTOU, SIG_DFL);
		set_flags(ICRNL, OPOST, ISIG | ICANON);
		_exit(5);
	}
	Q(setpgid, job, job);
	Q(wait4, job, &status, WUNTRACED, NULL);
	say("%s", wait_words(status));
	Q(kill, job, SIGKILL);
	Q(wait4, job, &status, 0, NULL);
	/* ^Z stops the group in front. */
	job = fork();
	if (!job) {
		Q(setpgid, 0, 0);
		nap(3000);
		_exit(6);
	}
	Q(setpgid, job, job);
	Q(ioctl, slave, TIOCSPGRP, &job);
	await_state(job, "S");
	type("\032");
	Q(wait4, job, &status, WUNTRACED, NULL);
	say("%s", wait_words(status));
	Q(kill, job, SIGCONT);
	type("\003");
	Q(wait4, job, &status, 0, NULL);
	say("%s", wait_words(status));
}

static void background(void)
{
	open_pair();
	say("%s", wait_words(in_session(reads_in_background)));
}

static void waits_for_hangup(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	char b[4];

	sigaction(SIGHUP, &sa, NULL);
	Q(close, master);
	for (int i = 0; i < 200 && !got_signal; i++)
		nap(5);
	NUM(got_signal);
	X(read, slave, b, 4);
	X(write, slave, b, 1);
	X(ioctl, slave, GETS, b);
	struct pollfd p = { slave, POLLIN | POLLOUT, 0 };
	X(poll, &p, 1, 0);
	HEX(p.revents);
}

static void hangup(void)
{
	pid_t pid;

	open_pair();
	pid = fork();
	if (!pid) {
		Q(setsid);
		Q(ioctl, slave, TIOCSCTTY, 0);
		nap(50);
		waits_for_hangup();
		_exit(0);
	}
	Q(close, master);
	say("%s", wait_words(finish(pid)));
	/* Stopped orphans are told to go. */
	open_pair();
	pid = fork();
	if (!pid) {
		Q(setsid);
		pid_t orphan = fork();
		if (!orphan) {
			Q(setpgid, 0, 0);
			Q(kill, getpid(), SIGSTOP);
			_exit(1);
		}
		Q(wait4, orphan, NULL, WUNTRACED, NULL);
		Q(write, master, "o", 1);
		_exit(0);
	}
	finish(pid);
	nap(100);
	say("any child left: %s", err_name(Q(wait4, -1, NULL, WNOHANG, NULL)));
}

static const struct test tests[] = {
	T(making),   T(settings),    T(cooked),	    T(raw),
	T(sessions), T(job_control), T(background), T(hangup),
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "sleep") == 0) {
		nap(300);
		return 0;
	}
	return check_main("terminals", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
