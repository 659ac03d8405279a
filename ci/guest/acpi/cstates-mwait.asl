/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * A C2 that is entered with MWAIT, as Intel's CPUs have it, for the first two processors of QEMU's q35: a
 * register of width 1 (vendor Intel) and offset 2 (more than HLT), whose address is the hint.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "CMWAIT", 1)
{
    External (\_SB.CPUS.C000, ProcessorObj)
    External (\_SB.CPUS.C001, ProcessorObj)

    Scope (\_SB.CPUS.C000)
    {
        Name (_CST, Package ()
        {
            2,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (FFixedHW, 1, 2, 0x10, 1) }, 2, 50, 500 }
        })
    }

    Scope (\_SB.CPUS.C001)
    {
        Name (_CST, Package ()
        {
            2,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (FFixedHW, 1, 2, 0x10, 1) }, 2, 50, 500 }
        })
    }
}
