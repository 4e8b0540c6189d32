/* SPDX-License-Identifier: MIT */
/* terminal_modes.c - modes of pseudo terminals in the kernel's three forms of them (termio, termios,
 * termios2), locked modes, and what the ends of a pair answer besides. tty_ioctl(4), ioctl_tty(2). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

/* By number: the libraries' headers hide some, and give others another meaning. */
enum {
	GETS = 0x5401,
	SETS,
	SETSW,
	SETSF,
	GETA,
	SETA,
	SETAW,
	SETAF,
	GETLOCK = 0x5456,
	SETLOCK = 0x5457,
};
#define GETS2	  0x802c542au
#define SETS2	  0x402c542bu
#define SETSW2	  0x402c542cu
#define SETSF2	  0x402c542du
#define GETEXCL	  0x80045440u
#define SENDSIG	  0x40045436u
#define BY_NUMBER 0x1000 /* BOTHER: the speed is in a field of its own */
#define SPEED	  0x100f
#define IN_SPEED  (SPEED << 16)

struct k_termio {
	uint16_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[8];
};

struct k_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
};

struct k_termios2 {
	struct k_termios t;
	uint32_t ispeed, ospeed;
};

static int master, slave;

static void open_pair(void)
{
	int n = -1, zero = 0;
	char name[32];

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(master, TIOCGPTN, &n);
	ioctl(master, TIOCSPTLCK, &zero);
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	slave = open(name, O_RDWR | O_NOCTTY);
}

static void show(const char *when)
{
	struct k_termios2 t = { 0 };

	Q(ioctl, slave, GETS2, &t);
	say("%s: %x %x %x %x, %u %u, ^C is %d", when, t.t.iflag, t.t.oflag, t.t.cflag, t.t.lflag,
	    t.ispeed, t.ospeed, t.t.cc[VINTR]);
}

static void oldest(void)
{
	struct k_termio t = { 0 };

	open_pair();
	show("at first");
	X(ioctl, slave, GETA, &t);
	say("%x %x %x %x %d", t.iflag, t.oflag, t.cflag, t.lflag, t.line);
	for (int i = 0; i < 8; i++)
		say("cc %d: %d", i, t.cc[i]);
	t.lflag &= (uint16_t)~ECHO;
	t.cc[VINTR] = 7;
	X(ioctl, slave, SETA, &t);
	show("SETA");
	t.iflag |= IUCLC;
	X(ioctl, slave, SETAW, &t);
	show("SETAW");
	Q(write, master, "left\n", 5);
	t.lflag = 0xffff;
	X(ioctl, master, SETAF, &t);
	show("SETAF of the master");
	X(ioctl, slave, FIONREAD, &(int){ 0 });
	X(ioctl, master, GETA, &t);
	X(ioctl, slave, GETA, unmapped());
	X(ioctl, slave, SETA, unmapped());
}

static void newest(void)
{
	struct k_termios2 t;

	open_pair();
	X(ioctl, slave, GETS2, &t);
	t.t.cflag = (t.t.cflag & ~(uint32_t)SPEED) | B9600;
	X(ioctl, slave, SETS2, &t);
	show("9600 by name");
	t.t.cflag = (t.t.cflag & ~(uint32_t)SPEED) | BY_NUMBER;
	t.ispeed = 1111;
	t.ospeed = 2222;
	X(ioctl, slave, SETSW2, &t);
	show("out by number");
	t.t.cflag |= BY_NUMBER << 16;
	X(ioctl, slave, SETSF2, &t);
	show("both by number");
	X(ioctl, slave, GETS, &t);
	X(ioctl, slave, SETS, &t);
	show("kept");
	t.t.cflag = (t.t.cflag & ~(uint32_t)(SPEED | IN_SPEED)) | B4000000 | B50 << 16;
	X(ioctl, slave, SETS, &t);
	show("by name, as one has it");
	t.t.cflag = (t.t.cflag & ~(uint32_t)SPEED);
	X(ioctl, slave, SETS, &t);
	show("none");
	t.t.cflag = CS5 | PARENB | CSTOPB;
	X(ioctl, slave, SETS, &t);
	show("five bits");
	X(ioctl, master, GETS2, &t);
	X(ioctl, slave, GETS2, unmapped());
	X(ioctl, slave, SETSF2, unmapped());
}

