/* SPDX-License-Identifier: MIT */
/*
 * machine_control.c - see machine_control.h: run states, what ends a machine, and who is told.
 *
 * Rule C1: the run state belongs to the loop thread. What a vCPU asks for (reset, a power-off that
 * leaves the machine standing) holds every vCPU at once and is carried out by the loop; until
 * then it is in `pending`, and no request from outside overtakes it.
 */
#include "vmm/machine_control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "devices/acpi_pm.h"
#include "vmm/kvm.h"
#include "vmm/machine_priv.h"
#include "vmm/report.h"

const char *run_state_name(enum run_state s)
{
	static const char *const names[] = {
		[RUN_PRELAUNCH] = "prelaunch",	   [RUN_RUNNING] = "running",
		[RUN_PAUSED] = "paused",	   [RUN_SHUTDOWN] = "shutdown",
		[RUN_PANICKED] = "guest-panicked",
	};

	return names[s];
}

const char *machine_cause_name(enum machine_cause c)
{
	static const char *const names[] = {
		[CAUSE_NONE] = "none",
		[CAUSE_GUEST_SHUTDOWN] = "guest-shutdown",
		[CAUSE_GUEST_RESET] = "guest-reset",
		[CAUSE_GUEST_PANIC] = "guest-panic",
		[CAUSE_HOST_SIGNAL] = "host-signal",
		[CAUSE_HOST_QUIT] = "host-qmp-quit",
		[CAUSE_HOST_RESET] = "host-qmp-system-reset",
		[CAUSE_HOST_UI] = "host-ui",
	};

	return names[c];
}

bool machine_cause_is_guest(enum machine_cause c)
{
	return c == CAUSE_GUEST_SHUTDOWN || c == CAUSE_GUEST_RESET || c == CAUSE_GUEST_PANIC;
}

/* --- listeners ----------------------------------------------------------------------------------- */

void machine_listen(struct machine *m, struct machine_listener *l)
{
	l->next = m->listeners;
	m->listeners = l;
}

void machine_unlisten(struct machine *m, struct machine_listener *l)
{
	struct machine_listener **p = &m->listeners;

	while (*p && *p != l)
		p = &(*p)->next;
	if (*p)
		*p = l->next;
}

void machine_tell(struct machine *m, enum machine_event event, enum machine_cause cause)
{
	struct machine_listener *next;

	for (struct machine_listener *l = m->listeners; l; l = next) {
		next = l->next;
		l->notice(l->arg, event, cause);
	}
}

/* --- the end ------------------------------------------------------------------------------------- */

static enum machine_cause usual_cause(enum machine_end why)
{
	switch (why) {
	case MACHINE_END_POWER_OFF:
	case MACHINE_END_GUEST_EXIT:
		return CAUSE_GUEST_SHUTDOWN;
	case MACHINE_END_RESET:
		return CAUSE_GUEST_RESET;
	case MACHINE_END_CRASH:
		return CAUSE_GUEST_PANIC;
	default:
		return CAUSE_HOST_UI;
	}
}

void machine_end_because(struct machine *m, enum machine_end why, int status,
			 enum machine_cause cause)
{
	int none = MACHINE_END_NONE;

	if (!atomic_compare_exchange_strong(&m->ended, &none, (int)why))
		return;
	m->result.status = status;
	m->end_cause = cause;
	/* Not one instruction more: a guest that has powered off is off. */
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_request_stop(&m->vcpu[i]);
	loop_stop(m->loop);
}

void machine_end(struct machine *m, enum machine_end why, int status)
{
	machine_end_because(m, why, status, usual_cause(why));
}

void machine_quit(struct machine *m, enum machine_cause cause, int status)
{
	machine_end_because(m, MACHINE_END_USER, status, cause);
}

void machine_tell_end(struct machine *m)
{
	if (m->end_cause == CAUSE_GUEST_PANIC)
		machine_tell(m, MACHINE_PANICKED, m->end_cause);
	machine_tell(m, MACHINE_SHUTDOWN, m->end_cause);
}

