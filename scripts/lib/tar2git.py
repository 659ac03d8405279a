"""Turn a tar archive into one parentless commit: input of `git fast-import`.

usage: tar2git.py REF MESSAGE <archive | git fast-import

The first directory of each name (linux-7.1/...) is dropped. Author and date are constants, so that the
commit id depends on the archive's contents and MESSAGE alone.
"""

import pathlib
import sys
import tarfile


def main():
    ref, message = (arg.encode() for arg in sys.argv[1:])
    out = sys.stdout.buffer
    out.write(b"feature done\ncommit %s\n" % ref)
    out.write(b"committer pvops-dom0 queue <queue@pvops-dom0.invalid> 946684800 +0000\n")
    out.write(b"data %d\n%s\n" % (len(message), message))
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|*") as archive:
        for member in archive:
            path = member.name.removeprefix("./").partition("/")[2].encode()
            if member.isfile():
                mode = b"100755" if member.mode & 0o100 else b"100644"
                data = archive.extractfile(member).read()
            elif member.issym():
                mode, data = b"120000", member.linkname.encode()
            else:
                continue
            out.write(b"M %s inline %s\ndata %d\n%s\n" % (mode, path, len(data), data))
    out.write(b"done\n")


try:
    main()
except tarfile.TarError as error:
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {error}")
