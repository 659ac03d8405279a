/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * C-states, but no P-states, for the first two processors of QEMU's q35.
 *
 * C1 is entered with HLT, C2 by reading a byte from an I/O port where nothing answers; the read
 * returns at once, so this C2 saves no power, but Xen enters and counts it like any other.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "CSTATES", 1)
{
    External (\_SB.CPUS.C000, ProcessorObj)
    External (\_SB.CPUS.C001, ProcessorObj)

    Scope (\_SB.CPUS.C000)
    {
        Name (_CST, Package ()
        {
            2,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1234) }, 2, 50, 500 }
        })
    }

    Scope (\_SB.CPUS.C001)
    {
        Name (_CST, Package ()
        {
            2,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1234) }, 2, 50, 500 }
        })
    }
}
