/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The sleep state S1, which QEMU's q35 does not offer by itself. Linux shows it as "standby".
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "S1", 1)
{
    Name (\_S1, Package () { 1, 1, 0, 0 })
}
