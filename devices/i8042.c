/* SPDX-License-Identifier: MIT */
/*
 * i8042.c - one byte each way. Rule K1: the output buffer holds a byte exactly while status OBF is
 * set; a newer answer replaces one that was not read. Rule K2: the second port stays disabled.
 */
#include "devices/i8042.h"

#include <stdlib.h>

#include "devices/abi/i8042.h"
#include "devices/outputs.h"

enum { RANGE_DATA, RANGE_CMD };

#define RAM_SIZE 32u

struct i8042_state {
	u8 status;
	u8 output;	/* what the data port reads */
	u8 pending;	/* command that takes the next data byte, 0: none, it is for the keyboard */
	u8 output_port; /* without the mirror bits */
	u8 ram[RAM_SIZE]; /* ram[0] is the command byte */
};

struct i8042 {
	struct device dev;
	struct dev_lock lock;
	struct dev_outputs out;
	struct i8042_state s; /* lock */
};

static bool irq_level(const struct i8042_state *s)
{
	return (s->status & I8042_STATUS_OBF) && (s->ram[0] & I8042_CTR_KBD_INT);
}

static void answer(struct i8042_state *s, u8 byte)
{
	s->output = byte;
	s->status &= (u8) ~(I8042_STATUS_TIMEOUT | I8042_STATUS_AUX | I8042_STATUS_PARITY);
	s->status |= I8042_STATUS_OBF;
}

/* Nobody takes the byte: the controller's time-out answer. */
static void no_keyboard(struct i8042_state *s)
{
	answer(s, I8042_NO_ANSWER);
	s->status |= I8042_STATUS_TIMEOUT;
}

static void set_command_byte(struct i8042_state *s, u8 value)
{
	s->ram[0] = value | I8042_CTR_AUX_DISABLED; /* K2 */
	s->status &= (u8)~I8042_STATUS_SYS;
	s->status |= value & I8042_CTR_SYS; /* the same bit in both */
}

static u8 output_port(const struct i8042_state *s)
{
	return s->output_port | (s->status & I8042_STATUS_OBF ? I8042_OUT_KBD_OBF : 0);
}

/* Commands that answer, change state or wait for a byte; true when the reset line was pulled. */
static bool run_command(struct i8042_state *s, u8 cmd)
{
	if (cmd >= I8042_CMD_PULSE)
		return !(cmd & I8042_OUT_NOT_RESET);
	if (cmd >= I8042_CMD_WRITE_RAM && cmd < I8042_CMD_WRITE_RAM + RAM_SIZE) {
		s->pending = cmd;
		return false;
	}
	if (cmd >= I8042_CMD_READ_RAM && cmd < I8042_CMD_READ_RAM + RAM_SIZE) {
		answer(s, s->ram[cmd - I8042_CMD_READ_RAM]);
		return false;
	}
	switch (cmd) {
	case I8042_CMD_SELF_TEST:
		set_command_byte(s, I8042_CTR_SYS | I8042_CTR_KBD_DISABLED);
		answer(s, I8042_SELF_TEST_OK);
		break;
	case I8042_CMD_KBD_TEST:
		answer(s, I8042_PORT_TEST_OK);
		break;
	case I8042_CMD_AUX_TEST:
		answer(s, I8042_PORT_TEST_CLOCK_HI);
		break;
	case I8042_CMD_KBD_DISABLE:
		set_command_byte(s, s->ram[0] | I8042_CTR_KBD_DISABLED);
		break;
	case I8042_CMD_KBD_ENABLE:
		set_command_byte(s, s->ram[0] & (u8)~I8042_CTR_KBD_DISABLED);
		break;
	case I8042_CMD_READ_INPUT:
		answer(s, 0x80); /* keyboard not locked */
		break;
	case I8042_CMD_READ_OUTPUT:
		answer(s, output_port(s));
		break;
	case I8042_CMD_A20_OFF:
		s->output_port &= (u8)~I8042_OUT_A20;
		break;
	case I8042_CMD_A20_ON:
		s->output_port |= I8042_OUT_A20;
		break;
	case I8042_CMD_WRITE_OUTPUT:
	case I8042_CMD_WRITE_KBD_OBUF:
	case I8042_CMD_WRITE_AUX_OBUF:
	case I8042_CMD_WRITE_AUX:
		s->pending = cmd;
		break;
	}
	return false;
}

