"""Tests of getting the tarball: where from, what is refused, and that nothing half made stays."""

import errno
import hashlib
import http.server
import os
import socketserver
import tarfile
import threading
from unittest import mock

import debian
import fetch
from overlay import OverlayError
from tests.support import TreeTest, tarball

FILES = {"configure": "#!/bin/sh\n", "Lib/os.py": "x\n"}
PATIENCE = 300          # seconds that a server has for a client which ends by itself


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's FILES; a path's TROUBLE makes it misbehave."""

    def do_GET(self):
        data = self.server.files.get(self.path)
        trouble = self.server.trouble
        self.server.asked.append(self.path)
        if data is None:
            self.send_error(404)
            return
        if trouble == "hang":
            self.server.stop.wait(PATIENCE)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if trouble in ("truncated", "stall"):
            data = data[:len(data) // 2]
        self.wfile.write(data)
        if trouble == "stall":
            self.wfile.flush()
            self.server.stop.wait(PATIENCE)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        """Not the inherited one, which asks for the machine's name: that may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_port = self.server_address[1]


class FetchTest(TreeTest):
    def setUp(self):
        super().setUp()
        self.places = self.folder / "places"
        self.places.mkdir()
        self.new = tarball(self.places / "Python-3.13.15.tar.xz", "3.13.15", FILES)
        self.old = tarball(self.places / "Python-3.13.5.tar.xz", "3.13.5", FILES)
        self.cache = self.folder / "cache"
        # A proxy of the machine's has no part in what happens on 127.0.0.1.
        for patcher in (mock.patch.dict(os.environ, LDP_CACHE=str(self.cache), no_proxy="*"),
                        mock.patch("fetch.say", lambda text: self.said.append(text))):
            patcher.start()
            self.addCleanup(patcher.stop)
        self.said = []
        server = self.server = Server(("127.0.0.1", 0), Handler)
        server.files, server.trouble, server.asked = {}, None, []
        server.stop = threading.Event()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(server.stop.set)
        self.url = f"http://127.0.0.1:{server.server_port}/"

    def serve(self, *releases):
        for release in releases:
            self.server.files[f"/{release.version}/{release.file}"] = \
                (self.places / release.file).read_bytes()

    def no_debian(self, release, state, path):
        raise debian.Unavailable("no apt-get here")

    def provide(self, place="", wanted="", **options):
        options = {"url": self.url, "source": self.no_debian, **options}
        return fetch.provide([self.new, self.old], self.build, str(place), wanted, **options)

    def refused(self, *expected, **options):
        with self.assertRaises(OverlayError) as caught:
            self.provide(**options)
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        for text in expected:
            self.assertIn(text, message)
        self.nothing_half_made()
        self.assertFalse((self.build / "upstream" / "3.13.15").exists())
        return message

    def nothing_half_made(self):
        self.assertEqual([path for path in self.folder.rglob("*") if "partial" in path.name], [])

    def unpacked(self, version):
        self.nothing_half_made()
        folder = self.build / "upstream" / version
        self.assertEqual((folder / "Lib/os.py").read_text(), "x\n")
        self.assertTrue(os.access(folder / "configure", os.X_OK))


class PlaceTest(FetchTest):
    def test_folder(self):
        self.assertEqual(self.provide(self.places), self.new)
        self.unpacked("3.13.15")
        self.assertFalse(self.cache.exists())

    def test_file_of_any_name(self):
        path = self.places / "mine"
        os.rename(self.places / self.old.file, path)
        self.assertEqual(self.provide(path), self.old)
        self.unpacked("3.13.5")

    def test_folder_with_the_older_only(self):
        (self.places / self.new.file).unlink()
        self.assertEqual(self.provide(self.places), self.old)
        self.assertIn("3.13.15: ", self.said[-1])

    def test_empty_folder(self):
        self.refused("Python-3.13.15.tar.xz does not exist", "--with-upstream=PATH",
                     place=self.cache.parent)

    def test_damaged_file_in_folder_is_no_reason_to_take_the_older(self):
        (self.places / self.new.file).write_bytes(b"x")
        self.refused("Python-3.13.15.tar.xz: its SHA-256 is", place=self.places)

    def test_damaged_file(self):
        path = self.places / self.new.file
        path.write_bytes(b"x")
        self.refused("its SHA-256 is", "which UPSTREAM does not accept", place=path)

    def test_wanted(self):
        self.assertEqual(self.provide(self.places, "3.13.5"), self.old)
        self.refused("--with-release=3.13.4", "3.13.15, 3.13.5", place=self.places,
                     wanted="3.13.4")

    def test_unpacked_already(self):
        self.provide(self.places)
        self.assertEqual(self.provide(), self.new)
        self.assertEqual(self.server.asked, [])

    def test_changed_hash_unpacks_anew(self):
        self.provide(self.places)
        self.new = tarball(self.places / self.new.file, "3.13.15", {**FILES, "new": "n"})
        self.provide(self.places)
        self.assertTrue((self.build / "upstream/3.13.15/new").exists())


