/* SPDX-License-Identifier: MIT */
/*
 * initramfs.c - see initramfs.h. The archive comes in pieces (out of the unpacker) or at once, so the
 * reader is a state machine: it collects a header, then a name, then passes contents on as they come.
 */
#include "guest/fs/initramfs.h"
#include "guest/fs/calls.h"
#include "guest/fs/internal.h"
#include "guest/lib/inflate.h"
#include "guest/lib/string.h"

#define HEADER_LEN 110
#define TRAILER	   "TRAILER!!!"

enum state {
	BETWEEN, /* zeroes, or the magic of the next header */
	HEADER,
	NAME,
	BODY, /* of a regular file */
	LINK, /* a symlink's text */
	SKIP, /* up to a multiple of four, or contents that nobody wants */
};

/* The numbers of a header, in their order: eight hexadecimal digits each. */
enum field {
	INO,
	MODE,
	UID,
	GID,
	NLINK,
	MTIME,
	SIZE,
	DEV_MAJOR,
	DEV_MINOR,
	RDEV_MAJOR,
	RDEV_MINOR,
	NAME_SIZE,
	CHECK,
	NR_FIELDS
};

/* A file with several names, until the archive's end. */
struct seen {
	struct seen *next;
	u32 ino, major, minor;
	char path[];
};

struct unpacker {
	struct vfs_task *t;
	struct initramfs_result *res;
	enum state state;
	u64 offset; /* in the entry */
	size_t have, need;
	u32 field[NR_FIELDS];
	bool checked; /* "070702": CHECK is the sum of the contents */
	u32 sum;
	struct file *file;
	s64 pos;
	struct seen *seen;
	char header[HEADER_LEN];
	char name[PATH_MAX + 1]; /* begins with the '/' of the root */
	char link[PATH_MAX];
};

static int fail(struct unpacker *u, int err, const char *why)
{
	u->res->error = why;
	return err;
}

/* ---- entries ---------------------------------------------------------------------------------------------- */

static struct kstat attributes(const struct unpacker *u)
{
	return (struct kstat){ .mode = u->field[MODE],
			       .uid = u->field[UID],
			       .gid = u->field[GID],
			       .rdev = (u->field[RDEV_MINOR] & 0xff) |
				       (u->field[RDEV_MAJOR] & 0xfff) << 8 |
				       (u->field[RDEV_MINOR] & ~0xffu) << 12,
			       .mtime = { u->field[MTIME], 0 } };
}

/* What is in the way of a new entry goes, unless it is a folder where one is wanted. */
static void make_way(struct unpacker *u)
{
	struct kstat st;

	if (fs_stat(u->t, AT_FDCWD, u->name, AT_SYMLINK_NOFOLLOW, &st))
		return;
	if (((st.mode ^ u->field[MODE]) & S_IFMT) == 0 && (S_ISDIR(st.mode) || S_ISREG(st.mode)))
		return;
	fs_unlinkat(u->t, AT_FDCWD, u->name, S_ISDIR(st.mode) ? AT_REMOVEDIR : 0);
}

/* A further name of a file that was there already: links it. */
static bool is_hard_link(struct unpacker *u, int *err)
{
	size_t len = strlen(u->name) + 1;
	struct seen *s;

	*err = 0;
	if (u->field[NLINK] < 2)
		return false;
	for (s = u->seen; s; s = s->next) {
		if (s->ino != u->field[INO] || s->major != u->field[DEV_MAJOR] ||
		    s->minor != u->field[DEV_MINOR])
			continue;
		fs_unlinkat(u->t, AT_FDCWD, u->name, 0);
		*err = (int)fs_linkat(u->t, AT_FDCWD, s->path, AT_FDCWD, u->name, 0);
		u->res->links++;
		return true;
	}
	s = kmalloc(u->t->vfs->slab, sizeof(*s) + len, GFP_KERNEL);
	if (!s) {
		*err = -ENOMEM;
		return false;
	}
	*s = (struct seen){ .next = u->seen,
			    .ino = u->field[INO],
			    .major = u->field[DEV_MAJOR],
			    .minor = u->field[DEV_MINOR] };
	memcpy(s->path, u->name, len);
	u->seen = s;
	return false;
}

static void forget_links(struct unpacker *u)
{
	while (u->seen) {
		struct seen *s = u->seen;

		u->seen = s->next;
		kfree(u->t->vfs->slab, s);
	}
}

/* The entry is complete: what comes next is padding. */
static void end_entry(struct unpacker *u)
{
	u->have = 0;
	u->need = (size_t)(-u->offset & 3);
	u->state = u->need ? SKIP : BETWEEN;
}

