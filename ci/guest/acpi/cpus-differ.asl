/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * C-states and P-states for the first two processors of QEMU's q35, with more C-states, fewer
 * P-states and a domain of its own for the second. See cpu-pm.asl about the rest.
 *
 * The _MAT of QEMU's processors repeats their entries of the MADT. Few machines have that, so spoil it:
 * type 0xff is that of no entry, so whoever looks for one goes on to the MADT.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "CPUDIFF", 1)
{
    External (\_SB.CPUS.C000, ProcessorObj)
    External (\_SB.CPUS.C001, ProcessorObj)
    External (\_SB.CPUS.C000._MAT, BuffObj)
    External (\_SB.CPUS.C001._MAT, BuffObj)

    Scope (\_SB.CPUS.C000)
    {
        CreateByteField (_MAT, 0, MATT)
        MATT = 0xff
        Name (_CST, Package ()
        {
            2,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1234) }, 2, 50, 500 }
        })
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
        CreateByteField (_MAT, 0, MATT)
        MATT = 0xff
        Name (_CST, Package ()
        {
            3,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1234) }, 2, 50, 500 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1235) }, 2, 80, 300 }
        })
        Name (_PCT, Package ()
        {
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) },
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) }
        })
        Name (_PSS, Package ()
        {
            Package () { 1800, 15000, 10, 10, 0x40, 0x40 },
            Package () { 1200, 10000, 10, 10, 0x50, 0x50 }
        })
        Name (_PPC, 1)
        Name (_PSD, Package () { Package () { 5, 0, 1, 0xfc, 1 } })
    }
}
