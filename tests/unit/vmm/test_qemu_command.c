/* SPDX-License-Identifier: MIT */
/*
 * test_qemu_command.c - QEMU command lines: what libvirt's become, and every refusal by its words.
 */
#include "vmm/qemu/command.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 96

/* A command line of words; freed by its owner. */
struct line {
	struct qemu_command c;
	char *argv[MAX_WORDS + 1];
	int argc;
	struct error e;
	int err;
};

static void add(struct line *l, const char *word)
{
	ck_assert_int_lt(l->argc, MAX_WORDS);
	l->argv[l->argc++] = strdup(word);
}

/* Words are parted by blanks; `~` stands for a blank inside one. */
static void add_words(struct line *l, const char *text)
{
	char *copy = strdup(text), *save = NULL;

	for (char *w = strtok_r(copy, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		for (char *p = w; *p; p++)
			if (*p == '~')
				*p = ' ';
		add(l, w);
	}
	free(copy);
}

static struct line *read_line(const char *text)
{
	struct line *l = calloc(1, sizeof(*l));

	add(l, "parallax-qemu");
	add_words(l, text);
	l->err = qemu_command_parse(&l->c, l->argc, l->argv, &l->e);
	if (!l->err)
		l->err = qemu_command_resolve(&l->c, &l->e);
	return l;
}

static void done(struct line *l)
{
	qemu_command_free(&l->c);
	for (int i = 0; i < l->argc; i++)
		free(l->argv[i]);
	free(l);
}

static struct line *good(const char *text)
{
	struct line *l = read_line(text);

	if (l->err)
		ck_abort_msg("%s: %s", text, l->e.text);
	return l;
}

#define LIBVIRT                                                                                      \
	"-name guest=f1,debug-threads=on -S "                                                        \
	"-object secret,id=masterKey0,format=raw,file=/var/lib/libvirt/domain-17-f1/master-key.aes " \
	"-machine microvm,usb=off,dump-guest-core=off -accel kvm -m 128 -overcommit mem-lock=off "   \
	"-smp 2,sockets=2,cores=1,threads=1 -uuid 2379f080-a0c3-4b2b-99bf-f8dd0ecf5874 "             \
	"-display none -no-user-config -nodefaults "                                                 \
	"-chardev socket,id=charmonitor,fd=25,server=on,wait=off "                                   \
	"-mon chardev=charmonitor,id=monitor,mode=control "                                          \
	"-rtc base=utc -no-shutdown -no-acpi -boot strict=on -kernel /p/vmlinuz -initrd /p/initrd "  \
	"-append console=ttyS0~-quiet -chardev pty,id=charserial0 "                                  \
	"-device isa-serial,chardev=charserial0,id=serial0,index=0 "                                 \
	"-audiodev {\"id\":\"audio1\",\"driver\":\"none\"} -msg timestamp=on"

START_TEST(a_domain_of_libvirt)
{
	struct line *l = good(LIBVIRT);
	const struct machine_config *cfg = &l->c.cfg;

	ck_assert_str_eq(cfg->name, "f1");
	ck_assert(cfg->hold && cfg->no_shutdown && cfg->no_acpi && !cfg->no_reboot);
	ck_assert_uint_eq(cfg->mem.size, 128 * MiB);
	ck_assert(cfg->mem.no_dump);
	ck_assert_uint_eq(cfg->cpus, 2);
	ck_assert_uint_eq(cfg->cores, 1);
	ck_assert_int_eq(cfg->virt, VIRT_PARA);
	ck_assert_str_eq(cfg->kernel, "/p/vmlinuz");
	ck_assert_str_eq(cfg->initrd, "/p/initrd");
	ck_assert_str_eq(cfg->append, "console=ttyS0 -quiet");
	ck_assert_str_eq(cfg->serial[0], "pty");
	ck_assert_str_eq(cfg->serial_label[0], "charserial0");
	ck_assert_ptr_null(cfg->serial[1]);
	ck_assert_str_eq(cfg->control.qmp[0], "fd:25");
	ck_assert_ptr_null(cfg->control.qmp[1]);
	ck_assert(l->c.timestamps);
	ck_assert_str_eq(l->c.uuid, "2379f080-a0c3-4b2b-99bf-f8dd0ecf5874");
	done(l);
}
END_TEST

START_TEST(the_probe)
{
	struct line *l =
		good("-S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg "
		     "-qmp unix:/tmp/x/qmp.monitor,server=on,wait=off "
		     "-pidfile /tmp/x/qmp.pid -daemonize");

	ck_assert(qemu_command_is_probe(&l->c));
	ck_assert(l->c.daemonize);
	ck_assert_str_eq(l->c.pidfile, "/tmp/x/qmp.pid");
	ck_assert_str_eq(l->c.cfg.control.qmp[0], "unix:/tmp/x/qmp.monitor");
	done(l);
}
END_TEST

START_TEST(commas_and_json)
{
	struct line *l = good("-name guest=a,,b -kernel k -m {\"size\":\"1G\"} "
			      "-machine {\"type\":\"microvm\",\"dump-guest-core\":false} "
			      "-chardev {\"backend\":\"file\",\"id\":\"x\",\"path\":\"/a,b\"} "
			      "-device {\"driver\":\"isa-serial\",\"chardev\":\"x\",\"index\":2}");

	ck_assert_str_eq(l->c.cfg.name, "a,b");
	ck_assert_uint_eq(l->c.cfg.mem.size, GiB);
	ck_assert(l->c.cfg.mem.no_dump);
	ck_assert_str_eq(l->c.cfg.serial[2], "file:/a,b");
	ck_assert_str_eq(l->c.cfg.serial[0], "stdio"); /* without -nodefaults */
	done(l);
}
END_TEST

/* {what is given, how port 0 is said to `parallax run`} */
static const char *const ports[][2] = {
	{ "-nodefaults", NULL },
	{ "", "stdio" },
	{ "-nographic", "stdio" },
	{ "-serial pty", "pty" },
	{ "-serial none", "none" },
	{ "-serial file:/x", "file:/x" },
	{ "-chardev null,id=n -serial chardev:n", "null" },
	{ "-chardev stdio,id=n,signal=off -serial chardev:n", "stdio" },
	{ "-chardev null,id=n -device isa-serial,chardev=n", "null" },
	{ "-chardev file,id=n,path=/x,append=on -device isa-serial,chardev=n", "append:/x" },
	{ "-chardev file,id=n,path=/x -device isa-serial,chardev=n", "file:/x" },
	{ "-add-fd set=3,fd=27,opaque=o -chardev file,id=n,path=/dev/fdset/3,append=on "
	  "-device isa-serial,chardev=n,index=0",
	  "fd:27" },
	{ "-chardev socket,id=n,fd=9,server=on,wait=off -device isa-serial,chardev=n", "listen:9" },
};

START_TEST(first_ports)
{
	char text[512];
	struct line *l;

	snprintf(text, sizeof(text), "-kernel k %s", ports[_i][0]);
	l = good(text);
	if (ports[_i][1])
		ck_assert_str_eq(l->c.cfg.serial[0], ports[_i][1]);
	else
		ck_assert_ptr_null(l->c.cfg.serial[0]);
	done(l);
}
END_TEST

static const struct {
	const char *text;
	unsigned cpus, cores;
} smps[] = {
	{ "1", 1, 1 },
	{ "4", 4, 4 },
	{ "cpus=4,sockets=2", 4, 2 },
	{ "4,sockets=1,cores=4,threads=1", 4, 4 },
	{ "3,sockets=3,cores=1", 3, 1 },
	{ "sockets=2,cores=4", 8, 4 },
	{ "2,maxcpus=2", 2, 2 },
	{ "3", 3, 3 },
};

START_TEST(topologies)
{
	char text[128];
	struct line *l;

	snprintf(text, sizeof(text), "-kernel k -smp %s", smps[_i].text);
	l = good(text);
	ck_assert_uint_eq(l->c.cfg.cpus, smps[_i].cpus);
	ck_assert_uint_eq(l->c.cfg.cores, smps[_i].cores);
	done(l);
}
END_TEST

START_TEST(memory_backends)
{
	struct line *l = good("-kernel k -m 256 -machine microvm,memory-backend=r -object "
			      "memory-backend-memfd,id=r,size=268435456B,hugetlb=on,"
			      "hugetlbsize=2097152,prealloc=on");

	ck_assert_int_eq(l->c.cfg.mem.backing, MEM_BACKING_2M);
	ck_assert(l->c.cfg.mem.prealloc);
	done(l);
}
END_TEST

START_TEST(machines)
{
	struct line *l = good("-kernel k -machine parallax-full,kernel-irqchip=on");

	ck_assert_int_eq(l->c.cfg.virt, VIRT_FULL);
	ck_assert_int_eq(l->c.cfg.irqchip, IRQCHIP_KERNEL);
	done(l);
}
END_TEST

START_TEST(cpu_features)
{
	struct line *l = good("-kernel k -cpu host,vmx=off,+avx2,-svm,migratable=on,kvmclock");
	const struct machine_config *cfg = &l->c.cfg;

	ck_assert_uint_eq(cfg->nr_cpu_wishes, 5);
	ck_assert_str_eq(cfg->cpu_wish[0].feature, "vmx");
	ck_assert(!cfg->cpu_wish[0].on);
	ck_assert_str_eq(cfg->cpu_wish[1].feature, "avx2");
	ck_assert(cfg->cpu_wish[1].on);
	ck_assert_str_eq(cfg->cpu_wish[2].feature, "svm");
	ck_assert(!cfg->cpu_wish[2].on);
	ck_assert_str_eq(cfg->cpu_wish[3].feature, "invtsc"); /* what migratable=on means */
	ck_assert(!cfg->cpu_wish[3].on);
	ck_assert_str_eq(cfg->cpu_wish[4].feature, "kvmclock");
	ck_assert(cfg->cpu_wish[4].on);
	done(l);
}
END_TEST

#define DISK                                                                                             \
	"-blockdev {\"driver\":\"file\",\"filename\":\"/p/a,b.img\",\"node-name\":\"s\","                \
	"\"auto-read-only\":true,\"discard\":\"unmap\",\"cache\":{\"direct\":true,\"no-flush\":false}} " \
	"-blockdev {\"node-name\":\"f\",\"read-only\":true,\"driver\":\"raw\",\"file\":\"s\"} "

START_TEST(virtio)
{
	struct line *l = good(
		"-kernel k -nodefaults " DISK
		"-device virtio-blk-device,drive=f,id=virtio-disk0,bootindex=1,write-cache=on,serial=S1 "
		"-netdev user,id=n0 -device virtio-net-device,netdev=n0,id=net0,mac=52:54:00:12:34:56 "
		"-object rng-random,id=r,filename=/dev/urandom -device virtio-rng-device,rng=r,id=rng0 "
		"-device virtio-serial-device,id=vs -chardev pty,id=c -device virtconsole,chardev=c,id=c0 "
		"-device virtio-balloon-device,id=balloon0,deflate-on-oom=on");
	const struct machine_config *cfg = &l->c.cfg;

	ck_assert_str_eq(cfg->disk[0], "/p/a,,b.img,ro,direct,serial=S1");
	ck_assert_str_eq(cfg->disk_id[0], "virtio-disk0");
	ck_assert_str_eq(cfg->disk_node[0], "f");
	ck_assert_ptr_null(cfg->disk[1]);
	ck_assert_str_eq(cfg->net[0], "user,mac=52:54:00:12:34:56");
	ck_assert(cfg->rng && cfg->balloon);
	ck_assert_str_eq(cfg->console[0], "pty");
	ck_assert_str_eq(cfg->console_label[0], "c");
	ck_assert_ptr_null(cfg->serial[0]);
	done(l);
}
END_TEST

/* What is given after "-kernel k", and the words that the refusal must have. */
static const char *const refusals[][2] = {
	/* the words themselves */
	{ "disk.img", "disk.img: a disk image alone" },
	{ "-frobnicate", "-frobnicate: unknown option" },
	{ "-krenel x", "did you mean -kernel?" },
	{ "-smp", "-smp: needs a value" },
	{ "-m ,", "without a name" },
	{ "-m 128,", "ends in a comma" },
	{ "-m size=1,size=2", "size is given twice" },
	{ "-name {\"guest\":", "bad JSON" },
	{ "-name {\"guest\":{}}x", "bad JSON" },
	{ "-name {\"guest\":\"a\\nb\"}", "a control character" },
	{ "-name {\"guest\":[1]}", "guest is neither text" },
	{ "-name {\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{\"i\":{\"j\":1}}}}}}}}}}",
	  "objects within each other" },
	/* machine */
	{ "-machine q35", "-machine q35: not supported, only microvm" },
	{ "-machine microvm,usb=on", "usb=on is not supported, only off" },
	{ "-machine microvm,accel=tcg", "accel=tcg is not supported" },
	{ "-machine microvm,frob=1", "frob=1 is not supported" },
	{ "-machine microvm,dump-guest-core=perhaps", "neither on nor off" },
	{ "-machine microvm,kernel-irqchip=off", "kernel-irqchip=off: only on or split" },
	{ "-machine microvm,memory-backend=x", "memory-backend=x: no such -object" },
	{ "-accel tcg", "accel=tcg is not supported" },
	{ "-display gtk", "there is no display" },
	{ "-vnc :0", "-vnc: not supported; there is no display" },
	{ "-audiodev alsa,id=x", "there is no sound" },
	{ "-usb", "-usb: not supported" },
	{ "-bios x", "there is no firmware" },
	{ "-incoming tcp:0:1", "cannot be migrated" },
	{ "-loadvm x", "no snapshots" },
	{ "-boot order=c", "order is not supported" },
	{ "-boot c", "order is not supported" },
	{ "-boot menu=on", "menu=on is not supported" },
	{ "-rtc base=localtime", "base=localtime is not supported" },
	{ "-rtc base=utc,driftfix=fast", "driftfix=fast: only none or slew" },
	{ "-sandbox on", "enable=on is not supported" },
	{ "-uuid 12", "not a UUID" },
	{ "-name guest=", "-name: it is empty" },
	{ "-daemonize", "-daemonize: not supported" },
	/* CPUs and memory */
	{ "-smp 0", "1 to 255" },
	{ "-smp 256", "1 to 255" },
	{ "-smp 99999999999999999999", "-smp" },
	{ "-smp 4,threads=2", "threads=2 is not supported" },
	{ "-smp 2,maxcpus=4", "maxcpus=4 is not supported" },
	{ "-smp 4,sockets=3", "are not 4 CPUs" },
	{ "-smp 6,sockets=2", "cores=3 is not supported" },
	{ "-smp 4,cores=0", "1 to 255" },
	{ "-m 1x", "size=1x is no size" },
	{ "-m 128,maxmem=1G,slots=2", "not supported; memory cannot be plugged in" },
	{ "-m 1K", "" },
	{ "-cpu qemu64", "-cpu qemu64: not supported, only host" },
	{ "-cpu host,frob=on", "frob: not a CPU feature" },
	{ "-cpu host,+avx22", "did you mean avx2?" },
	{ "-cpu host,phys-bits=40", "phys-bits=40 is not supported" },
	{ "-overcommit cpu-pm=on", "cpu-pm=on is not supported" },
	{ "-object memory-backend-ram,id=a,size=128M", "nothing refers to it" },
	{ "-machine microvm,memory-backend=a -object memory-backend-ram,id=a,size=1G",
	  "not that of -m" },
	{ "-machine microvm,memory-backend=a -object memory-backend-memfd,id=a,size=128M,"
	  "hugetlb=on,hugetlbsize=4096",
	  "2M or 1G" },
	{ "-object memory-backend-file,id=a,size=1G,mem-path=/x", "anonymous or a memfd" },
	{ "-object frob,id=x", "-object frob: this machine has no such thing" },
	/* character devices */
	{ "-chardev pty", "needs an id" },
	{ "-chardev pty,id=a", "a has no user" },
	{ "-chardev pty,id=a -chardev pty,id=a", "the id a is taken" },
	{ "-chardev ptty,id=a", "did you mean pty?" },
	{ "-chardev tty,id=a", "no such thing" },
	{ "-chardev udp,id=a", "not supported" },
	{ "-chardev pty,id=a,logfile=/x", "logfile is not supported" },
	{ "-chardev socket,id=a,host=h,port=1", "no network service" },
	{ "-chardev pty,id=a -device isa-serial,chardev=b", "chardev=b: no such -chardev" },
	{ "-chardev pty,id=a -device isa-serial,chardev=a -device isa-serial,chardev=a,index=1",
	  "several users" },
	{ "-chardev pty,id=a -chardev pty,id=b -device isa-serial,chardev=a,index=1 -device "
	  "isa-serial,chardev=b,index=1",
	  "index=1 is taken" },
	{ "-chardev pty,id=a -device isa-serial,chardev=a,index=4", "4 serial ports" },
	{ "-chardev pty,id=a -device isa-serial,chardev=a,iobase=0x3f8",
	  "iobase is not supported" },
	{ "-chardev file,id=a -device isa-serial,chardev=a", "needs a path" },
	{ "-chardev file,id=a,path=/dev/fdset/1 -device isa-serial,chardev=a", "no -add-fd set=1" },
	{ "-chardev socket,id=a,path=/x -device isa-serial,chardev=a", "server=on,wait=off" },
	{ "-chardev socket,id=a,path=/x,server=on,wait=off -device isa-serial,chardev=a",
	  "a socket that listens already" },
	{ "-add-fd set=1", "set and fd are both needed" },
	{ "-serial tcp::1", "-serial tcp::1: not supported" },
	{ "-serial chardev:x", "no such -chardev" },
	{ "-mon chardev=x,mode=control", "chardev=x: no such -chardev" },
	{ "-mon chardev=x", "only mode=control" },
	{ "-chardev pty,id=a -mon chardev=a,mode=control", "a monitor takes a socket" },
	{ "-qmp stdio", "only unix:PATH" },
	{ "-qmp unix:/x", "only unix:PATH" },
	{ "-monitor stdio", "only none" },
	{ "-gdb stdio", "tcp::PORT" },
	/* devices */
	{ "-device e1000,netdev=x", "-device e1000: this machine has no such thing" },
	{ "-device isa-serail", "did you mean isa-serial?" },
	{ "-device isa-serial", "which chardev?" },
	{ "-device isa-debug-exit,iobase=0x501", "iobase=0x501 is not supported" },
	{ "-device virtio-blk-device,drive=x", "drive=x: no such -blockdev" },
	{ "-device virtio-blk-device", "drive=: no such -blockdev" },
	{ DISK, "has no user" },
	{ "-machine parallax-full " DISK "-device virtio-blk-device,drive=f", "parallax-full" },
	{ DISK "-device virtio-blk-device,drive=f,write-cache=off", "write-cache=off" },
	{ DISK "-device virtio-blk-device,drive=f,serial=123456789012345678901", "at most 20" },
	{ "-blockdev {\"driver\":\"raw\",\"node-name\":\"f\",\"file\":\"s\"} -device "
	  "virtio-blk-device,drive=f",
	  "file=s: no such -blockdev" },
	{ "-blockdev {\"driver\":\"qcow2\",\"node-name\":\"f\",\"backing\":null}", "raw images" },
	{ "-blockdev {\"driver\":\"file\",\"cache\":{\"no-flush\":true}}", "cache.no-flush=on" },
	{ "-netdev user,id=n", "n has no user" },
	{ "-netdev tap,id=n,fd=3,vhost=on", "vhost=on is not supported" },
	{ "-netdev tap,id=n -device virtio-net-device,netdev=n", "it needs fd=N" },
	{ "-netdev user,id=n -device virtio-net-device,netdev=n -device virtio-net-device,netdev=n",
	  "several users" },
	{ "-netdev user,id=n -device virtio-net-device,netdev=n,mac=zz", "mac" },
	{ "-netdev user,id=n -device "
	  "virtio-net-device,netdev=n,mac=52:54:00:12:34:56,,hostfwd=tcp::1-:1",
	  "not an address" },
	{ "-device virtio-rng-device,rng=x", "rng=x: no such -object" },
	{ "-object rng-random,id=r,filename=/etc/passwd", "filename=/etc/passwd is not supported" },
	{ "-chardev pty,id=c -device virtconsole,chardev=c", "virtio-serial-device before it" },
	{ "-device virtserialport", "no guest agent" },
	{ "-device virtio-balloon-device -device virtio-balloon-device,id=b",
	  "one balloon is enough" },
	{ "-drive file=x", "-drive: not supported" },
	{ "-global x.y=z", "x.y=z is not supported" },
	{ "-global PIIX4_PM.disable_s3=0", "PIIX4_PM.disable_s3=0 is not supported" },
};

START_TEST(refused)
{
	char text[1024];
	struct line *l;

	snprintf(text, sizeof(text), "-kernel k %s", refusals[_i][0]);
	l = read_line(text);
	ck_assert_msg(l->err < 0, "%s is accepted", text);
	ck_assert_msg(strstr(l->e.text, refusals[_i][1]) != NULL, "%s: %s", text, l->e.text);
	ck_assert_msg(!strchr(l->e.text, '\n'), "%s: more than a line", text);
	done(l);
}
END_TEST

START_TEST(no_kernel)
{
	struct line *l = read_line("-nodefaults");

	ck_assert_int_eq(l->err, -EINVAL);
	ck_assert_ptr_nonnull(strstr(l->e.text, "-kernel: it is missing"));
	done(l);
}
END_TEST

/* As many of each kind as there may be, and one more. */
START_TEST(too_many)
{
	static const char *const lines[] = { "-device isa-debug-exit",
					     "-object secret,id=s,file=/x", "-add-fd set=1,fd=1" };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char text[2048] = "-kernel k";
		struct line *l;

		for (int n = 0; n < QEMU_MAX_PARTS; n++)
			strcat(strcat(text, " "), lines[i]);
		l = good(text);
		done(l);
		strcat(strcat(text, " "), lines[i]);
		l = read_line(text);
		ck_assert_int_eq(l->err, -EINVAL);
		ck_assert_ptr_nonnull(strstr(l->e.text, "more than 16"));
		done(l);
	}
}
END_TEST

