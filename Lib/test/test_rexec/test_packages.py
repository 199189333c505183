"""Packages with C extensions that a cell's host preloads: NumPy, pandas and Matplotlib.

make test-packages gets them; the folder that they are in is told by REXEC_PACKAGES.
"""

import os
import tempfile
import unittest

import rexec

from .base import PYTHON, make_cell

FOLDER = os.environ.get("REXEC_PACKAGES", "")


def needs(*names):
    missing = [name for name in names if not os.path.isdir(os.path.join(FOLDER, name))
               or not FOLDER]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


class PackagesTest(unittest.TestCase):
    LIMITS = {"memory": 1 << 30, "cpu": 60, "wall": 300}

    def cell(self, *preload, first="", **options):
        """A cell with these modules and with one that runs FIRST before the lock: what packages
        import or read only when they need it."""
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "used_once.py"), "w") as file:
                file.write(first)
            cell = make_cell(preload=[*preload, "used_once"], path=[FOLDER, folder],
                             limits=self.LIMITS, **options)
        self.addCleanup(cell.close)
        return cell

    @needs("numpy")
    def test_numpy(self):
        cell = self.cell("numpy", "numpy.fft", "numpy.random")
        self.assertGreater(cell.kernel, 0)
        self.assertEqual(cell.run("""
import numpy as np
a = np.arange(10_000, dtype=float).reshape(100, 100) + np.eye(100)
b = np.linalg.solve(a, np.ones(100))
[bool(np.allclose(a @ b, 1)), np.fft.fft(np.ones(8)).real.tolist(), np.float64(2.5),
 sorted(np.random.default_rng(1).permutation(5).tolist()), np.datetime64("2026-11-25").item().year]
""").value, [True, [8.0] + [0.0] * 7, 2.5, [0, 1, 2, 3, 4], 2026])
        with self.assertRaises(rexec.CellError) as caught:
            cell.run("np.fromfile('/etc/hostname')")
        self.assertIn("Lockdown", caught.exception.type_name)

    @needs("pandas")
    def test_pandas(self):
        once = """
import io
import pandas as pd
pd.read_csv(io.StringIO("a,b\\n1,2026-01-01\\n"), parse_dates=["b"]).to_csv()
"""
        self.assertEqual(self.cell("pandas", first=once).run("""
import io
import pandas as pd
data = pd.read_csv(io.StringIO("who,when,what\\na,2026-01-01,1\\nb,2026-01-02,2\\na,2026-01-03,5\\n"),
                   parse_dates=["when"])
[data.groupby("who")["what"].sum().to_dict(), data["when"].max().to_pydatetime().isoformat(),
 data.sort_values("what").to_csv(index=False).splitlines()[-1],
 data.set_index("when").resample("D")["what"].sum().tolist()]
""").value, [{"a": 6, "b": 2}, "2026-01-03T00:00:00", "a,2026-01-03,5", [1, 2, 5]])

    @needs("numpy", "matplotlib")
    def test_plot(self):
        plot = """
import io
import matplotlib
matplotlib.use("agg")
from matplotlib.figure import Figure
import numpy as np
def plot(title):
    axes = Figure().subplots()
    axes.plot(np.sin(np.linspace(0, 6, 200)), label="sine")
    axes.set_title(title)
    axes.legend()
    data = io.BytesIO()
    axes.figure.savefig(data, format="png")
    return data.getvalue()
"""
        # Fonts are opened by each thread that draws, and the lock gives it another number.
        fonts = os.path.join(FOLDER, "matplotlib", "mpl-data")
        cell = self.cell("numpy", first=plot + "plot('once')\n",
                         open=rexec.ReadOnly(fonts, at=fonts))
        found = {title: cell.run(plot + "plot(title)", inputs={"title": title}).value
                 for title in ("Plot of a cell", "Q\u00e4 !?", "")}
        for data in found.values():
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            self.assertGreater(len(data), 5000)
        self.assertEqual(len(set(found.values())), 3)

    @needs("numpy")
    def test_pool(self):
        """The import is paid for once, and no two cells have the same numbers from chance."""
        with rexec.CellPool(2, preload=["numpy", "numpy.random"], path=[FOLDER], python=PYTHON,
                            limits=rexec.Limits(**self.LIMITS)) as pool:
            results = pool.map("import numpy; [float(numpy.random.random()), n]",
                               [{"n": n} for n in range(6)])
            values = [result.value for result in results]
        self.assertEqual([number for _, number in values], list(range(6)))
        self.assertEqual(len({chance for chance, _ in values}), 6)


if __name__ == "__main__":
    unittest.main()
