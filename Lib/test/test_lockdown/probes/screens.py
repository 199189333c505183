"""The screen of curses: opening one, and the cells of its windows."""

import os
import select

from .base import *

curses, panels = optional("_curses"), optional("_curses_panel")


def has_curses():
    return curses is not None and has_pty()


def has_panels():
    return panels is not None and has_curses()


def described(s):
    """A terminal, and the name by which its description is found."""
    pty(s)
    os.environ["TERM"] = "xterm-256color"
    # Its size is its description's, whatever the caller's is.
    for name in "COLUMNS", "LINES":
        os.environ.pop(name, None)


# What the first screen of this process has: there is one only, and its terminal must not fill.
opened = {}


def screen(s):
    """A screen that is older than the lock, with two windows; what is shown goes to its terminal,
    and so does all that this process prints."""
    if not opened:
        described(s)
        os.dup2(s.slave, 0)
        os.dup2(s.slave, 1)
        opened.update(master=s.master, slave=s.slave, screen=curses.initscr())
    vars(s).update(opened)
    s.window, s.other = curses.newwin(4, 9, 2, 3), curses.newwin(4, 9, 0, 0)
    s.window.nodelay(True)
    s.window.addstr(1, 0, "canary")
    s.window.move(1, 2)
    s.other.addstr(1, 0, "other")


def taken(s):
    """Take the terminal for a screen, and tell whether the terminal got anything."""
    os.dup2(s.slave, 0)
    os.dup2(s.slave, 1)
    curses.initscr().refresh()
    return shown(s)


def shown(s):
    """Whether the terminal gets anything that was not read from it before."""
    return bool(select.select([s.master], [], [], 60)[0])


def drained(s):
    screen(s)
    while select.select([s.master], [], [], 0)[0]:
        os.read(s.master, 1 << 16)


def typed(s):
    """A key waits that nobody has read."""
    screen(s)
    curses.ungetch("k")


def typed_line(s):
    """Two keys wait: a letter and the end of the line."""
    screen(s)
    curses.noecho()
    for key in "\n", "e":
        curses.ungetch(key)


def colours(s):
    screen(s)
    curses.start_color()


def saved_window(s):
    screen(s)
    with open(s("window"), "w+b") as file:
        curses.newwin(3, 7).putwin(file)
    s.file = open(s("window"), "rb")


def new_file(s):
    screen(s)
    s.file = open(s("made"), "wb")


def panel(s):
    screen(s)
    s.lower, s.panel = panels.new_panel(s.other), panels.new_panel(s.window)


P("_curses.initscr", "fs.read&code", taken, returned(lambda s, seen: True), described,
  also=("fd", "ipc"), exists=has_curses)
P("_curses.setupterm", "fd&fs.read",
  lambda s: curses.setupterm("xterm", s.slave) or curses.tigetnum("cols"),
  returned(lambda s, seen: 80), described, exists=has_curses)
P("_curses.tparm", "code", lambda s: curses.tparm(b"%p1%d", 5), returned(lambda s, seen: b"5"),
  screen, exists=has_curses)
P("_curses.longname", "env", lambda s: curses.longname(), value(lambda text: "term" in text),
  screen, exists=has_curses)
P("_curses.termname", "env", lambda s: curses.termname(),
  returned(lambda s, seen: b"xterm-256color"), screen, exists=has_curses)
P("_curses.typeahead", "fd", lambda s: curses.typeahead(s.slave), succeeded, screen,
  exists=has_curses)
P("_curses.getwin", "fs.write&code", lambda s: curses.getwin(s.file).getmaxyx(),
  returned(lambda s, seen: (3, 7)), saved_window, exists=has_curses)
P("_curses.window.putwin", "fs.write&code", lambda s: (s.window.putwin(s.file), s.file.flush()),
  lambda s, seen: os.path.getsize(s("made")) > 0, new_file, exists=has_curses)


def part(s):
    """A window on a part of another."""
    screen(s)
    s.part = s.window.derwin(2, 3, 1, 2)
    s.window.untouchwin()
    s.part.untouchwin()
    s.part.addch(0, 0, "x")


def below(s):
    """The other window, with the same place as the first."""
    screen(s)
    s.other.mvwin(2, 3)
    s.other.addstr(1, 0, " " * 9)
    s.other.addstr(1, 0, "other ")


def untouched(s):
    screen(s)
    s.window.untouchwin()


def clicked(s):
    screen(s)
    curses.mousemask(curses.ALL_MOUSE_EVENTS)


def has_wide():
    return has_curses() and hasattr(curses, "unget_wch")


def written(s):
    """The attributes that a new character gets."""
    s.window.addch(2, 0, "x")
    return s.window.inch(2, 0) & ~0xff


# --- Cells ----------------------------------------------------------------------------------

def cells(s):
    """The texts of two lines, where the cursor is, the size and the place of the window."""
    y, x = s.window.getyx()
    lines = [s.window.instr(line, 0, 9).decode().rstrip() for line in (1, 2)]
    return lines, (y, x), s.window.getmaxyx(), s.window.getbegyx()


