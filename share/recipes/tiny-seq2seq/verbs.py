"""The verbs: English forms, French conjugation, and what they go with."""
from dataclasses import dataclass

ETRE = "suis es est sommes êtes sont".split()
AVOIR = "ai as a avons avez ont".split()
ALLER = "vais vas va allons allez vont".split()
POUVOIR = "peux peux peut pouvons pouvez peuvent".split()
VOULOIR = "veux veux veut voulons voulez veulent".split()
DEVOIR = "dois dois doit devons devez doivent".split()
WAS = "étais étais était étions étiez étaient".split()
HAD = "avais avais avait avions aviez avaient".split()

# infinitive: (the six forms of the present, past participle)
IRREGULAR = {
    "poursuivre": ("poursuis poursuis poursuit poursuivons poursuivez "
                   "poursuivent", "poursuivi"),
    "suivre": ("suis suis suit suivons suivez suivent", "suivi"),
    "voir": ("vois vois voit voyons voyez voient", "vu"),
    "boire": ("bois bois boit buvons buvez boivent", "bu"),
    "lire": ("lis lis lit lisons lisez lisent", "lu"),
    "écrire": ("écris écris écrit écrivons écrivez écrivent", "écrit"),
    "ouvrir": ("ouvre ouvres ouvre ouvrons ouvrez ouvrent", "ouvert"),
    "prendre": ("prends prends prend prenons prenez prennent", "pris"),
    "comprendre": ("comprends comprends comprend comprenons comprenez "
                   "comprennent", "compris"),
    "apprendre": ("apprends apprends apprend apprenons apprenez apprennent",
                  "appris"),
    "peindre": ("peins peins peint peignons peignez peignent", "peint"),
    "craindre": ("crains crains craint craignons craignez craignent",
                 "craint"),
    "construire": ("construis construis construit construisons construisez "
                   "construisent", "construit"),
    "instruire": ("instruis instruis instruit instruisons instruisez "
                  "instruisent", "instruit"),
    "tenir": ("tiens tiens tient tenons tenez tiennent", "tenu"),
    "venir": ("viens viens vient venons venez viennent", "venu"),
    "revenir": ("reviens reviens revient revenons revenez reviennent",
                "revenu"),
    "connaître": ("connais connais connaît connaissons connaissez "
                  "connaissent", "connu"),
    "recevoir": ("reçois reçois reçoit recevons recevez reçoivent", "reçu"),
    "dormir": ("dors dors dort dormons dormez dorment", "dormi"),
    "partir": ("pars pars part partons partez partent", "parti"),
    "sortir": ("sors sors sort sortons sortez sortent", "sorti"),
    "courir": ("cours cours court courons courez courent", "couru"),
    "rire": ("ris ris rit rions riez rient", "ri"),
    "sourire": ("souris souris sourit sourions souriez sourient", "souri"),
    "mourir": ("meurs meurs meurt mourons mourez meurent", "mort"),
    "vouloir": (" ".join(VOULOIR), "voulu"),
    "aller": (" ".join(ALLER), "allé"),
    "avoir": (" ".join(AVOIR), "eu"),
}
IMPERFECT = {
    "avoir": HAD,
    "vouloir": "voulais voulais voulait voulions vouliez voulaient".split(),
    "connaître": ("connaissais connaissais connaissait connaissions "
                  "connaissiez connaissaient").split(),
}
# -er verbs whose stem changes before a silent ending
STEMS = {"appeler": "appell", "acheter": "achèt", "jeter": "jett",
         "nettoyer": "nettoi", "envoyer": "envoi", "protéger": "protèg",
         "lécher": "lèch", "aboyer": "aboi"}
ENDINGS_IR = "is is it issons issez issent".split()
ENDINGS_RE = ["s", "s", "", "ons", "ez", "ent"]


