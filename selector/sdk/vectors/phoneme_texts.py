"""Texts of several languages for the vectors of phonemes: everyday sentences, foreign words, odd marks."""

from __future__ import annotations

from typing import Final

SENTENCES: Final = {
    "es": """El tren sale a las ocho de la mañana.|¿Dónde está la biblioteca más cercana?|¡Qué sorpresa tan agradable!
Mi hermana vive en Guadalajara desde hace años.|No quiero café, prefiero chocolate caliente.|La lluvia cayó.
El pingüino nadaba bajo el hielo.|Ella dijo: «Volveré mañana», y se marchó.|Los niños juegan al fútbol en el parque.
El software nuevo funciona bien.|Hay que averiguar quién rompió la ventana (otra vez).|Cien años de soledad.
Compré pan, queso, jamón y un kilo de naranjas.|El rey y la reina viajaron a Extremadura.|Ojalá llueva pronto…
Vergüenza, cigüeña, antigüedad; así se escriben.|El jueves hizo muchísimo calor.|Ya no hay nada que hacer.
Quisiera una habitación con vistas al mar.|El doctor llegó tarde, pero llegó.|Todo lo que empieza acaba.""",
    "fr-fr": """Le petit chat dort sur le canapé.|Où est-ce que vous habitez ?|Quelle belle journée !
L'été prochain, nous irons à la mer.|Il faut que tu viennes tout de suite.|J'aime le football et le jazz.
Les oiseaux chantent dans les arbres.|Elle a dit : « Je reviens demain », puis elle est partie.|Un œuf, des œufs.
Mon père travaille à l'hôpital (depuis longtemps).|Nous avons mangé des crêpes au beurre.|Aujourd'hui, il pleut…
Est-ce que le weekend commence vendredi ?|Les enfants jouent dehors.|C'est un long chemin vers la montagne.
Cet homme est très grand et très fort.|Il y a du brouillard ce matin.|Je n'en sais rien du tout.
La reine et le roi vont à Paris.|Peut-être qu'il neigera demain.|Vingt et un garçons chantaient.""",
    "it": """Il treno parte alle otto del mattino.|Dove si trova la stazione?|Che bella giornata!
Mia sorella abita a Firenze da molti anni.|Non voglio il caffè, preferisco il tè.|Gli gnocchi sono pronti.
Lo zio raccontava storie di streghe.|Ha detto: «Torno domani», e se n'è andato.|I bambini giocano in giardino.
Il computer nuovo funziona bene.|Perché non vieni con noi (almeno stavolta)?|Così è la vita.
Ho comprato pane, formaggio e prosciutto.|L'acqua del lago era gelida.|Chissà se pioverà…
Sciogliere il ghiaccio; poi aspettare.|Giovedì faceva molto caldo.|Non c'è niente da fare.
Vorrei una camera con vista sul mare.|Il dottore arrivò tardi, ma arrivò.|Tutto ciò che comincia finisce.""",
    "pt-br": """O trem sai às oito da manhã.|Onde fica a biblioteca?|Que surpresa agradável!
Minha irmã mora em São Paulo há muitos anos.|Não quero café, prefiro chá.|A chuva caiu a noite toda.
O avô contava histórias de assombração.|Ela disse: «Volto amanhã», e foi embora.|As crianças jogam futebol na praça.
O software novo funciona bem.|Por que você não vem conosco (pelo menos hoje)?|Assim é a vida.
Comprei pão, queijo, presunto e laranjas.|A água do lago estava gelada.|Tomara que chova logo…
O coração, a lição e a mão; tudo nasal.|Na quinta-feira fez muito calor.|Não há nada a fazer.
Queria um quarto com vista para o mar.|O médico chegou tarde, mas chegou.|Tudo o que começa acaba.""",
    "hi": """यह एक सुंदर दिन है।|आप कहाँ रहते हैं?|कितना अच्छा गाना है!
मेरी बहन दिल्ली में काम करती है।|मुझे चाय पसंद है, कॉफ़ी नहीं।|बारिश पूरी रात होती रही।
दादाजी कहानियाँ सुनाते थे।|उसने कहा: “मैं कल आऊँगा”, और चला गया।|बच्चे मैदान में खेल रहे हैं।
नया software अच्छा चलता है।|तुम हमारे साथ क्यों नहीं आते (कम से कम आज)?|ज़िंदगी ऐसी ही है।
मैंने रोटी, पनीर और संतरे ख़रीदे।|झील का पानी ठंडा था।|शायद बारिश होगी…
किताब मेज़ पर रखी है; उसे उठा लो।|गुरुवार को बहुत गर्मी थी।|कुछ नहीं किया जा सकता।
मुझे समुद्र के किनारे एक कमरा चाहिए।|डॉक्टर देर से आए, पर आए।|जो शुरू होता है वह समाप्त होता है।""",
}
ENGLISH: Final = (
    "The A B C of it: plan A, vitamin A. A dog? An A!",
    "Plan A fails; see appendix A, then A B.",
    "A. A man, a plan, a canal — Panama!",
    "It's the dogs' dinner, isn't it?",
    "Say [Kokoro](/kˈOkəɹO/) and [New␣York](/nˌu␣jˈɔɹk/) now.",
    "[one](/wˈʌn/)[two](/tˈu/) three [four](/fˈɔɹ/).",
    "Brackets [like these] and {those} (and these).",
    "“Stop!” she said; ‘why?’ he asked… nobody knew.",
    "See футбол, then Αθήνα (दिल्ली). مرحبا! 안녕 안녕 world",
    "Hello 漢字 world ไทย.",
    "漢字",
    "… — !",
    "« Where is it? » ¿Dónde? ¡Aquí!",
    "well-known mother-in-law's rock-'n'-roll",
    "NASA, USA and a UFO.",
    "button, bottle, little, cotton, mountain, kitten, hidden",
    "loch Bach, chutzpah and Llanelli",
    "café naïve façade Zoë jalapeño",
    "Is this it ?! Yes , it is ; no : never .",
    "(a) [b] {c} d) e] f}",
)
OTHERS: Final = (
    ("ru", "Привет, как дела? Это пример."),
    ("de", "Das Wetter ist heute schön, nicht wahr? Ja (sehr)."),
    ("ko", "안녕하세요 " * 14),
    ("cmn", "今天天气很好。"),
    ("th", "สวัสดี hello"),
    ("el", "Καλημέρα world, Αθήνα."),
    ("pl", "Zażółć gęślą jaźń, Janie!"),
    ("ja", "こんにちは"),
    ("zh", "hello"),
    ("xx", "hello"),
)
ODD: Final = (
    "“{}”",
    "({}",
    "{} — ",
    "{} , {}",
    "¿{}?!",
    "{}; {}",
    "[{}] {}",
    "- {}",
    "{}… {}!",
    "«{}» ({})",
    '{}: "{}"',
)


def sentences_of(language: str) -> list[str]:
    """The sentences of a language, in order."""
    return [one for line in SENTENCES[language].splitlines() for one in line.split("|")]