static void locked(void)
{
	struct k_termios lock = { 0 }, t = { 0 };

	open_pair();
	X(ioctl, slave, GETLOCK, &lock);
	say("%x %x %x %x %d %d", lock.iflag, lock.oflag, lock.cflag, lock.lflag, lock.line,
	    lock.cc[0]);
	lock.lflag = ECHO | ICANON;
	lock.cc[VINTR] = 1;
	X(ioctl, slave, SETLOCK, &lock);
	X(ioctl, slave, GETS, &t);
	t.iflag = t.oflag = t.lflag = 0;
	t.cc[VINTR] = 9;
	t.cc[VQUIT] = 9;
	X(ioctl, slave, SETS, &t);
	show("locked");
	X(ioctl, slave, GETS, &t);
	NUM(t.cc[VQUIT]);
	X(ioctl, master, GETLOCK, &lock);
	HEX(lock.lflag);
	memset(&lock, 0, sizeof(lock));
	X(ioctl, master, SETLOCK, &lock);
	t.lflag = 0;
	X(ioctl, slave, SETS, &t);
	show("free");
	X(ioctl, slave, GETLOCK, unmapped());
	X(ioctl, slave, SETLOCK, unmapped());
	Q(setresuid, 1000, 1000, 1000);
	X(ioctl, slave, GETLOCK, &lock);
	X(ioctl, slave, SETLOCK, &lock);
}

static void ends(void)
{
	int v = -1;
	char b[8];

	open_pair();
	X(ioctl, slave, GETEXCL, &v);
	NUM(v);
	X(ioctl, slave, TIOCEXCL, 0);
	X(ioctl, slave, GETEXCL, &v);
	NUM(v);
	X(ioctl, slave, TIOCNXCL, 0);
	Q(fcntl, master, F_SETFL, O_RDWR | O_NONBLOCK);
	X(write, slave, "peer", 4);
	X(ioctl, master, TCFLSH, TCOFLUSH);
	X(read, master, b, 2);
	X(ioctl, master, TIOCOUTQ, &v);
	X(ioctl, master, TCFLSH, TCIFLUSH);
	X(read, master, b, 2);
	X(write, slave, "peer", 4);
	X(ioctl, master, TCFLSH, TCIOFLUSH);
	X(read, master, b, 2);
	X(ioctl, master, TCFLSH, 9);
	X(ioctl, master, TCSBRK, 1);
	X(ioctl, master, TIOCGETD, &v);
	X(ioctl, master, TIOCGPGRP, &v);
	X(ioctl, master, TIOCGSID, &v);
	X(ioctl, master, TIOCNOTTY, 0);
	X(ioctl, master, 0x5499, &v);
	X(ioctl, master, SENDSIG, SIGHUP);
	X(ioctl, master, SENDSIG, SIGINT);
	X(ioctl, slave, SENDSIG, SIGINT);
}

static int of_a_session(void *unused)
{
	int v = -1;

	(void)unused;
	setsid();
	X(ioctl, slave, TIOCSCTTY, 0);
	X(ioctl, master, TIOCGPGRP, &v);
	IS(v == getpid());
	X(ioctl, master, TIOCGSID, &v);
	IS(v == getpid());
	X(ioctl, master, SENDSIG, SIGTSTP); /* an orphaned group does not stop */
	X(ioctl, master, SENDSIG, SIGQUIT);
	return 1;
}

static void signals(void)
{
	open_pair();
	say("%s", wait_words(in_child(of_a_session, NULL) & ~0x80));
}

static const struct test tests[] = { T(oldest), T(newest), T(locked), T(ends), T(signals) };

MAIN("terminal_modes", tests)
