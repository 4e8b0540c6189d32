/* SPDX-License-Identifier: MIT */
/*
 * aml.h - writes ACPI machine language (ACPI 6.5 chapter 20) into a growing buffer.
 *
 * Calls nest: every ..._begin() is closed by its ..._end(), which fills in the package length
 * (20.2.4). Failures (out of memory, a bad name, wrong nesting, a value too large for its field)
 * are remembered and make every later call a no-op; check once, with aml_finish().
 *
 * Names are paths as in ASL: "COM1", "_UID", "\\_SB", "\\_SB.COM1", "^X". Segments shorter than
 * four characters are padded with '_'. No locks: one thread builds one buffer.
 *
 *	struct aml a;
 *
 *	aml_init(&a);
 *	aml_scope_begin(&a, "\\_SB");
 *	aml_device_begin(&a, "COM1");
 *	aml_name_eisaid(&a, "_HID", "PNP0501");
 *	aml_name_int(&a, "_UID", 0);
 *	aml_resources_begin(&a, "_CRS");
 *	aml_resource_io(&a, 0x3f8, 8);
 *	aml_resource_irq(&a, 4);
 *	aml_resources_end(&a);
 *	aml_device_end(&a);
 *	aml_scope_end(&a);
 *	err = aml_finish(&a);		// then a.data, a.len; at last aml_free(&a)
 */
#ifndef DEVICES_AML_H
#define DEVICES_AML_H

#include "base/types.h"

#define AML_MAX_DEPTH 16

struct aml {
	u8 *data; /* owned; aml_free() */
	size_t len;
	size_t cap;
	int err; /* first failure, -errno */
	unsigned depth;
	struct {
		u8 kind;
		size_t start; /* where the package length belongs */
	} open[AML_MAX_DEPTH];
};

void aml_init(struct aml *a);
void aml_free(struct aml *a);

/*
 * 0 when everything written so far is complete and well formed; else -ENOMEM, -EINVAL (a bad name
 * or identifier, unbalanced begin and end) or -EOVERFLOW (too deep, too long, too large a value).
 */
int aml_finish(const struct aml *a) must_check;

/* Objects that hold others. */
void aml_scope_begin(struct aml *a, const char *path);
void aml_scope_end(struct aml *a);
void aml_device_begin(struct aml *a, const char *name);
void aml_device_end(struct aml *a);
void aml_method_begin(struct aml *a, const char *name, unsigned nr_args, bool serialized);
void aml_method_end(struct aml *a);

/* Name(name, value) in one call. */
void aml_name_int(struct aml *a, const char *name, u64 value);
void aml_name_string(struct aml *a, const char *name, const char *text);
void aml_name_eisaid(struct aml *a, const char *name, const char *id); /* "PNP0501" */
void aml_name_buffer(struct aml *a, const char *name, const void *bytes, size_t n);

/* Name(name, Package(){...}): elements are written between begin and end with the calls below. */
void aml_name_package_begin(struct aml *a, const char *name, unsigned nr_elements);
void aml_package_begin(struct aml *a, unsigned nr_elements); /* a package inside a package */
void aml_package_end(struct aml *a);

/* Bare terms: package elements, and what Return() in a method is followed by. */
void aml_int(struct aml *a, u64 value);
void aml_string(struct aml *a, const char *text); /* 7-bit ASCII without NUL */
void aml_eisaid(struct aml *a, const char *id);
void aml_buffer(struct aml *a, const void *bytes, size_t n);
void aml_path(struct aml *a, const char *path);
void aml_return(struct aml *a); /* followed by one term */

/*
 * Name(name, ResourceTemplate(){...}), ACPI 6.5 section 6.4. The end tag (with checksum 0, "treat
 * as correct", 6.4.2.9) is written by aml_resources_end().
 */
void aml_resources_begin(struct aml *a, const char *name);
void aml_resource_io(struct aml *a, u16 port, u8 len); /* fixed, 16-bit decode */
void aml_resource_irq(struct aml *a, unsigned irq);    /* IRQNoFlags: ISA edge, high; 0..15 */
void aml_resource_memory32(struct aml *a, u32 base, u32 len, bool writable);

enum aml_trigger { AML_EDGE, AML_LEVEL };
enum aml_polarity { AML_ACTIVE_HIGH, AML_ACTIVE_LOW };
/* Extended interrupt of any GSI, consumer, exclusive unless shared. */
void aml_resource_interrupt(struct aml *a, u32 gsi, enum aml_trigger trigger,
			    enum aml_polarity polarity, bool shared);
void aml_resources_end(struct aml *a);

#endif
