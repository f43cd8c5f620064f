"""What people and animals do: the topics of the plain texts."""
from grammar import Topic

HUMAN = """
    {S} was very {feeling}.
    {A} was {feeling}.
    Then {s} went home.
    It was a {weather} day.
    {S} went home on {day}.
    {A} thanked {b}.
    {B} thanked {o}.
    {BS} {b_was} {feeling} too."""

SCHOOL = Topic(a="teacher teacher teacher teacher", b="""student student
    students class boy girl child children pupil pupils""",
    thing="book book map picture story poem song", tool="pencil pen chalk brush",
    subject="history music science French reading writing numbers",
    room="school, classroom, library, hall", first="""
    {A} taught {b} with the {thing}.
    {A} taught {b} in the {room}.
    {A} taught {b} {subject}.
    {A} gave {b} a {thing}.
    {A} gave the {thing} to {b}.
    {A} read the {thing} to {b}.
    {A} asked {b} a question about the {thing}.
    {A} showed {b} a {thing}.
    {A} helped {b} with the {thing}.
    {B} learned {subject} in the {room}.
    {B} listened to {a} in the {room}.""", then=HUMAN + """
    {BS} read the {thing} in the {room}.
    {BS} wrote a letter with the {tool}.
    {BS} answered the question.
    {BS} asked {o} about the {thing}.
    {B} opened the {thing}.
    {B} learned a new word.
    {S} wrote the answer on the board.
    {S} closed the {thing}.
    The lesson was long.
    The lesson was about {subject}.
    The {thing} lay on the desk.
    The question was very difficult.
    The school was near the park.""")

CHASE = Topic(pairs="""cat:mouse cat:mouse cat:mouse cat:bird dog:cat dog:cat
    dog:rabbit fox:hen fox:rabbit fox:duck wolf:sheep wolf:lamb lion:goat
    owl:mouse dog:fox boy:dog girl:rabbit cat:frog dog:duck frog:bee
    bear:fish farmer:fox""", place="garden, kitchen, barn, yard, field, house",
    where="tree, table, bed, bush, stone, fence", first="""
    {A} chased {b}.
    {A} chased {b} in the {place}.
    {A} chased {b} around the {where}.
    {A} ran after {b}.
    {A} saw {b} in the {place}.
    {A} followed {b} into the {place}.
    {A} caught {b} under the {where}.
    {A} wanted to catch {b}.""", then="""
    {B} ran away.
    {BS} ran into the {place}.
    {B} hid under the {where}.
    {BS} hid behind the {where}.
    {A} could not find {bo}.
    {A} looked under the {where}.
    {S} was fast, but {b} {b_was} faster.
    {S} was hungry.
    {B} {b_was} afraid.
    {BS} {b_was} small and quick.
    {A} waited near the {where}.
    {S} jumped over the {where}.
    At last {s} caught {bo}.
    In the end {a} went to sleep.
    It was a {weather} day.""")

FARM = Topic(a="farmer farmer farmer woman man girl boy", b="""cow horse sheep
    pig goat hen duck goose calf lamb""", place="field, barn, yard, farm, stable",
    crop="corn, wheat, hay, potatoes, apples, carrots", tool="spade, fork, rope,\
    basket, bucket", first="""
    {A} fed {b} in the {place}.
    {A} washed {b} with a brush.
    {A} led {b} into the {place}.
    {A} carried the {crop} to the {place}.
    {A} gave {b} some {crop}.
    {A} worked in the {place} with a {tool}.
    {A} milked the cow in the {place}.
    {A} cut the {crop} in the {place}.
    {A} bought {b} at the market.""", then=HUMAN + """
    {B} ate the {crop}.
    {BS} ate grass in the {place}.
    {B} drank some water.
    {BS} drank from the {tool}.
    {B} slept in the {place}.
    {S} put the {tool} in the barn.
    {S} closed the gate.
    The {place} was full of {crop}.
    The farm was on the hill.
    {A} got up early in the morning.""")

