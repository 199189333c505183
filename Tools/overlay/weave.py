"""The weaver: lays the overlay over a pristine CPython and keeps the woven tree up to date.

    weave.py SOURCE BUILD RELEASE

SOURCE is the repository, BUILD the folder with upstream/RELEASE in it; the woven tree is
BUILD/cpython-RELEASE.  Only what changed is written, so that make compiles only that.
"""

import hashlib
import json
import os
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import addresses
import guards
import inert
import patches
import register
from overlay import OverlayError, read_overlay
from safemodules import TABLE, SafeModules, read_safe_modules
from upstream import read_upstream, unpacked_hash

TABLES = "Python/lockdown_tables.h"

# DATA: the bytes to stand in the tree, or None if they are there; MODE: from the overlay or
# upstream; OPERATIONS: {C function: [operation, where]}; KEY: a hash of all it was made from;
# ALSO: the clinic header that was made with it.
Output = namedtuple("Output", "data mode operations key also", defaults=({}, None, None))


class Weave:
    """What the overlay makes of one release, file by file, in memory."""

    def __init__(self, source, pristine, release, newest, known=None):
        self.source = Path(source)
        self.pristine = Path(pristine)
        self.release = release
        self.newest = newest
        self.problems = []
        self.known = known or {}        # name -> Output that stands in the tree already
        self.outputs = {}               # name -> Output
        self.rows = {}                  # (file, C function) -> Row
        self.whole = {}                 # upstream file -> inert.Pattern that guards all of it
        self.addresses = []             # rows of Objects/addresses.tsv
        self.failed = set()    # files that problems kept from being made
        self.tables = 0
        self.patches = 0
        self.hunks = 0

    def run(self):
        """Fill OUTPUTS, or raise OverlayError with all that is wrong."""
        targets = read_overlay(self.source)
        table = targets.pop(addresses.TABLE, None)
        if table:
            self.addresses = addresses.parse_table(table.new.text, self.problems)
        new = {name: target.new for name, target in targets.items() if target.new}
        added = register.entries(new)
        tables = [targets.pop(name).inert for name in sorted(targets) if targets[name].inert]
        whole = inert.find(tables, self.pristine, self.release, self.problems)
        operations = {}
        shown = {row.file for row in self.addresses
                 if row.how != "left" and row.serves(self.release)}
        for name in sorted({*targets, *added, *whole, *shown}):
            try:
                self._target(name, targets.get(name), added.get(name, []), whole.get(name),
                             operations)
            except OverlayError as error:
                self.problems.extend(error.problems)
        self._tables(operations, new)
        if self.problems:
            raise OverlayError(self.problems)
        return self

    def _target(self, name, target, added, whole, operations):
        upstream = self.pristine / name
        parts = []
        patch = target and target.patch_for(self.release)
        table = target and target.guards
        new = target and target.new
        if new and upstream.exists():
            raise OverlayError(f"{new.name}:1: {self.release}: upstream has a file of this name:"
                               f" write a patch or a table")
        rows = [row for row in self.addresses if row.file == name and row.how != "left"
                and row.serves(self.release)]
        if not new and not upstream.exists():
            if table and not patch and not any(row.serves(self.release) for row in
                                               guards.parse_table(table, [])):
                return                  # every row says that this release lacks it
            where = (table or patch).name if table or patch else f"{addresses.TABLE}: {name}"
            raise OverlayError(f"{where}:1: {self.release}: upstream has no {name}: correct the"
                               f" name or remove it")
        if not (new or patch or table or added or whole or rows):
            return                      # only patches for other releases
        header = guards.clinic_header(name) if table or whole else None
        if header and not (self.pristine / header).exists():
            header = None
        for path in [upstream] + ([self.pristine / header] if header else []):
            if path.exists():
                parts.append(path.read_bytes())
        parts += [item.data for item in (new, patch, table) if item]
        shown = [row[2:5] for row in rows]
        key = _hash(repr((name, self.release, added, whole, shown)).encode(), *parts)
        mode = (new.path if new else upstream).stat().st_mode & 0o777
        known = self.known.get(name)
        if known and known.key == key and (known.also is None or known.also in self.known):
            self.outputs[name] = known
            if known.also:
                self.outputs[known.also] = self.known[known.also]
        else:
            self._weave(name, upstream, new, patch, table, added, whole, header, mode, key)
        output = self.outputs.get(name)
        for function, (operation, where) in (output.operations if output else {}).items():
            other = operations.setdefault(function, [operation, where])
            if other[0] != operation:
                self.problems.append(f"{where}: {self.release}: is called {operation} here and"
                                     f" {other[0]} in {other[1]}: give both one name=")

    def _weave(self, name, upstream, new, patch, table, added, whole, header, mode, key):
        data = new.data if new else upstream.read_bytes()
        if new and not table:
            self.outputs[name] = Output(data, mode, {}, key)
            return
        text = data.decode("utf-8")
        count = len(self.problems)
        if patch:
            hunks = patches.parse_patch(patch, self.problems)
            self.patches += 1
            self.hunks += len(hunks)
            text = patches.apply_patch(patch, hunks, text, name, self.release, self.problems)
            if "_PyLockdown_" in text:
                text = guards.add_header(text) or text
        text = addresses.apply_rows(self.addresses, name, text, self.release, self.problems)
        if added:
            text = register.enter(added, text, name, self.release, self.problems)
        made = {}
        texts = {name: text}
        if table or whole:
            if header:
                texts[header] = (self.pristine / header).read_bytes().decode("utf-8")
            rows = guards.parse_table(table, self.problems) if table else []
            if whole:
                taken = {row.function for row in rows}
                rows += [row for row in inert.rows(whole, texts) if row.function not in taken]
            self.tables += bool(table)
            made = guards.apply_rows(rows, name, texts, self.release, self.problems)
            if whole:
                texts[name] = inert.guard_macros(whole, texts[name])
                self.whole[name] = whole
            with_header = guards.add_header(texts[name])
            if with_header is None and not name.endswith(".h"):     # its includer has it
                where = f"{table.name}:1" if table else f"{whole.table}:{whole.line}"
                self.problems.append(f"{where}: {self.release}: {name} does not include"
                                     f" Python.h: guard the file that includes it")
            texts[name] = with_header or texts[name]
            if header and texts[header].encode() == (self.pristine / header).read_bytes():
                del texts[header]
        if len(self.problems) > count:
            self.failed.add(name)
            return
        also = header if header in texts else None
        # A function that is known by its own name alone needs no entry.
        operations = {f: [operation, row.where] for f, (operation, row) in made.items()
                      if operation not in (None, f)}
        self.outputs[name] = Output(texts[name].encode("utf-8"), mode, operations, key, also)
        if also:
            self.outputs[also] = Output(texts[also].encode("utf-8"), mode)
        for function, (_, row) in made.items():
            for file in texts:
                self.rows[file, function] = row

    def _tables(self, operations, new):
        safe = SafeModules([], [], [], [])
        if TABLE in new:
            try:
                safe = read_safe_modules(new[TABLE], self.pristine, new)
            except OverlayError as error:
                self.problems.extend(error.problems)
        functions = sorted(operations) or [""]
        shown = [operations[f][0] if f else "" for f in functions]
        names = safe.names or [""]
        slots = safe.slots or [("", "", "", "")]
        instances = safe.instances or [("", "", "", "", "")]
        # Arrays, not pointers: every process would relocate each pointer as it starts.
        lines = [
            "// Made by the weave from the guard tables and the ledger's table of modules.",
            "",
            f'#define LOCKDOWN_UPSTREAM "{self.release}"',
            f'#define LOCKDOWN_UPSTREAM_NEWEST "{self.newest}"',
            "",
            "// Which operation a guarded C function is, in the order of strcmp().",
            "static const struct lockdown_operation {",
            f"    char function[{_size(functions)}];",
            f"    char operation[{_size(shown)}];",
            "} lockdown_operations[] = {",
            *(f'    {{"{function}", "{operation}"}},'
              for function, operation in zip(functions, shown)),
            "};",
            "",
            "// Modules that do no harm in a locked interpreter, in the order of strcmp().",
            f"static const char lockdown_safe_modules[][{_size(names)}] = {{",
            *(f'    "{name}",' for name in names),
            "};",
            "",
            "// What the lock clears in them.",
            "static const struct lockdown_slot {",
            *(f"    char {field}[{_size(texts)}];"
              for field, texts in zip(("module", "path", "value"), zip(*slots))),
            "    uint32_t unless;",
            "} lockdown_slots[] = {",
            *map(_c_slot, slots),
            "};",
            "",
            "// What it clears in each instance of a class.",
            "static const struct lockdown_instance_slot {",
            *(f"    char {field}[{_size(texts)}];"
              for field, texts in zip(("module", "type", "attribute", "value"),
                                      zip(*instances))),
            "    uint32_t unless;",
            "} lockdown_instance_slots[] = {",
            *map(_c_slot, instances),
            "};",
            "",
            "/* Those that Programs/freeze_safe.py freezes:",
            *safe.frozen,
            "*/",
            ""]
        data = "\n".join(lines).encode()
        self.outputs[TABLES] = Output(data, 0o644)