/* Every option of the table is one of: explained, or refused with a reason. */
START_TEST(the_table_is_whole)
{
	for (size_t i = 0; i < qemu_nr_options; i++) {
		const struct qemu_option *o = &qemu_options[i];

		ck_assert_msg((o->what != NULL) != (o->refuse != NULL), "-%s", o->name);
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(o->name, qemu_options[j].name);
		for (size_t j = 0; j < o->nr_keys; j++)
			ck_assert_msg((o->keys[j].kind == RULE_ONLY) == (o->keys[j].only != NULL),
				      "-%s %s", o->name, o->keys[j].key);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("qemu_command");
	TCase *t = tcase_create("command");

	tcase_add_test(t, a_domain_of_libvirt);
	tcase_add_test(t, the_probe);
	tcase_add_test(t, commas_and_json);
	tcase_add_loop_test(t, first_ports, 0, ARRAY_SIZE(ports));
	tcase_add_loop_test(t, topologies, 0, ARRAY_SIZE(smps));
	tcase_add_test(t, memory_backends);
	tcase_add_test(t, machines);
	tcase_add_test(t, cpu_features);
	tcase_add_test(t, virtio);
	tcase_add_loop_test(t, refused, 0, ARRAY_SIZE(refusals));
	tcase_add_test(t, no_kernel);
	tcase_add_test(t, too_many);
	tcase_add_test(t, the_table_is_whole);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
