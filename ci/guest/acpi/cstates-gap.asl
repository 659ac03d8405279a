/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * C-states for the first two processors of QEMU's q35, of which the second can not be entered: its
 * register has address 0. See cstates.asl about the others.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "CGAP", 1)
{
    External (\_SB.CPUS.C000, ProcessorObj)
    External (\_SB.CPUS.C001, ProcessorObj)

    Scope (\_SB.CPUS.C000)
    {
        Name (_CST, Package ()
        {
            3,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0) }, 2, 20, 700 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1234) }, 2, 50, 500 }
        })
    }

    Scope (\_SB.CPUS.C001)
    {
        Name (_CST, Package ()
        {
            3,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0) }, 2, 20, 700 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1234) }, 2, 50, 500 }
        })
    }
}
