-- The database of attune, as numbered versions. A line "-- version N: ..." begins what brings version N-1 to
-- N; PRAGMA user_version is the last one applied and PRAGMA application_id is 0x6174746e ("attn").
-- A new file gets all of them. A version that was released is never edited: add the next one.
--
--   session 1---n run 1---n run_step n---1 node --parent--> node ... --parent--> NULL
--                  |                        |
--                  base, prompt, output     chain
--
-- Blobs are little-endian. Look in with the stock shell:  SELECT * FROM runs_readable;

-- version 1: sessions, runs, and the tree of what was read and produced
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL -- UTC, ISO 8601
) STRICT;

-- Texts by content: each stands once however many runs use it.
CREATE TABLE text (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE, -- first 16 bytes of SHA-256 over the byte `searched` and the bytes
    searched INTEGER NOT NULL, -- 1: words of people and models; 0: chains, engines, JSON
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    digest INTEGER NOT NULL,    -- of weights, 64 bits (shown signed)
    tokenizer INTEGER NOT NULL, -- digest of vocabulary and rules
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    family TEXT NOT NULL,
    UNIQUE (digest, tokenizer, path, name, family)
) STRICT;

-- What the model had in front of it, token by token, as a tree: a fork adds children, copies nothing.
CREATE TABLE node (
    id INTEGER PRIMARY KEY,
    parent INTEGER REFERENCES node (id), -- what it follows; NULL: begins a text
    hash BLOB NOT NULL,      -- first 16 bytes of SHA-256 over the parent's hash and all the content below
    kind INTEGER NOT NULL,   -- 0 a step; 1 given tokens; 2 given tokens that begin the decoder's side
    tokens BLOB,             -- given: int32 each; NULL for a step
    bytes BLOB,              -- of the step's token, or of given tokens inside a text (NULL: run.prompt has them)
    token INTEGER,           -- a step: the token that was taken
    drawn INTEGER,           -- the token that u hit, where another one was taken; else NULL
    step INTEGER,            -- its number: u is the draw number `step` of the run's seed
    chain INTEGER REFERENCES text (id), -- the sampler chain it was drawn with
    u REAL, low REAL, high REAL, -- the draw and the interval of the cumulative distribution that it hit
    p REAL, p_raw REAL,      -- after the chain; softmax of the untouched logits. NULL stands for NaN everywhere
    logit REAL,
    rank INTEGER,            -- by raw logit, 0 the likeliest
    entropy_bits REAL, logsumexp REAL, -- of the raw distribution
    digest INTEGER,          -- XXH64 over the float32 logits (shown signed)
    n_kept INTEGER, kept_mass REAL,
    stages BLOB,             -- a stage each: uint32 survivors, float32 mass, float32 entropy_bits
    top BLOB                 -- a candidate each: int32 id, float32 logit, float64 p
) STRICT;
CREATE UNIQUE INDEX node_content ON node (parent, hash);
CREATE UNIQUE INDEX node_root ON node (hash) WHERE parent IS NULL;
CREATE INDEX node_chain ON node (chain) WHERE chain IS NOT NULL;

CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never given twice
    session INTEGER NOT NULL REFERENCES session (id),
    created TEXT NOT NULL,   -- UTC, ISO 8601
    model INTEGER NOT NULL REFERENCES model (id),
    engine INTEGER NOT NULL REFERENCES text (id), -- what computed it
    fast INTEGER NOT NULL,   -- 1: equal bits were not promised
    composed INTEGER REFERENCES text (id), -- the prompt as blocks, JSON; NULL: raw text or ids
    prompt INTEGER NOT NULL REFERENCES text (id), -- as sent
    base INTEGER NOT NULL REFERENCES node (id),   -- the last node the model read before the first step
    chain INTEGER NOT NULL REFERENCES text (id),
    seed INTEGER NOT NULL,   -- 64 bits (shown signed)
    first_step INTEGER NOT NULL,
    max_tokens INTEGER NOT NULL,
    ignore_end INTEGER NOT NULL,
    stop TEXT NOT NULL,      -- length, eos, stop, interrupted, error; '' while it runs or when it was killed
    output INTEGER REFERENCES text (id) -- NULL until it ended
) STRICT;
CREATE INDEX run_session ON run (session, created);
CREATE INDEX run_created ON run (created);
CREATE INDEX run_model ON run (model);
CREATE INDEX run_engine ON run (engine);
CREATE INDEX run_composed ON run (composed);
CREATE INDEX run_prompt ON run (prompt);
CREATE INDEX run_base ON run (base);
CREATE INDEX run_chain ON run (chain);
CREATE INDEX run_output ON run (output);

-- Texts that end a run.
CREATE TABLE run_stop (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    i INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (run, i)
) STRICT, WITHOUT ROWID;

