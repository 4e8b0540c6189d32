/* SPDX-License-Identifier: MIT */
/*
 * abi.h - numbers and structures of Linux's file interface on x86-64, as a program passes them.
 *
 * The values are those of Linux's user headers (include/uapi: asm-generic/fcntl.h, stat.h, fs.h,
 * poll.h, eventpoll.h, termbits.h, ioctls.h, statfs.h, mount.h, resource.h, capability.h). A host
 * file that includes this does not include the host's headers of the same subject.
 */
#ifndef GUEST_FS_ABI_H
#define GUEST_FS_ABI_H

#include "guest/lib/types.h"

#define PATH_MAX     4096 /* with the NUL */
#define NAME_MAX     255
#define MAXSYMLINKS  40
#define UIO_MAXIOV   1024
#define MAX_RW_COUNT 0x7ffff000UL /* the most one read or write moves */
#define PIPE_BUF     4096

/* open(2) */
#define O_ACCMODE     00000003
#define O_RDONLY      00000000
#define O_WRONLY      00000001
#define O_RDWR	      00000002
#define O_CREAT	      00000100
#define O_EXCL	      00000200
#define O_NOCTTY      00000400
#define O_TRUNC	      00001000
#define O_APPEND      00002000
#define O_NONBLOCK    00004000
#define O_DSYNC	      00010000
#define FASYNC	      00020000
#define O_DIRECT      00040000
#define O_LARGEFILE   00100000
#define O_DIRECTORY   00200000
#define O_NOFOLLOW    00400000
#define O_NOATIME     01000000
#define O_CLOEXEC     02000000
#define O_SYNC	      04010000
#define O_PATH	      010000000
#define O_TMPFILE_BIT 020000000
#define O_TMPFILE     (O_TMPFILE_BIT | O_DIRECTORY)
#define O_VALID                                                                               \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | \
	 FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | \
	 O_PATH | O_TMPFILE_BIT)

/* openat2(2) */
#define RESOLVE_NO_XDEV	      0x01
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_NO_SYMLINKS   0x04
#define RESOLVE_BENEATH	      0x08
#define RESOLVE_IN_ROOT	      0x10
#define RESOLVE_VALID	      0x1f

/* *at(2) */
#define AT_FDCWD	    (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EACCESS	    0x200
#define AT_REMOVEDIR	    0x200
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT	    0x800
#define AT_EMPTY_PATH	    0x1000
#define AT_STATX_SYNC_TYPE  0x6000

/* The file's type and permissions in st_mode. */
#define S_IFMT	    0170000
#define S_IFSOCK    0140000
#define S_IFLNK	    0120000
#define S_IFREG	    0100000
#define S_IFBLK	    0060000
#define S_IFDIR	    0040000
#define S_IFCHR	    0020000
#define S_IFIFO	    0010000
#define S_ISUID	    0004000
#define S_ISGID	    0002000
#define S_ISVTX	    0001000
#define S_IXGRP	    0000010
#define S_IXUGO	    0000111
#define S_IRWXUGO   0000777
#define S_IALLUGO   0007777
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)

#define SEEK_SET    0
#define SEEK_CUR    1
#define SEEK_END    2
#define SEEK_DATA   3
#define SEEK_HOLE   4

#define X_OK	    1
#define W_OK	    2
#define R_OK	    4

/* fcntl(2) */
#define F_DUPFD		0
#define F_GETFD		1
#define F_SETFD		2
#define F_GETFL		3
#define F_SETFL		4
#define F_GETLK		5
#define F_SETLK		6
#define F_SETLKW	7
#define F_OFD_GETLK	36
#define F_OFD_SETLK	37
#define F_OFD_SETLKW	38
#define F_SETOWN	8
#define F_GETOWN	9
#define F_DUPFD_QUERY	1027
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ	1031
#define F_GETPIPE_SZ	1032
#define F_ADD_SEALS	1033
#define F_GET_SEALS	1034
#define FD_CLOEXEC	1

#define LOCK_SH		1
#define LOCK_EX		2
#define LOCK_NB		4
#define LOCK_UN		8