/* A byte at the data port; true when the reset line was pulled. */
static bool take_data(struct i8042_state *s, u8 value)
{
	u8 cmd = s->pending;

	s->pending = 0;
	if (cmd == I8042_CMD_WRITE_RAM) {
		set_command_byte(s, value);
	} else if (cmd > I8042_CMD_WRITE_RAM && cmd < I8042_CMD_WRITE_RAM + RAM_SIZE) {
		s->ram[cmd - I8042_CMD_WRITE_RAM] = value;
	} else if (cmd == I8042_CMD_WRITE_OUTPUT) {
		s->output_port = value & (u8)~I8042_OUT_KBD_OBF;
		if (!(value & I8042_OUT_NOT_RESET)) {
			s->output_port |= I8042_OUT_NOT_RESET;
			return true;
		}
	} else if (cmd == I8042_CMD_WRITE_KBD_OBUF || cmd == I8042_CMD_WRITE_AUX_OBUF) {
		/* Never marked as from the second port: there is none. */
		answer(s, value);
	} else {
		no_keyboard(s);
	}
	return false;
}

static struct i8042 *to_i8042(struct device *dev)
{
	return container_of(dev, struct i8042, dev);
}

static u64 i8042_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	struct i8042 *k = to_i8042(dev);
	u64 others = size < 8 ? (1ULL << (8 * size)) - 1 : UINT64_MAX;
	u8 byte;

	if (offset != 0)
		return others;
	others &= ~0xffULL; /* a wide access finds no register at the ports after this one */
	dev_lock(&k->lock);
	if (range == RANGE_CMD) {
		byte = k->s.status;
		dev_unlock(&k->lock);
		return others | byte;
	}
	byte = k->s.output;
	k->s.status &= (u8) ~(I8042_STATUS_OBF | I8042_STATUS_TIMEOUT);
	dev_outputs_level(&k->out, irq_level(&k->s));
	dev_outputs_unlock(&k->out, &k->dev, &k->lock);
	return others | byte;
}

static void i8042_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct i8042 *k = to_i8042(dev);
	bool reset;

	(void)size;
	if (offset != 0)
		return;
	dev_lock(&k->lock);
	if (range == RANGE_CMD) {
		k->s.status |= I8042_STATUS_CMD;
		k->s.pending = 0;
		reset = run_command(&k->s, (u8)value);
	} else {
		k->s.status &= (u8)~I8042_STATUS_CMD;
		reset = take_data(&k->s, (u8)value);
	}
	dev_outputs_level(&k->out, irq_level(&k->s));
	dev_outputs_unlock(&k->out, &k->dev, &k->lock);
	if (reset)
		dev->env->request(dev->env->ctx, MACHINE_RESET, 0);
}

static void i8042_reset(struct device *dev)
{
	struct i8042 *k = to_i8042(dev);

	dev_lock(&k->lock);
	k->s = (struct i8042_state){ .status = I8042_STATUS_UNLOCKED,
				     .output_port = I8042_OUT_NOT_RESET | I8042_OUT_A20 };
	/* As firmware leaves it: tested, keyboard off. */
	set_command_byte(&k->s, I8042_CTR_SYS | I8042_CTR_KBD_DISABLED);
	dev_outputs_level(&k->out, false);
	dev_outputs_unlock(&k->out, &k->dev, &k->lock);
}

static int i8042_post_load(struct device *dev)
{
	struct i8042 *k = to_i8042(dev);

	dev_lock(&k->lock);
	k->s.ram[0] |= I8042_CTR_AUX_DISABLED;
	dev_outputs_loaded(&k->out, irq_level(&k->s));
	dev_unlock(&k->lock);
	return 0;
}

struct device *i8042_create(const struct dev_env *env, const struct dev_range *data,
			    const struct dev_range *cmd, struct irq_line irq)
{
	struct i8042 *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->dev = (struct device){ .class = &i8042_class,
				  .env = env,
				  .irq = irq,
				  .range = { [RANGE_DATA] = *data, [RANGE_CMD] = *cmd },
				  .nr_ranges = 2 };
	dev_outputs_init(&k->out, NULL);
	return (struct device *)k;
}

const struct device_class i8042_class = {
	.name = "i8042",
	.description = "keyboard controller without keyboard, reset line",
	.reset = i8042_reset,
	.read = i8042_read,
	.write = i8042_write,
	.state_offset = offsetof(struct i8042, s),
	.state_size = sizeof(struct i8042_state),
	.post_load = i8042_post_load,
};
