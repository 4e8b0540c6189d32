/* SPDX-License-Identifier: MIT */
/* Unit tests of devices/virtio/virtio*.c: registers, features, life and death of queues. */
#include "tests/unit/devices/virtio_echo.h"

START_TEST(registers_say_who_it_is)
{
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_MAGIC), 0x74726976);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_VERSION), 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_DEVICE_ID), 42);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 64);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	drv_set(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, 0, 1), 0xff);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, 2, 4), 0xffffffff);
	ck_assert_uint_eq(d.dev->class->read(d.dev, 0, 0, 8), UINT64_MAX);
}
END_TEST

START_TEST(features_must_be_ones_that_were_offered)
{
	u64 offered = drv_offered(&d);

	ck_assert_uint_eq(offered, VIRTIO_BIT(3) | VIRTIO_BIT(28) | VIRTIO_BIT(29) |
					   VIRTIO_BIT(32) | VIRTIO_BIT(34));
	ck_assert(!drv_negotiate(&d, VIRTIO_BIT(4), drv_modes[0]));
	ck_assert(!drv_negotiate(&d, VIRTIO_BIT(63), drv_modes[0]));
	ck_assert(drv_negotiate(&d, VIRTIO_BIT(3), drv_modes[0]));
	/* Settled: a later write changes nothing. */
	drv_set(&d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	ck_assert_uint_eq(echo->vd.s.driver_features, VIRTIO_BIT(3) | VIRTIO_BIT(32));
	/* No legacy driver. */
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	drv_set(&d, VIRTIO_MMIO_STATUS, 3 | VIRTIO_STATUS_FEATURES_OK);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_STATUS), 3);
}
END_TEST

START_TEST(nothing_works_before_driver_ok)
{
	u64 in;

	ck_assert(drv_negotiate(&d, 0, drv_modes[0]));
	drv_queue_up(&d, 0, 8);
	send_piecewise(8, 8, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->served, 0);
	drv_ready(&d); /* buffers that are there already are served without a doorbell */
	ck_assert_uint_eq(echo->served, 1);
	/* DRIVER_OK without FEATURES_OK is nothing. */
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	drv_set(&d, VIRTIO_MMIO_STATUS, 7);
	drv_queue_up(&d, 0, 8);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->served, 1);
}
END_TEST

START_TEST(reset_waits_for_what_is_in_flight)
{
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 2, 16);
	echo->hold = true;
	send_piecewise(30, 30, &in);
	drv_kick(&d, 0);
	ck_assert_uint_eq(echo->nr_held, 1);
	drv_set(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(echo->nr_held, 0);
	expect_reversed(in, 30);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_STATUS), 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	/* And from the start again. */
	echo->hold = false;
	drv_start(&d, 0, drv_modes[_i], 1, 8);
	send_piecewise(30, 30, &in);
	drv_kick(&d, 0);
	ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
}
END_TEST

START_TEST(one_queue_goes_down_alone)
{
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 2, 16);
	echo->hold = true;
	send_piecewise(30, 30, &in);
	drv_kick(&d, 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_READY, 0);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(echo->nr_held, 0);
	drv_set(&d, VIRTIO_MMIO_QUEUE_SEL, 1);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_QUEUE_READY), 1);
	drv_kick(&d, 0);
	expect_unbroken();
}
END_TEST

START_TEST(configuration_space_answers_any_width_and_no_more)
{
	const struct device_class *c = d.dev->class;

	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG, 1), 1);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 1, 2), 0x0302);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG, 8), 0x0807060504030201);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 7, 4), 0xffffff08);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 8, 4), 0xffffffff);
	ck_assert_uint_eq(c->read(d.dev, 0, PC_VIRTIO_STEP - 1, 1), 0xff);
	c->write(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 2, 0xbeef);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 2), 0xbeef);
	c->write(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 4, 0); /* reaches out of it: dropped */
	c->write(d.dev, 0, VIRTIO_MMIO_CONFIG + 8, 1, 0);
	ck_assert_uint_eq(c->read(d.dev, 0, VIRTIO_MMIO_CONFIG + 6, 2), 0xbeef);
}
END_TEST

START_TEST(a_changed_configuration_is_told)
{
	u32 generation = drv_reg(&d, VIRTIO_MMIO_CONFIG_GENERATION);

	virtio_config_changed(&echo->vd);
	ck_assert_uint_ne(drv_reg(&d, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 0); /* nobody drives it */
	drv_start(&d, 0, drv_modes[0], 1, 8);
	virtio_config_changed(&echo->vd);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_INT_CONFIG);
	ck_assert_uint_eq(d.m.rises[DRV_GSI], 1);
	drv_set(&d, VIRTIO_MMIO_INTERRUPT_ACK, 2);
	ck_assert_uint_eq(drv_reg(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}
END_TEST

START_TEST(a_saved_state_goes_on_where_it_was)
{
	struct virtio_state saved;
	u64 in;

	drv_start(&d, 0, drv_modes[_i], 1, 8);
	for (int i = 0; i < 5; i++) {
		send_piecewise(8, 8, &in);
		drv_kick(&d, 0);
		ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
	}
	saved = echo->vd.s;
	d.dev->class->reset(d.dev);
	echo->vd.s = saved;
	ck_assert_int_eq(virtio_post_load(d.dev), 0);
	send_piecewise(9, 9, &in);
	mock_poll(&d.m);
	ck_assert_int_ge(drv_used(&d, 0, NULL), 0);
	expect_reversed(in, 9);
	/* A damaged one is refused. */
	echo->vd.s.queue[0].desc = DRV_MEM;
	ck_assert_int_eq(virtio_post_load(d.dev), -EINVAL);
	echo->vd.s.driver_features = UINT64_MAX;
	ck_assert_int_eq(virtio_post_load(d.dev), -EINVAL);
}
END_TEST

int main(void)
{
	const int modes = ARRAY_SIZE(drv_modes);
	Suite *s = suite_create("virtio_mmio");
	TCase *t = tcase_create("transport");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, registers_say_who_it_is);
	tcase_add_test(t, features_must_be_ones_that_were_offered);
	tcase_add_test(t, nothing_works_before_driver_ok);
	tcase_add_loop_test(t, reset_waits_for_what_is_in_flight, 0, modes);
	tcase_add_loop_test(t, one_queue_goes_down_alone, 0, modes);
	tcase_add_test(t, configuration_space_answers_any_width_and_no_more);
	tcase_add_test(t, a_changed_configuration_is_told);
	tcase_add_loop_test(t, a_saved_state_goes_on_where_it_was, 0, modes);
	suite_add_tcase(s, t);

	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
