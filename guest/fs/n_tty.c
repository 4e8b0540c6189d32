/* SPDX-License-Identifier: MIT */
/*
 * n_tty.c - the line discipline: what typed bytes become, what is echoed, what output becomes.
 * termios(3); POSIX.1-2017, XBD chapter 11.
 *
 * T1 read_tail <= canon_head <= read_head <= read_tail + N_TTY_BUF_SIZE. T2 without ICANON nothing is
 * edited: canon_head == read_head. T3 a bit in `ends` at canon_head - 1 ends the newest line; a line
 * that was ended by VEOF ends with a NUL that is not read.
 */
#include "guest/fs/internal.h"
#include "guest/fs/tty_internal.h"
#include "guest/lib/bitmap.h"
#include "guest/lib/string.h"

#define MASK (N_TTY_BUF_SIZE - 1)

static u8 cc(const struct tty_struct *tty, unsigned i)
{
	return tty->termios.c_cc[i];
}

/* Whether c is that special character; 0 switches one off (_POSIX_VDISABLE). */
static bool is_cc(const struct tty_struct *tty, unsigned i, u8 c)
{
	return c && c == cc(tty, i);
}

static bool is_control(u8 c)
{
	return c < 32 || c == 127;
}

/* Letters of ISO 8859-1, as Linux's own tables have them. */
static bool is_upper(u8 c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static bool is_lower(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}

static bool is_word(u8 c)
{
	return is_digit((char)c) || is_upper(c) || is_lower(c) || c == '_';
}

/* The second and later bytes of a character. */
static bool is_continuation(const struct tty_struct *tty, u8 c)
{
	return tty_flag_i(tty, IUTF8) && (c & 0xc0) == 0x80;
}

void n_tty_flush_input(struct tty_struct *tty)
{
	tty->read_head = tty->canon_head = tty->read_tail = 0;
	memset(tty->ends, 0, sizeof(tty->ends));
	tty->erasing = false; /* but what has been quoted stays quoted, as on Linux */
}

void n_tty_reset(struct tty_struct *tty)
{
	n_tty_flush_input(tty);
	tty->lnext = false;
	tty->echo_head = tty->echo_tail = 0;
	tty->column = tty->canon_column = 0;
}

void n_tty_set_termios(struct tty_struct *tty, const struct linux_termios *old)
{
	bool was = old->c_lflag & ICANON, is = tty_flag_l(tty, ICANON);

	if (was != is) {
		memset(tty->ends, 0, sizeof(tty->ends));
		/* What was typed so far counts as one line from now on. */
		if (is && tty->read_head != tty->read_tail)
			__set_bit((tty->read_head - 1) & MASK, tty->ends);
		tty->canon_head = tty->read_head;
		tty->lnext = tty->erasing = false;
	}
	if (!tty_flag_i(tty, IXON) && old->c_iflag & IXON)
		tty->stopped = false;
}

/* ---- output --------------------------------------------------------------------------------------------- */

/* What c becomes, at most 8 bytes; the cursor moves along. */
static unsigned process_char(struct tty_struct *tty, u8 c, u8 out[8])
{
	unsigned n;

	out[0] = c;
	if (!tty_flag_o(tty, OPOST))
		return 1;
	switch (c) {
	case '\n':
		if (tty_flag_o(tty, ONLRET))
			tty->column = 0;
		if (!tty_flag_o(tty, ONLCR)) {
			tty->canon_column = tty->column;
			break;
		}
		tty->column = tty->canon_column = 0;
		out[0] = '\r';
		out[1] = '\n';
		return 2;
	case '\r':
		if (tty_flag_o(tty, ONOCR) && !tty->column)
			return 0;
		if (tty_flag_o(tty, OCRNL)) {
			out[0] = '\n';
			if (tty_flag_o(tty, ONLRET))
				tty->column = tty->canon_column = 0;
			break;
		}
		tty->column = tty->canon_column = 0;
		break;
	case '\t':
		n = 8 - (tty->column & 7);
		tty->column += n;
		if ((tty->termios.c_oflag & TABDLY) != XTABS)
			break;
		memset(out, ' ', n);
		return n;
	case '\b':
		if (tty->column)
			tty->column--;
		break;
	default:
		if (is_control(c))
			break;
		if (tty_flag_o(tty, OLCUC) && is_lower(c))
			out[0] = c - 32;
		if (!is_continuation(tty, c))
			tty->column++;
	}
	return 1;
}

size_t n_tty_output(struct tty_struct *tty, const u8 *buf, size_t n)
{
	size_t done = 0;

	if (tty->stopped)
		return 0;
	if (!tty_flag_o(tty, OPOST))
		return tty->ops->write(tty, buf, n);
	while (done < n && tty->ops->write_room(tty) >= 8) {
		u8 out[8];
		unsigned len = process_char(tty, buf[done], out);

		if (len)
			tty->ops->write(tty, out, len);
		done++;
	}
	return done;
}

/* ---- echo ------------------------------------------------------------------------------------------------ */

/* What an entry of the echo queue asks for; its low byte is the byte or the number. */
enum echo_op {
	ECHO_BYTE = 0,
	ECHO_CONTROL = 0x100,	 /* as ^X */
	ECHO_LINE_BEGIN = 0x200, /* remember the column */
	ECHO_BACK = 0x300,	 /* the cursor is one further left than we believe */
	ECHO_TAB = 0x400,	 /* go back over a tab behind so many characters */
	ECHO_TAB_LINE = 0x500,	 /* the same, counted from where the line began */
};

static void put_back_over_tab(struct tty_struct *tty, unsigned chars)
{
	for (unsigned back = 8 - (chars & 7); back; back--) {
		tty->ops->write(tty, (const u8 *)"\b", 1);
		if (tty->column)
			tty->column--;
	}
}

static void do_echo(struct tty_struct *tty, u16 e)
{
	u8 c = (u8)e, out[8];
	unsigned n;

	switch (e & 0xff00) {
	case ECHO_BYTE:
		if (c == 0377) { /* Linux's queue has it as a quoted one, which counts always */
			tty->ops->write(tty, &c, 1);
			tty->column++;
			break;
		}
		n = process_char(tty, c, out);
		if (n)
			tty->ops->write(tty, out, n);
		break;
	case ECHO_CONTROL:
		out[0] = '^';
		out[1] = c ^ 0100;
		tty->ops->write(tty, out, 2);
		tty->column += 2;
		break;
	case ECHO_LINE_BEGIN:
		tty->canon_column = tty->column;
		break;
	case ECHO_BACK:
		if (tty->column)
			tty->column--;
		break;
	case ECHO_TAB:
		put_back_over_tab(tty, c);
		break;
	case ECHO_TAB_LINE:
		put_back_over_tab(tty, c + tty->canon_column);
		break;
	}
}

void n_tty_flush_echo(struct tty_struct *tty)
{
	while (!tty->stopped && tty->echo_tail != tty->echo_head && tty->ops->write_room(tty) >= 8)
		do_echo(tty, tty->echo[tty->echo_tail++ % TTY_ECHO_SIZE]);
}

static void echo(struct tty_struct *tty, enum echo_op op, u8 c)
{
	/* Nobody reads what is written there: what does not fit is not worth waiting for. */
	if (tty->echo_head - tty->echo_tail < TTY_ECHO_SIZE)
		tty->echo[tty->echo_head++ % TTY_ECHO_SIZE] = (u16)(op | c);
}

static void echo_raw(struct tty_struct *tty, u8 c)
{
	echo(tty, ECHO_BYTE, c);
}

/* Control characters as ^X. */
static void echo_char(struct tty_struct *tty, u8 c)
{
	bool control = tty_flag_l(tty, ECHOCTL) && is_control(c) && c != '\t';

	echo(tty, control ? ECHO_CONTROL : ECHO_BYTE, c);
}

static void echo_backspace(struct tty_struct *tty)
{
	echo_raw(tty, '\b');
	echo_raw(tty, ' ');
	echo_raw(tty, '\b');
}

/* ---- editing the line ------------------------------------------------------------------------------------- */

static void finish_erasing(struct tty_struct *tty)
{
	if (tty->erasing) {
		echo_raw(tty, '/');
		tty->erasing = false;
	}
}

/* The cursor goes back over a tab to where it was before. */
static void erase_tab(struct tty_struct *tty)
{
	unsigned chars = 0;
	bool after_tab = false;

	for (u64 at = tty->read_head; at != tty->canon_head && !after_tab;) {
		u8 c = tty->buf[--at & MASK];

		if (c == '\t')
			after_tab = true;
		else if (is_control(c))
			chars += tty_flag_l(tty, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(tty, c))
			chars++;
	}
	echo(tty, after_tab ? ECHO_TAB : ECHO_TAB_LINE, chars & 7);
}

static void echo_erased(struct tty_struct *tty, u8 c, u64 head, u64 end, bool single)
{
	if (tty_flag_l(tty, ECHOPRT)) {
		if (!tty->erasing) {
			echo_raw(tty, '\\');
			tty->erasing = true;
		}
		echo_char(tty, c);
		while (++head < end) {
			echo_raw(tty, tty->buf[head & MASK]);
			echo(tty, ECHO_BACK, 0);
		}
	} else if (single && !tty_flag_l(tty, ECHOE)) {
		echo_char(tty, cc(tty, VERASE));
	} else if (c == '\t') {
		erase_tab(tty);
	} else {
		if (is_control(c) && tty_flag_l(tty, ECHOCTL))
			echo_backspace(tty);
		if (!is_control(c) || tty_flag_l(tty, ECHOCTL))
			echo_backspace(tty);
	}
}

enum erase { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

/* The last character of the line; false: there is none, or the word has ended. */
static bool erase_one(struct tty_struct *tty, enum erase what, bool *in_word)
{
	u64 head = tty->read_head, end = head;
	u8 c;

	if (head == tty->canon_head)
		return false;
	do
		c = tty->buf[--head & MASK];
	while (is_continuation(tty, c) && head != tty->canon_head);
	if (is_continuation(tty, c))
		return false;
	if (what == ERASE_WORD) {
		if (is_word(c))
			*in_word = true;
		else if (*in_word)
			return false;
	}
	tty->read_head = head;
	if (tty_flag_l(tty, ECHO))
		echo_erased(tty, c, head, end, what == ERASE_CHAR);
	return what != ERASE_CHAR;
}

static void erase(struct tty_struct *tty, enum erase what)
{
	bool in_word = false;

	if (tty->read_head == tty->canon_head)
		return;
	if (what == ERASE_LINE) {
		if (!tty_flag_l(tty, ECHO)) {
			tty->read_head = tty->canon_head;
			return;
		}
		if (!tty_flag_l(tty, ECHOK) || !tty_flag_l(tty, ECHOKE) ||
		    !tty_flag_l(tty, ECHOE)) {
			tty->read_head = tty->canon_head;
			finish_erasing(tty);
			echo_char(tty, cc(tty, VKILL));
			if (tty_flag_l(tty, ECHOK))
				echo_raw(tty, '\n');
			return;
		}
	}
	while (erase_one(tty, what, &in_word))
		;
	if (tty->read_head == tty->canon_head && tty_flag_l(tty, ECHO))
		finish_erasing(tty);
}

static void reprint(struct tty_struct *tty, u8 c)
{
	finish_erasing(tty);
	echo_char(tty, c);
	echo_raw(tty, '\n');
	for (u64 at = tty->canon_head; at != tty->read_head; at++)
		echo_char(tty, tty->buf[at & MASK]);
}

/* ---- input --------------------------------------------------------------------------------------------------- */

static bool full(const struct tty_struct *tty, unsigned reserve)
{
	return tty->read_head - tty->read_tail >= N_TTY_BUF_SIZE - reserve;
}

static void store(struct tty_struct *tty, u8 c)
{
	__clear_bit(tty->read_head & MASK, tty->ends);
	tty->buf[tty->read_head++ & MASK] = c;
	if (!tty_flag_l(tty, ICANON))
		tty->canon_head = tty->read_head; /* T2 */
}

/* A byte of text. The last place is for what ends the line. A newline is echoed as one only if it
 * was made of something else; typed by itself it is a control character here. */
static void store_text(struct tty_struct *tty, u8 c, bool made)
{
	if (full(tty, 1)) {
		if (tty_flag_i(tty, IMAXBEL))
			echo_raw(tty, '\a');
		return;
	}
	if (tty_flag_l(tty, ECHO)) {
		finish_erasing(tty);
		if (c == '\n' && made) {
			echo_raw(tty, c);
		} else {
			if (tty->canon_head == tty->read_head)
				echo(tty, ECHO_LINE_BEGIN, 0);
			echo_char(tty, c);
		}
	}
	if (c == 0377 && tty_flag_i(tty, PARMRK) && !full(tty, 2))
		store(tty, c);
	store(tty, c);
}

static void end_line(struct tty_struct *tty, u8 c)
{
	if (full(tty, 0))
		return;
	store(tty, c);
	__set_bit((tty->read_head - 1) & MASK, tty->ends); /* T3 */
	tty->canon_head = tty->read_head;
}

static bool canonical(struct tty_struct *tty, u8 c)
{
	bool extended = tty_flag_l(tty, IEXTEN);

	if (is_cc(tty, VERASE, c)) {
		erase(tty, ERASE_CHAR);
	} else if (is_cc(tty, VKILL, c)) {
		erase(tty, ERASE_LINE);
	} else if (extended && is_cc(tty, VWERASE, c)) {
		erase(tty, ERASE_WORD);
	} else if (extended && is_cc(tty, VREPRINT, c) && tty_flag_l(tty, ECHO)) {
		reprint(tty, c);
	} else if (c == '\n') {
		if (tty_flag_l(tty, ECHO | ECHONL))
			echo_raw(tty, '\n');
		end_line(tty, c);
	} else if (is_cc(tty, VEOF, c)) {
		end_line(tty, 0);
	} else if (is_cc(tty, VEOL, c) || (extended && is_cc(tty, VEOL2, c))) {
		if (tty_flag_l(tty, ECHO)) {
			if (tty->canon_head == tty->read_head)
				echo(tty, ECHO_LINE_BEGIN, 0);
			echo_char(tty, c);
		}
		end_line(tty, c);
	} else {
		return false;
	}
	return true;
}

static bool signals(struct tty_struct *tty, u8 c)
{
	int sig;

	if (is_cc(tty, VINTR, c))
		sig = SIGINT;
	else if (is_cc(tty, VQUIT, c))
		sig = SIGQUIT;
	else if (is_cc(tty, VSUSP, c))
		sig = SIGTSTP;
	else
		return false;
	if (!tty_flag_l(tty, NOFLSH)) {
		n_tty_flush_input(tty);
		tty->echo_tail = tty->echo_head;
		if (tty->ops->flush)
			tty->ops->flush(tty);
	}
	if (tty_flag_i(tty, IXON))
		tty->stopped = false;
	if (tty_flag_l(tty, ECHO))
		echo_char(tty, c);
	tty->pending_signals |= 1u << sig;
	return true;
}

void n_tty_receive(struct tty_struct *tty, u8 c)
{
	bool extended = tty_flag_l(tty, IEXTEN), made = false;

	if (tty_flag_i(tty, ISTRIP))
		c &= 0177;
	if (tty_flag_i(tty, IUCLC) && extended && is_upper(c))
		c += 32;
	if (tty->lnext) {
		tty->lnext = false;
		store_text(tty, c, false);
		return;
	}
	if (tty->stopped && tty_flag_i(tty, IXON) && tty_flag_i(tty, IXANY))
		tty->stopped = false;
	if (tty_flag_i(tty, IXON) && (is_cc(tty, VSTART, c) || is_cc(tty, VSTOP, c))) {
		tty->stopped = !is_cc(tty, VSTART, c);
		n_tty_flush_echo(tty);
		return;
	}
	if (tty_flag_l(tty, ISIG) && signals(tty, c))
		return;
	if (c == '\r') {
		if (tty_flag_i(tty, IGNCR))
			return;
		made = tty_flag_i(tty, ICRNL);
		if (made)
			c = '\n';
	} else if (c == '\n' && tty_flag_i(tty, INLCR)) {
		c = '\r';
	}
	if (tty_flag_l(tty, ICANON)) {
		if (extended && is_cc(tty, VLNEXT, c)) {
			tty->lnext = true;
			if (tty_flag_l(tty, ECHO)) {
				finish_erasing(tty);
				if (tty_flag_l(tty, ECHOCTL)) {
					echo_raw(tty, '^');
					echo_raw(tty, '\b');
				}
			}
			return;
		}
		if (canonical(tty, c))
			return;
	}
	store_text(tty, c, made);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

bool n_tty_input_available(const struct tty_struct *tty, bool poll)
{
	u64 want = 1;

	if (tty_flag_l(tty, ICANON))
		return tty->canon_head != tty->read_tail;
	if (poll && !cc(tty, VTIME) && cc(tty, VMIN))
		want = cc(tty, VMIN);
	return tty->read_head - tty->read_tail >= want;
}

size_t n_tty_readable(const struct tty_struct *tty)
{
	size_t n = tty->canon_head - tty->read_tail;

	if (!tty_flag_l(tty, ICANON))
		return tty->read_head - tty->read_tail;
	/* The marks of VEOF are not read. */
	for (u64 at = tty->read_tail; at != tty->canon_head; at++)
		if (test_bit(at & MASK, tty->ends) && !tty->buf[at & MASK])
			n--;
	return n;
}

size_t n_tty_take(struct tty_struct *tty, u8 *to, size_t n, bool *line_end)
{
	bool lines = tty_flag_l(tty, ICANON);
	size_t done = 0;

	*line_end = false;
	while (tty->read_tail != tty->canon_head) {
		u8 c = tty->buf[tty->read_tail & MASK];
		bool end = test_bit(tty->read_tail & MASK, tty->ends);

		/* A VEOF right behind what was asked for goes along, or the next read would be told
		 * of an end that it is not at. */
		if (done == n && !(lines && end && !c))
			break;
		tty->read_tail++;
		if (lines && end) {
			__clear_bit((tty->read_tail - 1) & MASK, tty->ends);
			*line_end = true;
			if (c)
				to[done++] = c;
			break;
		}
		to[done++] = c;
	}
	return done;
}