static int end_file(struct unpacker *u)
{
	const struct kstat st = attributes(u);

	if (u->file) {
		fput(u->file);
		u->file = NULL;
		fs_restore(u->t, u->name, &st);
	}
	if (u->checked && u->sum != u->field[CHECK])
		return fail(u, -EIO, "a file's checksum is wrong");
	end_entry(u);
	return 0;
}

static int begin_file(struct unpacker *u)
{
	bool again;
	int err = 0;

	make_way(u);
	again = is_hard_link(u, &err);
	if (err)
		return fail(u, err, "a hard link cannot be made");
	u->pos = 0;
	u->sum = 0;
	/* Whichever name of a file has the contents: most writers give them to the last. */
	if (!again || u->field[SIZE]) {
		err = filp_open(u->t, u->name, O_WRONLY | O_CREAT | (again ? 0 : O_TRUNC),
				u->field[MODE] & S_IALLUGO, &u->file);
		if (err)
			return fail(u, err, "a file cannot be made");
		u->res->files += !again;
	}
	u->state = BODY;
	u->have = 0;
	u->need = u->field[SIZE];
	return u->need ? 0 : end_file(u);
}

/* Whatever is not a regular file. Nothing is in the way of most entries, so that is looked for last. */
static int make_new(struct unpacker *u, const char *target)
{
	const struct kstat st = attributes(u);
	int err = (int)fs_restore_new(u->t, u->name, &st, target);

	if (err == -EEXIST) {
		make_way(u);
		err = (int)fs_restore_new(u->t, u->name, &st, target);
	}
	return err;
}

static int make_special(struct unpacker *u)
{
	int err = make_new(u, NULL);

	if (!S_ISDIR(u->field[MODE])) {
		u->res->nodes += !err;
	} else if (err == -EEXIST) {
		const struct kstat st = attributes(u);

		err = (int)fs_restore(u->t, u->name, &st);
	} else {
		u->res->folders += !err;
	}
	if (err)
		return fail(u, err, "an entry cannot be made");
	if (u->field[SIZE]) {
		u->state = SKIP;
		u->have = 0;
		u->need = u->field[SIZE] + (size_t)(-(u->offset + u->field[SIZE]) & 3);
		return 0;
	}
	end_entry(u);
	return 0;
}

static int make_symlink(struct unpacker *u)
{
	int err;

	u->link[u->need] = 0;
	err = make_new(u, u->link);
	if (err)
		return fail(u, err, "a symbolic link cannot be made");
	u->res->links++;
	end_entry(u);
	return 0;
}

/* The name is there; need counts its padding, too. */
static int begin_entry(struct unpacker *u)
{
	u32 mode = u->field[MODE];

	if (strnlen(u->name + 1, u->field[NAME_SIZE]) != u->field[NAME_SIZE] - 1)
		return fail(u, -EIO, "a name does not end where its header says");
	if (!strcmp(u->name + 1, TRAILER)) {
		forget_links(u);
		end_entry(u);
		return 0;
	}
	if (S_ISREG(mode))
		return begin_file(u);
	if (!S_ISLNK(mode))
		return make_special(u);
	if (!u->field[SIZE] || u->field[SIZE] >= sizeof(u->link))
		return fail(u, -EIO, "a symbolic link is empty or too long");
	u->state = LINK;
	u->have = 0;
	u->need = u->field[SIZE];
	return 0;
}

/*
 * Eight hexadecimal digits at once, a byte of a word each: an archive has a hundred of them for each entry.
 * Letters are the bytes with bit 6, and count from 1 in their low four bits.
 */
static bool read_hex(const char *p, u32 *out)
{
	const u64 ones = 0x0101010101010101ULL;
	u64 x, v, letters;

	memcpy(&x, p, 8);
	letters = x >> 6 & ones;
	v = (x & 0x0f * ones) + 9 * letters;
	/* The digit of that value is what stands there, and values from 10 to 15 are letters. */
	if ((x | letters << 5) != '0' * ones + v + ('a' - 10 - '0') * letters ||
	    ((v + 6 * ones) >> 4 & ones) != letters || v & 0xf0 * ones)
		return false;
	v = __builtin_bswap64(v);
	v = (v | v >> 4) & 0x00ff00ff00ff00ffULL;
	v = (v | v >> 8) & 0x0000ffff0000ffffULL;
	*out = (u32)(v | v >> 16);
	return true;
}

static int read_header(struct unpacker *u)
{
	const char *p = u->header;

	if (memcmp(p, "07070", 5) || (p[5] != '1' && p[5] != '2'))
		return fail(u, -EINVAL, "this is not a newc archive");
	u->checked = p[5] == '2';
	p += 6;
	for (unsigned i = 0; i < NR_FIELDS; i++, p += 8)
		if (!read_hex(p, &u->field[i]))
			return fail(u, -EIO, "a header has other than digits");
	if (!u->field[NAME_SIZE] || u->field[NAME_SIZE] > PATH_MAX)
		return fail(u, -EIO, "a name is empty or too long");
	u->state = NAME;
	u->have = 0;
	u->need = u->field[NAME_SIZE] + (size_t)(-(HEADER_LEN + u->field[NAME_SIZE]) & 3);
	return 0;
}