/* renameat2(2), fallocate(2), preadv2(2), close_range(2) */
#define RENAME_NOREPLACE     (1 << 0)
#define RENAME_EXCHANGE	     (1 << 1)
#define RENAME_WHITEOUT	     (1 << 2)
#define FALLOC_FL_KEEP_SIZE  0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
#define FALLOC_FL_ZERO_RANGE 0x10
#define RWF_HIPRI	     0x01
#define RWF_DSYNC	     0x02
#define RWF_SYNC	     0x04
#define RWF_NOWAIT	     0x08
#define RWF_APPEND	     0x10
#define CLOSE_RANGE_UNSHARE  (1U << 1)
#define CLOSE_RANGE_CLOEXEC  (1U << 2)

/* mount(2), umount2(2), statfs(2) */
#define MS_RDONLY	    0x000001
#define MS_NOSUID	    0x000002
#define MS_NODEV	    0x000004
#define MS_NOEXEC	    0x000008
#define MS_SYNCHRONOUS	    0x000010
#define MS_REMOUNT	    0x000020
#define MS_NOSYMFOLLOW	    0x000100
#define MS_NOATIME	    0x000400
#define MS_NODIRATIME	    0x000800
#define MS_BIND		    0x001000
#define MS_MOVE		    0x002000
#define MS_REC		    0x004000
#define MS_SILENT	    0x008000
#define MS_PRIVATE	    0x040000
#define MS_SLAVE	    0x080000
#define MS_SHARED	    0x100000
#define MS_RELATIME	    0x200000
#define MS_STRICTATIME	    0x1000000
#define MS_MGC_VAL	    0xC0ED0000U
#define MS_MGC_MSK	    0xffff0000U
#define MNT_FORCE	    1
#define MNT_DETACH	    2
#define MNT_EXPIRE	    4
#define UMOUNT_NOFOLLOW	    8

#define ST_RDONLY	    0x0001
#define ST_NOSUID	    0x0002
#define ST_NODEV	    0x0004
#define ST_NOEXEC	    0x0008
#define ST_VALID	    0x0020
#define ST_NOATIME	    0x0400
#define ST_NODIRATIME	    0x0800
#define ST_RELATIME	    0x1000
#define ST_NOSYMFOLLOW	    0x2000

#define TMPFS_MAGIC	    0x01021994
#define RAMFS_MAGIC	    0x858458f6
#define PROC_SUPER_MAGIC    0x9fa0
#define SYSFS_MAGIC	    0x62656572
#define PIPEFS_MAGIC	    0x50495045
#define SOCKFS_MAGIC	    0x534f434b
#define ANON_INODE_FS_MAGIC 0x09041934
#define DEVPTS_SUPER_MAGIC  0x1cd1

/* getdents64(2) */
#define DT_UNKNOWN 0
#define DT_FIFO	   1
#define DT_CHR	   2
#define DT_DIR	   4
#define DT_BLK	   6
#define DT_REG	   8
#define DT_LNK	   10
#define DT_SOCK	   12

struct linux_dirent64 {
	u64 d_ino;
	s64 d_off;
	u16 d_reclen;
	u8 d_type;
	char d_name[];
};

struct linux_stat {
	u64 st_dev;
	u64 st_ino;
	u64 st_nlink;
	u32 st_mode;
	u32 st_uid;
	u32 st_gid;
	u32 pad0;
	u64 st_rdev;
	s64 st_size;
	s64 st_blksize;
	s64 st_blocks;
	u64 st_atime_sec, st_atime_nsec;
	u64 st_mtime_sec, st_mtime_nsec;
	u64 st_ctime_sec, st_ctime_nsec;
	s64 unused[3];
};

struct linux_statx_time {
	s64 sec;
	u32 nsec;
	s32 reserved;
};

struct linux_statx {
	u32 stx_mask;
	u32 stx_blksize;
	u64 stx_attributes;
	u32 stx_nlink;
	u32 stx_uid;
	u32 stx_gid;
	u16 stx_mode;
	u16 spare0;
	u64 stx_ino;
	u64 stx_size;
	u64 stx_blocks;
	u64 stx_attributes_mask;
	struct linux_statx_time stx_atime, stx_btime, stx_ctime, stx_mtime;
	u32 stx_rdev_major, stx_rdev_minor;
	u32 stx_dev_major, stx_dev_minor;
	u64 stx_mnt_id;
	u64 spare2[13];
};

