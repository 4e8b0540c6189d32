/* SPDX-License-Identifier: MIT */
/* tty_ioctl.c - tty_ioctl(4): sessions, groups, queues. Modes and window size are tty_modes.c's. */
#include "guest/fs/internal.h"
#include "guest/fs/tty_internal.h"
#include "guest/lib/string.h"

/* ---- numbers from and to the user ----------------------------------------------------------------------- */

static s64 put_int(struct vfs_task *t, u64 arg, s32 v)
{
	return copy_to_task(t, arg, &v, sizeof(v)) ? -EFAULT : 0;
}

static s64 get_int(struct vfs_task *t, u64 arg, s32 *v)
{
	return copy_from_task(t, v, arg, sizeof(*v)) ? -EFAULT : 0;
}

/* ---- sessions and groups ------------------------------------------------------------------------------------- */

static s64 set_pgrp(struct vfs_task *t, struct tty_struct *tty, u64 arg)
{
	const struct vfs_env *env = t->vfs->env;
	s32 pgrp;
	s64 err = get_int(t, arg, &pgrp);
	int session;

	if (err)
		return err;
	if (!tty_is_mine(t, tty))
		return -ENOTTY;
	if (pgrp < 0)
		return -EINVAL;
	session = env->pgrp_session(pgrp);
	if (session < 0)
		return session;
	if (session != env->task_session(t))
		return -EPERM;
	WRITE_ONCE(tty->pgrp, pgrp);
	return 0;
}

static s64 set_controlling(struct vfs_task *t, struct tty_struct *tty, u64 arg)
{
	const struct vfs_env *env = t->vfs->env;
	struct tty_struct *mine = tty_of_session(t->vfs, env->task_session(t));

	if (env->task_is_session_leader(t) && mine == tty)
		return 0;
	if (!env->task_is_session_leader(t) || mine)
		return -EPERM;
	/* Another session's terminal is only taken away from it by force, by root. */
	if (tty->session && !(arg == 1 && vfs_capable(t, CAP_SYS_ADMIN)))
		return -EPERM;
	tty_make_controlling(t, tty);
	return 0;
}

static s64 give_up_controlling(struct vfs_task *t, struct tty_struct *tty)
{
	if (!tty_is_mine(t, tty))
		return -ENOTTY;
	if (t->vfs->env->task_is_session_leader(t))
		tty_disassociate(t->vfs, t->vfs->env->task_session(t));
	return 0;
}

static s64 job_ioctl(struct vfs_task *t, struct tty_struct *tty, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TIOCGPGRP:
		return tty_is_mine(t, tty) ? put_int(t, arg, tty->pgrp) : -ENOTTY;
	case TIOCGSID:
		return tty_is_mine(t, tty) ? put_int(t, arg, tty->session) : -ENOTTY;
	case TIOCSPGRP:
		return set_pgrp(t, tty, arg);
	case TIOCSCTTY:
		return set_controlling(t, tty, arg);
	case TIOCNOTTY:
		return give_up_controlling(t, tty);
	default:
		return -ENOTTY;
	}
}

/* ---- queues ---------------------------------------------------------------------------------------------------- */

static s64 flush_queues(struct tty_struct *tty, u64 which)
{
	u64 flags;

	if (which > TCIOFLUSH)
		return -EINVAL;
	flags = spin_lock_irqsave(&tty->lock);
	if (which != TCOFLUSH)
		n_tty_flush_input(tty);
	if (which != TCIFLUSH && tty->ops->flush)
		tty->ops->flush(tty);
	spin_unlock_irqrestore(&tty->lock, flags);
	if (tty->ops->unthrottle)
		tty->ops->unthrottle(tty);
	wake_up_all(&tty->write_wait);
	return 0;
}

static s64 start_stop(struct tty_struct *tty, u64 what)
{
	if (what > 3)
		return -EINVAL;
	if (what == TCOOFF || what == TCOON) {
		WRITE_ONCE(tty->stopped, what == TCOOFF);
		tty_wakeup(tty);
	}
	return 0;
}

static s64 type_in(struct vfs_task *t, struct tty_struct *tty, u64 arg)
{
	u8 c;

	if (!tty_is_mine(t, tty) && !vfs_capable(t, CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_task(t, &c, arg, 1))
		return -EFAULT;
	tty_receive(tty, &c, 1);
	return 0;
}

static s64 readable(struct vfs_task *t, struct tty_struct *tty, u64 arg)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	size_t n = n_tty_readable(tty);

	spin_unlock_irqrestore(&tty->lock, flags);
	return put_int(t, arg, (s32)n);
}

static bool changes_something(u32 cmd)
{
	return tty_sets_modes(cmd) || cmd == TIOCSPGRP || cmd == TCFLSH || cmd == TCXONC ||
	       cmd == TCSBRK || cmd == TCSBRKP;
}

enum { N_TTY };

static s64 set_discipline(struct vfs_task *t, u64 arg)
{
	s32 wanted;

	if (copy_from_task(t, &wanted, arg, sizeof(wanted)))
		return -EFAULT;
	return wanted == N_TTY ? 0 : -EINVAL; /* there is no other */
}

s64 tty_ioctl(struct vfs_task *t, struct file *f, u32 cmd, u64 arg)
{
	struct tty_struct *tty = f->private_data;
	s64 ret;

	if (READ_ONCE(tty->hung_up))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	if (changes_something(cmd)) {
		ret = tty_check_change(t, tty, SIGTTOU);
		if (ret)
			return ret == -EIO && cmd == TIOCSPGRP ? -ENOTTY : ret;
	}
	if (tty->ops->ioctl) {
		ret = tty->ops->ioctl(t, tty, cmd, arg);
		if (ret != -ENOTTY)
			return ret;
	}
	switch (cmd) {
	case TIOCGETD:
		return copy_to_task(t, arg, &(s32){ N_TTY }, sizeof(s32)) ? -EFAULT : 0;
	case TIOCSETD:
		return set_discipline(t, arg);
	case TIOCEXCL:
	case TIOCNXCL:
		tty->exclusive = cmd == TIOCEXCL;
		return 0;
	case TIOCGEXCL:
		return put_int(t, arg, tty->exclusive);
	case TCFLSH:
		return flush_queues(tty, arg);
	case TCXONC:
		return start_stop(tty, arg);
	case TCSBRK:
	case TCSBRKP:
		tty_drain(tty); /* there is no line to send a break over */
		return 0;
	case TIOCSTI:
		return type_in(t, tty, arg);
	case FIONREAD:
		return readable(t, tty, arg);
	case TIOCOUTQ:
		return put_int(t, arg, tty->ops->queued ? (s32)tty->ops->queued(tty) : 0);
	default:
		ret = job_ioctl(t, tty, cmd, arg);
		return ret == -ENOTTY && cmd != TIOCGPGRP && cmd != TIOCGSID && cmd != TIOCSPGRP
			       ? tty_mode_ioctl(t, tty, cmd, arg)
			       : ret;
	}
}
