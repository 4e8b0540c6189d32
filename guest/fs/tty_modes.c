/* SPDX-License-Identifier: MIT */
/*
 * tty_modes.c - the modes of a terminal and its window size: termios(3), tty_ioctl(4). There are three
 * forms of the modes, each with commands of its own: termio of System V, whose flags are the lower halves;
 * termios; and termios2, which has the speeds as numbers besides. All of them see the same modes.
 */
#include "guest/fs/internal.h"
#include "guest/fs/tty_internal.h"
#include "guest/lib/string.h"

/* ---- speeds ------------------------------------------------------------------------------------------------ */

/* What the field of c_cflag says: a row of a table, or that the number itself was given. */
static u32 speed_of(u32 field, u32 number)
{
	static const u32 speeds[] = {
		0,	 50,	  75,	   110,	    134,     150,     200,     300,
		600,	 1200,	  1800,	   2400,    4800,    9600,    19200,   38400,
		57600,	 115200,  230400,  460800,  500000,  576000,  921600,  1000000,
		1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
	};

	if (field == BOTHER)
		return number;
	if (field & CBAUDEX)
		field = (field & ~CBAUDEX) + 15;
	return field < ARRAY_SIZE(speeds) ? speeds[field] : 0;
}

/* Sets the numbers by the names; the speed of input is that of output unless it has a name of its own. */
static void settle_speeds(struct linux_termios2 *m)
{
	u32 in = m->t.c_cflag >> IBSHIFT & CBAUD;

	m->c_ospeed = speed_of(m->t.c_cflag & CBAUD, m->c_ospeed);
	m->c_ispeed = in ? speed_of(in, m->c_ispeed) : m->c_ospeed;
}

/* ---- the three forms ---------------------------------------------------------------------------------------- */

enum form { TERMIO, TERMIOS, TERMIOS2 };

struct mode_cmd {
	u32 nr;
	enum form form;
	bool set, drain, flush;
};

static const struct mode_cmd commands[] = {
	{ TCGETA, TERMIO, false, false, false },    { TCSETA, TERMIO, true, false, false },
	{ TCSETAW, TERMIO, true, true, false },	    { TCSETAF, TERMIO, true, true, true },
	{ TCGETS, TERMIOS, false, false, false },   { TCSETS, TERMIOS, true, false, false },
	{ TCSETSW, TERMIOS, true, true, false },    { TCSETSF, TERMIOS, true, true, true },
	{ TCGETS2, TERMIOS2, false, false, false }, { TCSETS2, TERMIOS2, true, false, false },
	{ TCSETSW2, TERMIOS2, true, true, false },  { TCSETSF2, TERMIOS2, true, true, true },
};

static const struct mode_cmd *mode_cmd(u32 nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].nr == nr)
			return &commands[i];
	return NULL;
}

bool tty_sets_modes(u32 nr)
{
	const struct mode_cmd *cmd = mode_cmd(nr);

	return cmd && cmd->set;
}

static struct linux_termios2 modes_of(struct tty_struct *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	struct linux_termios2 m = { tty->termios, tty->ispeed, tty->ospeed };

	spin_unlock_irqrestore(&tty->lock, flags);
	return m;
}

static s64 give(struct vfs_task *t, u64 arg, enum form form, const struct linux_termios2 *m)
{
	struct linux_termio old;

	if (form == TERMIOS2)
		return copy_to_task(t, arg, m, sizeof(*m)) ? -EFAULT : 0;
	if (form == TERMIOS)
		return copy_to_task(t, arg, &m->t, sizeof(m->t)) ? -EFAULT : 0;
	memset(&old, 0, sizeof(old)); /* it ends with a hole */
	old.c_iflag = (u16)m->t.c_iflag;
	old.c_oflag = (u16)m->t.c_oflag;
	old.c_cflag = (u16)m->t.c_cflag;
	old.c_lflag = (u16)m->t.c_lflag;
	old.c_line = m->t.c_line;
	memcpy(old.c_cc, m->t.c_cc, sizeof(old.c_cc));
	return copy_to_task(t, arg, &old, sizeof(old)) ? -EFAULT : 0;
}

static u32 lower(u32 flags, u16 by)
{
	return (flags & 0xffff0000) | by;
}

/* Into *m, which holds the present modes: a form that lacks something leaves it. */
static s64 take(struct vfs_task *t, u64 arg, enum form form, struct linux_termios2 *m)
{
	struct linux_termio old;

	if (form == TERMIOS2)
		return copy_from_task(t, m, arg, sizeof(*m)) ? -EFAULT : 0;
	if (form == TERMIOS)
		return copy_from_task(t, &m->t, arg, sizeof(m->t)) ? -EFAULT : 0;
	if (copy_from_task(t, &old, arg, sizeof(old)))
		return -EFAULT;
	m->t.c_iflag = lower(m->t.c_iflag, old.c_iflag);
	m->t.c_oflag = lower(m->t.c_oflag, old.c_oflag);
	m->t.c_cflag = lower(m->t.c_cflag, old.c_cflag);
	m->t.c_lflag = lower(m->t.c_lflag, old.c_lflag);
	m->t.c_line = old.c_line;
	memcpy(m->t.c_cc, old.c_cc, sizeof(old.c_cc));
	return 0;
}

