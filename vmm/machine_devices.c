/* SPDX-License-Identifier: MIT */
/* machine_devices.c - which devices a machine has, and the services that they are given. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "devices/abi/pc.h"
#include "devices/acpi_pm.h"
#include "devices/exit.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/rtc.h"
#include "devices/uart16550.h"
#include "vmm/kvm.h"
#include "vmm/machine_priv.h"

/* --- struct dev_env: thin adapters to the machine's parts ------------------------------------- */

static u64 env_now(void *ctx)
{
	(void)ctx;
	return loop_now();
}

static u64 env_wall(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000UL + (u64)ts.tv_nsec;
}

static void env_request(void *ctx, enum machine_request what, int status)
{
	machine_guest_request(ctx, what, status);
}

static int env_watch(void *ctx, int fd, u32 events, void (*fn)(void *arg, u32 events), void *arg)
{
	return loop_watch(((struct machine *)ctx)->loop, fd, events, fn, arg);
}

static void env_unwatch(void *ctx, int fd)
{
	loop_unwatch(((struct machine *)ctx)->loop, fd);
}

static struct dev_timer *env_timer_create(void *ctx, void (*fn)(void *arg), void *arg)
{
	return (struct dev_timer *)loop_timer_create(((struct machine *)ctx)->loop, fn, arg);
}

static void env_timer_arm(void *ctx, struct dev_timer *t, u64 deadline_ns)
{
	(void)ctx;
	loop_timer_arm((struct loop_timer *)t, deadline_ns);
}

static void env_timer_cancel(void *ctx, struct dev_timer *t)
{
	(void)ctx;
	loop_timer_cancel((struct loop_timer *)t);
}

static void env_msi_send(void *ctx, u64 addr, u32 data)
{
	irqchip_msi_send(&((struct machine *)ctx)->irqchip, addr, data);
}

static void env_msi_route(void *ctx, u32 gsi, u64 addr, u32 data)
{
	irqchip_msi_route(&((struct machine *)ctx)->irqchip, gsi, addr, data);
}

static int env_doorbell(void *ctx, int eventfd, const struct dev_range *range, bool attach)
{
	return kvm_ioeventfd(((struct machine *)ctx)->vm, eventfd, range->base, (u32)range->len,
			     range->space == DEV_PIO, attach);
}

static int env_irq_fd(void *ctx, int eventfd, u32 gsi, bool attach)
{
	return irqchip_irqfd(&((struct machine *)ctx)->irqchip, eventfd, gsi, attach);
}

void machine_init_env(struct machine *m)
{
	m->env = (struct dev_env){
		.ctx = m,
		.mem = m->mem,
		.now_ns = env_now,
		.wall_ns = env_wall,
		.request = env_request,
		.watch_fd = env_watch,
		.unwatch_fd = env_unwatch,
		.timer_create = env_timer_create,
		.timer_arm = env_timer_arm,
		.timer_cancel = env_timer_cancel,
		.msi_send = env_msi_send,
		.msi_route = env_msi_route,
		.doorbell_fd = env_doorbell,
		.irq_fd = env_irq_fd,
	};
}

/* --- the devices ------------------------------------------------------------------------------- */

/* Creates a device; *skip says that this machine has none of it. */
typedef struct device *(*device_fn)(struct machine *m, bool *skip);

static struct device *add_ioapic(struct machine *m, bool *skip)
{
	struct device *d;

	*skip = m->irqchip.mode != IRQCHIP_SPLIT;
	if (*skip)
		return NULL;
	d = ioapic_create(&m->env, &(struct dev_range){ DEV_MMIO, PC_IOAPIC_BASE, PC_IOAPIC_LEN },
			  0);
	irqchip_set_ioapic(&m->irqchip, d);
	return d;
}

static struct device *add_exit(struct machine *m, bool *skip)
{
	(void)skip;
	return exit_create(&m->env, &(struct dev_range){ DEV_PIO, PC_EXIT_PORT, PC_EXIT_LEN });
}

static struct device *add_i8042(struct machine *m, bool *skip)
{
	(void)skip;
	return i8042_create(&m->env, &(struct dev_range){ DEV_PIO, PC_I8042_DATA, 1 },
			    &(struct dev_range){ DEV_PIO, PC_I8042_CMD, 1 },
			    irqchip_line(&m->irqchip, PC_I8042_IRQ));
}

static struct device *add_rtc(struct machine *m, bool *skip)
{
	struct device *d =
		rtc_create(&m->env, &(struct dev_range){ DEV_PIO, PC_RTC_PORT, PC_RTC_LEN },
			   irqchip_line(&m->irqchip, PC_RTC_IRQ));

