/* SPDX-License-Identifier: MIT */
/*
 * tty.h - terminals: a driver below, the N_TTY line discipline in the middle, a character device on
 * top. termios(3), tty_ioctl(4).
 *
 * The driver calls tty_receive() with what arrives, in any context; the line discipline edits lines,
 * echoes, and turns ^C ^\ ^Z into signals for the foreground group. Everything of one tty is under
 * its spinlock; a reader's bytes are copied to user memory outside of it.
 */
#ifndef GUEST_FS_TTY_H
#define GUEST_FS_TTY_H

#include "guest/fs/vfs.h"

#define N_TTY_BUF_SIZE 4096

/* tty->lock is held, IRQs are off, but where it says otherwise. All but the first two optional. */
struct tty_operations {
	/* Takes up to n bytes; how many. */
	size_t (*write)(struct tty_struct *tty, const u8 *buf, size_t n);
	/* How many bytes write() would take now; also without the lock. */
	size_t (*write_room)(struct tty_struct *tty);
	void (*set_termios)(struct tty_struct *tty, const struct linux_termios *old);
	void (*flush)(struct tty_struct *tty);	    /* drops what was not sent */
	size_t (*queued)(struct tty_struct *tty);   /* bytes not sent yet; no lock */
	void (*pushed)(struct tty_struct *tty);	    /* after write()s; no lock */
	void (*unthrottle)(struct tty_struct *tty); /* somebody has read; no lock */
	void (*closed)(struct tty_struct *tty);	    /* the last file has gone; no lock */
	/* Before the common ones; -ENOTTY: not mine. No lock. */
	s64 (*ioctl)(struct vfs_task *t, struct tty_struct *tty, u32 cmd, u64 arg);
};

#define TTY_ECHO_SIZE 1024

struct tty_struct {
	struct vfs *vfs;
	const struct tty_operations *ops;
	void *driver_data;
	kdev_t dev;
	char name[16];
	spinlock_t lock;
	struct linux_termios termios; /* lock, like everything below */
	struct linux_termios locked;  /* modes that are not to be changed: TIOCSLCKTRMIOS */
	u32 ispeed, ospeed;	      /* what termios says of them, as numbers */
	struct linux_winsize winsize;
	int pgrp, session; /* 0: none */
	unsigned count;	   /* open files */
	bool stopped, hung_up, exclusive;

	/* Input. Positions count for ever; bytes [canon_head, read_head) are the line being edited. */
	u8 buf[N_TTY_BUF_SIZE];
	u64 ends[N_TTY_BUF_SIZE / 64]; /* a bit at each byte that ends a line */
	u64 read_head, canon_head, read_tail;
	bool lnext, erasing;
	/* Output that nobody has written: bytes, and what else n_tty.c wants done between them. They are
	 * processed when they go out, by the modes of then. */
	u16 echo[TTY_ECHO_SIZE];
	unsigned echo_head, echo_tail;
	unsigned column, canon_column; /* where the cursor is; was when the line began */
	u32 pending_signals;	       /* to be sent when the lock is let go of */
	wait_queue_head_t read_wait, write_wait;
	struct mutex read_mutex, write_mutex;
	struct list_head list; /* all of an instance; its lock */
};

/* termios as Linux sets them at first: cooked, echo, 38400 8N1. name for ps and /proc. Registered as
 * a device, with a node in devtmpfs, by tty_register(). */
void tty_init(struct tty_struct *tty, struct vfs *vfs, const struct tty_operations *ops,
	      const char *name, kdev_t dev);
int tty_register(struct tty_struct *tty);
void tty_unregister(struct tty_struct *tty);
/* /dev/console, which is that terminal, and /dev/tty, which is the caller's. */
int tty_devices_init(struct vfs *vfs, struct tty_struct *console);

/* From the driver: bytes came in; room to write is there again; the line is gone. Any context. What
 * does not fit is lost: a driver that can wait asks for the room first. */
void tty_receive(struct tty_struct *tty, const u8 *data, size_t n);
size_t tty_receive_room(struct tty_struct *tty);
void tty_wakeup(struct tty_struct *tty);
void tty_hangup(struct tty_struct *tty);

/* The controlling terminal, per session: kept by the process layer through these. */
struct tty_struct *tty_of_session(struct vfs *vfs, int session);
/* Its number and foreground group (0: none), for /proc; false: the session has no terminal. */
bool tty_session_ids(struct vfs *vfs, int session, kdev_t *dev, int *pgrp);
/* The session leader exits or calls setsid(): SIGHUP, SIGCONT to the foreground group, and nobody
 * controls it any more. */
void tty_disassociate(struct vfs *vfs, int session);

extern const struct file_operations tty_fops;

/* Pairs in software, /dev/ptmx and /dev/pts. */
int pty_init(struct vfs *vfs);

#endif