KITCHEN = Topic(a="cook cook baker mother father grandmother woman man", b="""
    guests children boy girl king queen child family friends""",
    dish="soup, bread, cake, pie, rice, pizza, fish, pasta", tool="spoon, knife,\
    pan, pot, oven", part="eggs, butter, milk, flour, salt, sugar, cheese, onions",
    meal="lunch, dinner, breakfast, supper", first="""
    {A} cooked {dish} for {b}.
    {A} made a {dish} with {part}.
    {A} baked {dish} in the oven.
    {A} cut the {dish} with a knife.
    {A} made {meal} in the kitchen.
    {A} put {part} into the {dish}.
    {A} gave {b} some {dish}.
    {B} wanted some {dish} for {meal}.""", then=HUMAN + """
    {BS} ate the {dish} with a {tool}.
    {B} ate all the {dish}.
    The {dish} was hot.
    The {dish} was very good.
    {S} washed the {tool}.
    {S} put the {tool} on the table.
    {S} needed {part} and milk.
    The kitchen was warm.
    {BS} sat at the table.
    {BS} drank a glass of water.
    {S} stirred the {dish} with a spoon.
    {S} bought the {part} at the market.""")

SEA = Topic(a="sailor sailor captain fisherman fisherman", b="""boy girl man woman
    friend brother""", boat="boat, ship", sea="sea, lake, ocean",
    wind="wind, storm, rain, fog", first="""
    {A} sailed the {boat} across the {sea}.
    {A} caught a fish in the {sea}.
    {A} took {b} out on the {sea}.
    {A} showed {b} the {boat}.
    {A} pulled the net into the {boat}.
    {A} saw an island from the {boat}.
    {A} painted the {boat} {colour}.
    {A} told {b} a story about the {sea}.""", then=HUMAN + """
    The {wind} was strong.
    The {sea} was calm and blue.
    The {wind} pushed the {boat}.
    The water was cold and deep.
    {S} pulled the rope.
    The net was full of fish.
    {B} waited on the beach.
    {BS} saw the {boat} far away.
    {S} came back to the harbour.
    The {boat} was old and small.
    The sail was {colour}.""")

HEALTH = Topic(a="doctor doctor nurse nurse", b="""boy girl man woman child
    farmer sailor patient patient soldier""", body="arm, leg, foot, hand, head,\
    ear, eye", cure="medicine, tea, water, soup", first="""
    {A} helped {b} in the hospital.
    {A} looked at the {body} of {b}.
    {A} gave {b} some {cure}.
    {A} washed the {body} of {b}.
    {A} visited {b} in the hospital.
    {B} went to see {a}.
    {B} hurt {bp} {body}.""", then=HUMAN + """
    {B} {b_was} ill.
    {BS} had a broken {body}.
    {BP} {body} was very red.
    {B} drank the {cure}.
    {BS} lay in bed for {number} days.
    {BS} felt much better.
    {S} asked how {bs} felt.
    The hospital was quiet.
    The {cure} was bitter.
    "Do not worry," said {a}.""")

MUSIC = Topic(a="singer musician girl boy woman man student", b="""friends children
    king queen guests people mother class""", tool="piano, guitar, violin, flute,\
    drum, trumpet", kind="song, melody, tune", first="""
    {A} played the {tool} for {b}.
    {A} sang a {kind} for {b}.
    {A} learned to play the {tool}.
    {A} taught {b} a {kind}.
    {A} played a {kind} on the {tool}.
    {A} bought a new {tool}.
    {B} listened to the {kind} of {a}.""", then=HUMAN + """
    {B} danced to the music.
    {BS} sang the {kind} too.
    The {kind} was slow and sad.
    The {kind} was beautiful.
    The {tool} was very old.
    The concert was long.
    {S} practised the {tool} every day.
    {B} liked the {kind}.
    Everybody clapped at the end.
    The music was very loud.""")

