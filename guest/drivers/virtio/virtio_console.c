/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.c - hvc0, the console of the para side (virtio 1.2, 5.3): a line is copied into a ring
 * of bytes and given to the device as it lies there, one doorbell for each line, or for many while
 * the device has not finished with those before.
 *
 * The console lock is held and interrupts are off while writing, so nothing waits for interrupts: what the
 * device is done with is looked up when room is needed.
 */
#include "guest/arch/x86/asm.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "devices/abi/virtio_console.h"

#define RING_BYTES 16384u
#define STUCK_NS   (2 * NSEC_PER_SEC) /* a device that takes nothing for so long loses output */

static struct {
	struct virtio_device *vd; /* NULL: none */
	struct virtqueue tx;
	u32 head, tail; /* bytes ever copied in, bytes ever given back; both wrap */
	u8 ring[RING_BYTES];
	u8 memory[VQ_MEMORY] __attribute__((aligned(VQ_MEMORY)));
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

int virtio_console_probe(struct virtio_device *vd)
{
	static const struct console console = { "hvc0", hvc_write };
	int err = hvc.vd ? -EBUSY : virtio_start(vd, 0);

	if (!err)
		err = vq_setup(vd, &hvc.tx, VIRTIO_CONSOLE_TXQ, hvc.memory);
	if (err)
		return err;
	vq_quiet(&hvc.tx);
	virtio_ready(vd);
	hvc.vd = vd;
	console_register(&console);
	pr_info("  hvc0: virtio, the console from here on");
	return 0;
}
