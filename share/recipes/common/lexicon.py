"""The words the corpus is made of, in plain tables.

Nothing here is random.  Lists are written as one string and split, so that
they stay easy to read and to extend.
"""

# Stands before an answer in the generated texts.  It is taken out before the
# text is encoded; what follows it counts more in the loss.
ANSWER = "\x1f"


def words(text):
    """Split a block of words."""
    return text.split()


def pairs(text):
    """Split 'a b, c d, ...' into [('a', 'b'), ('c', 'd'), ...]."""
    return [tuple(item.split()) for item in text.split(",")]


# ------------------------------------------------------------- word pairs

OPPOSITES = pairs("""
    hot cold, big small, up down, in out, good bad, happy sad, fast slow,
    old young, day night, open closed, full empty, hard soft, high low,
    light dark, long short, loud quiet, near far, new old, rich poor,
    right wrong, strong weak, tall short, thick thin, top bottom, wet dry,
    wide narrow, clean dirty, early late, easy difficult, first last,
    left right, more less, north south, east west, push pull, true false,
    begin end, love hate, win lose, buy sell, come go, give take,
    laugh cry, black white, summer winter, friend enemy, war peace,
    always never, before after, inside outside, heavy light, sweet sour,
    brave afraid, deep shallow, cheap expensive, alive dead, yes no,
    start stop, safe dangerous, smooth rough, sharp dull""")

PLURALS = pairs("""
    cat cats, dog dogs, book books, car cars, tree trees, house houses,
    bird birds, ball balls, chair chairs, table tables, apple apples,
    boat boats, king kings, queen queens, star stars, flower flowers,
    horse horses, cow cows, duck ducks, frog frogs, teacher teachers,
    student students, door doors, window windows, river rivers,
    stone stones, cloud clouds, box boxes, fox foxes, bus buses,
    dish dishes, glass glasses, brush brushes, watch watches,
    baby babies, city cities, lady ladies, story stories, party parties,
    cherry cherries, leaf leaves, wolf wolves, knife knives, wife wives,
    life lives, loaf loaves, child children, man men, woman women,
    mouse mice, foot feet, tooth teeth, goose geese, sheep sheep,
    fish fish, person people""")

CAPITALS = pairs("""
    France Paris, Spain Madrid, Italy Rome, Germany Berlin, England London,
    Portugal Lisbon, Greece Athens, Austria Vienna, Poland Warsaw,
    Russia Moscow, China Beijing, Japan Tokyo, India Delhi, Egypt Cairo,
    Kenya Nairobi, Cuba Havana, Peru Lima, Chile Santiago, Norway Oslo,
    Sweden Stockholm, Denmark Copenhagen, Finland Helsinki, Ireland Dublin,
    Hungary Budapest, Turkey Ankara, Canada Ottawa, Belgium Brussels,
    Scotland Edinburgh, Ukraine Kyiv, Korea Seoul""")

PAST = pairs("""
    walk walked, jump jumped, play played, look looked, help helped,
    ask asked, open opened, close closed, laugh laughed, smile smiled,
    love loved, hate hated, live lived, dance danced, cook cooked,
    climb climbed, paint painted, wait waited, want wanted, stop stopped,
    carry carried, cry cried, try tried, go went, see saw, run ran,
    eat ate, drink drank, give gave, take took, come came, sing sang,
    swim swam, write wrote, read read, find found, make made, say said,
    tell told, think thought, buy bought, bring brought, teach taught,
    catch caught, sleep slept, feel felt, keep kept, lose lost, win won,
    fly flew, grow grew, know knew, throw threw, break broke, fall fell""")

COLOURS_OF = pairs("""
    grass green, sky blue, snow white, coal black, banana yellow,
    blood red, lemon yellow, milk white, leaf green, sun yellow,
    frog green, tomato red, sea blue, night black, chocolate brown,
    carrot orange, cherry red, rose red, cloud white, honey gold,
    elephant grey, mouse grey, pig pink, bear brown, grape purple,
    pea green, salt white, strawberry red, crow black, sand yellow""")

YOUNG = pairs("""
    dog puppy, cat kitten, cow calf, sheep lamb, horse foal, hen chick,
    pig piglet, bear cub, duck duckling, goose gosling, goat kid,
    frog tadpole""")

