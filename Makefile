# SPDX-License-Identifier: MIT
# Every command a person needs; `make help` lists them. All output goes below $(B).

B      ?= build
V      ?= 0
PREFIX ?= /usr/local
CC     ?= gcc

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wvla -Wundef
VERSION := 0.1.0
# KVM's own structures end in flexible arrays and stand inside ours.
HOST_CFLAGS := -std=gnu17 -Wno-gnu-variable-sized-type-not-at-end -DPARALLAX_VERSION=\"$(VERSION)\" -O2 -g $(WARN) -I. -I$(B)/gen -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
        -fstack-protector-strong -MMD -MP $(EXTRA_CFLAGS)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DDEBUG=1

# ---- the rooms --------------------------------------------------------------------------------
base_SRCS    := $(wildcard base/*.c)
mm_SRCS      := $(wildcard mm/*.c)
devices_SRCS := $(wildcard devices/*.c devices/virtio/*.c)
boot_SRCS    := $(wildcard vmm/boot/*.c)
vmm_SRCS     := $(filter-out vmm/main.c,$(wildcard vmm/*.c vmm/cmd/*.c vmm/gdb/*.c vmm/qmp/*.c vmm/qemu/*.c vmm/contrast/*.c))
# Portable guest code: the same files are built for ring 0 (guest/guest.mk) and for the host.
guest_SRCS   := $(wildcard guest/lib/*.c guest/sched/*.c guest/locking/*.c guest/mm/*.c guest/time/*.c guest/defer/*.c guest/fs/*.c guest/exec/*.c guest/net/*.c) guest/env/host.c
ROOMS := base mm devices boot vmm guest

# A test binary links its own room and the rooms below it.
base_DEPS    := base
mm_DEPS      := mm base
devices_DEPS := devices mm base
boot_DEPS    := boot devices mm base
vmm_DEPS     := vmm boot devices mm base
guest_DEPS   := guest
# libfdt and jansson are small: loading them as shared libraries costs more than what is used of them.
HOST_LIBS    := -l:libfdt.a -l:libjansson.a -l:liburing.a -lpthread
TEST_LIBS    := -lcheck -lsubunit -lm -lrt -lz

all: $(B)/parallax $(B)/guest/parallax.elf $(B)/guest/parallax.elf-gdb.py $(B)/images/busybox.cpio ## build the VMM and the tiny kernel (the default)

help: ## list these commands
	@echo 'usage: make [TARGET] [V=1 shows the commands] [B=DIR output folder, default build]'
	@echo
	@grep -hE '^[a-z-]+:.*## ' Makefile tests/user/user.mk | sed -E 's/:.*## /\t/' | expand -t 16 | sed 's/^/  make /'

deps: ## install what building and testing need (Debian 12 packages; sudo only when not root)
	$(Q)sh scripts/deps.sh

# A recursive make, so that a missing compiler or library is installed before rules look for it.
run: ## boot the tiny kernel: on a terminal a busybox shell, else both sides compared
	$(Q)sh scripts/deps.sh --check build || sh scripts/deps.sh build
	$(Q)$(MAKE) --no-print-directory all
	$(Q)if [ -t 0 ] && [ -t 1 ]; then $(B)/parallax run; else $(B)/parallax contrast --timeout 60; fi

check: ## run every test: units, boots, bad input, testbed, fuzzers
	$(Q)sh scripts/deps.sh
	$(Q)$(MAKE) --no-print-directory all test-programs
	$(Q)python3 tests/check.py --build $(B) $(CHECK_ARGS)

bench: ## measure against a bare KVM program and QEMU; prints ratios
	$(Q)sh scripts/deps.sh
	$(Q)$(MAKE) --no-print-directory all user $(B)/parallax-without-gdb
	$(Q)python3 tests/bench/run --build $(B) --all $(BENCH_ARGS)
	$(Q)python3 tests/bench/mm/run --build $(B)
	$(Q)python3 tests/bench/sched/run --build $(B)
	$(Q)python3 tests/bench/domains/run --build $(B)
	$(Q)python3 tests/bench/user/run --build $(B)
	$(Q)python3 tests/bench/devices/run --build $(B)

fuzz: ## run each fuzzer for FUZZ_SECONDS (300)
	$(Q)sh scripts/deps.sh
	$(Q)$(MAKE) --no-print-directory test-programs
	$(Q)python3 tests/check.py --build $(B) --only 'fuzz*' --fuzz-seconds $(FUZZ_SECONDS)

testbed-shell: ## a root shell in an emulated machine with hardware KVM (QEMU TCG, SVM, NPT)
	$(Q)sh scripts/deps.sh
	$(Q)$(MAKE) --no-print-directory all
	$(Q)B=$(B) tests/testbed/shell

lint: ## clang-tidy, cppcheck and gcc -fanalyzer over the host code
	$(Q)scripts/lint.sh

install: all ## install under PREFIX (/usr/local), below DESTDIR
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/parallax \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(B)/parallax $(DESTDIR)$(PREFIX)/bin/parallax
	ln -sf parallax $(DESTDIR)$(PREFIX)/bin/parallax-qemu
	install -m 644 $(B)/guest/parallax.elf $(DESTDIR)$(PREFIX)/lib/parallax/parallax.elf
	install -m 644 $(B)/images/busybox.cpio $(DESTDIR)$(PREFIX)/lib/parallax/busybox.cpio
	install -m 644 $(B)/guest/parallax.elf-gdb.py $(DESTDIR)$(PREFIX)/lib/parallax/parallax.elf-gdb.py
	install -m 644 docs/parallax.1 $(DESTDIR)$(PREFIX)/share/man/man1/parallax.1
	install -m 644 docs/parallax.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/parallax

clean: ## remove what was built (the testbed's downloads stay; `rm -r build` removes all)
	$(Q)for d in $(B)/*; do [ "$$d" = $(B)/testbed ] || rm -rf "$$d"; done

# ---- host objects: $(B)/host plain, $(B)/san with ASan and UBSan, $(B)/fuzz for libFuzzer ------
$(B)/host/%.o: %.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -c $< -o $@

$(B)/san/%.o: %.c
	$(say) 'CC asan' $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(SAN) -c $< -o $@

$(B)/fuzz/%.o: %.c
	$(say) 'CC fuzz' $<
	$(Q)mkdir -p $(@D)
	$(Q)clang $(HOST_CFLAGS) $(SAN) -fsanitize=fuzzer-no-link -c $< -o $@

define room_rules
# The list changes when a source comes or goes, and so remakes the library.
$(B)/$(2)/lib$(1).list: FORCE
	$$(Q)mkdir -p $$(@D)
	$$(Q)echo '$$($(1)_SRCS)' | cmp -s - $$@ || echo '$$($(1)_SRCS)' >$$@
$(B)/$(2)/lib$(1).a: $$($(1)_SRCS:%.c=$(B)/$(2)/%.o) $(B)/$(2)/lib$(1).list
	$$(say) AR $$@
	$$(Q)rm -f $$@ && mkdir -p $$(@D) && ar rcs $$@ $$(filter %.o,$$^)
endef
$(foreach kind,host san fuzz,$(foreach room,$(ROOMS),$(eval $(call room_rules,$(room),$(kind)))))

room_libs = $(foreach d,$($(1)_DEPS),$(B)/$(2)/lib$(d).a)

# Portable guest code is freestanding here as it is in ring 0.
$(B)/host/guest/lib/%.o $(B)/san/guest/lib/%.o: HOST_CFLAGS += -ffreestanding

# `parallax simulate` is the portable scheduler in virtual time: guest/env/sim.c instead of host.c.
SIM_OBJS := $(patsubst %.c,%.o,$(wildcard guest/env/sim*.c guest/env/scenario.c))

# What every start runs through comes first, side by side: the host maps a program in runs of pages, so
# that rarely used code in between would count as resident.
FIRST_SRCS := vmm/main.c vmm/cmd/run.c vmm/cmd/options_machine.c vmm/qmp/qmp_server.c vmm/qmp/registry.c \
        $(filter-out vmm/cmd/% vmm/qmp/% vmm/gdb/% vmm/qemu/% vmm/contrast/% vmm/trace%,$(vmm_SRCS)) $(boot_SRCS) $(devices_SRCS) $(mm_SRCS) \
        $(base_SRCS)
FIRST_OBJS := $(FIRST_SRCS:%.c=$(B)/host/%.o)

$(B)/parallax: $(FIRST_OBJS) $(SIM_OBJS:%=$(B)/host/%) $(call room_libs,vmm,host) $(B)/host/libguest.a
	$(say) LD $@
	$(Q)$(CC) $(HOST_LDFLAGS) -o $@ $(FIRST_OBJS) -l:libfdt.a $(SIM_OBJS:%=$(B)/host/%) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(HOST_LIBS)

# The same program without its gdb code: what that costs when it is not used is measured.
$(B)/parallax-without-gdb: $(B)/host/vmm/main.o $(B)/host/tests/bench/without_gdb.o $(SIM_OBJS:%=$(B)/host/%) \
    $(call room_libs,vmm,host) $(B)/host/libguest.a
	$(say) LD $@
	$(Q)$(CC) $(HOST_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(HOST_LIBS)

# The same program under ASan and UBSan, for the tests with hostile guests.
$(B)/parallax-san: $(B)/san/vmm/main.o $(SIM_OBJS:%=$(B)/san/%) $(call room_libs,vmm,san) $(B)/san/libguest.a
	$(say) LD $@
	$(Q)$(CC) $(SAN) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(HOST_LIBS)

# ---- the tiny kernel --------------------------------------------------------------------------
-include guest/guest.mk

# ---- what guests boot ---------------------------------------------------------------------------
images: $(B)/images/busybox.cpio ## build the initramfs of busybox (images/busybox.manifest)

# The tiny kernel's default: where ring 0 is interpreted, inflating would take longer than all the rest.
%.cpio: %.cpio.gz
	$(Q)zcat $< >$@

$(B)/images/%.cpio.gz: images/%.manifest images/build.py images/cpio.py $(shell find images/busybox -type f)
	$(say) CPIO $@
	$(Q)python3 images/build.py $< $@

# ---- programs for user mode -------------------------------------------------------------------
include tests/user/user.mk

# ---- unit tests: tests/unit/<room>/test_*.c, one Check program each ----------------------------
UNIT_SRCS := $(wildcard tests/unit/*/test_*.c)
UNIT_BINS := $(UNIT_SRCS:tests/unit/%.c=$(B)/unit/%)
define unit_rules
$(B)/unit/$(1)/%: $(B)/san/tests/unit/$(1)/%.o $(call room_libs,$(1),san)
	$$(say) LD $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(SAN) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(HOST_LIBS) $$(TEST_LIBS)
