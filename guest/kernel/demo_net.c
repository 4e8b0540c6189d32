/* SPDX-License-Identifier: MIT */
/*
 * demo_net.c - demo=net: an address by DHCP, then echo requests to the router, or to ping=A.B.C.D: count=N (4)
 * of size=N bytes (56). serve=N stays for N seconds more, and gives back what comes to UDP port 7 (RFC 862).
 */
#include "guest/drivers/net.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/init.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/time.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/errno.h"

#define ECHO_PORT 7

#define IP_FMT	  "%u.%u.%u.%u"
#define IP_ARG(x) (x) >> 24, (x) >> 16 & 0xff, (x) >> 8 & 0xff, (x)&0xff

static u64 echoed;

static bool never(const struct net_if *nif)
{
	(void)nif;
	return false;
}

static void echo(struct net_if *nif, void *arg, u32 from, u16 from_port, const u8 *data, size_t n)
{
	(void)arg;
	echoed += !net_udp_send(nif, from, ECHO_PORT, from_port, data, n, nif->now);
}

/* "10.0.2.2"; 0: no address. */
static u32 address(const char *s)
{
	u32 ip = 0, part = 0, parts = 0, digits = 0;

	for (;; s++) {
		if (*s >= '0' && *s <= '9' && digits < 3) {
			part = part * 10 + (u32)(*s - '0');
			digits++;
			continue;
		}
		if (!digits || part > 255 || parts == 4)
			return 0;
		ip = ip << 8 | part;
		parts++;
		if (*s != '.')
			return !*s && parts == 4 ? ip : 0;
		part = digits = 0;
	}
}

static bool get_lease(struct net_device *dev)
{
	struct net_if *nif = &dev->nif;
	u32 mask, bits = 0;

	if (!net_configure(dev)) {
		console_printf("%s: nobody gives an address\n", dev->name);
		return false;
	}
	for (mask = nif->mask; mask; mask <<= 1)
		bits++;
	console_printf("%s: " IP_FMT "/%u for %u s, router " IP_FMT ", names from " IP_FMT "\n",
		       dev->name, IP_ARG(nif->ip), bits, nif->dhcp.lease, IP_ARG(nif->router),
		       IP_ARG(nif->dns));
	return true;
}

static void ping(struct net_device *dev, u32 to, u64 count, u64 size)
{
	u64 got = 0, sum = 0;

	for (u64 i = 0; i < count; i++) {
		int err = net_echo(dev, to, (u16)i, size);

		if (err && err != -ETIMEDOUT) {
			console_printf("ping " IP_FMT ": error %d\n", IP_ARG(to), -err);
			return;
		}
		if (!err) {
			got++;
			sum += dev->nif.ping.round_trip;
		}
	}
	console_printf("ping " IP_FMT ": %lu of %lu answered, %lu us on average\n", IP_ARG(to), got,
		       count, got ? sum / got / NSEC_PER_USEC : 0);
}

static void serve(struct net_device *dev, u64 seconds)
{
	u64 flags = spin_lock_irqsave(&dev->lock);

	net_udp_bind(&dev->nif, ECHO_PORT, echo, NULL);
	spin_unlock_irqrestore(&dev->lock, flags);
	console_printf("serving UDP port %u for %lu s\n", ECHO_PORT, seconds);
	net_wait(dev, never, seconds * 1000);
	console_printf("%lu datagrams echoed\n", echoed);
}

void demo_net(void)
{
	struct net_device *dev = net_find();
	u64 seconds = boot_option_u64("serve", 0);
	char text[16] = "";
	u32 to;

	if (!dev) {
		console_printf("no network card: --net user\n");
		return;
	}
	if (!get_lease(dev))
		return;
	to = dev->nif.router;
	if (cmdline_str(boot_info.cmdline, "ping", text, sizeof(text)) >= 0)
		to = address(text);
	if (to)
		ping(dev, to, boot_option_u64("count", 4), boot_option_u64("size", 56));
	else if (*text)
		console_printf("ping=%s: not an address\n", text);
	else
		console_printf("no router to ask; ping=A.B.C.D names somebody\n");
	if (seconds)
		serve(dev, seconds);
}