def present(infinitive):
    """The six forms of the present."""
    if infinitive in IRREGULAR:
        return IRREGULAR[infinitive][0].split()
    stem = infinitive[:-2]
    if infinitive.endswith("ir"):
        return [stem + end for end in ENDINGS_IR]
    if infinitive.endswith("re"):
        return [stem + end for end in ENDINGS_RE]
    silent = STEMS.get(infinitive, stem)
    before_o = stem + "e" if stem.endswith("g") else stem
    if stem.endswith("c"):
        before_o = stem[:-1] + "ç"
    return [silent + "e", silent + "es", silent + "e", before_o + "ons",
            stem + "ez", silent + "ent"]


def participle(infinitive):
    """The past participle, masculine singular."""
    if infinitive in IRREGULAR:
        return IRREGULAR[infinitive][1]
    return infinitive[:-2] + {"er": "é", "ir": "i", "re": "u"}[infinitive[-2:]]


@dataclass(frozen=True)
class Verb:
    """A verb of both languages."""

    base: str
    third: str
    past: str
    part: str         # participle
    ing: str
    particle: str     # what follows in English: `at` of look at
    french: str       # infinitive
    present: tuple
    participle: str
    imperfect: tuple  # of verbs of state, whose past it is
    etre: bool        # conjugated with être
    preposition: str  # before the object in French: `à` of parler à
    subjects: tuple
    objects: tuple

    @property
    def name(self):
        return f"{self.base} {self.particle}".strip()


def english_forms(base):
    """Third person, past and ing of a regular verb."""
    third = base + ("es" if base.endswith(("s", "x", "ch", "sh", "o"))
                    else "s")
    past, ing = base + "ed", base + "ing"
    if base.endswith("e") and not base.endswith("ee"):
        past, ing = base + "d", base[:-1] + "ing"
    if base.endswith("y") and base[-2] not in "aeiou":
        third, past = base[:-1] + "ies", base[:-1] + "ied"
    if base in ("run", "swim", "win", "hit", "cut", "forget", "travel"):
        ing = base + base[-1] + "ing"
        past = base + base[-1] + "ed"
    return third, past, ing


def verbs(text, subjects="living", etre=False):
    """Rows `english [particle] = french [preposition] : objects`.

    `see/saw/seen` names the past and the participle, `*` before an object
    class marks subjects instead.
    """
    out = []
    for row in text.strip().split("\n"):
        left, right = row.split("=")
        right, _, objects = right.partition(":")
        left, right, objects = left.split(), right.split(), objects.split()
        base, _, rest = left[0].partition("/")
        third, past, ing = english_forms(base)
        past, _, part = rest.partition("/") if rest else (past, "", "")
        if base == "have":
            third = "has"
        if base == "die":
            ing = "dying"
        who = [o[1:] for o in objects if o[0] == "*"] or [subjects]
        out.append(Verb(
            base, third, past, part or past, ing, " ".join(left[1:]),
            right[0], tuple(present(right[0])), participle(right[0]),
            tuple(IMPERFECT.get(right[0], ())), etre, " ".join(right[1:]),
            tuple(who), tuple(o for o in objects if o[0] != "*")))
    return out


