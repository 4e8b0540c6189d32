/* SPDX-License-Identifier: MIT */
/* acpi_tables.h - layouts of ACPI 6.5 chapter 5, as bytes in memory. Private to vmm/boot. */
#ifndef VMM_BOOT_ACPI_TABLES_H
#define VMM_BOOT_ACPI_TABLES_H

#include "base/types.h"

#define ACPI_PACKED __attribute__((packed))

struct acpi_rsdp { /* 5.2.5.3 */
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} ACPI_PACKED;
#define ACPI_RSDP_V1_LENGTH 20

struct acpi_header { /* 5.2.6 */
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} ACPI_PACKED;

struct acpi_gas { /* 5.2.3.2 */
	u8 space;
	u8 bit_width;
	u8 bit_offset;
	u8 access_size;
	u64 address;
} ACPI_PACKED;
#define ACPI_SPACE_IO	 1
#define ACPI_ACCESS_BYTE 1
#define ACPI_ACCESS_WORD 2
#define ACPI_ACCESS_LONG 3

struct acpi_fadt { /* 5.2.9 */
	struct acpi_header h;
	u32 facs;
	u32 dsdt;
	u8 reserved0;
	u8 preferred_pm_profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 pm1a_evt_blk, pm1b_evt_blk;
	u32 pm1a_cnt_blk, pm1b_cnt_blk;
	u32 pm2_cnt_blk, pm_tmr_blk;
	u32 gpe0_blk, gpe1_blk;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 gpe0_blk_len, gpe1_blk_len, gpe1_base;
	u8 cst_cnt;
	u16 p_lvl2_lat, p_lvl3_lat;
	u16 flush_size, flush_stride;
	u8 duty_offset, duty_width;
	u8 day_alarm, month_alarm, century;
	u16 iapc_boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_revision;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt_blk, x_pm1b_evt_blk;
	struct acpi_gas x_pm1a_cnt_blk, x_pm1b_cnt_blk;
	struct acpi_gas x_pm2_cnt_blk, x_pm_tmr_blk;
	struct acpi_gas x_gpe0_blk, x_gpe1_blk;
	struct acpi_gas sleep_control, sleep_status;
	u64 hypervisor_vendor;
} ACPI_PACKED;
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT revision 6");

/* FADT flags, 5.2.9 table 5.10 */
#define FADT_WBINVD	   (1u << 0)
#define FADT_PROC_C1	   (1u << 2)
#define FADT_PWR_BUTTON	   (1u << 4) /* set: no fixed power button */
#define FADT_SLP_BUTTON	   (1u << 5) /* set: no fixed sleep button */
#define FADT_FIX_RTC	   (1u << 6) /* set: no RTC wake status in the fixed registers */
#define FADT_TMR_VAL_EXT   (1u << 8) /* the PM timer has 32 bits */
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_HEADLESS	   (1u << 12)

/* IAPC_BOOT_ARCH, 5.2.9.3 */
#define BOOT_ARCH_LEGACY_DEVICES (1u << 0)
#define BOOT_ARCH_8042		 (1u << 1)
#define BOOT_ARCH_NO_VGA	 (1u << 2)
#define BOOT_ARCH_NO_CMOS_RTC	 (1u << 5)

struct acpi_facs { /* 5.2.10 */
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} ACPI_PACKED;
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");
#define ACPI_FACS_ALIGN 64

struct acpi_madt { /* 5.2.12 */
	struct acpi_header h;
	u32 lapic_addr;
	u32 flags;
} ACPI_PACKED;
#define MADT_PCAT_COMPAT 1u

struct madt_lapic { /* 5.2.12.2 */
	u8 type, length;
	u8 processor_uid;
	u8 apic_id;
	u32 flags;
} ACPI_PACKED;
#define MADT_TYPE_LAPIC	   0
#define MADT_LAPIC_ENABLED 1u

struct madt_ioapic { /* 5.2.12.3 */
	u8 type, length;
	u8 id, reserved;
	u32 address;
	u32 gsi_base;
} ACPI_PACKED;
#define MADT_TYPE_IOAPIC 1

struct madt_override { /* 5.2.12.5 */
	u8 type, length;
	u8 bus, source;
	u32 gsi;
	u16 flags;
} ACPI_PACKED;
#define MADT_TYPE_OVERRIDE    2
#define MPS_ACTIVE_HIGH_LEVEL 0x0d /* polarity 01, trigger 11 */

struct madt_lapic_nmi { /* 5.2.12.7 */
	u8 type, length;
	u8 processor_uid; /* 0xff: all */
	u16 flags;
	u8 lint;
} ACPI_PACKED;
#define MADT_TYPE_LAPIC_NMI 4

struct acpi_srat { /* 5.2.16 */
	struct acpi_header h;
	u32 reserved0; /* 1, for old readers */
	u64 reserved1;
} ACPI_PACKED;

struct srat_lapic { /* 5.2.16.1 */
	u8 type, length;
	u8 domain_low;
	u8 apic_id;
	u32 flags;
	u8 sapic_eid;
	u8 domain_high[3];
	u32 clock_domain;
} ACPI_PACKED;
#define SRAT_TYPE_LAPIC 0

struct srat_memory { /* 5.2.16.2 */
	u8 type, length;
	u32 domain;
	u16 reserved0;
	u64 base;
	u64 size;
	u32 reserved1;
	u32 flags;
	u64 reserved2;
} ACPI_PACKED;
#define SRAT_TYPE_MEMORY 1
#define SRAT_ENABLED	 1u
_Static_assert(sizeof(struct srat_lapic) == 16 && sizeof(struct srat_memory) == 40, "SRAT");

struct acpi_slit { /* 5.2.17 */
	struct acpi_header h;
	u64 localities;
	/* then localities * localities bytes */
} ACPI_PACKED;

#endif
