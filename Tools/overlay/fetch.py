"""Getting CPython's release tarball from where it can be had, and unpacking it.

Nothing is unpacked before its SHA-256 is the one in UPSTREAM.  Everything is made under a name that
nobody reads and renamed when it is whole.
"""

import errno
import hashlib
import os
import shutil
import tarfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import debian
from overlay import OverlayError
from progress import Progress, say
from upstream import marker, unpacked_hash

RELEASES_URL = "https://www.python.org/ftp/python/"
TIMEOUT = 15        # seconds without an answer, or without a byte


class Unavailable(Exception):
    """This place does not have the tarball; another may."""


class WrongHash(Unavailable):
    """What this place has is not the release."""


def provide(releases, build, place="", wanted="", *, url=RELEASES_URL, source=debian.fetch):
    """Unpack the first of RELEASES that can be had to BUILD/upstream/VERSION; return it.

    PLACE is a tarball or a folder of them, WANTED the version to take, either may be empty.
    """
    if wanted:
        releases = [r for r in releases if r.version == wanted] or _unknown(wanted, releases)
    if place and Path(place).is_file():
        releases, place = _release_of(Path(place), releases)
    failures = []
    for release in releases:
        if (unpacked_hash(build, release.version) == release.sha256
                and Path(build, "upstream", release.version).is_dir()):
            break
        try:
            tarball = _tarball(release, Path(build), place, url, source)
        except OSError as error:
            raise OverlayError(disk_problem(error, build)) from None
        except Unavailable as error:
            failures.append(f"{release.version}: {error}")
            if isinstance(error, WrongHash):
                raise OverlayError(f"{error}: a file was damaged or changed on its way: try again,"
                                   f" or get {release.file} elsewhere and say"
                                   f" --with-upstream=PATH") from None
            continue
        unpack(tarball, release, build)
        break
    else:
        raise OverlayError(f"CPython cannot be had ({'; '.join(failures)}): get"
                           f" {releases[0].file} elsewhere and say --with-upstream=PATH")
    if failures:
        say(f"CPython {'; '.join(failures)}")
    return release


def _unknown(wanted, releases):
    known = ", ".join(release.version for release in releases)
    raise OverlayError(f"--with-release={wanted}: UPSTREAM accepts {known} only")


def _release_of(path, releases):
    found = sha256(path)
    for release in releases:
        if release.sha256 == found:
            return [release], path
    raise OverlayError(f"{path}: its SHA-256 is {found}, which UPSTREAM does not accept: get"
                       f" {releases[0].file} again")


def _tarball(release, build, place, url, source):
    """The verified tarball of RELEASE, or Unavailable."""
    if place:
        path = Path(place)
        if path.is_dir():
            path = path / release.file
            if not path.exists():
                raise Unavailable(f"{path} does not exist")
        _verify(path, release)
        return path
    cache = cache_folder()
    path = cache / release.file
    if path.exists():
        try:
            _verify(path, release)
            return path
        except WrongHash as error:
            say(f"{error}: removed")
            path.unlink()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OverlayError(f"{cache}: {error.strerror}: set LDP_CACHE to a folder that can be"
                           f" written") from None
    partial = cache / f".{release.file}.{os.getpid()}.partial"
    failures = []
    wrong = False
    places = (("python.org", lambda: download(f"{url}{release.version}/{release.file}", partial)),
              ("Debian", lambda: source(release, build / ".fetch.partial", partial)))
    try:
        for name, get in places:
            try:
                say(f"getting {release.file} from {name}")
                get()
                _verify(partial, release)
                os.replace(partial, path)
                return path
            except (Unavailable, debian.Unavailable) as error:
                wrong = wrong or isinstance(error, WrongHash)
                failures.append(f"{name}: {error}")
                say(f"{name}: {error}")
    finally:
        if partial.exists():
            partial.unlink()
    raise (WrongHash if wrong else Unavailable)("; ".join(failures))


def cache_folder():
    """Where tarballs are kept between builds."""
    own = os.environ.get("LDP_CACHE")
    if own:
        return Path(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ldp"
    except RuntimeError:
        raise OverlayError("there is no home folder to keep what is downloaded in: set LDP_CACHE"
                           " to a folder that can be written") from None


def sha256(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def _verify(path, release):
    found = sha256(path)
    if found != release.sha256:
        raise WrongHash(f"{path}: its SHA-256 is {found}, not the {release.sha256} of"
                        f" CPython {release.version}")


def download(url, path, timeout=TIMEOUT):
    """Copy what is at URL to the file PATH, or Unavailable."""
    response = _open(url, timeout)
    total = response.headers.get("Content-Length")
    total = int(total) if total and total.isdigit() else None
    done = 0
    with response, open(path, "wb") as file, Progress(f"downloading {url}") as progress:
        while True:
            try:
                block = response.read(1 << 16)
            except OSError as error:
                raise Unavailable(f"no more data after {done} bytes ({_reason(error)})") from None
            if not block:
                break
            file.write(block)
            done += len(block)
            progress.at(done, total)
    if total is not None and done != total:
        raise Unavailable(f"the download ended after {done} of {total} bytes")


def _open(url, timeout):
    """urlopen() that gives up after TIMEOUT seconds however many addresses the host has."""
    result = []

    def work():
        try:
            result.append(urllib.request.urlopen(url, timeout=timeout))
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout)
    if not result:
        raise Unavailable(f"no answer within {timeout} seconds")
    if isinstance(result[0], urllib.error.HTTPError):
        result[0].close()
        raise Unavailable(f"{url}: {result[0].code} {result[0].reason}")
    if isinstance(result[0], Exception):
        raise Unavailable(f"cannot be reached ({_reason(result[0])})")
    return result[0]


def _reason(error):
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def unpack(tarball, release, build):
    """Unpack the verified TARBALL to BUILD/upstream/VERSION, whole or not at all."""
    target = Path(build, "upstream", release.version)
    partial = target.with_name(f".{release.version}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with tarfile.open(tarball) as archive, Progress("unpacking", "files", 1) as progress:
            for count, member in enumerate(archive, 1):
                # Unpacked by root, files would belong to whoever made the tarball.
                member.uid, member.gid = os.getuid(), os.getgid()
                member.uname = member.gname = ""
                if hasattr(tarfile, "data_filter"):
                    archive.extract(member, partial, filter="data")
                else:
                    archive.extract(member, partial)
                progress.at(count)
        tops = list(partial.iterdir())
        if len(tops) != 1:
            raise OverlayError(f"{tarball}: does not hold one folder: correct UPSTREAM")
        marker(build, release.version).unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        tops[0].rename(target)
        marker(build, release.version).write_text(release.sha256 + "\n")
    except tarfile.CompressionError:
        raise OverlayError("this Python cannot unpack .xz files (it has no lzma module): name"
                           " another one, as in LDP_PYTHON=/usr/bin/python3 ./configure") from None
    except OSError as error:
        raise OverlayError(disk_problem(error, build)) from None
    except (tarfile.TarError, EOFError) as error:
        raise OverlayError(f"{tarball}: cannot be unpacked ({error}): correct UPSTREAM") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def disk_problem(error, build):
    """What a user can do about an OSError, in one line."""
    where = error.filename or build
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}: no space is left on the disk: free 1 GB and run configure again"
    return f"{where}: {error.strerror or error}: correct this and run configure again"