SHOP = Topic(a="woman man girl boy mother father student", b="""baker shopkeeper
    shopkeeper farmer seller""", thing="hat, coat, book, lamp, clock, ring, toy,\
    chair, shirt, basket", fruit="apples, pears, bread, cheese, eggs, flowers,\
    cherries", first="""
    {A} bought a {thing} in the shop.
    {A} bought {fruit} at the market.
    {A} paid {b} for the {thing}.
    {A} asked {b} the price of the {thing}.
    {A} wanted to buy a {thing}.
    {B} sold {a} a {thing}.
    {B} sold {fruit} at the market.
    {A} lost the {thing} in the street.""", then=HUMAN + """
    The {thing} was too expensive.
    The {thing} was cheap.
    {S} paid {number} coins for it.
    {S} carried the {thing} home.
    {B} put the {thing} in a bag.
    The shop was open until {day}.
    The {thing} was {colour}.
    {S} gave the money to {b}.
    {S} had only {number} coins.
    {S} liked the {colour} {thing}.""")

GARDEN = Topic(a="gardener gardener girl boy woman man grandmother neighbour", b="""
    bird rabbit bee cat child boy girl""", plant="flowers, roses, trees, carrots,\
    tomatoes, apples", tool="spade, basket, ladder, bucket", first="""
    {A} planted {plant} in the garden.
    {A} watered the {plant} in the garden.
    {A} picked the {plant} with {b}.
    {A} saw {b} in the garden.
    {A} worked in the garden with a {tool}.
    {A} found {b} under the {plant}.
    {A} sat under the tree with {b}.""", then="""
    The {plant} grew quickly.
    The {plant} were {colour}.
    {S} dug a hole with a spade.
    {S} put the {plant} in a basket.
    {B} liked the {plant}.
    {BS} sat in the grass.
    The sun was warm.
    The rain was good for the {plant}.
    {S} left the {tool} near the gate.
    {A} was {feeling}.
    {S} watched {b} for a long time.
    It was a {weather} day.
    The garden was full of {plant}.
    {S} climbed up the ladder.""")

CASTLE = Topic(a="king king queen queen prince princess", b="""soldier soldier cook
    farmer painter singer servant girl boy baker""", thing="crown, ring, horse,\
    letter, bag of gold, sword, cup", room="castle, tower, hall, garden", first="""
    {A} gave {b} a {thing}.
    {A} called {b} to the castle.
    {A} lived in a castle on the hill.
    {A} asked {b} for the {thing}.
    {A} lost the {thing} in the {room}.
    {B} brought {a} a {thing}.
    {B} found the {thing} in the {room}.
    {A} met {b} in the {room}.""", then=HUMAN + """
    The {thing} was made of gold.
    The {room} was dark and cold.
    {S} looked for the {thing} in the {room}.
    {B} bowed and smiled.
    The castle had {number} towers.
    {S} was rich and old.
    The people loved {o}.
    {BS} {b_was} poor, but {bs} {b_was} brave.
    {S} put the {thing} on the table.
    "You are my friend," said {a}.""")

HOME = Topic(a="mother father grandmother aunt uncle sister brother", b="""
    boy girl child baby children son daughter""", thing="ball, doll, toy, book,\
    blanket, kite, clock, lamp", room="kitchen, garden, house, bedroom, bathroom",
    first="""
    {A} gave {b} a {thing}.
    {A} told {b} a story.
    {A} washed {b} in the bathroom.
    {A} looked for {b} in the {room}.
    {A} read {b} a book in the bedroom.
    {A} found the {thing} in the {room}.
    {B} played with the {thing} in the {room}.
    {B} broke the {thing} in the {room}.""", then=HUMAN + """
    {BS} put the {thing} under the bed.
    {BS} went to sleep.
    {B} laughed and played.
    The {thing} was {colour}.
    The {thing} was new.
    {S} opened the window.
    {S} closed the door.
    The {room} was clean and bright.
    {BS} slept until the morning.
    {S} kissed {bo} good night.
    "Where is the {thing}?" asked {b}.""")