def _c_slot(slot):
    """The initializer of a slot, whose last member are the rights for whose sake it may stay."""
    *texts, rights = slot
    words = ["Py_LOCKDOWN_" + right.upper().replace(".", "_") for right in rights.split("|")]
    return "    {%s, %s}," % (", ".join(map(_c_string, texts)),
                              " | ".join(words) if rights else "0")


def _c_string(text):
    return '"' + text.replace('"', '\\"') + '"'


def _size(texts):
    """Bytes for the longest of the TEXTS as a C string."""
    return max(len(text) for text in texts) + 1


def _hash(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(b"%d:" % len(part))
        total.update(part)
    return total.hexdigest()


class WovenTree:
    """A woven tree on disk and the record of what was put into it."""

    def __init__(self, build, release):
        self.pristine = Path(build, "upstream", release)
        self.path = Path(build, f"cpython-{release}")
        self.record = Path(build, f"cpython-{release}.woven")
        self.weaver = _hash(*(path.read_bytes()
                              for path in sorted(Path(__file__).parent.glob("*.py"))))
        # name -> {"key", "operations", "also", "stat", "hashes"}: HASHES has two members while a
        # file is being replaced, so that an interrupted weave is not taken for an edit by hand.
        self.files = {}
        self.same_weaver = False    # and the same upstream
        self.upstream = unpacked_hash(build, release)
        try:
            state = json.loads(self.record.read_text())
        except OSError:
            state = {}
        if (state.get("upstream") or self.upstream) != self.upstream or not state:
            shutil.rmtree(self.path, ignore_errors=True)    # not made from this upstream
        else:
            self.files = state["files"]
            self.same_weaver = (state["weaver"] == self.weaver
                                and state["upstream"] == self.upstream)

    def weave(self, source, release, newest):
        """Bring the tree up to date; returns the names that were written, restored or removed."""
        self._copy()
        known = {name: Output(None, None, entry["operations"], entry["key"], entry["also"])
                 for name, entry in self.files.items()
                 if self.same_weaver and entry["stat"]
                 and _stat(self.path / name) == entry["stat"]}
        woven = Weave(source, self.pristine, release, newest, known).run()
        write = {name: output for name, output in woven.outputs.items()
                 if output.data is not None and not (name in known and self.files[name]["hashes"]
                                                     == [_hash(output.data)])}
        gone = [name for name in self.files if name not in woven.outputs]
        self._refuse_edited([*write, *gone], write)
        for name, output in write.items():
            entry = self.files.setdefault(name, {"operations": {}, "key": None, "also": None,
                                                 "hashes": []})
            entry["hashes"] = [*entry["hashes"][-1:], _hash(output.data)]
            entry["stat"] = None
        if write or gone:
            self._save()
        changed = [name for name in sorted(write) if self._write(name, write[name])]
        changed += [name for name in sorted(gone) if self._restore(name)]
        for name in changed:
            self._touch_includer(name)
        if write or gone or not self.same_weaver:
            for name, output in write.items():
                self.files[name] = {
                    "operations": output.operations, "key": output.key, "also": output.also,
                    "hashes": [_hash(output.data)], "stat": _stat(self.path / name)}
            for name in gone:
                del self.files[name]
            self._save()
        return changed

    def _copy(self):
        if self.path.exists():
            return
        self.files = {}
        partial = self.path.with_name(f".{self.path.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            shutil.copytree(self.pristine, partial, symlinks=True)
            partial.rename(self.path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _refuse_edited(self, names, write):
        problems = []
        for name in names:
            path = self.path / name
            if not path.exists():
                continue
            found = _hash(path.read_bytes())
            allowed = list(self.files.get(name, {}).get("hashes", []))
            if name in write:
                allowed.append(_hash(write[name].data))
            if (self.pristine / name).exists():
                allowed.append(_hash((self.pristine / name).read_bytes()))
            if found not in allowed:
                problems.append(f"{path}: was changed in the build tree: move the change to the"
                                f" overlay, then remove the file and make it again")
        if problems:
            raise OverlayError(problems)

    def _write(self, name, output):
        path = self.path / name
        if path.exists() and path.read_bytes() == output.data:
            path.chmod(output.mode)
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, output.data, output.mode)
        return True

    def _restore(self, name):
        path = self.path / name
        upstream = self.pristine / name
        if upstream.exists():
            if path.exists() and path.read_bytes() == upstream.read_bytes():
                return False
            _replace(path, upstream.read_bytes(), upstream.stat().st_mode & 0o777)
            return True
        if path.exists():
            path.unlink()
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()
        for folder in path.parents:
            if (self.pristine / folder.relative_to(self.path)).exists():
                break
            for part in (folder / "__pycache__", folder):
                try:
                    part.rmdir()
                except OSError:
                    pass
        return True

    def _touch_includer(self, name):
        """Upstream's make does not know that a source includes what clinic made for it."""
        parts = name.split("/")
        if parts[-2:-1] == ["clinic"] and name.endswith(".c.h"):
            includer = self.path / "/".join(parts[:-2] + [parts[-1][:-2]])
            if includer.exists():
                os.utime(includer)
                source = includer.relative_to(self.path).as_posix()
                if source in self.files and self.files[source].get("stat"):
                    self.files[source]["stat"] = _stat(includer)

    def _save(self):
        text = json.dumps({"upstream": self.upstream, "weaver": self.weaver, "files": self.files},
                          indent=1)
        _replace(self.record, text.encode(), 0o644)


def _stat(path):
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]


def _replace(path, data, mode):
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.chmod(mode)
        os.replace(partial, path)
    finally:
        if partial.exists():
            partial.unlink()


def main(arguments):
    source, build, release = arguments
    newest = read_upstream(Path(source, "UPSTREAM"))[0].version
    tree = WovenTree(build, release)
    try:
        changed = tree.weave(source, release, newest)
    except OverlayError as error:
        print(error, file=sys.stderr)
        print(f"weave: {len(error.problems)} problems; nothing was changed", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"weave: {error.filename or tree.path}: {error.strerror}: correct this and run make"
              f" again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("weave: interrupted: run make again", file=sys.stderr)
        return 1
    if changed:
        names = changed if len(changed) <= 5 else [*changed[:4], f"{len(changed) - 4} more"]
        print(f"woven into {tree.path}: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