SOUNDS = pairs("""
    dog barks, cat meows, cow moos, sheep bleats, lion roars, duck quacks,
    bee buzzes, owl hoots, wolf howls, pig grunts, bird sings,
    mouse squeaks, snake hisses""")

FRENCH = pairs("""
    dog chien, cat chat, house maison, book livre, water eau, bread pain,
    milk lait, tree arbre, sun soleil, moon lune, star étoile, sea mer,
    man homme, woman femme, child enfant, boy garçon, girl fille,
    friend ami, king roi, queen reine, red rouge, blue bleu, green vert,
    white blanc, black noir, yellow jaune, big grand, small petit,
    good bon, bad mauvais, hot chaud, cold froid, day jour, night nuit,
    morning matin, evening soir, one un, two deux, three trois,
    four quatre, five cinq, six six, seven sept, eight huit, nine neuf,
    ten dix, apple pomme, pear poire, cheese fromage, egg œuf, fish poisson,
    bird oiseau, horse cheval, cow vache, pig cochon, mouse souris,
    rabbit lapin, table table, chair chaise, door porte, window fenêtre,
    bed lit, street rue, city ville, school école, garden jardin,
    flower fleur, hand main, head tête, eye œil, heart cœur, father père,
    mother mère, brother frère, sister sœur, hello bonjour, yes oui,
    no non, thanks merci, eat manger, drink boire, sleep dormir,
    run courir, sing chanter, read lire, write écrire, summer été,
    winter hiver, snow neige, rain pluie, wind vent, fire feu,
    boat bateau, car voiture, teacher professeur, student élève""")

NUMBER_WORDS = words("""
    zero one two three four five six seven eight nine ten eleven twelve""")

# (key, table, noun of the relation, instruction, question)
RELATIONS = [
    ("opposite", OPPOSITES, "Opposite", "Give the opposite.",
     "What is the opposite of {}?"),
    ("plural", PLURALS, "Plural", "Give the plural.",
     "What is the plural of {}?"),
    ("capital", CAPITALS, "Capital", "Name the capital.",
     "What is the capital of {}?"),
    ("past", PAST, "Past", "Give the past tense.",
     "What is the past tense of {}?"),
    ("colour", COLOURS_OF, "Colour", "Name the colour.",
     "What colour is {}?"),
    ("young", YOUNG, "Young", "Name the young animal.",
     "What is a young {} called?"),
    ("sound", SOUNDS, "Sound", "Say what the animal does.",
     "What does the {} do?"),
    ("french", FRENCH, "French", "Translate English to French:",
     "What is {} in French?"),
]

# (remark, head, value) of small functions
FUNCTIONS = [
    ("The sum of two numbers.", "add(a, b)", "a + b"),
    ("The difference of two numbers.", "subtract(a, b)", "a - b"),
    ("The product of two numbers.", "multiply(a, b)", "a * b"),
    ("The larger of two numbers.", "larger(a, b)", "a if a > b else b"),
    ("The smaller of two numbers.", "smaller(a, b)", "a if a < b else b"),
    ("The square of a number.", "square(a)", "a * a"),
    ("Twice a number.", "double(a)", "a + a"),
    ("Half of a number.", "half(a)", "a / 2"),
    ("How many words a text has.", "count_words(text)",
     "len(text.split())"),
    ("The first word of a text.", "first_word(text)", "text.split()[0]"),
    ("The last word of a text.", "last_word(text)", "text.split()[-1]"),
    ("The text in capital letters.", "upper(text)", "text.upper()"),
    ("The text backwards.", "backwards(text)", "text[::-1]"),
]

# ------------------------------------------------------------- categories