	(void)skip;
	if (d)
		rtc_set_catch_up(d, m->cfg->rtc_catch_up);
	return d;
}

static struct device *add_acpi_pm(struct machine *m, bool *skip)
{
	(void)skip;
	m->acpi_pm =
		acpi_pm_create(&m->env,
			       &(struct dev_range){ DEV_PIO, PC_PM1A_EVT_PORT, PC_ACPI_PM_LEN },
			       &(struct dev_range){ DEV_PIO, PC_RESET_PORT, 1 },
			       irqchip_line(&m->irqchip, PC_ACPI_SCI_IRQ));
	return m->acpi_pm;
}

struct chardev *machine_add_chardev(struct machine *m, int index)
{
	const struct serial_backend *s = &m->serial[index];
	struct chardev_config cfg = { .in_fd = s->in_fd, .out_fd = s->out_fd };

	if (s->terminal) {
		cfg.filter = console_filter;
		cfg.filter_arg = &m->console;
		if (!m->console.readable)
			cfg.in_fd = -1;
	}
	if (index < CONFIG_MAX_SERIALS)
		machine_add_hub(m, index, &cfg);
	m->chardev[index] = chardev_create(&m->env, &cfg);
	return m->chardev[index];
}

static struct device *add_serial(struct machine *m, bool *skip, unsigned index)
{
	static const u16 port[] = { PC_COM1_PORT, PC_COM2_PORT, PC_COM3_PORT, PC_COM4_PORT };
	static const u8 irq[] = { PC_COM1_IRQ, PC_COM2_IRQ, PC_COM3_IRQ, PC_COM4_IRQ };
	struct dev_range range = { DEV_PIO, port[index], PC_COM_LEN };

	*skip = !m->serial[index].present;
	if (*skip || !machine_add_chardev(m, (int)index))
		return NULL;
	if (m->hub[index])
		console_hub_bind(m->hub[index], m->chardev[index]);
	m->com[index] = uart16550_create(&m->env, &range, irqchip_line(&m->irqchip, irq[index]),
					 m->chardev[index], index);
	return m->com[index];
}

static struct device *add_com1(struct machine *m, bool *skip)
{
	return add_serial(m, skip, 0);
}

static struct device *add_com2(struct machine *m, bool *skip)
{
	return add_serial(m, skip, 1);
}

static struct device *add_com3(struct machine *m, bool *skip)
{
	return add_serial(m, skip, 2);
}

static struct device *add_com4(struct machine *m, bool *skip)
{
	return add_serial(m, skip, 3);
}

/* The machine's devices, in the order of creation: the interrupt controller comes first. */
static const struct {
	const char *name;
	device_fn add;
} device_table[] = {
	{ "ioapic", add_ioapic },
	{ "exit", add_exit },
	{ "i8042", add_i8042 },
	{ "rtc", add_rtc },
	{ "acpi-pm", add_acpi_pm },
	{ "com1", add_com1 },
	{ "com2", add_com2 },
	{ "com3", add_com3 },
	{ "com4", add_com4 },
	{ "post", machine_add_post },
	{ "trace", machine_add_trace_port },
};

int machine_attach_device(struct machine *m, struct device *d, struct error *e)
{
	int err;

	m->device[m->nr_devices++] = d;
	err = bus_add(&m->pio, DEV_PIO, d, e);
	if (!err)
		err = bus_add(&m->mmio, DEV_MMIO, d, e);
	if (!err)
		d->class->reset(d);
	return err;
}

int machine_add_devices(struct machine *m, struct error *e)
{
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(device_table); i++) {
		bool skip = false;
		struct device *d = device_table[i].add(m, &skip);

		if (skip)
			continue;
		if (!d)
			return error_sys(e, -ENOMEM, "device %s", device_table[i].name);
		err = machine_attach_device(m, d, e);
		if (err)
			return err;
	}
	err = machine_add_ata(m, e);
	if (!err)
		err = machine_add_ne2000(m, e);
	return err ? err : machine_add_virtio(m, e);
}

void machine_remove_devices(struct machine *m)
{
	while (m->nr_devices) {
		struct device *d = m->device[--m->nr_devices];

		if (d->class->destroy)
			d->class->destroy(d);
		else
			free(d);
	}
	machine_remove_hubs(m);
	for (int i = 0; i < CONFIG_MAX_DISKS; i++) {
		free(m->disk_path[i]);
		m->disk_path[i] = NULL;
		m->disk[i] = NULL;
	}
	for (int i = 0; i < MACHINE_LINES; i++) {
		if (m->chardev[i])
			chardev_destroy(m->chardev[i]);
		m->chardev[i] = NULL;
		serial_close(&m->serial[i]);
	}
}