/* ---- setting ------------------------------------------------------------------------------------------------- */

/* What is left is echo that nobody reads, and no reason to wait for ever. */
void tty_drain(struct tty_struct *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	n_tty_flush_echo(tty);
	spin_unlock_irqrestore(&tty->lock, flags);
}

/* Bits that are set in lock stay as they are in old; so do characters, and the discipline. */
static void keep_locked(struct linux_termios *m, const struct linux_termios *old,
			const struct linux_termios *lock)
{
	m->c_iflag = (m->c_iflag & ~lock->c_iflag) | (old->c_iflag & lock->c_iflag);
	m->c_oflag = (m->c_oflag & ~lock->c_oflag) | (old->c_oflag & lock->c_oflag);
	m->c_cflag = (m->c_cflag & ~lock->c_cflag) | (old->c_cflag & lock->c_cflag);
	m->c_lflag = (m->c_lflag & ~lock->c_lflag) | (old->c_lflag & lock->c_lflag);
	if (lock->c_line)
		m->c_line = old->c_line;
	for (size_t i = 0; i < NCCS; i++)
		if (lock->c_cc[i])
			m->c_cc[i] = old->c_cc[i];
}

static s64 set_modes(struct vfs_task *t, struct tty_struct *tty, const struct mode_cmd *cmd,
		     u64 arg)
{
	struct linux_termios2 want = modes_of(tty);
	struct linux_termios old;
	s64 err = take(t, arg, cmd->form, &want);
	u64 flags;

	if (err)
		return err;
	settle_speeds(&want);
	if (cmd->drain)
		tty_drain(tty);
	flags = spin_lock_irqsave(&tty->lock);
	if (cmd->flush)
		n_tty_flush_input(tty);
	old = tty->termios;
	keep_locked(&want.t, &old, &tty->locked);
	tty->termios = want.t;
	tty->ispeed = want.c_ispeed;
	tty->ospeed = want.c_ospeed;
	n_tty_set_termios(tty, &old);
	if (tty->ops->set_termios)
		tty->ops->set_termios(tty, &old);
	n_tty_flush_echo(tty);
	spin_unlock_irqrestore(&tty->lock, flags);
	wake_up_all(&tty->read_wait);
	wake_up_all(&tty->write_wait);
	return 0;
}

static s64 get_locked(struct vfs_task *t, struct tty_struct *tty, u64 arg)
{
	struct linux_termios copy;
	u64 flags = spin_lock_irqsave(&tty->lock);

	copy = tty->locked;
	spin_unlock_irqrestore(&tty->lock, flags);
	return copy_to_task(t, arg, &copy, sizeof(copy)) ? -EFAULT : 0;
}

static s64 set_locked(struct vfs_task *t, struct tty_struct *tty, u64 arg)
{
	struct linux_termios want;
	u64 flags;

	if (!vfs_capable(t, CAP_SYS_ADMIN) && !vfs_capable(t, CAP_CHECKPOINT_RESTORE))
		return -EPERM;
	if (copy_from_task(t, &want, arg, sizeof(want)))
		return -EFAULT;
	flags = spin_lock_irqsave(&tty->lock);
	tty->locked = want;
	spin_unlock_irqrestore(&tty->lock, flags);
	return 0;
}

static s64 set_winsize(struct vfs_task *t, struct tty_struct *tty, u64 arg)
{
	struct linux_winsize ws;
	u64 flags;

	if (copy_from_task(t, &ws, arg, sizeof(ws)))
		return -EFAULT;
	flags = spin_lock_irqsave(&tty->lock);
	if (memcmp(&ws, &tty->winsize, sizeof(ws))) {
		tty->winsize = ws;
		tty->pending_signals |= 1u << SIGWINCH;
	}
	tty_unlock_signal(tty, flags);
	return 0;
}

s64 tty_mode_ioctl(struct vfs_task *t, struct tty_struct *tty, u32 nr, u64 arg)
{
	const struct mode_cmd *cmd = mode_cmd(nr);
	struct linux_termios2 m;

	if (cmd && cmd->set)
		return set_modes(t, tty, cmd, arg);
	if (cmd) {
		m = modes_of(tty);
		return give(t, arg, cmd->form, &m);
	}
	switch (nr) {
	case TIOCGLCKTRMIOS:
		return get_locked(t, tty, arg);
	case TIOCSLCKTRMIOS:
		return set_locked(t, tty, arg);
	case TIOCGWINSZ:
		return copy_to_task(t, arg, &tty->winsize, sizeof(tty->winsize)) ? -EFAULT : 0;
	case TIOCSWINSZ:
		return set_winsize(t, tty, arg);
	default:
		return -ENOTTY;
	}
}
