# SPDX-License-Identifier: MIT
# Programs for user mode of guests and hosts, all static: tests/user/calls/*.c by glibc and by musl, the
# rest by glibc. Included by the top Makefile.

USER_CFLAGS := -std=gnu17 -O1 -s $(WARN) -I. -D_GNU_SOURCE -static -pthread -fno-pie -no-pie -fno-strict-aliasing
USER_LIB    := tests/user/lib/check.c
USER_AREAS  := $(patsubst tests/user/calls/%.c,%,$(wildcard tests/user/calls/*.c))
USER_HEADERS := $(wildcard tests/user/lib/*.h)
USER_OTHERS := $(patsubst tests/user/stress/%.c,stress/%,$(wildcard tests/user/stress/*.c)) \
        $(patsubst tests/bench/user/%.c,bench/%,$(wildcard tests/bench/user/*.c))
MUSL_GCC    := $(shell command -v musl-gcc)
USER_BINS   := $(USER_AREAS:%=$(B)/user/glibc/%) $(if $(MUSL_GCC),$(USER_AREAS:%=$(B)/user/musl/%)) \
        $(USER_OTHERS:%=$(B)/user/%) $(B)/user/init

$(B)/user/glibc/%: tests/user/calls/%.c $(USER_LIB) $(USER_HEADERS)
	$(say) 'CC user' $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $< $(USER_LIB) -o $@

$(B)/user/musl/%: tests/user/calls/%.c $(USER_LIB) $(USER_HEADERS)
	$(say) 'CC musl' $@
	$(Q)mkdir -p $(@D)
	$(Q)musl-gcc $(USER_CFLAGS) $< $(USER_LIB) -o $@

$(B)/user/stress/%: tests/user/stress/%.c
	$(say) 'CC user' $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $< -o $@

$(B)/user/bench/%: tests/bench/user/%.c
	$(say) 'CC user' $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -O2 $< -o $@

$(B)/user/init: tests/user/lib/init.c
	$(say) 'CC user' $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $< -o $@

user: $(USER_BINS) ## build the programs of the system-call conformance suite
