// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plugin for QEMU's TCG: how many of a benchmark's instructions are Xen's own.
 *
 * A benchmark marks what it measures with the long NOP 0f 1f 80 imm32, which does nothing on any
 * CPU: imm32 is 0x70766f00 at the start of a part, 0x70766f01 at its end, 0x70766f02 where the
 * sum of the parts is due. The plugin logs that sum, counted over the addresses which Xen keeps
 * for itself on x86-64 (HYPERVISOR_VIRT_START in Xen's public arch-x86/xen-x86_64.h), one
 * decimal number a line.
 *
 * QEMU 7.2 has version 1 of the interface; Debian has no package with its header,
 * include/qemu/qemu-plugin.h, from which these are the parts in use. For one virtual CPU.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
					      void *ptr, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int cpu, void *data),
					    enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_outs(const char *text);

#define XEN_START 0xffff800000000000
#define XEN_END 0xffff880000000000

static uint64_t count, begin, sum;

static void mark(unsigned int cpu, void *data)
{
	char line[24];

	switch ((uintptr_t)data) {
	case 0:
		begin = count;
		break;
	case 1:
		sum += count - begin;
		break;
	case 2:
		snprintf(line, sizeof(line), "%" PRIu64 "\n", sum);
		qemu_plugin_outs(line);
		sum = 0;
		break;
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80 }, magic[] = { 'o', 'v', 'p' };
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb);

	if (address >= XEN_START && address < XEN_END)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &count, n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *bytes = qemu_plugin_insn_data(insn);

		if (qemu_plugin_insn_size(insn) == 7 && !memcmp(bytes, nop, 3) && !memcmp(bytes + 4, magic, 3))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)bytes[3]);
	}
}

EXPORT int qemu_plugin_version = 1;

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