CATEGORIES = {
    "animal": words("""cat dog mouse bird horse cow fox rabbit bear frog duck
        hen pig sheep lion fish wolf owl goat bee"""),
    "fruit": words("""apple pear banana cherry grape plum peach orange melon
        strawberry"""),
    "food": words("""bread cheese soup cake rice egg butter honey pie
        sandwich"""),
    "colour": words("""red blue green yellow black white pink brown grey
        purple"""),
    "country": [c for c, _ in CAPITALS],
    "city": [c for _, c in CAPITALS],
    "number": NUMBER_WORDS,
    "body": words("hand foot head eye nose mouth ear arm leg heart"),
    "family": words("""mother father sister brother aunt uncle son daughter
        grandmother cousin"""),
    "tool": words("hammer saw rope knife brush spade needle axe"),
    "clothes": words("hat coat shoe sock shirt dress scarf glove"),
    "weather": words("rain snow wind storm fog sun thunder frost"),
    "verb": [v for v, _ in PAST],
    "furniture": words("table bed desk sofa shelf lamp mirror"),
}

# ---------------------------------------------------------------- labels

SENTIMENT_LABELS = pairs("""
    good bad, great terrible, happy sad, yes no, positive negative,
    like dislike, up down, love hate, nice awful, pos neg, 5 1, + -""")

LABEL_POOL = words("""
    foo bar baz qux dax wug blick fep zim tok lum pim nax vib mog kel
    red blue green yellow black white pink brown grey gold
    A B C D E F G H P Q R S T
    0 2 3 4 6 7 8 9 one two three four five six
    cat dog mouse bird horse cow fox rabbit bear frog duck pig sheep lion
    fish wolf apple pear banana cherry grape plum bread cheese cake
    circle square triangle star moon sun tree flower house door
    Tom Anna Ben Lily Sam Mia Max Lucy Jack Emma
    Monday Tuesday Friday Sunday left right hot cold day night summer
    true false start stop open closed first last alpha beta gamma delta
    king queen boat car book table window garden city school
    hat coat shoe hand foot head eye rain snow wind Paris London Rome
    water milk fire glass paper box ball bell drum coin ring""")

# Words that nothing is classified by: no review, opinion word or category has
# them as a label.  They occur as plain words of stories, lists and copying,
# in word pairs, and bound to other words at random.
HELD_OUT_LABELS = words("""
    stone lemon river cloud basket kite spoon ladder button candle
    north winter Oscar Bella X K seven eleven zup gorp tiv hask
    purple silver""")
LABEL_POOL = sorted(
    (set(LABEL_POOL) | {w for table in CATEGORIES.values() for w in table})
    - set(HELD_OUT_LABELS))
HELD_OUT_PAIRS = list(zip(HELD_OUT_LABELS[0::2], HELD_OUT_LABELS[1::2]))

# --------------------------------------------------------------- stories

GIRLS = words("""Anna Lily Mia Lucy Emma Nina Rosa Clara Sue Kate Bella Ella
              Mary Alice""")
BOYS = words("""Tom Ben Sam Max Jack Leo Paul Finn Tim Peter Oscar Hugo
             John Henry""")
PEOPLE = words("""
    teacher student farmer doctor baker king queen girl boy sailor painter
    nurse child grandmother neighbour singer writer driver cook soldier""")
ANIMALS = CATEGORIES["animal"]
THINGS = words("""
    ball book kite hat basket stone lemon button candle spoon ladder ring
    coin bell drum map key box cup lamp flower apple boat letter toy
    blanket picture rope clock doll""")
PLACES = words("""
    garden forest river school house market beach park kitchen barn castle
    hill lake village library shop street bridge mountain farm""")
PREPOSITIONS = {"beach": "on", "hill": "on", "bridge": "on", "farm": "on",
                "mountain": "on", "street": "on", "river": "by",
                "lake": "by", "market": "at", "school": "at"}
NATURE = words("sun moon wind rain cloud river snow sky star sea")
TRAITS = words("""
    little big old young kind clever brave shy funny hungry tired happy sad
    quiet busy small lazy gentle proud lonely""")
THING_TRAITS = words("""
    red blue green yellow white black old new small big shiny round golden
    silver purple pretty broken heavy soft lost""")
WEATHER = words("sunny rainy windy cold warm snowy cloudy quiet bright grey")
TIMES = ["One day", "One morning", "One evening", "In the summer",
         "In the winter", "After lunch", "Before dinner", "Last week",
         "On Monday", "On Friday", "On Sunday", "Yesterday"]
TRANSITIVE = words("""
    chased saw found helped followed called thanked watched pushed carried
    taught painted caught visited heard asked loved met fed washed""")