-- The steps a run made itself, in order, and what only this run knows of them.
CREATE TABLE run_step (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    i INTEGER NOT NULL,
    node INTEGER NOT NULL REFERENCES node (id),
    eval_ms REAL, sample_ms REAL,
    stop TEXT NOT NULL, -- '' but for a last step
    PRIMARY KEY (run, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_step_node ON run_step (node);

CREATE VIEW runs_readable AS
SELECT run.id, session.name AS session, run.created, model.name AS model, CAST(prompt.bytes AS TEXT) AS prompt,
       CAST(output.bytes AS TEXT) AS output, CAST(chain.bytes AS TEXT) AS chain, run.seed, run.stop,
       (SELECT count(*) FROM run_step WHERE run_step.run = run.id) AS steps
FROM run
JOIN session ON session.id = run.session
JOIN model ON model.id = run.model
JOIN text AS prompt ON prompt.id = run.prompt
JOIN text AS chain ON chain.id = run.chain
LEFT JOIN text AS output ON output.id = run.output;

CREATE VIEW steps_readable AS
SELECT run_step.run, run_step.i, node.step, node.token, CAST(node.bytes AS TEXT) AS bytes, node.p, node.p_raw,
       node.rank, node.entropy_bits, node.u, node.low, node.high, printf('%016x', node.digest) AS digest,
       run_step.eval_ms, run_step.sample_ms, run_step.stop
FROM run_step
JOIN node ON node.id = run_step.node
ORDER BY run_step.run, run_step.i;

-- version 2: words of prompts and outputs
CREATE VIRTUAL TABLE text_words USING fts5 (bytes, content = 'text', content_rowid = 'id');
CREATE TRIGGER text_words_add AFTER INSERT ON text WHEN new.searched BEGIN
    INSERT INTO text_words (rowid, bytes) VALUES (new.id, CAST(new.bytes AS TEXT));
END;
CREATE TRIGGER text_words_remove AFTER DELETE ON text WHEN old.searched BEGIN
    INSERT INTO text_words (text_words, rowid, bytes) VALUES ('delete', old.id, CAST(old.bytes AS TEXT));
END;
INSERT INTO text_words (rowid, bytes) SELECT id, CAST(bytes AS TEXT) FROM text WHERE searched;

-- version 3: tags, notes and bookmarks; words by run, so that a search is one look into one index
-- A mark is on a session, on a run, or on a node: one that is shared shows it in every run that made that step.
CREATE TABLE mark (
    id INTEGER PRIMARY KEY,
    session INTEGER REFERENCES session (id) ON DELETE CASCADE,
    run INTEGER REFERENCES run (id) ON DELETE CASCADE,
    node INTEGER REFERENCES node (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('tag', 'note', 'bookmark')),
    text TEXT NOT NULL,
    created TEXT NOT NULL, -- UTC, ISO 8601
    CHECK ((session IS NOT NULL) + (run IS NOT NULL) + (node IS NOT NULL) = 1)
) STRICT;
-- A tag stands once on a thing; of notes and bookmarks a thing has one.
CREATE UNIQUE INDEX mark_session ON mark (session, kind, iif(kind = 'tag', text, '')) WHERE session IS NOT NULL;
CREATE UNIQUE INDEX mark_run ON mark (run, kind, iif(kind = 'tag', text, '')) WHERE run IS NOT NULL;
CREATE UNIQUE INDEX mark_node ON mark (node, kind, iif(kind = 'tag', text, '')) WHERE node IS NOT NULL;
CREATE INDEX mark_text ON mark (text) WHERE kind = 'tag';

DROP TRIGGER text_words_add;
DROP TRIGGER text_words_remove;
DROP TABLE text_words;

-- What of a run can be looked for. The index keeps no text of its own: who takes a row out of it has to say
-- what it held, so every trigger that changes one of these columns takes it out before and puts it in after.
CREATE VIEW run_texts AS
SELECT run.id AS id, CAST(prompt.bytes AS TEXT) AS prompt, CAST(output.bytes AS TEXT) AS output,
       (SELECT group_concat(text, char(10)) FROM (
            SELECT id, text FROM mark WHERE mark.run = run.id AND kind = 'note'
            UNION ALL
            SELECT mark.id, mark.text FROM mark
            WHERE kind = 'note' AND node IN (SELECT node FROM run_step WHERE run_step.run = run.id)
            ORDER BY 1)) AS notes
FROM run
JOIN text AS prompt ON prompt.id = run.prompt
LEFT JOIN text AS output ON output.id = run.output;

CREATE VIRTUAL TABLE run_words USING fts5 (prompt, output, notes, content = 'run_texts', content_rowid = 'id',
                                           prefix = '1 2 3');
CREATE TRIGGER run_words_added AFTER INSERT ON run BEGIN
    INSERT INTO run_words (rowid, prompt, output, notes) SELECT * FROM run_texts WHERE id = new.id;
END;
CREATE TRIGGER run_words_ends BEFORE UPDATE OF prompt, output ON run BEGIN
    INSERT INTO run_words (run_words, rowid, prompt, output, notes) SELECT 'delete', * FROM run_texts WHERE id = old.id;
END;
CREATE TRIGGER run_words_ended AFTER UPDATE OF prompt, output ON run BEGIN
    INSERT INTO run_words (rowid, prompt, output, notes) SELECT * FROM run_texts WHERE id = new.id;
END;
CREATE TRIGGER run_words_goes BEFORE DELETE ON run BEGIN
    INSERT INTO run_words (run_words, rowid, prompt, output, notes) SELECT 'delete', * FROM run_texts WHERE id = old.id;
END;
CREATE TRIGGER note_comes BEFORE INSERT ON mark WHEN new.kind = 'note' AND new.session IS NULL BEGIN
    INSERT INTO run_words (run_words, rowid, prompt, output, notes) SELECT 'delete', * FROM run_texts
    WHERE id IN (SELECT new.run UNION SELECT run FROM run_step WHERE node = new.node);
END;
CREATE TRIGGER note_came AFTER INSERT ON mark WHEN new.kind = 'note' AND new.session IS NULL BEGIN
    INSERT INTO run_words (rowid, prompt, output, notes) SELECT * FROM run_texts
    WHERE id IN (SELECT new.run UNION SELECT run FROM run_step WHERE node = new.node);
END;
CREATE TRIGGER note_goes BEFORE DELETE ON mark WHEN old.kind = 'note' AND old.session IS NULL BEGIN
    INSERT INTO run_words (run_words, rowid, prompt, output, notes) SELECT 'delete', * FROM run_texts
    WHERE id IN (SELECT old.run UNION SELECT run FROM run_step WHERE node = old.node);
END;
CREATE TRIGGER note_went AFTER DELETE ON mark WHEN old.kind = 'note' AND old.session IS NULL BEGIN
    INSERT INTO run_words (rowid, prompt, output, notes) SELECT * FROM run_texts
    WHERE id IN (SELECT old.run UNION SELECT run FROM run_step WHERE node = old.node);
END;
CREATE TRIGGER note_stays BEFORE UPDATE ON mark BEGIN
    SELECT RAISE(ABORT, 'marks are taken off and put on again, not changed');
END;
-- A step that was marked before, made once more by another run.
CREATE TRIGGER note_joins BEFORE INSERT ON run_step
WHEN EXISTS (SELECT 1 FROM mark WHERE node = new.node AND kind = 'note') BEGIN
    INSERT INTO run_words (run_words, rowid, prompt, output, notes) SELECT 'delete', * FROM run_texts WHERE id = new.run;
END;
CREATE TRIGGER note_joined AFTER INSERT ON run_step
WHEN EXISTS (SELECT 1 FROM mark WHERE node = new.node AND kind = 'note') BEGIN
    INSERT INTO run_words (rowid, prompt, output, notes) SELECT * FROM run_texts WHERE id = new.run;
END;
INSERT INTO run_words (run_words) VALUES ('rebuild');

-- version 4: pinned steps; runs that came from elsewhere as text; what was written and opened, for undo
ALTER TABLE run ADD COLUMN origin TEXT NOT NULL DEFAULT ''; -- '': made by attune; 'llm': text alone, no evidence
ALTER TABLE run ADD COLUMN details INTEGER REFERENCES text (id); -- JSON: what its origin says of it; NULL: nothing
CREATE INDEX run_details ON run (details) WHERE details IS NOT NULL;

-- What a step had in full. One that is shared has it in every run that made that step.
CREATE TABLE pin (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('logits', 'hidden', 'attention')),
    shape TEXT NOT NULL,     -- '2432': the vocabulary; '7 160': states, width; '6 4 33': layers, heads, keys
    digest INTEGER NOT NULL, -- XXH64 over the float32 (shown signed); of logits it is the step's own
    created TEXT NOT NULL,   -- UTC, ISO 8601
    bytes BLOB NOT NULL,     -- zstd over the float32, first their lowest bytes, then the next, ...
    UNIQUE (node, kind)
) STRICT;

-- The journal: each state of the composer, and which run was opened when. Undo leads to the parent, redo to the
-- newest child; a track says where it stands. Equal blocks stand once, in text.
CREATE TABLE state (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    track TEXT NOT NULL,                  -- 'run', or 'compose ' and the task
    parent INTEGER REFERENCES state (id), -- NULL: the first
    created TEXT NOT NULL,                -- UTC, ISO 8601
    run INTEGER REFERENCES run (id),      -- of 'run'; NULL: none was open
    frame INTEGER REFERENCES text (id)    -- of a composer: the prompt as JSON without the blocks' words
) STRICT;
CREATE INDEX state_parent ON state (parent);
CREATE INDEX state_track ON state (track);
CREATE INDEX state_run ON state (run) WHERE run IS NOT NULL;
CREATE INDEX state_frame ON state (frame) WHERE frame IS NOT NULL;
CREATE TABLE state_block (
    state INTEGER NOT NULL REFERENCES state (id) ON DELETE CASCADE,
    i INTEGER NOT NULL,
    text INTEGER NOT NULL REFERENCES text (id),
    answer INTEGER REFERENCES text (id), -- NULL: a task has none
    PRIMARY KEY (state, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX state_block_text ON state_block (text);
CREATE INDEX state_block_answer ON state_block (answer) WHERE answer IS NOT NULL;
CREATE TABLE track (
    name TEXT PRIMARY KEY,
    state INTEGER NOT NULL REFERENCES state (id)
) STRICT, WITHOUT ROWID;