TRAVEL = Topic(a="woman man driver boy girl student teacher sailor", b="""friend brother
    sister mother father aunt uncle""", city="Paris London Rome Madrid Berlin Moscow\
    Lisbon Athens Vienna Oslo Dublin Cairo", ride="train, bus, car, boat, plane",
    first="""
    {A} went to {city} by {ride}.
    {A} visited {b} in {city}.
    {A} waited for the {ride} to {city}.
    {A} lived in {city} with {b}.
    {A} took the {ride} to {city}.
    {A} met {b} in {city}.
    {A} wrote {b} a letter from {city}.
    {A} bought a ticket to {city}.""", then=HUMAN + """
    The {ride} was late.
    The {ride} was full of people.
    {S} looked out of the window.
    {S} stayed in {city} for {number} days.
    {S} carried a heavy bag.
    {B} waited for {o} in {city}.
    {S} liked the old streets of {city}.
    The journey was very long.
    {S} came back on {day}.
    {S} saw the river and the old bridge.""")

SPORT = Topic(a="player player boy girl student", b="""friend friends brother sister
    players boy girl""", game="football, tennis, the game, the race", place="park,\
    field, garden, street", first="""
    {A} threw the ball to {b}.
    {A} kicked the ball over the fence.
    {A} won the race against {b}.
    {A} played with {b} in the {place}.
    {A} ran with {b} in the {place}.
    {A} caught the ball with one hand.
    {A} taught {b} to swim.
    {A} lost the game against {b}.""", then=HUMAN + """
    {B} caught the ball.
    {BS} ran very fast.
    {S} jumped high.
    {B} lost the ball in the {place}.
    The game was long.
    They played until the evening.
    {S} was the fastest of all.
    {BS} wanted to play again.
    The ball fell into the water.
    {S} trained every {day}.""")

PAINT = Topic(a="painter painter artist girl boy student", b="""king queen woman man
    child horse dog cat girl boy""", thing="picture, wall, house, door, boat",
    tool="brush, pencil", view="sea, mountain, forest, garden, river, flower",
    first="""
    {A} painted a picture of {b}.
    {A} painted the {thing} {colour}.
    {A} drew {b} with a pencil.
    {A} painted {b} with a brush.
    {A} showed {b} the {thing}.
    {A} painted the {view} in {colour} and white.
    {A} sold a picture of {b}.""", then=HUMAN + """
    The {thing} was {colour}.
    {S} needed more {colour} paint.
    {S} washed the {tool} in the water.
    The picture was beautiful.
    {B} sat still for a long time.
    {S} put the picture on the wall.
    {S} looked at the {view}.
    The paint was still wet.
    {S} worked until the evening.""")

FOREST = Topic(a="girl boy hunter man woman child", b="""wolf bear fox owl rabbit bird
    deer squirrel""", place="forest, mountain, hill, river, lake", thing="tree, bush,\
    stone, cave", first="""
    {A} saw {b} in the forest.
    {A} walked through the forest and met {b}.
    {A} heard {b} behind the {thing}.
    {A} followed {b} into the forest.
    {A} lost the way in the forest.
    {A} found {b} near the {thing}.
    {B} lived in the forest near the {place}.""", then="""
    {B} ran behind the {thing}.
    {BS} looked at {o} and ran away.
    {BS} slept under the {thing}.
    {S} was afraid of {b}.
    {S} was not afraid.
    {S} climbed up the tree.
    It was dark between the trees.
    The forest was quiet and dark.
    The moon was bright.
    {S} made a small fire.
    {S} gave {bo} some bread.
    {S} waited until the morning.
    At last {s} found the way home.""")

LETTERS = Topic(a="postman girl boy woman man writer soldier", b="""mother father friend
    sister brother king queen neighbour""", news="the war, the wedding, the new baby,\
    the journey, the summer, the school", first="""
    {A} wrote a letter to {b}.
    {A} sent {b} a letter about {news}.
    {A} brought {b} a letter.
    {A} wrote {b} about {news}.
    {B} got a letter from {a}.
    {B} read the letter of {a}.""", then=HUMAN + """
    {B} opened the letter.
    {BS} read it again and again.
    The letter was about {news}.
    The letter was very long.
    {BS} wrote back on {day}.
    {S} bought a stamp.
    {S} put the letter in a box.
    There was good news in it.
    {BS} cried and laughed.""")