endef
$(foreach room,$(ROOMS),$(eval $(call unit_rules,$(room))))
unit: $(UNIT_BINS) ## build and run the unit tests alone (Check, under ASan and UBSan)
	$(Q)for t in $^; do echo "== $$t"; $$t || exit 1; done

# ---- fuzzers: tests/fuzz/<room>/fuzz_*.c, libFuzzer ---------------------------------------------
FUZZ_SRCS := $(wildcard tests/fuzz/*/fuzz_*.c)
FUZZ_BINS := $(FUZZ_SRCS:tests/fuzz/%.c=$(B)/fuzzers/%)
define fuzz_rules
$(B)/fuzzers/$(1)/%: $(B)/fuzz/tests/fuzz/$(1)/%.o $(call room_libs,$(1),fuzz)
	$$(say) LD $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)clang $$(SAN) -fsanitize=fuzzer -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(HOST_LIBS) -lz
endef
$(foreach room,$(ROOMS),$(eval $(call fuzz_rules,$(room))))
FUZZ_SECONDS ?= 300
test-programs: $(USER_BINS) images $(UNIT_BINS) $(FUZZ_BINS) $(B)/parallax-san $(B)/parallax-without-gdb

-include $(shell find $(B) -path '*/testbed' -prune -o -name '*.d' -print 2>/dev/null)

FORCE:

.PHONY: all images user help deps run check bench fuzz testbed-shell lint install clean unit test-programs