def C(name, call, expected, setup=screen, exists=has_curses, operation=None, also=()):
    """A probe of the cells: what CALL gives, unlocked, is EXPECTED, or passes it as a test."""
    effect = expected if callable(expected) else returned(lambda s, seen: expected)
    P(f"_curses.{name}", "code", call, effect, setup, exists=exists, also=also,
      operation=operation)


def W(name, *args, lines=("canary", ""), cursor=(1, 2), size=(4, 9), place=(2, 3)):
    """A probe of a window's method, by what it leaves of the window."""
    def call(s):
        getattr(s.window, name)(*args)
        return cells(s)
    C(f"window.{name}", call, (list(lines), cursor, size, place))


W("addch", "X", lines=("caXary", ""), cursor=(1, 3))
W("addnstr", "XYZ", 2, lines=("caXYry", ""), cursor=(1, 4))
W("addstr", "XYZ", lines=("caXYZy", ""), cursor=(1, 5))
W("border", *"||--++++", lines=("|anary  |", "|       |"))
W("box", "|", "-", lines=("|anary  |", "|       |"))
W("clear", lines=("", ""), cursor=(0, 0))
W("clrtobot", lines=("ca", ""))
W("clrtoeol", lines=("ca", ""))
W("delch", lines=("caary", ""))
W("deleteln", lines=("", ""))
W("erase", lines=("", ""), cursor=(0, 0))
W("hline", "-", 3, lines=("ca---y", ""))
W("insch", "X", lines=("caXnary", ""))
W("insdelln", 1, lines=("", "canary"))
W("insertln", lines=("", "canary"))
W("insnstr", "XYZ", 2, lines=("caXYnary", ""))
W("insstr", "XYZ", lines=("caXYZnary", ""))
W("move", 2, 1, cursor=(2, 1))
W("mvwin", 1, 1, place=(1, 1))
W("resize", 3, 8, size=(3, 8))
W("vline", "|", 2, lines=("ca|ary", "  |"))

C("window.attroff", lambda s: (s.window.attroff(curses.A_BOLD), written(s)), (None, 0),
  lambda s: (screen(s), s.window.attron(curses.A_BOLD)))
C("window.attron", lambda s: (s.window.attron(curses.A_BOLD), written(s)),
  lambda s, seen: seen.value == f"(None, {curses.A_BOLD})")
C("window.attrset", lambda s: (s.window.attrset(curses.A_BOLD), written(s)),
  lambda s, seen: seen.value == f"(None, {curses.A_BOLD})")
C("window.standend", lambda s: (s.window.standend(), written(s)), (None, 0),
  lambda s: (screen(s), s.window.attron(curses.A_BOLD)))
C("window.standout", lambda s: (s.window.standout(), written(s)),
  lambda s, seen: seen.value == f"(None, {curses.A_STANDOUT})")
C("window.bkgd", lambda s: (s.window.bkgd("."), s.window.instr(1, 4, 5)), (None, b"ry..."))
C("window.bkgdset", lambda s: (s.window.bkgdset("."), s.window.erase(), s.window.instr(1, 4, 5)),
  (None, None, b"....."))
C("window.chgat", lambda s: (s.window.chgat(1, 0, 1, curses.A_BOLD), s.window.inch(1, 0)),
  lambda s, seen: seen.value == f"(None, {curses.A_BOLD | ord('c')})")
C("window.cursyncup", lambda s: (s.part.cursyncup(), s.window.getyx()), (None, (1, 3)), part)
C("window.derwin", lambda s: s.window.derwin(2, 3, 1, 2).instr(0, 0, 3), b"nar")
C("window.echochar", lambda s: (s.window.echochar("x"), shown(s)), (None, True), drained,
  also=("fd",))
C("window.get_wch", lambda s: s.window.get_wch(), "k", typed)
C("window.getch", lambda s: s.window.getch(), ord("k"), typed)
C("window.getkey", lambda s: s.window.getkey(), "k", typed)
C("window.getstr", lambda s: s.window.getstr(), b"e", typed_line)
C("window.inch", lambda s: s.window.inch(1, 0), ord("c"))
C("window.instr", lambda s: s.window.instr(1, 0, 6), b"canary")
C("window.mvderwin", lambda s: (s.part.mvderwin(2, 0), s.part.getparyx()), (None, (2, 0)), part)
C("window.noutrefresh", lambda s: (s.window.noutrefresh(), curses.getsyx()), (None, (3, 5)))
C("window.overlay", lambda s: (s.other.overlay(s.window), s.window.instr(1, 0, 6)),
  (None, b"othery"), below)
C("window.overwrite", lambda s: (s.other.overwrite(s.window), s.window.instr(1, 0, 6)),
  (None, b"other "), below)
C("window.redrawln", lambda s: (s.screen.redrawln(0, 4), s.screen.refresh(), shown(s)),
  (None, None, True), drained, also=("fd",))