#define STATX_TYPE	      0x0001U
#define STATX_MODE	      0x0002U
#define STATX_BASIC_STATS     0x07ffU
#define STATX_BTIME	      0x0800U
#define STATX_MNT_ID	      0x1000U
#define STATX__RESERVED	      0x80000000U
#define STATX_ATTR_MOUNT_ROOT 0x2000

struct linux_statfs {
	s64 f_type, f_bsize;
	u64 f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	s32 f_fsid[2];
	s64 f_namelen, f_frsize, f_flags, f_spare[4];
};

struct linux_iovec {
	u64 base;
	u64 len;
};

struct linux_timespec {
	s64 tv_sec;
	s64 tv_nsec;
};

#define UTIME_NOW  ((1L << 30) - 1L)
#define UTIME_OMIT ((1L << 30) - 2L)

/* poll(2), epoll(7) */
#define POLLIN	   0x0001
#define POLLPRI	   0x0002
#define POLLOUT	   0x0004
#define POLLERR	   0x0008
#define POLLHUP	   0x0010
#define POLLNVAL   0x0020
#define POLLRDNORM 0x0040
#define POLLRDBAND 0x0080
#define POLLWRNORM 0x0100
#define POLLWRBAND 0x0200
#define POLLMSG	   0x0400
#define POLLRDHUP  0x2000

struct linux_pollfd {
	s32 fd;
	s16 events;
	s16 revents;
};

#define EPOLLEXCLUSIVE (1U << 28)
#define EPOLLWAKEUP    (1U << 29)
#define EPOLLONESHOT   (1U << 30)
#define EPOLLET	       (1U << 31)
#define EPOLL_CTL_ADD  1
#define EPOLL_CTL_DEL  2
#define EPOLL_CTL_MOD  3
#define EPOLL_CLOEXEC  O_CLOEXEC

struct linux_epoll_event {
	u32 events;
	u64 data;
} __attribute__((packed));

/* memfd_create(2), F_ADD_SEALS */
#define MFD_CLOEXEC	    1
#define MFD_ALLOW_SEALING   2
#define F_SEAL_SEAL	    0x01
#define F_SEAL_SHRINK	    0x02
#define F_SEAL_GROW	    0x04
#define F_SEAL_WRITE	    0x08
#define F_SEAL_FUTURE_WRITE 0x10

#define EFD_SEMAPHORE	    1
#define EFD_CLOEXEC	    O_CLOEXEC
#define EFD_NONBLOCK	    O_NONBLOCK

/* xattr(7) */
#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_LIST_MAX 65536
#define XATTR_CREATE   1
#define XATTR_REPLACE  2

/* termios(3), tty_ioctl(4) */
#define NCCS	 19
#define VINTR	 0
#define VQUIT	 1
#define VERASE	 2
#define VKILL	 3
#define VEOF	 4
#define VTIME	 5
#define VMIN	 6
#define VSWTC	 7
#define VSTART	 8
#define VSTOP	 9
#define VSUSP	 10
#define VEOL	 11
#define VREPRINT 12
#define VDISCARD 13
#define VWERASE	 14
#define VLNEXT	 15
#define VEOL2	 16

#define IGNBRK	 0000001
#define BRKINT	 0000002
#define IGNPAR	 0000004
#define PARMRK	 0000010
#define INPCK	 0000020
#define ISTRIP	 0000040
#define INLCR	 0000100
#define IGNCR	 0000200
#define ICRNL	 0000400
#define IUCLC	 0001000
#define IXON	 0002000
#define IXANY	 0004000
#define IXOFF	 0010000
#define IMAXBEL	 0020000
#define IUTF8	 0040000
#define OPOST	 0000001
#define OLCUC	 0000002
#define ONLCR	 0000004
#define OCRNL	 0000010
#define ONOCR	 0000020
#define ONLRET	 0000040
#define TABDLY	 0014000
#define XTABS	 0014000
#define B38400	 0000017
#define B115200	 0010002
#define CBAUD	 0010017
#define CBAUDEX	 0010000
#define BOTHER	 0010000
#define IBSHIFT	 16
#define PARENB	 0000400
#define CSIZE	 0000060
#define CS8	 0000060
#define CREAD	 0000200
#define HUPCL	 0002000
#define CLOCAL	 0004000
#define ISIG	 0000001
#define ICANON	 0000002
#define ECHO	 0000010
#define ECHOE	 0000020
#define ECHOK	 0000040
#define ECHONL	 0000100
#define NOFLSH	 0000200
#define TOSTOP	 0000400
#define ECHOCTL	 0001000
#define ECHOPRT	 0002000
#define ECHOKE	 0004000
#define FLUSHO	 0010000
#define IEXTEN	 0100000

