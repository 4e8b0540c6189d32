/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/i8042.c. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/abi/i8042.h"
#include "devices/abi/pc.h"
#include "devices/i8042.h"
#include "tests/unit/devices/mock_env.h"

static struct mock_env m;
static struct device *dev;

static struct device *create(void)
{
	const struct dev_range data = { DEV_PIO, PC_I8042_DATA, 1 };
	const struct dev_range cmd = { DEV_PIO, PC_I8042_CMD, 1 };

	return i8042_create(&m.env, &data, &cmd, mock_line(&m, 1));
}

static void setup(void)
{
	mock_init(&m);
	dev = create();
	dev->class->reset(dev);
}

static void teardown(void)
{
	free(dev);
	mock_fini(&m);
}

static u8 status(void)
{
	return (u8)dev->class->read(dev, 1, 0, 1);
}

static u8 data(void)
{
	return (u8)dev->class->read(dev, 0, 0, 1);
}

static void command(u8 c)
{
	dev->class->write(dev, 1, 0, 1, c);
}

static void send(u8 byte)
{
	dev->class->write(dev, 0, 0, 1, byte);
}

/* What a driver does: command, wait for OBF (which must be there at once), read. */
static u8 ask(u8 c)
{
	command(c);
	ck_assert_msg(status() & I8042_STATUS_OBF, "no answer to %02x", c);
	ck_assert(!(status() & (I8042_STATUS_IBF | I8042_STATUS_AUX)));
	return data();
}

START_TEST(self_test_and_port_tests)
{
	ck_assert_uint_eq(status() & (I8042_STATUS_OBF | I8042_STATUS_IBF), 0);
	ck_assert(status() & I8042_STATUS_SYS);
	ck_assert_uint_eq(ask(I8042_CMD_SELF_TEST), 0x55);
	ck_assert(!(status() & I8042_STATUS_OBF));
	ck_assert_uint_eq(ask(I8042_CMD_KBD_TEST), 0);
	ck_assert_uint_ne(ask(I8042_CMD_AUX_TEST), 0);
}
END_TEST

START_TEST(command_byte)
{
	ck_assert_uint_eq(ask(I8042_CMD_READ_RAM), 0x34);
	command(I8042_CMD_WRITE_RAM);
	ck_assert(status() & I8042_STATUS_CMD);
	send(I8042_CTR_TRANSLATE | I8042_CTR_KBD_INT);
	ck_assert(!(status() & (I8042_STATUS_CMD | I8042_STATUS_SYS)));
	ck_assert_uint_eq(ask(I8042_CMD_READ_RAM),
			  I8042_CTR_TRANSLATE | I8042_CTR_KBD_INT | I8042_CTR_AUX_DISABLED);
	command(I8042_CMD_KBD_DISABLE);
	ck_assert(ask(I8042_CMD_READ_RAM) & I8042_CTR_KBD_DISABLED);
	command(I8042_CMD_KBD_ENABLE);
	ck_assert(!(ask(I8042_CMD_READ_RAM) & I8042_CTR_KBD_DISABLED));
}
END_TEST

START_TEST(controller_ram)
{
	for (u8 i = 1; i < 32; i++) {
		command(I8042_CMD_WRITE_RAM + i);
		send(0xa0 ^ i);
	}
	for (u8 i = 1; i < 32; i++)
		ck_assert_uint_eq(ask(I8042_CMD_READ_RAM + i), 0xa0 ^ i);
}
END_TEST

START_TEST(second_port_is_not_there)
{
	command(I8042_CMD_AUX_ENABLE);
	ck_assert(ask(I8042_CMD_READ_RAM) & I8042_CTR_AUX_DISABLED);
	command(I8042_CMD_WRITE_AUX_OBUF);
	send(0x5a);
	ck_assert(status() & I8042_STATUS_OBF);
	ck_assert(!(status() & I8042_STATUS_AUX));
	ck_assert_uint_eq(data(), 0x5a);
	command(I8042_CMD_WRITE_AUX);
	send(0xff);
	ck_assert(status() & I8042_STATUS_TIMEOUT);
	ck_assert_uint_eq(data(), I8042_NO_ANSWER);
}
END_TEST

START_TEST(keyboard_does_not_answer)
{
	send(0xff);
	ck_assert_uint_eq(status() & (I8042_STATUS_OBF | I8042_STATUS_TIMEOUT),
			  I8042_STATUS_OBF | I8042_STATUS_TIMEOUT);
	ck_assert_uint_eq(data(), I8042_NO_ANSWER);
	ck_assert_uint_eq(status() & (I8042_STATUS_OBF | I8042_STATUS_TIMEOUT), 0);
}
END_TEST

