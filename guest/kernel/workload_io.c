/* SPDX-License-Identifier: MIT */
/*
 * workload_io.c - the console; the first disk: in a row and at random, depth= requests at once; and the network's
 * router, asked for echoes of size= bytes.
 */
#include "guest/drivers/block.h"
#include "guest/drivers/net.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/workload.h"
#include "guest/lib/rand.h"
#include "guest/lib/string.h"
#include "guest/locking/wait.h"

#define SCRATCH	  "PARALLAX SCRATCH DISK"
#define REQ_BYTES 4096u
#define SECTORS	  (REQ_BYTES / SECTOR_SIZE)
#define MAX_DEPTH 16u

static void run_console(struct work *w)
{
	for (u64 i = 0; i < w->n; i++)
		console_printf("%6lu sixty-four bytes to a line, as a chatty kernel would say..\n",
			       i);
}

static struct {
	struct blk_device *disk;
	struct rand rand;
	u64 next; /* request, of those in a row */
	struct completion done;
} io;

/* In the image, which is one piece of physical memory; stacks are not. */
static u8 buffer[MAX_DEPTH][REQ_BYTES];

static void prepare_read(struct work *w)
{
	io.disk = blk_find("");
	if (!io.disk)
		w->skip = "no disk";
	else if (io.disk->sectors < 4 * SECTORS)
		w->skip = "the disk is too small";
	w->depth = MIN(MAX(w->depth, 1UL), (u64)MAX_DEPTH);
	rand_init(&io.rand, 1);
	init_completion(&io.done);
	io.next = 0;
}

/* Only to a disk that is made for it. */
static void prepare_write(struct work *w)
{
	prepare_read(w);
	if (!w->skip && (io.disk->read_only || blk_rw(io.disk, BLK_READ, 0, buffer[0], 1) ||
			 memcmp(buffer[0], SCRATCH, strlen(SCRATCH)) != 0))
		w->skip = "the disk does not begin with " SCRATCH;
}

static void finished(struct blk_request *rq)
{
	(void)rq;
	complete(&io.done);
}

/* Away from the first sectors, which say whose disk it is. */
static u64 place(bool at_random)
{
	u64 slots = io.disk->sectors / SECTORS - 1;

	return SECTORS * (1 + (at_random ? rand_below(&io.rand, slots) : io.next++ % slots));
}

static void transfer(struct work *w, enum blk_op op, bool at_random)
{
	struct blk_request rq[MAX_DEPTH];
	u64 failed = 0;

	for (u64 done = 0; done < w->n;) {
		u64 nr = MIN(w->depth, w->n - done);

		for (u64 i = 0; i < nr; i++)
			rq[i] = (struct blk_request){ .op = op,
						      .sector = place(at_random),
						      .nr = SECTORS,
						      .buf = buffer[i],
						      .done = finished };
		blk_submit(io.disk, rq, nr);
		for (u64 i = 0; i < nr; i++)
			wait_for_completion(&io.done);
		for (u64 i = 0; i < nr; i++)
			failed += rq[i].err != 0;
		done += nr;
	}
	if (failed)
		pr_err("workload: %lu of %lu requests failed", failed, w->n);
}

static void run_read(struct work *w)
{
	transfer(w, BLK_READ, false);
}

static void run_read_random(struct work *w)
{
	transfer(w, BLK_READ, true);
}

static void run_write(struct work *w)
{
	transfer(w, BLK_WRITE, false);
}

static void run_write_random(struct work *w)
{
	transfer(w, BLK_WRITE, true);
}

/* ---- the network ----------------------------------------------------------------------------------- */

#define ECHO_BYTES 56u /* as ping(8) */

static struct net_device *net;

/* An address, and the router's: neither question is measured. */
static void prepare_net(struct work *w)
{
	w->size = w->size ? MIN(w->size, (u64)NET_PAYLOAD_MAX) : ECHO_BYTES;
	net = net_find();
	if (!net)
		w->skip = "no network card";
	else if (!net_configure(net))
		w->skip = "nobody on the network gives an address";
	else if (!net->nif.router || net_echo(net, net->nif.router, 0, w->size))
		w->skip = "no router answers";
}

static void run_net(struct work *w)
{
	u64 lost = 0;

	for (u64 i = 0; i < w->n; i++)
		lost += net_echo(net, net->nif.router, (u16)(i + 1), w->size) != 0;
	if (lost)
		pr_err("workload: %lu of %lu echoes did not come back", lost, w->n);
}

const struct workload io_workloads[] = {
	{ "console", 1024, 1, NULL, run_console, NULL },
	{ "disk-read", 128, 1, prepare_read, run_read, NULL },
	{ "disk-read-random", 128, 1, prepare_read, run_read_random, NULL },
	{ "disk-write", 32, 1, prepare_write, run_write, NULL },
	{ "disk-write-random", 32, 1, prepare_write, run_write_random, NULL },
	{ "net", 64, 1, prepare_net, run_net, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
