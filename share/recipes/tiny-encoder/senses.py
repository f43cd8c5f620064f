"""Words of two senses: a topic for each, and what the word means there.

Each sense has its own lines, so that the words around tell which one it is.
A line `Here bank means ...` says it outright.
"""
from grammar import Topic

FOLK = "boy girl man woman farmer teacher sailor student father mother"


def sense(gloss, first, then, **lists):
    """One sense of a word."""
    lists = {"a": FOLK, "b": "friend brother sister uncle neighbour", **lists}
    return gloss, Topic(first=first, then=then, named=0.3, **lists)


SENSES = {
    "bank": [
        sense("the land beside a river", """
            {A} sat on the bank of the {river}.
            {A} stood on the bank and caught a fish.
            {A} walked along the bank of the {river}.
            {A} tied the boat to a tree on the bank.
            {A} found a {thing} on the muddy bank.
            {A} swam to the other bank of the {river}.
            {A} slept on the grassy bank near the water.
            The boat lay on the bank of the {river}.""", """
            The water was cold and clear.
            {S} put {p} feet in the water.
            {S} watched the boats on the {river}.
            The bank was green and wet.
            {S} threw a stone into the {river}.
            There were ducks and frogs in the grass.
            {S} saw a fish in the water.
            The {river} was deep and slow.
            The bank was steep.""",
              river="river, stream, lake", thing="frog, duck, stone, shell, boat"),
        sense("a place that keeps money", """
            {A} put {p} savings in the bank.
            {A} took the money to the bank.
            {A} opened an account at the bank.
            {A} worked at the bank in the city.
            {A} paid a cheque into the bank on {day}.
            {A} asked the bank for a loan.
            {A} borrowed {number} coins from the bank.
            The thief stole the money from the bank.""", """
            The money was safe there.
            {S} counted the coins and the notes.
            {S} wanted to buy a house.
            The bank was closed on {day}.
            {S} saved money every month.
            The clerk gave {o} a receipt.
            {S} had a lot of savings.
            The bank was rich.
            {S} signed the paper."""),
    ],
    "bat": [
        sense("a small animal that flies at night", """
            The bat flew out of the {place} at night.
            {A} saw a bat in the dark {place}.
            {A} heard a bat above the trees at night.
            The bat slept upside down in the {place}.
            The bat caught moths in the dark.
            A little bat hung from the roof of the {place}.""", """
            Its wings were thin and black.
            It flew away in the dark.
            It ate insects and fruit.
            The bat could hear very well.
            The moon was bright.
            It slept all day.
            {A} was afraid of its teeth.""",
              place="cave, barn, tower, forest"),
        sense("a stick to hit a ball with", """
            {A} hit the ball with the bat.
            {A} swung the bat and missed the ball.
            {A} bought a new bat for the game.
            {A} held the bat with both hands.
            {A} broke the wooden bat in the game.
            The player took the bat and waited for the ball.""", """
            The ball flew over the fence.
            The team won the game.
            The bat was made of wood.
            {S} ran as fast as {s} could.
            The players clapped.
            The ball was hard.
            {S} gave the bat to the next player."""),
    ],
    "spring": [
        sense("the time of year after winter", """
            In spring the {plant} grow again.
            {A} planted {plant} in the spring.
            {A} loved the first warm day of spring.
            After the winter came the spring.
            The birds come back every spring.
            Spring is warmer than winter.
            {A} saw {plant} in the early spring.""", """
            The days were longer and warmer.
            The snow was gone.
            The trees were green again.
            The birds sang in the trees.
            Summer comes after spring.
            The lambs played in the field.
            {S} worked in the garden.""",
              plant="flowers, roses, trees, tulips"),
        sense("a place where water comes out of the ground", """
            {A} drank cold water from the spring.
            {A} filled the {cup} at the spring.
            {A} found a spring under the rocks.
            The water of the spring was clear and cold.
            The stream began at a spring in the {place}.
            {A} washed {p} face at the spring.""", """
            The water came out of the ground.
            {S} was very thirsty.
            The spring never ran dry.
            {S} carried the {cup} home.
            The animals came to drink.
            The water ran down between the stones.
            The spring was deep in the {place}.""",
              cup="bucket, bottle, cup, jug", place="hills, forest, mountains"),
    ],
    "light": [
        sense("what a lamp or the sun gives", """
            {A} turned on the light in the {room}.
            {A} read by the light of the {lamp}.
            The light of the {lamp} was yellow.
            {A} saw a light in the window at night.
            The light went out and the {room} was dark.
            The morning light came through the window.""", """
            Now {s} could see everything.
            The {room} was dark.
            The {lamp} was very bright.
            {S} could not see in the dark.
            The light was too weak.
            {S} turned it off and slept.
            It shone through the night.""",
              room="room, kitchen, hall, house", lamp="lamp, candle, moon, fire"),
        sense("not heavy", """
            The {bag} was light and easy to carry.
            {A} lifted the light {bag} with one hand.
            The {bag} was so light that {a} could carry it.
            {A} carried a light {bag} on the journey.
            An empty {bag} is light.
            The {bag} was as light as a feather.""", """
            There was almost nothing in it.
            A child could carry it.
            It was not heavy at all.
            {S} put it on {p} back.
            The other one was full and heavy.
            {S} walked fast and was not tired.
            It weighed almost nothing.""",
              bag="bag, basket, box, suitcase, coat"),
    ],
    "match": [
        sense("a game between two teams", """
            {A} won the tennis match against {b}.
            {A} watched the football match with {b}.
            {A} played in the match on {day}.
            The team lost the match by {number} goals.
            {A} saw the match in the stadium.
            The match ended after {number} hours.
            {A} bought a ticket for the match.""", """
            The players were very tired.
            The team scored a goal.
            The crowd clapped and sang.
            The match was long and hard.
            The ball went over the line.
            {S} wanted to see the next game.
            The winner got a cup."""),
        sense("a small stick that makes fire", """
            {A} lit the {thing} with a match.
            {A} struck a match in the dark.
            {A} burned {p} finger with a match.
            {A} took a match out of the box.
            {A} made a fire with the last match.
            The match was wet and did not burn.""", """
            The flame was small and yellow.
            The {thing} burned brightly.
            {S} blew it out.
            The smoke was grey.
            The box was empty now.
            The wood was dry.
            The fire was warm.""",
              thing="candle, lamp, fire, oven, paper"),
    ],
    "bark": [
        sense("the cry of a dog", """
            {A} heard the bark of a dog at night.
            The loud bark of the dog woke {a}.
            The bark of the puppy was high and short.
            The dog gave a bark at the {man}.
            {A} was afraid of the bark of the big dog.
            With a loud bark the dog ran to the gate.""", """
            The dog was angry.
            It ran to the gate and back.
            It showed its teeth.
            The cat ran away.
            {S} could not sleep.
            {S} called the dog.
            Then the dog was quiet again.""",
              man="postman, thief, cat, stranger"),
        sense("the skin of a tree", """
            The bark of the {tree} was rough.
            {A} cut {p} name into the bark of the {tree}.
            The bark fell from the old {tree}.
            {A} found insects under the bark of the {tree}.
            The deer ate the bark of the young {tree}.
            {A} made a small boat out of bark.""", """
            The wood below was white and wet.
            The {tree} was very old.
            Its leaves were green.
            Moss grew on it.
            It was brown and thick.
            {S} touched it with {p} hand.
            The branches were dry.""",
              tree="tree, oak, pine, birch"),
    ],
    "ring": [
        sense("a small circle of gold for a finger", """
            {A} wore a gold ring on {p} finger.
            {A} gave {b} a silver ring.
            {A} lost the ring in the garden.
            {A} bought a ring with a red stone.
            The queen wore a ring of gold.
            {A} put the ring on the hand of {b}.""", """
            It was very expensive.
            The stone was red and bright.
            It was too small for {p} finger.
            {S} looked for it everywhere.
            It was made of gold.
            {S} kept it in a little box.
            They married in the summer.""",
              a="man woman king queen prince princess girl"),
        sense("the sound of a bell or a telephone", """
            {A} heard the ring of the {bell}.
            The loud ring of the {bell} woke {a}.
            With the ring of the {bell} the lesson began.
            {A} waited for the ring of the {bell}.
            After the third ring {a} took the telephone.
            There was a ring at the door in the evening.""", """
            {S} got up and opened the door.
            It was very loud.
            {S} said hello.
            Nobody answered.
            {S} ran to the {bell}.
            Then the {bell} was quiet again.
            The children ran out of the classroom.""",
              bell="bell, telephone, clock, alarm"),
    ],
    "letter": [
        sense("a message on paper", """
            {A} wrote a long letter to {b}.
            {A} sent the letter by post.
            {A} got a letter from {b} on {day}.
            The postman brought {a} a letter.
            {A} put a stamp on the letter.
            {A} opened the letter with a knife.""", """
            It was about the journey.
            {S} read it twice.
            {B} wrote back on {day}.
            There was good news in it.
            {S} put it in an envelope.
            It came from far away.
            {S} missed {b} very much."""),
        sense("a sign of the alphabet", """
            The word begins with the letter {sign}.
            {A} learned the letter {sign} at school.
            {A} wrote the letter {sign} on the board.
            The first letter of the name is {sign}.
            {A} could read every letter of the alphabet.
            A capital letter begins a sentence.""", """
            The word has {number} letters.
            {S} could not spell the word.
            The teacher read the word aloud.
            The alphabet begins with A.
            {S} said it again and again.
            The sentence ends with a point.
            Then {s} wrote the whole word.""",
              a="teacher student boy girl child pupil", sign="A B C D M P R S T"),
    ],
    "seal": [
        sense("an animal of the sea", """
            {A} saw a seal on the {place}.
            The seal swam in the cold sea.
            The seal caught a fish under the ice.
            {A} fed the seal with fish.
            A young seal lay on the {place} near the water.
            The seal dived into the waves.""", """
            It ate three fish.
            Its skin was grey and wet.
            It swam very fast.
            It had big dark eyes.
            The sea was cold.
            It slept in the sun.
            {A} watched it for a long time.""",
              place="beach, ice, rocks, sand"),
        sense("a mark of wax that closes a paper", """
            {A} broke the seal of the letter.
            The king put his seal on the paper.
            The red seal on the envelope was broken.
            {A} pressed the seal into the hot wax.
            The letter had the seal of the king.
            {A} closed the paper with a seal of wax.""", """
            The wax was red and hard.
            Nobody had read the letter.
            The message was secret.
            {S} opened the paper and read it.
            It had the sign of a lion.
            The king had signed it.
            {S} put it in a box.""",
              a="king queen soldier writer servant prince"),
    ],
    "crane": [
        sense("a tall bird", """
            The crane stood in the water on one leg.
            The crane caught a frog in the {place}.
            {A} saw a grey crane in the {place}.
            The crane flew to the south in the autumn.
            The crane built its nest in the {place}.
            A white crane spread its wings.""", """
            It had a long neck.
            Its feathers were white and grey.
            It laid two eggs.
            It flew away in the evening.
            Its legs were long and thin.
            The other birds were smaller.
            {A} watched the bird.""",
              place="lake, marsh, field, grass"),
        sense("a machine that lifts heavy things", """
            The crane lifted the heavy {load}.
            The crane put the {load} on the roof.
            {A} drove the crane in the harbour.
            The builders moved the {load} with a crane.
            The crane on the ship carried the {load}.
            {A} worked on a crane in the city.""", """
            The {load} was made of steel.
            The workers built a new bridge.
            The machine was very loud.
            The house was almost ready.
            The driver stopped the engine.
            It could lift {number} tons.
            The wall was very high.""",
              load="stones, box, wood, steel", a="builder worker man woman driver"),
    ],
    "wave": [
        sense("water that rises in the sea", """
            A big wave hit the {boat}.
            The wave broke on the beach.
            {A} jumped into the wave.
            The storm sent a high wave over the {boat}.
            {A} swam under the wave.
            The wave carried the {boat} to the shore.""", """
            The sea was wild.
            The water was cold and salty.
            The wind was strong.
            The sand was wet.
            The sailors were afraid.
            {S} swam back to the beach.
            The {boat} was full of water.""",
              boat="boat, ship, rock", a="sailor boy girl swimmer fisherman"),
        sense("a sign with the hand", """
            {A} said goodbye to {b} with a wave.
            {A} gave {b} a friendly wave.
            With a wave of the hand {a} called {b}.
            {A} answered with a smile and a wave.
            The queen greeted the people with a wave.
            {A} gave a short wave from the {place}.""", """
            {B} waved back.
            {S} smiled at {b}.
            Then the {place} was gone.
            {S} lifted {p} arm.
            They were good friends.
            {B} was glad to see {o}.
            {S} called the name of {b}.""",
              place="train, window, bus, door"),
    ],
    "trunk": [
        sense("the long nose of an elephant", """
            The elephant drank with its trunk.
            The elephant took an apple with its trunk.
            The elephant lifted {a} with its trunk.
            {A} touched the trunk of the elephant.
            The young elephant held its trunk high.
            The elephant washed itself with its trunk.""", """
            Its ears were big and grey.
            It ate the whole apple.
            The animal was very strong.
            It walked slowly to the water.
            The zoo was full of children.
            Its skin was thick.
            {A} gave it a banana."""),
        sense("the thick part of a tree", """
            {A} leaned against the trunk of the {tree}.
            The trunk of the {tree} was thick.
            {A} cut the trunk with a saw.
            {A} hid behind the trunk of the {tree}.
            The squirrel ran up the trunk.
            The trunk of the old {tree} was hollow.""", """
            The leaves fell on the ground.
            The branches were long and green.
            The wood was good for the fire.
            {S} sat in the shade.
            The {tree} was a hundred years old.
            There was a nest in the branches.
            The forest was quiet.""",
              tree="tree, oak, pine"),
    ],
    "palm": [
        sense("the inner side of a hand", """
            {A} held the {thing} in the palm of {p} hand.
            {A} showed {b} the palm of {p} hand.
            The {thing} lay in {p} palm.
            {A} hurt the palm of {p} left hand.
            {A} read the lines of the palm.
            {A} closed {p} palm around the {thing}.""", """
            {P} fingers were cold.
            {S} opened {p} hand slowly.
            The skin was soft.
            The {thing} was very small.
            {S} gave the {thing} to {b}.
            {S} washed {p} hands.
            {B} looked at the fingers.""",
              thing="coin, bird, ring, stone, key"),
        sense("a tree of hot countries", """
            {A} sat under a palm on the {place}.
            The palm grew on the {place}.
            {A} climbed the palm for a coconut.
            The leaves of the palm were long.
            The monkey sat high in the palm.
            The wind moved the tall palm on the {place}.""", """
            The sun was hot.
            The coconut fell on the sand.
            Its leaves were green and long.
            The sea was warm and blue.
            There was no other tree.
            {S} rested in the shade.
            The island was small.""",
              place="beach, island, shore"),
    ],
    "nail": [
        sense("the hard end of a finger", """
            {A} painted the nail of {p} finger red.
            {A} cut {p} nail with small scissors.
            {A} broke a nail of {p} left hand.
            {A} bit {p} nail and waited.
            The nail of {p} thumb was too long.
            {A} cleaned every nail of {p} hands.""", """
            {P} finger hurt.
            {S} washed {p} hands.
            {P} fingers were long and thin.
            The colour was red.
            {S} looked at {p} hands.
            It grew again.
            {S} used a small brush.""",
              a="girl boy woman man queen mother"),
        sense("a thin piece of iron", """
            {A} hit the nail with a hammer.
            {A} hung the picture on a nail in the wall.
            {A} pulled the nail out of the {wood}.
            {A} drove a nail into the {wood}.
            The old nail in the {wood} was rusty.
            {A} bought a box of iron nails and one long nail.""", """
            The hammer was heavy.
            {S} repaired the {wood}.
            The picture hung on the wall.
            It was long and sharp.
            {S} needed a saw too.
            The {wood} was hard.
            {S} put the tools in the box.""",
              wood="wall, wood, door, table, fence",
              a="builder carpenter man woman father uncle"),
    ],
}
