"""Content in a fixed order, made up and put between the frames of real pages: what of it goes is lost.

Headings and labels stand in the same order in every text of a genre, the values differ, ingredients, teams and duties
come from a small stock as they do in life. All names are invented. The texts depend on nothing but their number.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from figures import pages
from figures.corpora import Record
from figures.figure import Figure, loss
from figures.outcome import EDITS

Lines = list[str]

LEAST_PAGES = 10
"""Frames are taken from sites of so many pages."""

MAX_LOST = 0.01

PLACES = (
    "Lindenfurt", "Mooskalten", "Hinterlausing", "Nordersand", "Oberkaltach", "Wattholm", "Sankt Veitl", "Grauwald",
    "Erlenbrück", "Tannried", "Kieshofen", "Steinrode", "Ahornau", "Birkenzell", "Falkenmoor", "Quellingen",
)  # fmt: skip
FIRST = (
    "Anna", "Bruno", "Clara", "David", "Eva", "Felix", "Greta", "Hannes", "Ida", "Jakob", "Karla", "Leo", "Mona",
    "Nils", "Olga", "Paul",
)  # fmt: skip
LAST = (
    "Praxmarer", "Zangerl", "Lambichl", "Harms", "Berghold", "Talhuber", "Seewald", "Jochner", "Feldkamp", "Moosbauer",
    "Waldner", "Kernreiter", "Lindorfer", "Nollert", "Ottwein", "Pickert",
)  # fmt: skip
WHO = (
    "Die Gemeinde", "Der Verein", "Die Feuerwehr", "Das Museum", "Die Schule", "Der Betrieb", "Die Bürgermeisterin",
    "Der Förster", "Die Wirtin", "Das Krankenhaus", "Der Chor", "Die Bücherei", "Der Fischer", "Die Genossenschaft",
    "Das Theater", "Die Imkerin", "Der Landwirt", "Die Lehrerin", "Das Bauamt", "Der Rat",
)  # fmt: skip
DOES = (
    "prüft", "plant", "verteidigt", "verschiebt", "lobt", "verkauft", "erneuert", "vergisst", "bezahlt", "sperrt",
    "beantragt", "verlegt", "streicht", "fördert", "besichtigt", "vermietet", "zeichnet", "bestellt", "findet",
    "untersucht",
)  # fmt: skip
WHAT = (
    "den alten Steg", "die neue Halle", "einen zweiten Brunnen", "das Dach der Scheune", "die Linie am Ufer",
    "den Vertrag mit dem Nachbarort", "eine Brücke aus Holz", "die Orgel", "drei Wagen", "den Garten hinter der Mühle",
    "das Archiv", "die Heizung im Keller", "einen Preis für Lieder", "die Karte der Wege", "den Hang über dem Tal",
    "zwei Glocken", "das Boot", "die Liste der Namen", "den Turm", "eine Ausstellung über Salz",
)  # fmt: skip
WHEN = (
    "seit dem Frühjahr", "noch vor dem Winter", "am Dienstag", "zum zweiten Mal", "nach langem Streit", "ohne Aufsehen",
    "mit viel Geduld", "gegen den Rat der Fachleute", "wie versprochen", "zur Freude der Kinder", "trotz des Regens",
    "für wenig Geld", "im dritten Anlauf", "bei schlechtem Licht", "auf eigene Kosten", "in aller Eile",
)  # fmt: skip
WHY = (
    "weil das Holz morsch ist", "weil die Gäste ausbleiben", "damit die Straße frei wird", "obwohl das Geld fehlt",
    "weil es der Vater so wollte", "ehe der Schnee kommt", "damit niemand mehr stürzt", "obwohl viele dagegen waren",
    "weil ein Brief verloren ging", "solange das Wasser niedrig steht", "damit die Jungen bleiben",
    "weil der Nachbar es auch tut",
)  # fmt: skip
MONTHS = (
    "Jänner", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
    "Dezember",
)  # fmt: skip
TRADES = (
    "Bootsbauer", "Glasmaler", "Seiler", "Müller", "Orgelbauer", "Buchbinder", "Steinmetz", "Korbmacher", "Färber",
    "Uhrmacher", "Sattler", "Drechsler", "Brauer", "Gerber", "Kürschner", "Böttcher", "Schuhmacher", "Optiker",
)  # fmt: skip


def seeded(name: str) -> random.Random:
    """Return a generator that gives the same for the same name."""
    return random.Random(name)  # noqa: S311


def _name(rng: random.Random) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1, 28)}. {rng.choice(MONTHS)} {rng.randint(2019, 2025)}"


def _sentence(rng: random.Random) -> str:
    place = f"in {rng.choice(PLACES)}" if rng.random() < 0.6 else f"laut {_name(rng)}"
    return f"{rng.choice(WHO)} {rng.choice(DOES)} {rng.choice(WHEN)} {place} {rng.choice(WHAT)}, {rng.choice(WHY)}."


def _paragraph(rng: random.Random, least: int = 2, most: int = 4) -> str:
    return " ".join(_sentence(rng) for _ in range(rng.randint(least, most)))


def _headline(rng: random.Random) -> str:
    return f"{rng.choice(WHO)} {rng.choice(DOES)} {rng.choice(WHAT)} in {rng.choice(PLACES)}"


DUTIES = (
    "Annahme", "Wartung", "Pflege", "Betreuung", "Lieferung", "Zuschnitt", "Vorbereitung", "Prüfung", "Anleitung",
    "Reinigung", "Einkauf", "Planung", "Beratung", "Kontrolle", "Verpackung", "Verkauf", "Montage", "Verwaltung",
)  # fmt: skip
OBJECTS = (
    "von Bestellungen", "der Maschinen in der Halle", "der Kartei", "von Gästen am Empfang", "der Fahrzeuge",
    "von Platten und Leisten", "der Sitzungen", "von Rechnungen", "der Lehrlinge", "der Anlagen im Keller", "von Waren",
    "der Dienste", "von Kunden am Telefon", "der Lager", "der Website", "von Ersatzteilen", "der Kühlräume",
)  # fmt: skip
SKILLS = (
    "Führerschein der Klasse {}", "{} Jahre Erfahrung im Verkauf", "Lehre als {}", "Kenntnisse in {}",
    "Bereitschaft zu Schichten in {}", "Freude am Umgang mit {}", "Sicheres Arbeiten mit {}", "Geduld mit {}",
)  # fmt: skip
WITH = (
    "B", "C", "Zwei", "Fünf", "Koch", "Tischlerin", "Englisch", "Ungarisch", "Kindern", "Tieren", "Holz", "Zahlen",
    "Gästen", "Lindenfurt", "Nordersand", "Computern",
)  # fmt: skip
OFFERS = (
    "Ein Parkplatz vor dem Haus", "Mittagessen in der Kantine", "Fünf Wochen Urlaub", "Ein junges Team",
    "Gleitende Arbeitszeit", "Eine Wohnung im Ort", "Zuschuss zur Fahrkarte", "Weiterbildung in der Dienstzeit",
    "Rabatt auf unsere Waren", "Ein Dienstrad",
)  # fmt: skip


def job_ad(rng: random.Random) -> Lines:
    """Return an advertisement for a job."""
    trade = rng.choice(TRADES)
    return [
        f"{trade} (m/w/d) für {rng.choice(PLACES)} gesucht",
        _paragraph(rng),
        "Ihre Aufgaben", *(f"{rng.choice(DUTIES)} {rng.choice(OBJECTS)}" for _ in range(rng.randint(3, 5))),
        "Ihr Profil", *(s.format(rng.choice(WITH)) for s in rng.sample(SKILLS, rng.randint(2, 4))),
        "Wir bieten", rng.choice(OFFERS), _sentence(rng),
        f"Arbeitsort: {rng.choice(PLACES)}",
        f"Ausmaß: {rng.choice((20, 25, 30, 38.5, 40))} Stunden in der Woche",
        f"Gehalt: {rng.randrange(1900, 4900, 50)} Euro brutto im Monat",
        f"Kennzahl: {rng.randint(1000, 9999)}/{rng.randint(19, 25)}",
        f"Bewerbungen bis {_date(rng)} an {_name(rng)}",
    ]  # fmt: skip


INGREDIENTS = (
    "Mehl", "Zucker", "Butter", "Topfen", "Grieß", "Berglinsen", "Karotten", "Erdäpfel", "Rindfleisch", "Äpfel",
    "Mohn", "Nüsse", "Kraut", "Speck", "Pilze", "Kürbis", "Reis", "Kichererbsen",
)  # fmt: skip
SPICES = (
    "Salz", "Pfeffer", "eine Prise Zimt", "ein Zweig Rosmarin", "etwas Muskat", "zwei Lorbeerblätter", "ein Löffel Öl",
    "eine halbe Zitrone", "ein Bund Petersilie", "ein Schuss Wein", "vier Nelken", "Kümmel", "eine Zwiebel",
)  # fmt: skip
DISHES = ("Auflauf", "Suppe", "Strudel", "Knödel", "Eintopf", "Pfanne", "Kuchen", "Salat", "Ragout", "Fleckerl")
STEPS = (
    "{0} waschen, putzen und in Würfel schneiden.", "{0} in einem Topf mit {1} verrühren.", "{0} kurz anrösten.",
    "Mit {0} bestreuen und {2} Minuten backen.", "{0} und {1} bei kleiner Hitze {2} Minuten ziehen lassen.",
    "Den Teig aus {0} und {1} kneten und rasten lassen.", "{1} unterheben und alles in eine Form füllen.",
    "Zum Schluss {0} darüberreiben und sofort auftragen.",
)  # fmt: skip


def recipe(rng: random.Random) -> Lines:
    """Return a recipe."""
    things = rng.sample(INGREDIENTS, rng.randint(4, 6))
    steps = [
        step.format(*rng.sample(things, 2), rng.randrange(10, 60, 5)) for step in rng.sample(STEPS, rng.randint(3, 5))
    ]
    return [
        f"{rng.choice(DISHES)} mit {things[0]} und {things[1]} nach {rng.choice(LAST)}",
        _paragraph(rng),
        "Zutaten",
        f"für {rng.choice((4, 4, 4, 4, 2, 6))} Portionen",
        *(f"{rng.randrange(50, 600, 50)} g {thing}" for thing in things),
        f"{rng.choice(SPICES)} und {rng.choice(SPICES)}",
        "Zubereitung", *steps,
        f"Arbeitszeit: {rng.randrange(15, 90, 5)} Minuten",
        f"Schwierigkeit: {rng.choice(('leicht', 'mittel', 'schwer'))}",
        f"Energie: {rng.randrange(150, 900, 10)} kcal je Portion",
    ]  # fmt: skip


def league_table(rng: random.Random) -> Lines:
    """Return a matchday: a report, results, the table."""
    teams = [f"{kind} {place}" for kind, place in zip(("SV", "TSV", "FC", "SC") * 3, PLACES, strict=False)]
    rng.shuffle(teams)
    day = rng.randint(1, 22)
    results = [
        f"{a} – {b} {rng.randint(0, 5)}:{rng.randint(0, 4)}" for a, b in zip(teams[::2], teams[1::2], strict=True)
    ]
    rows, points = [], 3 * day
    for rank, team in enumerate(teams, 1):
        rows.append(
            f"{rank}. {team} {day} {points // 3} {rng.randint(0, 3)} {rng.randint(9, 60)}:{rng.randint(9, 60)} {points}"
        )
        points = max(0, points - rng.randint(0, 4))
    return [
        f"Bezirksliga, {day}. Runde: {teams[0]} bleibt vorn",
        _paragraph(rng, 4, 8),
        "Ergebnisse", *results,
        f"Tabelle nach der {day}. Runde", "Platz Mannschaft Spiele Siege Remis Tore Punkte", *rows,
        "Torschützen", *(f"{_name(rng)} ({team}) {rng.randint(5, 20)}" for team in rng.sample(teams, 3)),
        f"Nächste Runde: {_date(rng)}",
    ]  # fmt: skip


ABILITIES = (
    "Planen von Abläufen", "Auswählen der Werkstoffe", "Führen von Gesprächen mit Kunden", "Lesen von Zeichnungen",
    "Pflegen der Werkzeuge", "Prüfen der Maße", "Lagern der Stoffe", "Abrechnen von Aufträgen", "Behandeln von Flächen",
    "Sichern der Baustelle", "Umgehen mit Abfällen", "Bedienen der Maschinen",
)  # fmt: skip


def regulation(rng: random.Random) -> Lines:
    """Return rules on how a trade is learnt."""
    trade = rng.choice(TRADES)
    return [
        f"Regeln über die Lehre zum {trade} und zur {trade}in",
        f"Vom {_date(rng)}",
        "§ 1 Anerkennung des Berufs",
        f"Der Beruf {trade} mit Schwerpunkt {rng.choice(ABILITIES)} ist ein Lehrberuf nach diesen Regeln.",
        _paragraph(rng),
        "§ 2 Dauer der Lehre",
        f"Die Lehre dauert {rng.choice((24, 30, 36, 42))} Monate, für Umsteiger {rng.choice((12, 18, 20))} Monate.",
        _paragraph(rng),
        "§ 3 Gegenstand der Lehre", *(f"{n}. {a}" for n, a in enumerate(rng.sample(ABILITIES, rng.randint(4, 7)), 1)),
        "§ 4 Zwischenprüfung",
        f"Sie findet im {rng.choice(('zweiten', 'dritten'))} Halbjahr statt und dauert {rng.randint(2, 8)} Stunden.",
        _paragraph(rng),
        "§ 5 Abschlussprüfung",
        f"Das Werkstück ist {rng.choice(WHAT)}; dafür stehen {rng.randint(8, 40)} Stunden zur Verfügung.",
        f"Schriftlich: {rng.choice(ABILITIES)} und {rng.choice(ABILITIES)}, je {rng.randint(40, 90)} Minuten.",
        _paragraph(rng),
        "§ 6 Bestehen",
        f"Bestanden ist die Prüfung mit {rng.randint(45, 60)} von {rng.randint(90, 120)} Punkten.",
        _paragraph(rng),
        "§ 7 Beginn",
        f"Diese Regeln gelten ab {_date(rng)}. {_sentence(rng)}",
    ]  # fmt: skip


PARTIES = {
    "Grüne Liste": "bei der Grünen Liste",
    "Bauernbund": "beim Bauernbund",
    "Freie Wähler": "bei den Freien Wählern",
    "Uferpartei": "bei der Uferpartei",
    "Bergunion": "bei der Bergunion",
}


def protocol(rng: random.Random) -> Lines:
    """Return the protocol of a sitting."""
    parties = list(PARTIES)
    lines = [
        f"Protokoll der {rng.randint(2, 140)}. Sitzung des Landtags von {rng.choice(PLACES)}",
        f"Beginn: {rng.randint(8, 10)}.{rng.randint(0, 59):02} Uhr",
        f"Vorsitz: Präsidentin {_name(rng)}",
        "Tagesordnung", *(f"{n}. {_headline(rng)}" for n in range(1, rng.randint(3, 5))),
        "Verlauf der Sitzung",
    ]  # fmt: skip
    for _ in range(rng.randint(3, 5)):
        lines += [f"{_name(rng)} ({rng.choice(parties)}):", _paragraph(rng, 3, 7)]
        lines.append(f"(Beifall {PARTIES[rng.choice(parties)]})")
        if rng.random() < 0.5:
            noise = rng.choice(("Zuruf", "Heiterkeit", "Widerspruch"))
            lines += [f"({noise} {PARTIES[rng.choice(parties)]})", _sentence(rng)]
    votes = rng.randint(10, 40)
    end = f"Schluss: {rng.randint(13, 19)}.{rng.randint(0, 59):02} Uhr"
    return [*lines, "Abstimmung", f"Dafür {votes}, dagegen {56 - votes}", end]


STORIES, BACKGROUND = 5, 3


def follow_up(rng: random.Random, site: str) -> Lines:
    """Return the latest of one of the few stories of a site, with paragraphs on what was known before."""
    story = seeded(f"{site} {rng.randrange(STORIES)}")
    known = [_paragraph(story) for _ in range(BACKGROUND)]
    new = [_paragraph(rng) for _ in range(rng.randint(4, 6))]
    for place, paragraph in enumerate(rng.sample(known, rng.randint(1, 2)), rng.randint(1, 3)):
        new.insert(2 * place, paragraph)
    return [_headline(rng), *new]


GENRES: dict[str, Callable[[random.Random, str], Lines]] = {
    "job ads": lambda rng, site: job_ad(rng),
    "recipes": lambda rng, site: recipe(rng),
    "league tables": lambda rng, site: league_table(rng),
    "follow-ups": follow_up,
    "regulations": lambda rng, site: regulation(rng),
    "protocols": lambda rng, site: protocol(rng),
}


def framed(page: Record, content: Sequence[str]) -> Record:
    """Return a page with other content: its furniture above and below the old content stays.

    >>> page = {"id": "1", "source": "s", "lines": ["Menu", "?", "Title", "Ad", "Text", "Foot"]}
    >>> framed(page | {"gold": [0, -1, 1, 0, 1, 0]}, ["New"])["lines"]
    ['Menu', 'New', 'Foot']
    """
    labels = page["gold"]
    first = labels.index(pages.CONTENT)
    last = len(labels) - labels[::-1].index(pages.CONTENT)
    head, foot = (
        [line for line, label in zip(page["lines"][part], labels[part], strict=True) if label == pages.FURNITURE]
        for part in (slice(0, first), slice(last, None))
    )
    gold = [pages.FURNITURE] * len(head) + [pages.CONTENT] * len(content) + [pages.FURNITURE] * len(foot)
    return {"id": page["id"], "source": page["source"], "lines": [*head, *content, *foot], "gold": gold}


def documents(all_pages: Sequence[Record], genre: str) -> list[Record]:
    """Return the pages of the larger sites with content of a genre."""
    chosen = []
    for site, of_site in pages.by_site(page for page in all_pages if pages.CONTENT in page["gold"]).items():
        if len(of_site) >= LEAST_PAGES:
            chosen += [framed(page, GENRES[genre](seeded(f"{genre} {page['id']}"), site)) for page in of_site]
    return chosen


def figures(all_pages: Sequence[Record]) -> tuple[list[Figure], list[str]]:
    """Return the share of content lost of each genre, as boilerplate or as repeats, and the lines lost most often."""
    found, notes = [], []
    for genre in GENRES:
        made = documents(all_pages, genre)
        for setting, options in pages.settings().items():
            gone = pages.cleaned(made, EDITS, **options)
            total = pages.score(made, gone)
            found.append(loss(f"{genre} {setting} content lost", total.lost, total.content, MAX_LOST))
            notes += [f"{genre} ({setting}): {line}" for line in pages.content_cut(made, gone)]
    return found, notes
