"""What a text hides, made visible: control characters and marks that turn the direction of writing."""

from __future__ import annotations

import regex

HIDDEN = regex.compile(r"[[\p{C}\p{Zl}\p{Zp}]--[\t\n\r\u00ad\u200c\u200d]]", regex.VERSION1)
"""Controls, direction marks, surrogates, what has no meaning or none yet, line separators. Line ends stay, and so do
soft hyphens and joiners: words of many scripts, and emoji, are written with them."""

PICTURES = 0x2400
"""Where Unicode has a picture of each control character below the space."""


def visible(text: str) -> str:
    r"""Replace characters that cannot be seen, or that change how others are seen, by what can be.

    So a text can neither act on a terminal, nor turn around what stands after it on a page.

    >>> print(visible("\x1b[31m a\u202eb\x00"))
    ␛[31m a⟦U+202E⟧b␀
    """
    shown: str = HIDDEN.sub(lambda found: _picture(ord(found[0])), text)
    return shown


def one_line(text: str, characters: int | None = None) -> str:
    r"""Return a text on one line, of this many characters at most, hidden ones made visible.

    >>> one_line("Foto:\n Anna Huber", 10), one_line("kurz", 10)
    ('Foto: Ann…', 'kurz')
    """
    line = " ".join(visible(text).split())
    return line if characters is None or len(line) <= characters else f"{line[: characters - 1]}…"


def _picture(code_point: int) -> str:
    return chr(PICTURES + code_point) if code_point < 0x20 else f"⟦U+{code_point:04X}⟧"
