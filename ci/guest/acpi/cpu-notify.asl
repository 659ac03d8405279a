/*
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * P-states and C-states that change while the machine runs, for the first two processors of the machine
 * type pc-q35-2.6. Those of newer types already have an _OST.
 *
 * A thermal zone is the remote control, because reading its temperature in sysfs evaluates _TMP. What
 * to do is taken from port 0x3ef, the scratch register of the third serial port:
 *   0x10 + N  limit P-states to state N and those below, and notify both processors (0x80)
 *   0x20 + N  offer N C-states (1 or 2), and notify both processors (0x81)
 * The temperature is 100 degrees + 10 * A + B, where A and B are the answers (_OST) of the two
 * processors to the latest 0x80: 0 success, 1 failure, 8 contradictory answers, 9 none so far.
 *
 * The states are those of cpu-pm.asl, but each processor is a domain of its own.
 */
DefinitionBlock ("", "SSDT", 2, "PVOPS", "CPUNOTIF", 1)
{
    External (\_SB.CP00, ProcessorObj)
    External (\_SB.CP01, ProcessorObj)

    OperationRegion (\PVRC, SystemIO, 0x3ef, 1)
    Field (\PVRC, ByteAcc, NoLock, Preserve)
    {
        PVCM, 8
    }
    Name (\PVLM, 0)
    Name (\PVNC, 1)
    Name (\PVS0, 9)
    Name (\PVS1, 9)

    /* Answer NEW after OLD */
    Method (\PVAN, 2)
    {
        If (Arg0 == 9 || Arg0 == Arg1)
        {
            Return (Arg1)
        }
        Return (8)
    }

    Method (\PVCS, 0)
    {
        If (\PVNC == 1)
        {
            Return (Package ()
            {
                1,
                Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 }
            })
        }
        Return (Package ()
        {
            2,
            Package () { ResourceTemplate () { Register (FFixedHW, 0, 0, 0) }, 1, 1, 1000 },
            Package () { ResourceTemplate () { Register (SystemIO, 8, 0, 0x1234) }, 2, 50, 500 }
        })
    }

    Name (\PVPC, Package ()
    {
        ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) },
        ResourceTemplate () { Register (SystemIO, 8, 0, 0x2ff) }
    })
    Name (\PVPS, Package ()
    {
        Package () { 2000, 30000, 10, 10, 0x10, 0x10 },
        Package () { 1500, 20000, 10, 10, 0x20, 0x20 },
        Package () { 1000, 10000, 10, 10, 0x30, 0x30 }
    })

    Scope (\_SB.CP00)
    {
        Method (_CST) { Return (\PVCS ()) }
        Method (_PCT) { Return (\PVPC) }
        Method (_PSS) { Return (\PVPS) }
        Method (_PPC) { Return (\PVLM) }
        Name (_PSD, Package () { Package () { 5, 0, 0, 0xfc, 1 } })
        Method (_OST, 3)
        {
            If (Arg0 == 0x80)
            {
                \PVS0 = \PVAN (\PVS0, Arg1)
            }
        }
    }

    Scope (\_SB.CP01)
    {
        Method (_CST) { Return (\PVCS ()) }
        Method (_PCT) { Return (\PVPC) }
        Method (_PSS) { Return (\PVPS) }
        Method (_PPC) { Return (\PVLM) }
        Name (_PSD, Package () { Package () { 5, 0, 1, 0xfc, 1 } })
        Method (_OST, 3)
        {
            If (Arg0 == 0x80)
            {
                \PVS1 = \PVAN (\PVS1, Arg1)
            }
        }
    }

    ThermalZone (\PVTZ)
    {
        Name (_CRT, 4732)
        Method (_TMP, 0, Serialized)
        {
            Local0 = \PVCM
            \PVCM = 0
            If ((Local0 & 0xf0) == 0x10)
            {
                \PVLM = Local0 & 0xf
                \PVS0 = 9
                \PVS1 = 9
                Notify (\_SB.CP00, 0x80)
                Notify (\_SB.CP01, 0x80)
            }
            If ((Local0 & 0xf0) == 0x20)
            {
                \PVNC = Local0 & 0xf
                Notify (\_SB.CP00, 0x81)
                Notify (\_SB.CP01, 0x81)
            }
            Return (3732 + 100 * \PVS0 + 10 * \PVS1)
        }
    }
}
