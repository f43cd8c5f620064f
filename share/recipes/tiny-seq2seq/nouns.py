"""The nouns, names and adjectives, English and French, in plain tables.

A row of nouns is `english french gender`, and both plurals where they are
not built by rule.  `beau|bel` is a word before a consonant and before a
vowel.  Which verbs a noun goes with is decided by its class.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """A noun of both languages."""

    english: str
    french: str
    gender: str
    english_plural: str
    french_plural: str


@dataclass(frozen=True)
class Adjective:
    """An adjective: French forms as (m sg, f sg, m pl, f pl)."""

    english: str
    forms: tuple
    before: bool      # stands before its noun in French
    of_living: bool
    of_things: bool


def english_plural(word):
    """The regular plural."""
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def french_plural(word):
    """The regular plural of a noun or an adjective."""
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith(("eau", "eu", "œu")) and word != "bleu":
        return word + "x"
    if word.endswith("al"):
        return word[:-1] + "ux"
    return word + "s"


def nouns(text):
    """Rows of nouns between commas."""
    out = []
    for row in text.split(","):
        row = row.split()
        english, french, gender = row[:3]
        plurals = row[3:] or [english_plural(english), french_plural(french)]
        out.append(Noun(english, french, gender, *plurals))
    return out


PERSONS = nouns("""
    man homme m men hommes, woman femme f women femmes, boy garçon m,
    girl fille f, child enfant m children enfants, king roi m, queen reine f,
    teacher professeur m, student élève m, farmer fermier m,
    doctor médecin m, baker boulanger m, soldier soldat m, sailor marin m,
    painter peintre m, nurse infirmière f, singer chanteuse f,
    cook cuisinier m, driver chauffeur m, neighbour voisin m,
    neighbor voisin m, friend ami m, mother mère f, father père m,
    brother frère m, sister sœur f, aunt tante f, uncle oncle m,
    cousin cousin m, son fils m, baby bébé m, lady dame f,
    writer écrivain m, lawyer avocat m, prince prince m,
    princess princesse f, waiter serveur m, husband mari m,
    thief voleur m thieves voleurs, worker ouvrier m, dancer danseuse f,
    actress actrice f, witch sorcière f, magician magicien m,
    hunter chasseur m, fisherman pêcheur m fishermen pêcheurs,
    grandmother grand-mère f grandmothers grands-mères,
    grandfather grand-père m grandfathers grands-pères""")

ANIMALS = nouns("""
    cat chat m, dog chien m, mouse souris f mice souris, bird oiseau m,
    horse cheval m, cow vache f, pig cochon m, sheep mouton m sheep moutons,
    rabbit lapin m, wolf loup m wolves loups, fox renard m, bear ours m,
    lion lion m, fish poisson m fish poissons, duck canard m, hen poule f,
    goat chèvre f, frog grenouille f, bee abeille f, owl hibou m owls hiboux,
    elephant éléphant m, monkey singe m, snake serpent m, spider araignée f,
    butterfly papillon m, snail escargot m, donkey âne m, tiger tigre m,
    goose oie f geese oies, squirrel écureuil m, turtle tortue f,
    kitten chaton m""")

READABLE = nouns("""
    book livre m, letter lettre f, newspaper journal m, story histoire f,
    poem poème m, word mot m, sentence phrase f, page page f, lesson leçon f,
    message message m""")

SINGABLE = nouns("song chanson f, melody mélodie f")

OPENABLE = nouns("""
    door porte f, window fenêtre f, box boîte f, bag sac m,
    bottle bouteille f, basket panier m, gift cadeau m, umbrella parapluie m,
    drawer tiroir m, suitcase valise f""")

CLOTHES = nouns("""
    hat chapeau m, coat manteau m, shirt chemise f, dress robe f,
    shoe chaussure f, ring bague f, scarf écharpe f scarves écharpes,
    glove gant m, skirt jupe f""")

TOOLS = nouns("""
    key clé f, stick bâton m, stone pierre f, knife couteau m knives couteaux,
    spoon cuillère f, fork fourchette f, rope corde f, broom balai m,
    hammer marteau m, ladder échelle f, brush brosse f, pen stylo m,
    pencil crayon m, ball balle f, needle aiguille f, lamp lampe f,
    axe hache f""")

VEHICLES = nouns("""
    car voiture f, boat bateau m, train train m, ship navire m,
    bicycle vélo m, bus bus m, plane avion m, truck camion m""")

FURNITURE = nouns("""
    table table f, chair chaise f, bed lit m, desk bureau m, sofa canapé m,
    bench banc m, carpet tapis m, wall mur m, tree arbre m, roof toit m""")

OBJECTS = nouns("""
    cup tasse f, flower fleur f, coin pièce f, bell cloche f, drum tambour m,
    map carte f, picture image f, toy jouet m, clock horloge f,
    doll poupée f, glass verre m, plate assiette f, mirror miroir m,
    watch montre f, phone téléphone m, computer ordinateur m, leaf feuille f
    leaves feuilles, candle bougie f, piano piano m, guitar guitare f,
    photo photo f, painting tableau m, star étoile f, cloud nuage m""")

FOODS = nouns("""
    apple pomme f, pear poire f, cake gâteau m, egg œuf m eggs œufs,
    orange orange f, banana banane f, cherry cerise f, carrot carotte f,
    tomato tomate f tomatoes tomates, cookie biscuit m, strawberry fraise f,
    lemon citron m, onion oignon m, pie tarte f, salad salade f,
    peach pêche f, mushroom champignon m""")

# What has no plural and stands with du, de la, de l'.
SUBSTANCES = nouns("""
    bread pain m, cheese fromage m, soup soupe f, meat viande f, rice riz m,
    honey miel m, butter beurre m, salt sel m, sugar sucre m, jam confiture f,
    chocolate chocolat m, ice glace f""")

DRINKS = nouns("""
    water eau f, milk lait m, tea thé m, coffee café m, wine vin m,
    juice jus m, beer bière f""")

ROOMS = nouns("""
    garden jardin m, house maison f, school école f, kitchen cuisine f,
    park parc m, forest forêt f, village village m, city ville f,
    street rue f, market marché m, church église f, castle château m,
    shop magasin m, library bibliothèque f, hospital hôpital m,
    hotel hôtel m, field champ m, farm ferme f, restaurant restaurant m,
    museum musée m, office bureau m, bank banque f, room chambre f,
    university université f, palace palais m, cave grotte f,
    cinema cinéma m, theatre théâtre m, station gare f, airport aéroport m""")

SCENERY = nouns("""
    river rivière f, lake lac m, sea mer f, beach plage f,
    mountain montagne f, hill colline f, bridge pont m, island île f,
    road route f, tower tour f""")

# Places that stand with `at`, and with `to` after a verb of motion.
AT = """school market church shop library hospital hotel restaurant museum
    office bank university palace cinema theatre station airport beach sea
    castle lake farm""".split()

CLASSES = {
    "person": PERSONS, "animal": ANIMALS, "readable": READABLE,
    "singable": SINGABLE, "openable": OPENABLE, "clothes": CLOTHES,
    "tool": TOOLS, "vehicle": VEHICLES, "furniture": FURNITURE,
    "object": OBJECTS, "food": FOODS, "substance": SUBSTANCES,
    "drink": DRINKS, "room": ROOMS, "scenery": SCENERY,
}
GROUPS = {
    "living": ["person", "animal"],
    "thing": ["readable", "openable", "clothes", "tool", "vehicle",
              "furniture", "object"],
    "handy": ["readable", "openable", "clothes", "tool", "object", "food"],
    "place": ["room", "scenery"],
    "text": ["readable", "singable"],
    "edible": ["food", "substance"],
}
NO_PLURAL = {noun for name in ("substance", "drink")
             for noun in CLASSES[name]}

GIRLS = "Anna Lily Mia Lucy Emma Alice Clara Marie Julie Sophie".split()
BOYS = "Tom Ben Sam Max Jack Leo Paul Oscar Peter Hugo".split()


def feminine(word):
    """The regular feminine of an adjective."""
    if word.endswith("e"):
        return word
    for end, new in (("eux", "euse"), ("er", "ère"), ("f", "ve"),
                     ("on", "onne"), ("il", "ille"), ("el", "elle")):
        if word.endswith(end):
            return word[:-len(end)] + new
    return word + "e"


def adjectives(text, before=False):
    """Rows `english french [feminine]`, with L or T where only living
    beings or only things are meant."""
    out = []
    for row in text.split(","):
        row = row.split()
        kinds = row.pop() if row[-1] in "LT" else "LT"
        masculine = row[1]
        female = row[2] if len(row) > 2 else feminine(masculine)
        plain = masculine.split("|")[0]
        forms = (masculine, female, french_plural(plain),
                 french_plural(female))
        out.append(Adjective(row[0], forms, before, "L" in kinds,
                             "T" in kinds))
    return out


ADJECTIVES = adjectives("""
    small petit, little petit, big grand, large grand, young jeune L,
    old vieux|vieil vieille, new nouveau|nouvel nouvelle T,
    beautiful beau|bel belle, pretty joli, good bon, bad mauvais,
    long long longue T, fat gros grosse L""", before=True) + adjectives("""
    red rouge T, blue bleu T, green vert T, white blanc blanche, black noir,
    yellow jaune T, brown brun, grey gris, gray gris, pink rose T,
    happy heureux L, sad triste L, tired fatigué L, strong fort L,
    weak faible L, rich riche L, poor pauvre L, kind gentil L,
    clever intelligent L, intelligent intelligent L, funny drôle L,
    brave courageux L, shy timide L, quiet calme, furious furieux L,
    sick malade L, proud fier L, jealous jaloux jalouse L, lazy paresseux L,
    slow lent, fast rapide, heavy lourd, light léger T, clean propre,
    dirty sale, empty vide T, full plein T, open ouvert T, closed fermé T,
    dry sec sèche T, round rond T, broken cassé T, expensive cher T,
    important important, dangerous dangereux, famous célèbre L,
    strange étrange, soft doux douce T, hard dur T, surprised surpris L,
    lost perdu, busy occupé L, thin mince, wet mouillé, precious précieux T,
    curious curieux L, serious sérieux L, careful prudent L, nervous nerveux L,
    foreign étranger, modern moderne T, useful utile T, hidden caché,
    hot chaud T, cold froid T""")

# (English comparative, adjective)
COMPARED = {"smaller": "small", "bigger": "big", "younger": "young",
            "older": "old", "prettier": "pretty", "happier": "happy",
            "sadder": "sad", "stronger": "strong", "weaker": "weak",
            "richer": "rich", "poorer": "poor", "braver": "brave",
            "slower": "slow", "faster": "fast", "heavier": "heavy",
            "kinder": "kind", "funnier": "funny", "longer": "long",
            "cleaner": "clean", "harder": "hard"}
