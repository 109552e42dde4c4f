"""Sections of Docs/benchmarks.md that the measurements rewrite."""
import re

from .machine import ROOT

DOCUMENT = ROOT / "Docs/benchmarks.md"


def write(part, text):
    """Replaces what stands between the part's markers.

    Raises ValueError when the document has no such section.
    """
    start, end = f"<!-- peers: {part} -->\n", f"<!-- end: {part} -->\n"
    whole = DOCUMENT.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(whole)) != 1:
        raise ValueError(f"{DOCUMENT} must hold one section between {start.strip()} and {end.strip()}")
    DOCUMENT.write_text(pattern.sub(lambda _: start + "\n" + text.strip() + "\n\n" + end, whole), encoding="utf-8")
