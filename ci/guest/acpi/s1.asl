/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The sleep state S1, which QEMU's q35 does not offer by itself. Linux shows it as "standby". Its SLP_TYP
 * is 7, a value that the q35 ignores if anybody writes it.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "S1", 1)
{
    Name (\_S1, Package () { 7, 7, 0, 0 })
}