/* --- standing still and going on ------------------------------------------------------------------ */

void machine_hold(struct machine *m)
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_request_hold(&m->vcpu[i]);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_wait_still(&m->vcpu[i]);
}

void machine_go_on(struct machine *m)
{
	/* What the guest asked for meanwhile holds it as well. */
	if (m->state != RUN_RUNNING || atomic_load(&m->pending))
		return;
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_release(&m->vcpu[i]);
	/* A request that came between the two looks lost its hold. */
	if (atomic_load(&m->pending))
		for (unsigned i = 0; i < m->nr_vcpus; i++)
			vcpu_request_hold(&m->vcpu[i]);
}

enum run_state machine_state(const struct machine *m)
{
	return m->state;
}

void machine_pause(struct machine *m)
{
	machine_do_pending(m);
	if (m->state != RUN_RUNNING)
		return;
	machine_hold(m);
	m->state = RUN_PAUSED;
	machine_tell(m, MACHINE_STOP, CAUSE_NONE);
}

int machine_resume(struct machine *m, struct error *e)
{
	machine_do_pending(m);
	if (m->state == RUN_RUNNING)
		return 0;
	if (m->state == RUN_SHUTDOWN || m->state == RUN_PANICKED)
		return error_set(e, -EPERM, "the guest has %s; reset it first",
				 m->state == RUN_SHUTDOWN ? "powered off" : "crashed");
	m->state = RUN_RUNNING;
	machine_tell(m, MACHINE_RESUME, CAUSE_NONE);
	/* Keeps a guest's watchdog from calling the pause a lock-up. */
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		(void)kvm_clock_paused(m->vcpu[i].fd);
	machine_go_on(m);
	return 0;
}

/* --- what the guest asks for ------------------------------------------------------------------------ */

/* Any thread. */
static void post(struct machine *m, unsigned what)
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_request_hold(&m->vcpu[i]);
	atomic_fetch_or(&m->pending, what);
	loop_timer_arm(m->pending_timer, 0);
}

/* Through the exit device: a status other than 0 says that something went wrong inside. */
static void guest_exit(struct machine *m, int status)
{
	if (!m->cfg->no_shutdown) {
		machine_end_because(m, MACHINE_END_GUEST_EXIT, status,
				    status ? CAUSE_GUEST_PANIC : CAUSE_GUEST_SHUTDOWN);
		return;
	}
	atomic_store(&m->guest_status, status);
	post(m, status ? PENDING_CRASH : PENDING_OFF);
}

void machine_guest_request(struct machine *m, enum machine_request what, int status)
{
	switch (what) {
	case MACHINE_POWER_OFF:
		if (m->cfg->no_shutdown)
			post(m, PENDING_OFF);
		else
			machine_end(m, MACHINE_END_POWER_OFF, EXIT_GUEST_OFF);
		break;
	case MACHINE_RESET:
		if (!m->cfg->no_reboot)
			post(m, PENDING_RESET);
		else if (m->cfg->no_shutdown)
			post(m, PENDING_OFF);
		else
			machine_end(m, MACHINE_END_RESET, EXIT_GUEST_OFF);
		break;
	case MACHINE_GUEST_EXIT:
		guest_exit(m, MIN(status, (int)EXIT_GUEST_MAX));
		break;
	}
}

void machine_vcpu_ended(void *arg, struct vcpu *v, enum vcpu_end why)
{
	struct machine *m = arg;

	if (why == VCPU_END_RESET) {
		machine_end(m, MACHINE_END_RESET, EXIT_GUEST_OFF);
		return;
	}
	if (!atomic_fetch_add(&m->crashes, 1)) {
		m->crashed = v;
		m->crash_why = why;
	}
	if (m->cfg->no_shutdown)
		post(m, PENDING_CRASH);
	else
		machine_end(m, MACHINE_END_CRASH, EXIT_GUEST_CRASHED);
}