TRANSITIVE = verbs("""
    chase = poursuivre : living living vehicle
    see/saw/seen = voir : living living thing food place
    find/found = trouver : living thing food
    hear/heard = entendre : living vehicle
    call = appeler : living
    wash = laver : living thing
    watch = regarder : living thing
    look at = regarder : living thing place
    follow = suivre : living vehicle
    help = aider : living
    love = aimer : living thing food place
    like = aimer : living thing food place
    hate = détester : living thing food place
    meet/met = rencontrer : living
    visit = visiter : place
    kiss = embrasser : living
    push = pousser : living thing
    pull = tirer : animal thing
    carry = porter : living handy
    catch/caught = attraper : living handy
    eat/ate/eaten = manger : edible edible animal
    drink/drank/drunk = boire : drink
    buy/bought = acheter : animal thing food edible drink
    sell/sold = vendre : animal thing edible drink
    read/read = lire : readable *person
    write/wrote/written = écrire : readable *person
    open = ouvrir : openable
    close = fermer : openable
    break/broke/broken = casser : thing
    lose/lost = perdre : handy animal
    take/took/taken = prendre : handy edible
    bring/brought = apporter : handy edible drink
    hide/hid/hidden = cacher : handy animal
    throw/threw/thrown = jeter : handy
    draw/drew/drawn = dessiner : living thing place *person
    paint = peindre : living thing place *person
    clean = nettoyer : thing place *person
    prepare = préparer : edible drink *person
    cut/cut = couper : edible tool
    build/built = construire : vehicle furniture room *person
    sing/sang/sung = chanter : singable
    hold/held = tenir : handy animal
    touch = toucher : living handy furniture
    wait for = attendre : living vehicle
    look for = chercher : living handy
    listen to = écouter : living text
    want = vouloir : handy animal edible drink
    have/had = avoir : handy animal vehicle
    know/knew/known = connaître : person place text *person
    forget/forgot/forgotten = oublier : person handy text
    thank = remercier : person *person
    invite = inviter : person *person
    leave/left = quitter : person place
    choose/chose/chosen = choisir : animal handy *person
    finish = finir : text *person
    wear/wore/worn = porter : clothes *person
    understand/understood = comprendre : person text
    learn/learned = apprendre : text *person
    teach/taught = instruire : person *person
    feed/fed = nourrir : living
    save = sauver : living
    kill = tuer : animal
    fear = craindre : living
    protect = protéger : living place
    attack = attaquer : living place
    admire = admirer : living thing place *person
    wake/woke/woken = réveiller : living
    punish = punir : living *person
    hit/hit = frapper : living thing
    bite/bit/bitten = mordre : living *animal
    lick = lécher : living *animal
    greet = saluer : person *person
    defend = défendre : living place
    steal/stole/stolen = voler : handy edible
    repair = réparer : thing *person
    use = utiliser : tool vehicle *person
    receive = recevoir : handy *person
    accept = accepter : openable readable *person
    count = compter : animal handy *person
    cross = traverser : place
    talk to = parler à : living
    speak/spoke/spoken to = parler à : living
    answer = répondre à : person *person
    obey = obéir à : person
    think/thought of = penser à : living thing place
    smile at = sourire à : living
    talk about = parler de : living thing place *person
    dream of = rêver de : living thing place
    play with = jouer avec : living handy
    dance with = danser avec : living
    work for = travailler pour : person *person
    sing/sang/sung for = chanter pour : person
    run/ran/run after = courir après : living vehicle""")

INTRANSITIVE = verbs("""
    sleep/slept = dormir
    sing/sang/sung = chanter
    dance = danser
    run/ran/run = courir
    jump = sauter
    laugh = rire : *person
    cry = pleurer
    work = travailler
    play = jouer
    swim/swam/swum = nager
    smile = sourire
    walk = marcher
    talk = parler
    eat/ate/eaten = manger
    wait = attendre
    travel = voyager
    bark = aboyer : *animal
    shout = crier
    win/won = gagner
    think/thought = réfléchir : *person""") + verbs("""
    arrive = arriver
    leave/left = partir
    fall/fell/fallen = tomber
    stay = rester
    die = mourir
    come/came/come back = revenir
    go/went/gone out = sortir""", etre=True)

MOTION = verbs("""
    go/went/gone = aller à
    come/came/come from = venir de
    return to = revenir à
    come/came/come back from = revenir de
    arrive at = arriver à
    enter = entrer dans
    stay in = rester dans
    leave/left for = partir pour
    fall/fell/fallen from = tomber de""", etre=True)

GIVING = verbs("""
    give/gave/given = donner à : handy
    show/showed/shown = montrer à : handy animal
    send/sent = envoyer à : handy
    lend/lent = prêter à : handy
    sell/sold = vendre à : handy animal
    bring/brought = apporter à : handy""", "person")
