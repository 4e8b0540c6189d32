/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.c - hvc0, the console of the para side (virtio 1.2, 5.3): a line is copied into a ring
 * of bytes and given to the device as it lies there, one doorbell for each line, or for many while
 * the device has not finished with those before.
 *
 * The console lock is held and interrupts are off while writing, so nothing waits for interrupts: what the
 * device is done with is looked up when room is needed.
 *
 * Input comes in buffers of a few bytes, as people type; a buffer goes back to the device when its bytes
 * have been taken, so that a reader who does not read stops the sender.
 */
#include "guest/arch/x86/asm.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/locking/spinlock.h"
#include "devices/abi/virtio_console.h"

#define RING_BYTES 16384u
#define IN_BUFS	   8u
#define IN_BYTES   64u
#define STUCK_NS   (2 * NSEC_PER_SEC) /* a device that takes nothing for so long loses output */

static struct {
	struct virtio_device *vd; /* NULL: none */
	struct virtqueue tx;
	u32 head, tail; /* bytes ever copied in, bytes ever given back; both wrap */
	u8 ring[RING_BYTES];
	u8 memory[VQ_MEMORY] __attribute__((aligned(VQ_MEMORY)));

	spinlock_t rx_lock; /* and what follows */
	struct virtqueue rx;
	u8 *current; /* the buffer that is being read; NULL: none */
	u32 at, filled;
	u8 in[IN_BUFS][IN_BYTES];
	u8 rx_memory[VQ_MEMORY] __attribute__((aligned(VQ_MEMORY)));
} hvc;

/* The device works in order, so that what comes back is always the oldest. */
static void collect(void)
{
	void *token;

	while ((token = vq_get(&hvc.tx, NULL)))
		hvc.tail += (u32)(u64)token;
}

/* Room for n bytes and a descriptor for each of two pieces; false when the device is stuck. */
static bool make_room(u32 n)
{
	u64 deadline = 0;

	for (;;) {
		if (RING_BYTES - (hvc.head - hvc.tail) >= n && hvc.tx.nr_free >= 2)
			return true;
		collect();
		if (RING_BYTES - (hvc.head - hvc.tail) >= n && hvc.tx.nr_free >= 2)
			return true;
		vq_kick(&hvc.tx);
		if (!deadline)
			deadline = clock_ns() + STUCK_NS;
		else if (clock_ns() > deadline)
			return false;
		cpu_relax();
	}
}

static void hvc_write(const char *s, size_t n)
{
	while (n) {
		u32 at = hvc.head % RING_BYTES;
		u32 most = (u32)MIN(n, (size_t)(RING_BYTES - at));
		struct vq_buf buf = { hvc.ring + at, most };

		if (!make_room(most))
			return;
		memcpy(buf.p, s, most);
		vq_add(&hvc.tx, &buf, 1, 0, (void *)(u64)most);
		hvc.head += most;
		s += most;
		n -= most;
	}
	vq_kick(&hvc.tx);
}

static void offer(u8 *in)
{
	const struct vq_buf buf = { in, IN_BYTES };

	vq_add(&hvc.rx, &buf, 0, 1, in);
}

/* The next buffer with bytes in it. */
static bool next_in(void)
{
	while (!hvc.current || hvc.at == hvc.filled) {
		if (hvc.current) {
			offer(hvc.current);
			vq_kick(&hvc.rx);
		}
		hvc.at = 0;
		hvc.current = vq_get(&hvc.rx, &hvc.filled);
		if (!hvc.current)
			return false;
		hvc.filled = MIN(hvc.filled, IN_BYTES);
	}
	return true;
}

size_t virtio_console_read(u8 *buf, size_t n)
{
	size_t got = 0;

	spin_lock(&hvc.rx_lock);
	while (got < n && (next_in() || !vq_listen(&hvc.rx))) {
		while (hvc.current && got < n && hvc.at < hvc.filled)
			buf[got++] = hvc.current[hvc.at++];
	}
	spin_unlock(&hvc.rx_lock);
	return got;
}

bool virtio_console_listen(irq_handler_fn fn)
{
	return virtio_irq(hvc.vd, "hvc0", fn, NULL);
}

static const struct console hvc_console = { "hvc0", hvc_write, hvc_write };

const struct console *virtio_console(void)
{
	return hvc.vd ? &hvc_console : NULL;
}

int virtio_console_probe(struct virtio_device *vd)
{
	int err = hvc.vd ? -EBUSY : virtio_start(vd, 0);

	if (!err)
		err = vq_setup(vd, &hvc.tx, VIRTIO_CONSOLE_TXQ, hvc.memory);
	if (!err)
		err = vq_setup(vd, &hvc.rx, VIRTIO_CONSOLE_RXQ, hvc.rx_memory);
	if (err)
		return err;
	spin_lock_init(&hvc.rx_lock);
	vq_quiet(&hvc.tx);
	for (unsigned i = 0; i < IN_BUFS; i++)
		offer(hvc.in[i]);
	virtio_ready(vd);
	vq_kick(&hvc.rx);
	hvc.vd = vd;
	console_register(&hvc_console);
	pr_info("  hvc0: virtio, the console from here on");
	return 0;
}