/* The guest is over, the machine stays. */
static void stand_over(struct machine *m, enum run_state state)
{
	machine_hold(m);
	m->state = state;
	if (state == RUN_PANICKED) {
		if (m->crashed)
			report_crash(m->result.report, sizeof(m->result.report), m->crashed,
				     m->crash_why, m->mem);
		else
			snprintf(m->result.report, sizeof(m->result.report),
				 "the guest ended itself with status %d\n",
				 atomic_load(&m->guest_status));
		fputs(m->result.report, stderr);
		m->result.report[0] = 0;
		machine_tell(m, MACHINE_PANICKED, CAUSE_GUEST_PANIC);
	} else {
		machine_tell(m, MACHINE_SHUTDOWN, CAUSE_GUEST_SHUTDOWN);
	}
	machine_tell(m, MACHINE_STOP, CAUSE_NONE);
}

void machine_do_pending(struct machine *m)
{
	unsigned what = atomic_exchange(&m->pending, 0);
	struct error e;

	if (!what || atomic_load(&m->ended))
		return;
	/* A crash or power-off of one CPU wins over what another asked for in the same instant. */
	if (what & PENDING_CRASH)
		stand_over(m, RUN_PANICKED);
	else if (what & PENDING_OFF)
		stand_over(m, RUN_SHUTDOWN);
	else if (machine_power_on(m, CAUSE_GUEST_RESET, &e)) {
		snprintf(m->result.report, sizeof(m->result.report), "%s\n", e.text);
		machine_end(m, MACHINE_END_RESET, EXIT_NO_START);
	}
}

static void on_pending(void *arg)
{
	machine_do_pending(arg);
}

int machine_control_init(struct machine *m)
{
	m->state = m->cfg->hold ? RUN_PRELAUNCH : RUN_RUNNING;
	m->pending_timer = loop_timer_create(m->loop, on_pending, m);
	return m->pending_timer ? 0 : -ENOMEM;
}

/* --- buttons ------------------------------------------------------------------------------------------ */

void machine_power_button(struct machine *m)
{
	machine_tell(m, MACHINE_POWERDOWN, CAUSE_NONE);
	acpi_pm_power_button(m->acpi_pm);
}

int machine_inject_nmi(struct machine *m, struct error *e)
{
	int err = 0;

	/* The ioctl waits for the vCPU's mutex, which a guest that never exits keeps. */
	machine_hold(m);
	for (unsigned i = 0; !err && i < m->nr_vcpus; i++)
		err = kvm_inject_nmi(m->vcpu[i].fd);
	machine_go_on(m);
	return err ? error_sys(e, err, "KVM_NMI") : 0;
}

/* --- signals --------------------------------------------------------------------------------------------- */

static void on_signal(void *arg, u32 events)
{
	struct machine_signals *s = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(s->fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGWINCH)
		machine_terminal_resized(s->m);
	else
		machine_quit(s->m, CAUSE_HOST_SIGNAL, 128 + (int)si.ssi_signo);
}

void machine_signals_take(struct machine_signals *s, struct machine *m)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (m->vconsole)
		sigaddset(&set, SIGWINCH);
	s->m = m;
	/* RLIMIT_FSIZE is a guest's I/O error, and not the end of its VMM. */
	sigaction(SIGXFSZ, &ignore, &s->old_xfsz);
	pthread_sigmask(SIG_BLOCK, &set, &s->old);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd >= 0)
		loop_watch(m->loop, s->fd, EPOLLIN, on_signal, s);
}

void machine_signals_release(struct machine_signals *s)
{
	if (s->fd >= 0) {
		loop_unwatch(s->m->loop, s->fd);
		close(s->fd);
	}
	pthread_sigmask(SIG_SETMASK, &s->old, NULL);
	sigaction(SIGXFSZ, &s->old_xfsz, NULL);
}
