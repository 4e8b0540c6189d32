# SPDX-License-Identifier: MIT
# The tiny kernel: $(B)/guest/parallax.elf. Included by the top Makefile.

GUEST_ARCH_SRCS := $(wildcard guest/arch/x86/*.c guest/platform/*.c guest/kernel/*.c \
        guest/kernel/selftest/*.c guest/drivers/*.c guest/drivers/virtio/*.c guest/process/*.c) $(wildcard guest/env/ring0*.c)
GUEST_PORTABLE_SRCS := $(filter guest/lib/% guest/sched/% guest/locking/% guest/time/% guest/defer/% \
        guest/mm/% guest/fs/% guest/exec/% guest/net/%,$(guest_SRCS))
GUEST_ASM_SRCS := $(wildcard guest/arch/x86/*.S)
GUEST_ASM_SRCS := $(filter-out %.lds.S,$(GUEST_ASM_SRCS))
GUEST_OBJS := $(patsubst %.c,$(B)/guest/obj/%.o,$(GUEST_ARCH_SRCS) $(GUEST_PORTABLE_SRCS)) \
        $(patsubst %.S,$(B)/guest/obj/%.o,$(GUEST_ASM_SRCS))

# Nothing of the host but the compiler's own headers. No FPU, no red zone (interrupts share the
# stack), frame pointers for backtraces.
GUEST_CPPFLAGS := -I. -nostdinc -isystem $(shell $(CC) -print-file-name=include)
GUEST_CFLAGS := -std=gnu17 -Wno-gnu-variable-sized-type-not-at-end -O2 -g $(WARN) $(GUEST_CPPFLAGS) -ffreestanding -fno-pic -fno-pie \
        -m64 -march=x86-64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
        -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-optimize-sibling-calls -fno-stack-protector \
        -fcf-protection=none -fno-asynchronous-unwind-tables -fno-delete-null-pointer-checks \
        -fno-strict-aliasing -fno-common -fno-jump-tables -MMD -MP \
        -DENV_INLINE='"guest/env/ring0_env.h"' -DSCHED_ENV_INLINE='"guest/env/ring0_sched_env.h"' \
        -DMM_ENV_INLINE='"guest/env/ring0_mm.h"' $(GUEST_EXTRA_CFLAGS)
GUEST_LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none \
        --no-warn-rwx-segments

$(B)/guest/obj/%.o: %.c
	$(say) 'CC guest' $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

# What another compiler says of the kernel, fast: make guest-syntax CC=clang
guest-syntax:
	$(Q)printf '%s\n' $(GUEST_ARCH_SRCS) $(GUEST_PORTABLE_SRCS) | \
	        xargs -n 16 -P $(shell nproc) $(CC) $(filter-out -MMD -MP,$(GUEST_CFLAGS)) -fsyntax-only
.PHONY: guest-syntax

$(B)/guest/obj/%.o: %.S
	$(say) 'AS guest' $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) -m64 -g -MMD -MP -c $< -o $@

$(B)/guest/kernel.lds: guest/arch/x86/kernel.lds.S guest/arch/x86/layout.h
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) -D__ASSEMBLER__ -E -P -x c $< -o $@

# The symbol table is made from a first link and put in by a second. It lies after all text, so
# functions stay where they are; scripts/kallsyms.sh makes sure of that.
guest_link = $(Q)ld $(GUEST_LDFLAGS) -T $(B)/guest/kernel.lds -o $@ $(GUEST_OBJS)

$(B)/guest/kallsyms.0.S: scripts/kallsyms.sh
	$(Q)mkdir -p $(@D)
	$(Q)scripts/kallsyms.sh table /dev/null >$@

$(B)/guest/kallsyms.1.S: $(B)/guest/parallax.elf.1 scripts/kallsyms.sh
	$(say) KSYMS $@
	$(Q)nm -n $< | scripts/kallsyms.sh table - >$@

$(B)/guest/kallsyms.%.o: $(B)/guest/kallsyms.%.S
	$(Q)$(CC) -m64 -c $< -o $@

$(B)/guest/parallax.elf.1: $(GUEST_OBJS) $(B)/guest/kernel.lds $(B)/guest/kallsyms.0.o
	$(say) LD $@
	$(guest_link) $(B)/guest/kallsyms.0.o

$(B)/guest/parallax.elf: $(B)/guest/parallax.elf.1 $(B)/guest/kallsyms.1.o
	$(say) LD $@
	$(guest_link) $(B)/guest/kallsyms.1.o
	$(Q)scripts/kallsyms.sh compare $< $@

# gdb loads NAME-gdb.py beside NAME by itself: one file.
$(B)/guest/parallax.elf-gdb.py: guest/gdb/parallax-gdb.py guest/gdb/parallax-gdb-memory.py
	$(Q)mkdir -p $(@D)
	$(Q)cat $^ >$@