struct linux_termios {
	u32 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[NCCS];
};

struct linux_termios2 {
	struct linux_termios t;
	u32 c_ispeed, c_ospeed;
};

struct linux_termio {
	u16 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[8];
};

struct linux_winsize {
	u16 ws_row, ws_col, ws_xpixel, ws_ypixel;
};

#define TCGETS	       0x5401
#define TCSETS	       0x5402
#define TCSETSW	       0x5403
#define TCSETSF	       0x5404
#define TCGETA	       0x5405
#define TCSETA	       0x5406
#define TCSETAW	       0x5407
#define TCSETAF	       0x5408
#define TCSBRK	       0x5409
#define TCXONC	       0x540A
#define TCFLSH	       0x540B
#define TIOCEXCL       0x540C
#define TIOCNXCL       0x540D
#define TIOCSCTTY      0x540E
#define TIOCGPGRP      0x540F
#define TIOCSPGRP      0x5410
#define TIOCOUTQ       0x5411
#define TIOCSTI	       0x5412
#define TIOCGWINSZ     0x5413
#define TIOCSWINSZ     0x5414
#define FIONREAD       0x541B
#define FIONBIO	       0x5421
#define TIOCNOTTY      0x5422
#define TIOCSETD       0x5423
#define TIOCGETD       0x5424
#define TCSBRKP	       0x5425
#define TIOCGSID       0x5429
#define TCGETS2	       0x802C542A
#define TCSETS2	       0x402C542B
#define TCSETSW2       0x402C542C
#define TCSETSF2       0x402C542D
#define TIOCGPTN       0x80045430
#define TIOCSPTLCK     0x40045431
#define TIOCSIG	       0x40045436
#define TIOCGPTLCK     0x80045439
#define TIOCGEXCL      0x80045440
#define FIONCLEX       0x5450
#define FIOCLEX	       0x5451
#define FIOASYNC       0x5452
#define TCIFLUSH       0
#define TCOFLUSH       1
#define TCIOFLUSH      2
#define TCOOFF	       0
#define TCOON	       1

#define TIOCGLCKTRMIOS 0x5456
#define TIOCSLCKTRMIOS 0x5457

/* Signals that files send. */
#define SIGHUP	 1
#define SIGINT	 2
#define SIGQUIT	 3
#define SIGPIPE	 13
#define SIGCONT	 18
#define SIGTSTP	 20
#define SIGTTIN	 21
#define SIGTTOU	 22
#define SIGXFSZ	 25
#define SIGWINCH 28

/* Resource limits that files ask for. */
#define RLIMIT_FSIZE  1
#define RLIMIT_NOFILE 7
#define RLIM_NLIMITS  16
#define RLIM_INFINITY (~0ULL)

/* Capabilities that files ask for, capabilities(7). */
#define CAP_CHOWN	       0
#define CAP_DAC_OVERRIDE       1
#define CAP_DAC_READ_SEARCH    2
#define CAP_FOWNER	       3
#define CAP_FSETID	       4
#define CAP_SETGID	       6
#define CAP_SETUID	       7
#define CAP_LINUX_IMMUTABLE    9
#define CAP_SYS_RAWIO	       17
#define CAP_SYS_CHROOT	       18
#define CAP_SYS_ADMIN	       21
#define CAP_SYS_RESOURCE       24
#define CAP_SYS_TTY_CONFIG     26
#define CAP_MKNOD	       27
#define CAP_SETFCAP	       31
#define CAP_SYSLOG	       34
#define CAP_CHECKPOINT_RESTORE 40
#define CAP_LAST	       40
#define CAP_FULL	       ((1ULL << (CAP_LAST + 1)) - 1)

#endif
