/* SPDX-License-Identifier: MIT */
/* tty_internal.h - between the line discipline, the files and the ioctls of terminals. */
#ifndef GUEST_FS_TTY_INTERNAL_H
#define GUEST_FS_TTY_INTERNAL_H

#include "guest/fs/tty.h"

/* An instance's terminals. */
struct tty_core {
	spinlock_t lock;
	struct list_head ttys; /* lock */
	struct tty_struct *console;
	struct pty_set *ptys;
};

int tty_core_init(struct vfs *vfs);
void tty_core_destroy(struct vfs *vfs);
void pty_destroy(struct vfs *vfs);

static inline bool tty_flag_i(const struct tty_struct *tty, u32 f)
{
	return tty->termios.c_iflag & f;
}

static inline bool tty_flag_o(const struct tty_struct *tty, u32 f)
{
	return tty->termios.c_oflag & f;
}

static inline bool tty_flag_l(const struct tty_struct *tty, u32 f)
{
	return tty->termios.c_lflag & f;
}

/* ---- n_tty.c: tty->lock held ----------------------------------------------------------------------- */

void n_tty_reset(struct tty_struct *tty);
void n_tty_flush_input(struct tty_struct *tty);
/* What a change of modes means for what has been typed. */
void n_tty_set_termios(struct tty_struct *tty, const struct linux_termios *old);
/* Whether read() has something (poll: VMIN counts). */
bool n_tty_input_available(const struct tty_struct *tty, bool poll);
/* Bytes that read() would give: FIONREAD. */
size_t n_tty_readable(const struct tty_struct *tty);
/* Up to n bytes of input; canonical: up to a line's end. *line_end: it was reached. */
size_t n_tty_take(struct tty_struct *tty, u8 *to, size_t n, bool *line_end);
/* Processes output and gives it to the driver; how many bytes of buf that was. */
size_t n_tty_output(struct tty_struct *tty, const u8 *buf, size_t n);
void n_tty_flush_echo(struct tty_struct *tty);
void n_tty_receive(struct tty_struct *tty, u8 c);

/* ---- tty.c ------------------------------------------------------------------------------------------- */

/* Lets go of the lock, then sends what was to be sent. */
void tty_unlock_signal(struct tty_struct *tty, u64 flags);
/* 0 when t may change the terminal; else SIGTTOU went to its group: -ERESTARTSYS, or -EIO. */
int tty_check_change(struct vfs_task *t, struct tty_struct *tty, int sig);
/* Whether it is the caller's controlling terminal. */
bool tty_is_mine(struct vfs_task *t, const struct tty_struct *tty);
void tty_make_controlling(struct vfs_task *t, struct tty_struct *tty);
s64 tty_ioctl(struct vfs_task *t, struct file *f, u32 cmd, u64 arg);
int tty_open_it(struct vfs_task *t, struct file *f, struct tty_struct *tty);

/* ---- tty_modes.c ------------------------------------------------------------------------------------- */

/* The modes and window of any terminal, for the master of a pair too. -ENOTTY: another command. */
s64 tty_mode_ioctl(struct vfs_task *t, struct tty_struct *tty, u32 cmd, u64 arg);
/* Whether the command changes modes: who may not change the terminal is stopped before. */
bool tty_sets_modes(u32 cmd);
/* Until the driver has taken what was written (TCSETSW, TCSBRK). */
void tty_drain(struct tty_struct *tty);

#endif