BUILD = Topic(a="builder builder carpenter man woman uncle father", b="""boy girl brother
    friend neighbour son daughter""", thing="house, wall, bridge, table, chair, boat,\
    door, roof", tool="hammer, saw, knife, axe, rope", stuff="wood, stone, glass", first="""
    {A} built a {thing} with {b}.
    {A} made a {thing} of {stuff}.
    {A} cut the wood with a {tool}.
    {A} gave {b} the {tool}.
    {A} taught {b} to use the {tool}.
    {A} repaired the {thing} with a {tool}.
    {B} helped {a} to build a {thing}.""", then=HUMAN + """
    The {thing} was made of {stuff}.
    The {thing} was strong.
    The {tool} was heavy.
    The {tool} was very sharp.
    {S} worked for {number} days.
    {BS} carried the {stuff}.
    {BS} held the {tool}.
    {S} painted the {thing} {colour}.
    {S} put the {tool} back in the box.
    The work was hard.""")

SKY = Topic(a="girl boy child man woman grandmother", b="friend brother sister mother cat dog",
    first="""
    {A} looked at the stars with {b}.
    {A} watched the moon in the sky.
    {A} saw a dark cloud in the sky.
    {A} played in the snow with {b}.
    {A} walked in the rain with {b}.
    {A} sat in the sun with {b}.
    The wind blew the hat of {a} away.""", then="""
    The sky was dark and clear.
    The sun was bright and hot.
    The snow was cold and white.
    The rain fell on the roof.
    The wind was strong.
    The clouds were grey.
    {S} took an umbrella.
    {S} put on a warm coat.
    {S} was wet and cold.
    {S} counted {number} stars.
    The moon was round and yellow.
    {A} was {feeling}.
    {BS} {b_was} {feeling} too.
    It was a {weather} night.
    They went back into the house.""")

PETS = Topic(a="cat cat dog dog puppy kitten", b="boy girl woman man child",
    seat="mat, chair, sofa, bed, table, floor, wall, roof", food="milk, fish, meat,\
    bread, water", first="""
    {A} sat on the {seat}.
    {A} slept on the {seat}.
    {A} lay on the {seat} near the fire.
    {A} drank some milk in the kitchen.
    {A} ate the {food} of {b}.
    {B} gave {a} some {food}.
    {B} played with {a} in the garden.
    {A} jumped on the {seat}.""", then="""
    It was warm and quiet there.
    {S} was {feeling}.
    {BS} liked {a} very much.
    {B} called {a}.
    {S} did not want to get up.
    {S} looked at {b}.
    {S} liked the {food}.
    {B} sat on the sofa.
    Its eyes were green.
    Its tail was long and {colour}.
    {S} ran out of the door.
    {A} closed its eyes.
    It was raining outside.""")

TALK = Topic(b="friend brother sister mother teacher", thing="book, ball, hat, car,\
    boat, house, garden, kite", place="garden, school, park, house, market,\
    kitchen, forest", can="swim, read, write, sing, dance, cook, run, paint",
    food="bread, cheese, apples, soup, cake, fish, milk", first="""
    {A} is in the {place} with {b}.
    {A} has a {colour} {thing}.
    {A} likes {food} and {food2}.
    {A} can {can} very well.
    {A} will go to the {place} tomorrow.
    {A} wants to learn to {can}.
    {A} lives in a {colour} house.
    {A} does not like {food}.""", then="""
    {S} is very {feeling} today.
    {S} is not at home.
    I see {o} every day.
    I like {o} very much.
    We are going to the {place}.
    You can see the {thing} from here.
    {S} has {number} brothers.
    {S} is {number} years old.
    {S} goes to the {place} on {day}.
    {S} eats {food} for breakfast.
    Do you know {o}?
    Is {s} in the {place}?
    Yes, {s} is there.
    No, {s} is not here.
    What do you want?
    {P} {thing} is {colour}.
    {B} is {feeling} too.
    They are good friends.""", food2="eggs, butter, honey, rice, pears, fruit")

TOPICS = [PETS, TALK, SCHOOL, SCHOOL, CHASE, CHASE, FARM, KITCHEN, SEA, HEALTH, MUSIC, SHOP,
          GARDEN, CASTLE, HOME, HOME, TRAVEL, SPORT, PAINT, FOREST, LETTERS, BUILD,
          SKY]
