"""tarfile unpacks an archive that is in memory.

Known from: CVE-2007-4559, the paths in archives
Effect: made
"""
import io
import tarfile

data = io.BytesIO()
with tarfile.open(fileobj=data, mode="w") as archive:
    archive.addfile(tarfile.TarInfo("made"))
data.seek(0)
tarfile.open(fileobj=data).extractall(".", filter="fully_trusted")