C("window.redrawwin", lambda s: (s.screen.redrawwin(), s.screen.refresh(), shown(s)),
  (None, None, True), drained, also=("fd",))
C("window.refresh", lambda s: (s.window.refresh(), shown(s)), (None, True), drained,
  also=("fd",))
C("window.scroll", lambda s: (s.window.scroll(1), s.window.instr(0, 0, 6)), (None, b"canary"),
  lambda s: (screen(s), s.window.scrollok(True)))
C("window.setscrreg", lambda s: (s.window.setscrreg(1, 2), s.window.scroll(1), cells(s)[0]),
  (None, None, ["", ""]), lambda s: (screen(s), s.window.scrollok(True)))
C("window.subpad", lambda s: s.pad.subpad(1, 3, 0, 0).getmaxyx(), (1, 3),
  lambda s: (screen(s), setattr(s, "pad", curses.newpad(3, 3))), operation="_curses.window.subwin|_curses.window.subpad")
C("window.subwin", lambda s: s.window.subwin(2, 3, 3, 5).instr(0, 0, 3), b"nar")
C("window.syncdown", lambda s: (s.part.syncdown(), s.part.is_wintouched()), (None, True), part)
C("window.syncup", lambda s: (s.part.syncup(), s.window.is_wintouched()), (None, True), part)
C("window.touchline", lambda s: (s.window.touchline(0, 1), s.window.is_linetouched(0)),
  (None, True), untouched)
C("window.touchwin", lambda s: (s.window.touchwin(), s.window.is_wintouched()), (None, True),
  untouched)
C("window.untouchwin", lambda s: (s.window.untouchwin(), s.window.is_wintouched()), (None, False))


# --- The screen as a whole ------------------------------------------------------------------

C("color_content", lambda s: curses.color_content(1)[0] > 0, True, colours)
C("doupdate", lambda s: (curses.doupdate(), shown(s)), (None, True),
  lambda s: (drained(s), s.window.noutrefresh()), also=("fd",))
C("getmouse", lambda s: curses.getmouse()[1:3], (7, 8),
  lambda s: (clicked(s), curses.ungetmouse(0, 7, 8, 0, curses.BUTTON1_CLICKED)))
C("getsyx", lambda s: curses.getsyx(), (3, 5), lambda s: (screen(s), s.window.noutrefresh()))
C("init_color", lambda s: (curses.init_color(1, 11, 22, 33), curses.color_content(1)),
  (None, (11, 22, 33)), colours)
C("init_pair", lambda s: (curses.init_pair(1, 2, 3), curses.pair_content(1)), (None, (2, 3)),
  colours)
C("newpad", lambda s: curses.newpad(7, 8).getmaxyx(), (7, 8))
C("newwin", lambda s: curses.newwin(7, 8).getmaxyx(), (7, 8))
C("pair_content", lambda s: curses.pair_content(1), (2, 3),
  lambda s: (colours(s), curses.init_pair(1, 2, 3)))
C("resize_term", lambda s: (curses.resize_term(30, 90), s.screen.getmaxyx()), (None, (30, 90)))
C("resizeterm", lambda s: (curses.resizeterm(30, 90), s.screen.getmaxyx()), (None, (30, 90)))
C("setsyx", lambda s: (curses.setsyx(4, 6), curses.getsyx()), (None, (4, 6)))
C("start_color", lambda s: (curses.start_color(), curses.color_pair(1) > 0), (None, True))
C("unget_wch", lambda s: (curses.unget_wch("k"), s.window.getch()), (None, ord("k")),
  exists=has_wide)
C("ungetch", lambda s: (curses.ungetch("k"), s.window.getch()), (None, ord("k")))
C("ungetmouse", lambda s: (curses.ungetmouse(0, 7, 8, 0, curses.BUTTON1_CLICKED),
                           curses.getmouse()[1:3]), (None, (7, 8)), clicked)
C("use_default_colors", lambda s: (curses.use_default_colors(), curses.pair_content(0)),
  (None, (-1, -1)), colours)


# --- Panels ---------------------------------------------------------------------------------

def S(name, call, expected):
    P(f"_curses_panel.{name}", "code", call, returned(lambda s, seen: expected), panel,
      exists=has_panels)


S("new_panel", lambda s: panels.new_panel(s.screen).window() is s.screen, True)
S("panel.bottom", lambda s: (s.panel.bottom(), panels.bottom_panel() is s.panel), (None, True))
S("panel.hide", lambda s: (s.panel.hide(), s.panel.hidden()), (None, True))
S("panel.move", lambda s: (s.panel.move(1, 1), s.window.getbegyx()), (None, (1, 1)))
S("panel.replace", lambda s: (s.panel.replace(s.screen), s.panel.window() is s.screen),
  (None, True))
S("panel.show", lambda s: (s.lower.show(), panels.top_panel() is s.lower), (None, True))
S("panel.top", lambda s: (s.lower.top(), panels.top_panel() is s.lower), (None, True))
S("update_panels", lambda s: (panels.update_panels(), curses.getsyx()), (None, (3, 5)))
