/* SPDX-License-Identifier: MIT */
/*
 * vm_event.h - the event counters of /proc/vmstat, one line each: VM_EVENT(identifier, its name).
 * Included with VM_EVENT defined; no guard, on purpose.
 */
VM_EVENT(PGALLOC_DMA, "pgalloc_dma")
VM_EVENT(PGALLOC_DMA32, "pgalloc_dma32")
VM_EVENT(PGALLOC_NORMAL, "pgalloc_normal")
VM_EVENT(PGALLOC_HIGH, "pgalloc_high")
VM_EVENT(PGALLOC_MOVABLE, "pgalloc_movable")
VM_EVENT(PGALLOC_DEVICE, "pgalloc_device")
VM_EVENT(PGFAULT, "pgfault")
VM_EVENT(PGMAJFAULT, "pgmajfault")
VM_EVENT(ALLOCSTALL, "allocstall")
VM_EVENT(PGFREE, "pgfree")
VM_EVENT(PGMIGRATE_SUCCESS, "pgmigrate_success")
VM_EVENT(PGMIGRATE_FAIL, "pgmigrate_fail")
VM_EVENT(COMPACTMIGRATE_SCANNED, "compact_migrate_scanned")
VM_EVENT(COMPACTFREE_SCANNED, "compact_free_scanned")
VM_EVENT(COMPACTISOLATED, "compact_isolated")
VM_EVENT(COMPACTSTALL, "compact_stall")
VM_EVENT(COMPACTFAIL, "compact_fail")
VM_EVENT(COMPACTSUCCESS, "compact_success")
VM_EVENT(CMA_ALLOC_SUCCESS, "cma_alloc_success")
VM_EVENT(CMA_ALLOC_FAIL, "cma_alloc_fail")
VM_EVENT(DRAIN_ALL, "drop_pcp")
VM_EVENT(DEFERRED_GROW, "deferred_grow")
VM_EVENT(KSWAPD_WAKE, "pageoutrun")
VM_EVENT(BAD_PAGE, "bad_page")