class NetworkTest(FetchTest):
    def test_download_and_cache(self):
        self.serve(self.new)
        self.assertEqual(self.provide(), self.new)
        self.unpacked("3.13.15")
        self.assertEqual([path.name for path in self.cache.iterdir()], [self.new.file])
        self.build.rename(self.folder / "other")
        self.provide()
        self.assertEqual(len(self.server.asked), 1)

    def test_damaged_cache_is_replaced(self):
        self.serve(self.new)
        self.cache.mkdir()
        (self.cache / self.new.file).write_bytes(b"x")
        self.provide()
        self.unpacked("3.13.15")

    def test_wrong_hash_is_no_reason_to_take_the_older(self):
        self.serve(self.new, self.old)
        self.server.files["/3.13.15/Python-3.13.15.tar.xz"] = b"evil"
        self.refused("its SHA-256 is", hashlib.sha256(b"evil").hexdigest(), "--with-upstream=PATH")
        self.assertEqual(len(self.server.asked), 1)
        self.assertEqual(list(self.cache.iterdir()), [])

    def test_not_found_takes_the_older_and_says_so(self):
        self.serve(self.old)
        self.assertEqual(self.provide(), self.old)
        self.unpacked("3.13.5")
        self.assertIn("3.13.15: python.org: ", self.said[-1])
        self.assertIn("404", self.said[-1])

    def test_truncated(self):
        self.serve(self.new)
        self.server.trouble = "truncated"
        self.refused("the download ended after")

    def test_stalled(self):
        self.serve(self.new)
        self.server.trouble = "stall"
        # Long enough for the first half to arrive on a busy machine; the server itself ends
        # what it says much later.
        with mock.patch.object(fetch.download, "__defaults__", (3,)):
            self.refused("no more data after")

    def test_no_answer(self):
        self.serve(self.new)
        self.server.trouble = "hang"
        with mock.patch.object(fetch.download, "__defaults__", (0.5,)):
            message = self.refused("python.org: ")
        self.assertRegex(message, "no answer within 0.5 seconds|timed out")

    def test_no_network(self):
        self.refused("python.org: cannot be reached", "Debian: no apt-get here",
                     url="http://127.0.0.1:1/")

    def test_debian_is_asked_second(self):
        def source(release, state, path):
            path.write_bytes((self.places / release.file).read_bytes())

        self.assertEqual(self.provide(source=source), self.new)
        self.assertEqual(len(self.server.asked), 1)
        self.unpacked("3.13.15")

    def test_interrupted(self):
        self.serve(self.new)
        with mock.patch("fetch.Progress.at", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                self.provide()
        self.nothing_half_made()
        self.provide()
        self.unpacked("3.13.15")

    def test_cache_that_cannot_be_written(self):
        self.serve(self.new)
        self.cache.write_text("a file")
        self.refused("set LDP_CACHE to a folder that can be written")

    def test_no_home(self):
        del os.environ["LDP_CACHE"]
        os.environ.pop("XDG_CACHE_HOME", None)      # both are given back after the test
        with mock.patch("pathlib.Path.home", side_effect=RuntimeError("no home")):
            self.refused("no home folder", "set LDP_CACHE")


class DiskTest(FetchTest):
    def test_no_space_for_the_download(self):
        self.serve(self.new)
        error = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch("fetch.Progress.at", side_effect=error):
            self.refused("no space is left on the disk: free")

    def test_no_space_for_unpacking(self):
        error = OSError(errno.ENOSPC, "No space left on device", "build/x")
        with mock.patch.object(tarfile.TarFile, "extract", side_effect=error):
            self.refused("build/x: no space is left on the disk: free", place=self.places)

    def test_interrupted_unpacking(self):
        with mock.patch.object(tarfile.TarFile, "extract", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                self.provide(self.places)
        self.nothing_half_made()
        self.assertFalse((self.build / "upstream/3.13.15").exists())

    def test_python_without_lzma(self):
        with mock.patch("tarfile.open", side_effect=tarfile.CompressionError("no lzma")):
            self.refused("no lzma module", "LDP_PYTHON=", place=self.places)
