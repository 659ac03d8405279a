/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * P-states for the first two processors of QEMU's q35, each of which is a domain of its own. See
 * cpu-pm.asl about the rest.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "CPUDOM", 1)
{
    External (\_SB.CPUS.C000, ProcessorObj)
    External (\_SB.CPUS.C001, ProcessorObj)

    Scope (\_SB.CPUS.C000)
    {
        Name (_PCT, Package ()
        {
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) },
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) }
        })
        Name (_PSS, Package ()
        {
            Package () { 2000, 30000, 10, 10, 0x10, 0x10 },
            Package () { 1500, 20000, 10, 10, 0x20, 0x20 },
            Package () { 1000, 10000, 10, 10, 0x30, 0x30 }
        })
        Name (_PPC, 0)
        Name (_PSD, Package () { Package () { 5, 0, 0, 0xfc, 1 } })
    }

    Scope (\_SB.CPUS.C001)
    {
        Name (_PCT, Package ()
        {
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) },
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) }
        })
        Name (_PSS, Package ()
        {
            Package () { 2000, 30000, 10, 10, 0x10, 0x10 },
            Package () { 1500, 20000, 10, 10, 0x20, 0x20 },
            Package () { 1000, 10000, 10, 10, 0x30, 0x30 }
        })
        Name (_PPC, 0)
        Name (_PSD, Package () { Package () { 5, 0, 1, 0xfc, 1 } })
    }
}