START_TEST(interrupt_while_a_byte_waits)
{
	ask(I8042_CMD_SELF_TEST);
	ck_assert_uint_eq(m.irq_calls[1], 0);
	command(I8042_CMD_WRITE_RAM);
	send(I8042_CTR_KBD_INT);
	command(I8042_CMD_WRITE_KBD_OBUF);
	send(0x1c);
	ck_assert_int_eq(m.level[1], 1);
	ck_assert_uint_eq(data(), 0x1c);
	ck_assert_int_eq(m.level[1], 0);
	ck_assert_uint_eq(m.irq_calls[1], 2);
	command(I8042_CMD_READ_RAM);
	ck_assert_int_eq(m.level[1], 1);
	dev->class->reset(dev);
	ck_assert_int_eq(m.level[1], 0);
}
END_TEST

START_TEST(reset_by_pulse)
{
	for (unsigned c = 0xf0; c <= 0xff; c++) {
		unsigned before = m.nr_requests;

		command((u8)c);
		ck_assert_uint_eq(m.nr_requests - before, !(c & 1));
	}
	ck_assert_int_eq(m.last_request, MACHINE_RESET);
}
END_TEST

START_TEST(reset_and_a20_by_output_port)
{
	ck_assert_uint_eq(ask(I8042_CMD_READ_OUTPUT) & 3, 3);
	command(I8042_CMD_A20_OFF);
	ck_assert_uint_eq(ask(I8042_CMD_READ_OUTPUT) & 3, 1);
	command(I8042_CMD_A20_ON);
	ck_assert_uint_eq(ask(I8042_CMD_READ_OUTPUT) & 3, 3);
	command(I8042_CMD_WRITE_OUTPUT);
	send(0xdf);
	ck_assert_uint_eq(m.nr_requests, 0);
	ck_assert_uint_eq(ask(I8042_CMD_READ_OUTPUT) & 3, 3);
	command(I8042_CMD_WRITE_OUTPUT);
	send(0xfe);
	ck_assert_uint_eq(m.nr_requests, 1);
	ck_assert_int_eq(m.last_request, MACHINE_RESET);
}
END_TEST

START_TEST(a_command_cancels_the_one_that_waits)
{
	command(I8042_CMD_WRITE_OUTPUT);
	command(I8042_CMD_KBD_DISABLE);
	send(0);
	ck_assert_uint_eq(m.nr_requests, 0);
	ck_assert_uint_eq(data(), I8042_NO_ANSWER);
}
END_TEST

START_TEST(save_and_load)
{
	struct device *other = create();
	const struct device_class *c = dev->class;

	other->class->reset(other);
	command(I8042_CMD_WRITE_RAM);
	send(I8042_CTR_KBD_INT);
	command(I8042_CMD_WRITE_KBD_OBUF);
	send(0x77);
	m.level[1] = 0;
	memcpy((u8 *)other + c->state_offset, (u8 *)dev + c->state_offset, c->state_size);
	ck_assert_int_eq(c->post_load(other), 0);
	ck_assert_uint_eq(c->read(other, 1, 0, 1), c->read(dev, 1, 0, 1));
	m.level[1] = 1;
	ck_assert_uint_eq(c->read(other, 0, 0, 1), 0x77);
	ck_assert_int_eq(m.level[1], 0);
	free(other);
}
END_TEST

START_TEST(every_command_and_width)
{
	for (unsigned c = 0; c < 256; c++) {
		for (unsigned size = 1; size <= 8; size *= 2) {
			dev->class->write(dev, 1, 0, size, c | 0xffffff00);
			dev->class->write(dev, 0, 0, size, c | 0xffffff00);
			ck_assert_uint_eq(dev->class->read(dev, 1, 0, size) >> 4 >> 4,
					  (UINT64_MAX >> (64 - 8 * size)) >> 8);
			dev->class->read(dev, 0, 0, size);
			ck_assert(!(status() & I8042_STATUS_OBF));
		}
	}
	ck_assert_uint_eq(dev->class->read(dev, 0, 1, 2), 0xffff);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("i8042");
	TCase *t = tcase_create("i8042");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, self_test_and_port_tests);
	tcase_add_test(t, command_byte);
	tcase_add_test(t, controller_ram);
	tcase_add_test(t, second_port_is_not_there);
	tcase_add_test(t, keyboard_does_not_answer);
	tcase_add_test(t, interrupt_while_a_byte_waits);
	tcase_add_test(t, reset_by_pulse);
	tcase_add_test(t, reset_and_a20_by_output_port);
	tcase_add_test(t, a_command_cancels_the_one_that_waits);
	tcase_add_test(t, save_and_load);
	tcase_add_test(t, every_command_and_width);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
