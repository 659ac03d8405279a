/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * C-states and P-states for the first two processors of QEMU's q35.
 *
 * The C-states are those of cstates.asl. The P-states (2000, 1500 and 1000 MHz) are switched by
 * writing 0x10, 0x20 or 0x30 to port 0x2ff, and read back there. It is the scratch register of the
 * second serial port, a byte that serves no other purpose: whoever switches P-states leaves
 * the number there for anybody to see. Both processors form one domain, coordinated by software.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "CPUPM", 1)
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
        Name (_PSD, Package () { Package () { 5, 0, 0, 0xfc, 2 } })
    }

    Scope (\_SB.CPUS.C001)
    {
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
        Name (_PSD, Package () { Package () { 5, 0, 0, 0xfc, 2 } })
    }
}
