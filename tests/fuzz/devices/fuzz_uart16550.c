/* SPDX-License-Identifier: MIT */
/*
 * fuzz_uart16550.c - any sequence of register accesses, host input, host reads, breaks, elapsed
 * time, resets, state loads and the host's death against the serial port on a small pipe.
 *
 * After each step the chip's own rules and the interrupt line are checked, and all along that what
 * THR accepted arrives at the host in order and once, unless the guest itself reset the FIFO.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/abi/pc.h"
#include "devices/uart16550.h"
#include "devices/uart16550_chip.h"
#include "tests/unit/devices/mock_env.h"

#define GSI	  PC_COM1_IRQ
#define MAX_STEPS 4096

#define REQUIRE(cond)                                                              \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

struct world {
	struct mock_env m;
	struct chardev *cd;
	struct device *dev;
	int host_in[2];
	int host_out[2];
	u64 sent, arrived; /* bytes that THR accepted; bytes the host read */
	u8 next_sent;	   /* the guest counts upward, so that order is visible */
	bool tx_exact;	   /* no FIFO reset has dropped bytes */
};

struct input {
	const u8 *p, *end;
};

static u8 next(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static struct uart_chip *chip(struct world *w)
{
	return (struct uart_chip *)((u8 *)w->dev + w->dev->class->state_offset);
}

static void world_open(struct world *w)
{
	const struct dev_range com1 = { DEV_PIO, PC_COM1_PORT, PC_COM_LEN };
	struct chardev_config cfg;

	memset(w, 0, sizeof(*w));
	mock_init(&w->m);
	REQUIRE(pipe2(w->host_in, O_CLOEXEC | O_NONBLOCK) == 0);
	REQUIRE(pipe2(w->host_out, O_CLOEXEC | O_NONBLOCK) == 0);
	fcntl(w->host_out[1], F_SETPIPE_SZ, 4096);
	cfg = (struct chardev_config){ .in_fd = w->host_in[0], .out_fd = w->host_out[1] };
	w->cd = chardev_create(&w->m.env, &cfg);
	w->dev = uart16550_create(&w->m.env, &com1, mock_line(&w->m, GSI), w->cd, 0);
	REQUIRE(w->cd && w->dev && chardev_start(w->cd) == 0);
	w->tx_exact = true;
}

static void world_close(struct world *w)
{
	w->dev->class->destroy(w->dev);
	chardev_destroy(w->cd);
	for (int i = 0; i < 2; i++) {
		close(w->host_in[i]);
		if (w->host_out[i] >= 0)
			close(w->host_out[i]);
	}
	mock_fini(&w->m);
}

static void host_reads(struct world *w, size_t most)
{
	u8 buf[4096];
	ssize_t n = read(w->host_out[0], buf, MIN(most, sizeof(buf)));

	for (ssize_t i = 0; i < n; i++, w->arrived++)
		REQUIRE(!w->tx_exact || buf[i] == (u8)w->arrived);
}

/* Writes THR with the next number of the sequence, and keeps count of what must arrive. */
static void guest_sends(struct world *w)
{
	struct uart_chip *c = chip(w);
	bool to_host = !(c->lcr & UART_LCR_DLAB) && !(c->mcr & UART_MCR_LOOP);
	u32 lost = c->tx_overruns;
	bool thre = c->tx_count == 0;

	w->dev->class->write(w->dev, 0, UART_THR, 1, w->next_sent);
	if (!to_host)
		return;
	REQUIRE(!thre || c->tx_overruns == lost); /* U1 */
	if (c->tx_overruns != lost)
		return;
	w->next_sent++;
	w->sent++;
}

static void guest_writes(struct world *w, unsigned offset, unsigned size, u64 value)
{
	u8 fcr = (u8)(value >> (offset < UART_FCR ? 8 * (UART_FCR - offset) : 0));
	bool hits_fcr = offset <= UART_FCR && offset + size > UART_FCR;
	struct uart_chip *c = chip(w);

	if (offset == 0) {
		guest_sends(w);
		offset++;
		value >>= 8;
		if (--size == 0)
			return;
	}
	if (hits_fcr && c->tx_count)
		if ((fcr ^ c->fcr) & UART_FCR_ENABLE || fcr & UART_FCR_TX_RESET)
			w->tx_exact = false;
	w->dev->class->write(w->dev, 0, offset, size, value);
}

static void guest_reads(struct world *w, unsigned offset, unsigned size)
{
	struct uart_chip before = *chip(w);
	u64 value = w->dev->class->read(w->dev, 0, offset, size);
	u8 iir;

	REQUIRE(size == 8 || value >> (8 * size) == 0);
	if (offset == UART_IIR && size == 1) {
		iir = (u8)value & UART_IIR_ID_MASK;
		REQUIRE(iir == uart_chip_cause(&before));
		REQUIRE(iir != UART_IIR_LINE || before.ier & UART_IER_LINE);
		REQUIRE((iir != UART_IIR_RX && iir != UART_IIR_TIMEOUT) ||
			before.ier & UART_IER_RX);
		REQUIRE(iir != UART_IIR_THRE || before.ier & UART_IER_THRE);
		REQUIRE(iir != UART_IIR_MODEM || before.ier & UART_IER_MODEM);
	}
}

static void flood(struct world *w, unsigned n)
{
	while (n--)
		guest_sends(w);
}

/* A state as from a damaged snapshot: refused, or taken and as sound as any. */
static void load_state(struct world *w, struct input *in)
{
	u8 *state = (u8 *)chip(w);
	unsigned n = next(in) % 8;

	while (n--)
		state[next(in) % w->dev->class->state_size] = next(in);
	w->dev->class->post_load(w->dev);
	w->tx_exact = false;
}

static void host_types(struct world *w, struct input *in)
{
	u8 buf[64];
	unsigned n = 1 + next(in) % sizeof(buf);

	for (unsigned i = 0; i < n; i++)
		buf[i] = (u8)i;
	if (write(w->host_in[1], buf, n) < 0)
		REQUIRE(errno == EAGAIN);
}

static void host_dies(struct world *w)
{
	if (w->host_out[0] >= 0)
		close(w->host_out[0]);
	w->host_out[0] = -1;
	w->tx_exact = false;
}

static void step(struct world *w, struct input *in)
{
	u8 op = next(in);
	unsigned size = 1u << (op >> 4 & 3);
	unsigned offset = next(in) % UART_NR_REGS;

	offset &= ~(size - 1);
	switch (op % 16) {
	case 0:
	case 1:
	case 2:
		guest_writes(w, offset, size, next(in) * 0x0101010101010101ULL);
		break;
	case 3:
		guest_writes(w, offset, 1, next(in));
		break;
	case 4:
	case 5:
	case 6:
		guest_reads(w, offset, 1);
		break;
	case 7:
		guest_reads(w, offset, size);
		break;
	case 8:
		flood(w, next(in));
		break;
	case 9:
		flood(w, next(in) * 300u);
		break;
	case 10:
		host_types(w, in);
		break;
	case 11:
		host_reads(w, next(in) * 32u);
		break;
	case 12:
		mock_poll(&w->m);
		break;
	case 13:
		mock_advance(&w->m, (u64)next(in) * 50000);
		break;
	case 14:
		uart16550_break(w->dev);
		break;
	default:
		if (op == 0xff)
			load_state(w, in);
		else if (op == 0xef)
			w->dev->class->reset(w->dev);
		else if (op == 0xdf)
			host_dies(w);
		else
			guest_reads(w, UART_IIR, 1);
		break;
	}
}

static void check(struct world *w)
{
	struct uart_chip *c = chip(w);
	const char *broken = uart_chip_check(c);

	if (broken) {
		fprintf(stderr, "%s\n", broken);
		abort();
	}
	REQUIRE(c->rx_count <= 16 && c->tx_count <= 16);
	REQUIRE(w->m.level[GSI] == uart_chip_line(c));
	REQUIRE(chardev_room(w->cd) <= CHARDEV_RING);
}

/* At last the host reads everything: all that was sent has to come. */
static void drain(struct world *w)
{
	for (int i = 0; i < 200 && w->arrived < w->sent; i++) {
		mock_advance(&w->m, CHARDEV_BATCH_NS);
		mock_poll(&w->m);
		host_reads(w, 4096);
	}
	REQUIRE(!w->tx_exact || w->arrived == w->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct world w;

	world_open(&w);
	for (int i = 0; i < MAX_STEPS && in.p < in.end; i++) {
		step(&w, &in);
		check(&w);
	}
	drain(&w);
	check(&w);
	world_close(&w);
	return 0;
}
