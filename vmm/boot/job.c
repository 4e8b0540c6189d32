/* SPDX-License-Identifier: MIT */
#include "vmm/boot/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool job_has_initrd(const struct boot_job *job)
{
	const struct boot_file *f = job->req->initrd;

	return f && f->data && f->size;
}

/* Reading straight into guest memory spares the page faults of the mapping. */
static int copy_file(struct boot_job *job, const struct boot_file *f, gpa_t to, u64 offset, u64 len,
		     struct error *e)
{
	int err;

	if (!len)
		return 0;
	if (f->fd >= 0)
		err = guest_mem_load_fd(job->gm, to, f->fd, offset, len);
	else
		err = guest_mem_write(job->gm, to, f->data + offset, len);
	if (err)
		return error_sys(e, err, "%s: cannot copy %llu bytes to guest memory at 0x%llx",
				 f->path, (unsigned long long)len, (unsigned long long)to.v);
	return 0;
}

int job_copy_kernel(struct boot_job *job, gpa_t to, u64 offset, u64 len, struct error *e)
{
	return copy_file(job, job->req->kernel, to, offset, len, e);
}

int job_put(struct boot_job *job, const void *data, u64 len, u64 align, const char *what,
	    gpa_t *out, struct error *e)
{
	int err = place_find(&job->place, len, align, what, out, e);

	if (err)
		return err;
	err = guest_mem_write(job->gm, *out, data, len);
	if (err)
		return error_sys(e, err, "%s: cannot write the %s at 0x%llx", job->place.path, what,
				 (unsigned long long)out->v);
	return 0;
}

int job_put_cmdline(struct boot_job *job, const char *prefix, u64 limit, gpa_t *out,
		    struct error *e)
{
	u64 len = strlen(job->req->cmdline);
	u64 before = prefix ? strlen(prefix) + 1 : 0;
	char *text;
	int err;

	if (len > limit)
		return error_set(e, -E2BIG,
				 "%s: the command line has %llu characters, this kernel takes at "
				 "most %llu; shorten --append",
				 job->place.path, (unsigned long long)len,
				 (unsigned long long)limit);
	if (!prefix)
		return job_put(job, job->req->cmdline, len + 1, 1, "command line", out, e);

	text = malloc(before + len + 1);
	if (!text)
		return error_sys(e, -ENOMEM, "%s: command line", job->place.path);
	memcpy(text, prefix, before - 1);
	text[before - 1] = ' ';
	memcpy(text + before, job->req->cmdline, len + 1);
	if (!len)
		text[before - 1] = 0;
	err = job_put(job, text, before + len + 1, 1, "command line", out, e);
	free(text);
	return err;
}

int job_put_initrd(struct boot_job *job, u64 limit, gpa_t *out, struct error *e)
{
	const struct boot_file *f = job->req->initrd;
	struct error why;
	int err = boot_initrd_place(job->gm, f->size, limit, out, &why);

	if (err)
		return error_set(e, err, "%s: %s", f->path, why.text);
	err = place_take(&job->place, out->v, f->size, "the initrd", &why);
	if (err)
		return error_set(e, -E2BIG,
				 "%s: an initrd of %llu bytes does not fit beside the kernel in "
				 "%llu KiB of RAM (%s)",
				 f->path, (unsigned long long)f->size,
				 (unsigned long long)(guest_mem_size(job->gm) / KiB), why.text);
	return copy_file(job, f, *out, 0, f->size, e);
}

/* Intel SDM volume 3, 3.4.5: flat descriptors, present, ring 0, accessed. */
#define DESC_CODE32 0x00cf9b000000ffffULL
#define DESC_CODE64 0x00af9b000000ffffULL
#define DESC_DATA   0x00cf93000000ffffULL

int job_put_gdt(struct boot_job *job, bool long_mode, struct error *e)
{
	const u64 gdt[] = { 0, 0, long_mode ? DESC_CODE64 : DESC_CODE32, DESC_DATA };
	int err = job_put(job, gdt, sizeof(gdt), 8, "GDT", &job->st->gdt, e);

	if (err)
		return err;
	job->st->gdt_limit = sizeof(gdt) - 1;
	job->st->cs = BOOT_GDT_CS;
	job->st->ds = BOOT_GDT_DS;
	return 0;
}
