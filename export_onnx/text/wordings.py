"""How each language besides English writes numbers and what it calls the signs: the data of `other_languages.py`.

Whole numbers become words through num2words where it has the language, else they stay digits, which espeak says: Hindi.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Wording:
    """One language's way to write and to say numbers, signs and abbreviations.

    Attributes:
        numbers: the language's name in num2words; empty if it has none.
        group: a pattern of the mark between thousands.
        decimal: the decimal mark, and `point` its word.
        hours: the word behind the hours of a clock time, where the language has one.
        half, over, of: of fractions, and between a million and what is counted.
        currencies: sign or code -> one, many, and the word between whole and hundredths.
        units: symbol -> one, many.
        abbreviations: with their dots -> words.
        ordinals: the ending of an ordinal -> masculine or feminine.
    """

    numbers: str
    group: str
    decimal: str
    point: str
    minus: str
    percent: str
    to: str
    at: str
    dot: str
    slash: str
    conjunction: str
    plus: str
    equals: str
    hours: str
    half: str
    over: str
    of: str
    currencies: dict[str, tuple[str, str]]
    units: dict[str, tuple[str, str]]
    abbreviations: dict[str, str]
    ordinals: dict[str, str]
    first: dict[str, str]


SPACES: Final = "[  \u202f\u2009]"
SPANISH: Final = Wording(
    "es", rf"(?:\.|{SPACES})", ",", "coma", "menos", "por ciento", "a", "arroba", "punto", "barra", "y", "más",
    "igual a", "horas",
    "un medio", "sobre", "de",
    {"€": ("euro", "euros"), "EUR": ("euro", "euros"), "$": ("dólar", "dólares"), "USD": ("dólar", "dólares"),
     "£": ("libra", "libras"), "¥": ("yen", "yenes"), "₽": ("rublo", "rublos")},
    {"km/h": ("kilómetro por hora", "kilómetros por hora"), "km": ("kilómetro", "kilómetros"),
     "m": ("metro", "metros"),
     "cm": ("centímetro", "centímetros"), "mm": ("milímetro", "milímetros"), "kg": ("kilogramo", "kilogramos"),
     "g": ("gramo", "gramos"), "l": ("litro", "litros"), "ml": ("mililitro", "mililitros"),
     "°C": ("grado Celsius", "grados Celsius"), "°": ("grado", "grados"), "min": ("minuto", "minutos"),
     "h": ("hora", "horas")},
    {"Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Dr.": "doctor", "Dra.": "doctora", "D.": "don",
     "Ud.": "usted", "Uds.": "ustedes", "etc.": "etcétera",
     "Etc.": "etcétera", "Tel.": "teléfono", "N.º": "número", "n.º": "número", "p. ej.": "por ejemplo",
     "pág.": "página",
     "núm.": "número",
     "EE. UU.": "Estados Unidos", "EE.UU.": "Estados Unidos", "Avda.": "avenida", "a. m.": "de la mañana",
     "p. m.": "de la tarde"},
    {"º": "m", "ª": "f"}, {"m": "primero", "f": "primera"},
)  # fmt: skip
FRENCH: Final = Wording(
    "fr", rf"(?:\.|{SPACES})", ",", "virgule", "moins", "pour cent", "à", "arobase", "point", "barre oblique", "et",
    "plus", "égale", "heures",
    "un demi", "sur", "de",
    {"€": ("euro", "euros"), "EUR": ("euro", "euros"), "$": ("dollar", "dollars"), "USD": ("dollar", "dollars"),
     "£": ("livre", "livres"), "¥": ("yen", "yens"), "₽": ("rouble", "roubles")},
    {"km/h": ("kilomètre heure", "kilomètres heure"), "km": ("kilomètre", "kilomètres"), "m": ("mètre", "mètres"),
     "cm": ("centimètre", "centimètres"), "mm": ("millimètre", "millimètres"), "kg": ("kilogramme", "kilogrammes"),
     "g": ("gramme", "grammes"), "l": ("litre", "litres"), "ml": ("millilitre", "millilitres"),
     "°C": ("degré Celsius", "degrés Celsius"), "°": ("degré", "degrés"), "min": ("minute", "minutes")},
    {"M.": "monsieur", "MM.": "messieurs", "Mme": "madame", "Mmes": "mesdames", "Mlle": "mademoiselle",
     "Dr": "docteur",
     "Dr.": "docteur", "Pr": "professeur", "etc.": "et cetera",
     "Etc.": "et cetera", "Tél.": "téléphone", "p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire",
     "av.": "avenue", "bd": "boulevard", "St": "saint", "Ste": "sainte", "n°": "numéro", "N°": "numéro"},
    {"er": "m", "re": "f", "ère": "f", "ème": "m", "e": "m"}, {"m": "premier", "f": "première"},
)  # fmt: skip
ITALIAN: Final = Wording(
    "it", rf"(?:\.|{SPACES})", ",", "virgola", "meno", "per cento", "a", "chiocciola", "punto", "barra", "e", "più",
    "uguale a", "e",
    "mezzo", "su", "di",
    {"€": ("euro", "euro"), "EUR": ("euro", "euro"), "$": ("dollaro", "dollari"), "USD": ("dollaro", "dollari"),
     "£": ("sterlina", "sterline"), "¥": ("yen", "yen"), "₽": ("rublo", "rubli")},
    {"km/h": ("chilometro orario", "chilometri orari"), "km": ("chilometro", "chilometri"), "m": ("metro", "metri"),
     "cm": ("centimetro", "centimetri"), "mm": ("millimetro", "millimetri"), "kg": ("chilogrammo", "chilogrammi"),
     "g": ("grammo", "grammi"), "l": ("litro", "litri"), "ml": ("millilitro", "millilitri"),
     "°C": ("grado Celsius", "gradi Celsius"), "°": ("grado", "gradi"), "min": ("minuto", "minuti")},
    {"Sig.": "signor", "Sig.ra": "signora", "Dott.": "dottor", "Dott.ssa": "dottoressa", "Prof.": "professor",
     "Ing.": "ingegner", "Avv.": "avvocato", "ecc.": "eccetera", "es.": "esempio", "pag.": "pagina", "n.": "numero"},
    {"º": "m", "°": "m", "ª": "f"}, {"m": "primo", "f": "prima"},
)  # fmt: skip
PORTUGUESE: Final = Wording(
    "pt_BR", rf"(?:\.|{SPACES})", ",", "vírgula", "menos", "por cento", "a", "arroba", "ponto", "barra", "e", "mais",
    "igual a", "e",
    "meio", "sobre", "de",
    {"R$": ("real", "reais"), "BRL": ("real", "reais"), "€": ("euro", "euros"), "EUR": ("euro", "euros"),
     "$": ("dólar", "dólares"), "USD": ("dólar", "dólares"), "US$": ("dólar", "dólares"), "£": ("libra", "libras"),
     "₽": ("rublo", "rublos")},
    {"km/h": ("quilômetro por hora", "quilômetros por hora"), "km": ("quilômetro", "quilômetros"),
     "m": ("metro", "metros"),
     "cm": ("centímetro", "centímetros"), "mm": ("milímetro", "milímetros"), "kg": ("quilograma", "quilogramas"),
     "g": ("grama", "gramas"), "l": ("litro", "litros"), "ml": ("mililitro", "mililitros"),
     "°C": ("grau Celsius", "graus Celsius"), "°": ("grau", "graus"), "min": ("minuto", "minutos")},
    {"Sr.": "senhor", "Sra.": "senhora", "Dr.": "doutor", "Dra.": "doutora", "Prof.": "professor",
     "Profa.": "professora",
     "etc.": "et cétera", "p. ex.": "por exemplo", "pág.": "página", "nº": "número", "Av.": "avenida", "R.": "rua"},
    {"º": "m", "°": "m", "ª": "f"}, {"m": "primeiro", "f": "primeira"},
)  # fmt: skip
HINDI: Final = Wording(
    "", ",", ".", "दशमलव", "ऋण", "प्रतिशत", "से", "ऐट", "डॉट", "स्लैश", "और", "जमा", "बराबर", "बजकर",
    "आधा", "बटा", "",
    {"₹": ("रुपया", "रुपये"), "INR": ("रुपया", "रुपये"), "$": ("डॉलर", "डॉलर"), "€": ("यूरो", "यूरो"),
     "£": ("पाउंड", "पाउंड"), "₽": ("रूबल", "रूबल")},
    {"km": ("किलोमीटर", "किलोमीटर"), "किमी": ("किलोमीटर", "किलोमीटर"), "m": ("मीटर", "मीटर"),
     "cm": ("सेंटीमीटर", "सेंटीमीटर"),
     "kg": ("किलोग्राम", "किलोग्राम"), "किग्रा": ("किलोग्राम", "किलोग्राम"), "g": ("ग्राम", "ग्राम"),
     "l": ("लीटर", "लीटर"),
     "°C": ("डिग्री सेल्सियस", "डिग्री सेल्सियस"), "°": ("डिग्री", "डिग्री")},
    {"डॉ.": "डॉक्टर", "श्री.": "श्री", "प्रो.": "प्रोफ़ेसर", "रु.": "रुपये"},
    {}, {},
)  # fmt: skip
WORDINGS: Final = {"es": SPANISH, "fr-fr": FRENCH, "it": ITALIAN, "pt-br": PORTUGUESE, "hi": HINDI}
