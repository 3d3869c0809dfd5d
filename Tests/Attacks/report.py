"""What an attack was asked to show, and what it showed."""

import json
import traceback


class Report:
    def __init__(self, attack):
        self.attack = attack
        self.figures = []
        self.notes = []
        self.error = None

    def ask(self, what, seen, at_most=None, exactly=None, unit=""):
        """A figure that has a limit, or a value that it must have."""
        asked, holds = (f"≤ {at_most}", seen <= at_most) if exactly is None else (f"{exactly}", seen == exactly)
        self.figures.append({"what": what, "asked": f"{asked} {unit}".strip(), "seen": f"{rounded(seen)} {unit}".strip(), "holds": holds})

    def note(self, what, seen, unit=""):
        """A figure that is only told."""
        self.figures.append({"what": what, "asked": "", "seen": f"{rounded(seen)} {unit}".strip(), "holds": True})

    def joins(self, times, failures, names):
        """Joins of honest nodes: all of them succeed, each within a second."""
        self.ask(f"joins, of {len(names)}", len(times), exactly=len(names))
        if times:
            self.ask("slowest join", 1000 * max(times), at_most=1000, unit="ms")
        for failure in failures[:3]:
            self.say(failure)

    def say(self, line):
        self.notes.append(line)

    def failed(self, error):
        self.error = "".join(traceback.format_exception(error)).strip()

    @property
    def holds(self):
        return self.error is None and all(figure["holds"] for figure in self.figures)

    def json(self):
        return json.dumps(
            {"attack": self.attack, "holds": self.holds, "figures": self.figures, "notes": self.notes, "error": self.error}, ensure_ascii=False)

    def text(self):
        rows = [("", "asked", "seen", "")] + [
            (figure["what"], figure["asked"], figure["seen"], "" if figure["holds"] else "MISSED") for figure in self.figures]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [f"{self.attack}: {'holds' if self.holds else 'does not hold'}"]
        lines += ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        lines += ["  " + note for note in self.notes]
        if self.error:
            lines.append(self.error)
        return "\n".join(lines) + "\n"


def rounded(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)