/* ---- pieces ------------------------------------------------------------------------------------------------ */

/* Collects into buf of `size` bytes (what is beyond is padding) until `need` bytes are there. */
static bool collect(struct unpacker *u, char *buf, size_t size, const u8 **p, size_t *n)
{
	size_t take = MIN(u->need - u->have, *n);

	if (u->have < size)
		memcpy(buf + u->have, *p, MIN(take, size - u->have));
	u->have += take;
	u->offset += take;
	*p += take;
	*n -= take;
	return u->have == u->need;
}

static int write_body(struct unpacker *u, const u8 **p, size_t *n)
{
	size_t take = MIN(u->need - u->have, *n);
	s64 done = take ? kernel_write(u->t, u->file, *p, take, &u->pos) : 0;

	if (done != (s64)take)
		return fail(u, done < 0 ? (int)done : -ENOSPC, "a file cannot be written");
	for (size_t i = 0; u->checked && i < take; i++)
		u->sum += (*p)[i];
	u->res->bytes += take;
	u->have += take;
	u->offset += take;
	*p += take;
	*n -= take;
	return u->have == u->need ? end_file(u) : 0;
}

/* Zeroes, or the next header. */
static void between(struct unpacker *u, const u8 **p, size_t *n)
{
	if (**p) {
		u->state = HEADER;
		u->have = 0;
		u->need = HEADER_LEN;
		u->offset = 0; /* each entry begins at a multiple of four */
		return;
	}
	while (*n && !**p) {
		++*p;
		--*n;
	}
}

static int step(struct unpacker *u, const u8 **p, size_t *n)
{
	switch (u->state) {
	case BETWEEN:
		between(u, p, n);
		return 0;
	case HEADER:
		return collect(u, u->header, HEADER_LEN, p, n) ? read_header(u) : 0;
	case NAME:
		return collect(u, u->name + 1, PATH_MAX, p, n) ? begin_entry(u) : 0;
	case LINK:
		return collect(u, u->link, sizeof(u->link) - 1, p, n) ? make_symlink(u) : 0;
	case BODY:
		return write_body(u, p, n);
	default: /* SKIP */
		if (collect(u, NULL, 0, p, n)) {
			u->state = BETWEEN;
			u->have = u->need = 0;
		}
		return 0;
	}
}

static int feed(void *arg, const void *data, size_t n)
{
	struct unpacker *u = arg;
	const u8 *p = data;
	int err = 0;

	while (n && !err)
		err = step(u, &p, &n);
	return err;
}

/* ---- archives ------------------------------------------------------------------------------------------------ */

/* A plain archive lies in the input as it is, up to a gzip file that may follow its trailer. */
static int unpack_plain(struct unpacker *u, const u8 *in, size_t len, size_t *used)
{
	const u8 *p = in;
	size_t n = len;
	int err = 0;

	while (n && !err) {
		if (u->state == BETWEEN && is_gzip(p, n))
			break;
		err = step(u, &p, &n);
	}
	*used = len - n;
	return err;
}

static int unpack_all(struct unpacker *u, const u8 *in, size_t len)
{
	int err = 0;

	while (len && !err) {
		size_t used;

		if (is_gzip(in, len)) {
			err = inflate_gzip(in, len, &used, feed, u);
			if (err && !u->res->error)
				u->res->error = "the compressed data is damaged";
			if (!err && u->state != BETWEEN)
				err = fail(u, -EIO, "the archive ends within an entry");
		} else {
			err = unpack_plain(u, in, len, &used);
		}
		in += used;
		len -= used;
		u->res->offset += used;
	}
	if (!err && u->state != BETWEEN)
		err = fail(u, -EIO, "the archive ends within an entry");
	return err;
}

int initramfs_unpack(struct vfs_task *t, const void *data, size_t len, struct initramfs_result *res)
{
	struct unpacker *u = kzalloc(t->vfs->slab, sizeof(*u), GFP_KERNEL);
	u32 mask;
	int err;

	*res = (struct initramfs_result){ 0 };
	if (!u)
		return -ENOMEM;
	u->t = t;
	u->res = res;
	u->name[0] = '/';
	/* Modes are as the archive says. */
	mask = xchg(&t->fs->umask, 0);
	err = unpack_all(u, data, len);
	xchg(&t->fs->umask, mask);
	if (u->file)
		fput(u->file);
	forget_links(u);
	kfree(t->vfs->slab, u);
	return err;
}
