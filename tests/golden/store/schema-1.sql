-- A file of schema 1 as its dump: one run of three steps.
PRAGMA application_id = 1635021934;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL -- UTC, ISO 8601
) STRICT;
INSERT INTO session VALUES(1,'first','2026-11-21T04:33:36.970Z');
CREATE TABLE text (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE, -- first 16 bytes of SHA-256 over the byte `searched` and the bytes
    searched INTEGER NOT NULL, -- 1: words of people and models; 0: chains, engines, JSON
    bytes BLOB NOT NULL
) STRICT;
INSERT INTO text VALUES(1,X'fa3fe5bd72e7c51b62ab7fe54935c060',0,X'617474756e652065786163742031');
INSERT INTO text VALUES(2,X'd14466721fc56d0aa2b72946955a24e5',0,X'7b22736f6d65223a226a736f6e227d');
INSERT INTO text VALUES(3,X'5440f0a5dba4a40bdd1af110cc72d8b7',1,X'5265766965773a20546865206d6f7669652077617320776f6e64657266756c2e0a53656e74696d656e743a');
INSERT INTO text VALUES(4,X'edcbe3822fa1c51ab47833371dcfc933',0,X'6f726465723d68662074656d70657261747572653d302e37');
INSERT INTO text VALUES(5,X'62bf027693caf09e6432da7b572059f9',1,X'20506f736974697665');
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    digest INTEGER NOT NULL,    -- of weights, 64 bits (shown signed)
    tokenizer INTEGER NOT NULL, -- digest of vocabulary and rules
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    family TEXT NOT NULL,
    UNIQUE (digest, tokenizer, path, name, family)
) STRICT;
INSERT INTO model VALUES(1,-81985529216486896,77,'/models/a b.gguf','tiny','llama');
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
INSERT INTO node VALUES(1,NULL,X'cf5ae877d5100428ce734fb6d5427e1a',1,X'01000000140000002c010000a00f0000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO node VALUES(2,1,X'02bd675e951a9b3ed30ff0813508e9b8',0,NULL,X'20773236373037',26707,NULL,0,4,0.67199826889534286511,0.125,0.3000000000000000444,0.75762651139789805032,0.24776321851258942263,-5.0519704818725585937,0,2.4041732620526232722,13.361674443268391598,-1152921504606845976,40,0.48069244564219104631,X'e8030000d5663d3f9ee54d3ee703000075c04a3ff45e353fe6030000c1cf513eb73b623fe5030000ff7b113ffff2673fe4030000998e643eafef003ee303000089dae73e635c353f',X'000000006a751e3fc23f92109765d83f64000000ecfcd43ea0445f8c4eebc63fc8000000c499cb3eb0344bcdfa4ed83f2c0100002211433f80759a537e27a63f900100000e42db3e00d21db963f4cb3ff4010000e3f81a3f329a64f2b3d2d23f58020000a4719e3ed4d08c5912cac53fbc0200008ffe1a3fd06942b4ae24bc3f');
INSERT INTO node VALUES(3,2,X'674addfb9214cdebf69917c2f377a6e9',0,NULL,X'20773137333639',17369,NULL,1,4,0.22313395258956914002,0.125,0.3000000000000000444,0.87129274038527471102,0.19462436043185959988,3.8746471405029296875,3,8.4918006161864703074,13.900966590839280101,-1152921504606845975,41,0.46217367014068100328,X'e80300005f0c823e3b385a3fe7030000e021e83e79296e3fe6030000a704843d731e123fe5030000249cda3eafe7d13ee4030000bbdb953e8718da3ee30300008f50b13d42ab403f',X'00000000cf66e73e72f1a49df487d03f640000004712bc3e4ec54ba426f4d53fc80000001498793f1083627e917ddb3f2c01000068168c3ee44d85cede75e43f90010000249cb03e15404ef4e451ec3ff4010000c9dc5b3c0ac30180c8c7e13f58020000a181033fce24e10485afe33fbc02000005e66e3e48814d2c421ed03f');
INSERT INTO node VALUES(4,3,X'6b67dd5e588e32a8bcfafb753f7bb1cc',0,NULL,X'20773231363531',21651,NULL,2,4,0.36145410498009122868,0.125,0.3000000000000000444,0.036614198580689927275,0.77610782563948732537,4.1925716400146484375,6,11.371237927596965277,0.15234451644488555821,-1152921504606845974,42,0.32959237280664877012,X'e803000027bb4f3e1c77723de7030000d5580a3f1cb8783de6030000c0352f3f0e2b073fe50300000828673db48e5d3fe4030000f783513ef8b8593fe30300005e11b73e3c616a3e',X'000000003928af3e94078bdd452dc73f64000000f321423f306c49405ce5e93fc800000090b0bd3eeda34248fcd8e73f2c010000c67c5c3f96a5dd722abad13f90010000003cdf3bc4abbe134b2ecd3ff40100004efa7c3f8b7483954e8ae13f58020000ec37403fa843749b5ea1b63fbc0200005c612c3ff41feea3a511e13f');
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
INSERT INTO run VALUES(1,1,'2026-11-21T04:33:36.970Z',1,1,0,2,3,1,4,1,0,128,1,'length',5);
CREATE TABLE run_stop (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    i INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (run, i)
) STRICT, WITHOUT ROWID;
INSERT INTO run_stop VALUES(1,0,X'0a0a');
INSERT INTO run_stop VALUES(1,1,X'454e44');
CREATE TABLE run_step (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    i INTEGER NOT NULL,
    node INTEGER NOT NULL REFERENCES node (id),
    eval_ms REAL, sample_ms REAL,
    stop TEXT NOT NULL, -- '' but for a last step
    PRIMARY KEY (run, i)
) STRICT, WITHOUT ROWID;
INSERT INTO run_step VALUES(1,0,2,1.5,0.10000000000000000555,'');
INSERT INTO run_step VALUES(1,1,3,2.5,0.10000000000000000555,'');
INSERT INTO run_step VALUES(1,2,4,3.5,0.10000000000000000555,'length');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('run',1);
CREATE UNIQUE INDEX node_content ON node (parent, hash);
CREATE UNIQUE INDEX node_root ON node (hash) WHERE parent IS NULL;
CREATE INDEX node_chain ON node (chain) WHERE chain IS NOT NULL;
CREATE INDEX run_session ON run (session, created);
CREATE INDEX run_created ON run (created);
CREATE INDEX run_model ON run (model);
CREATE INDEX run_engine ON run (engine);
CREATE INDEX run_composed ON run (composed);
CREATE INDEX run_prompt ON run (prompt);
CREATE INDEX run_base ON run (base);
CREATE INDEX run_chain ON run (chain);
CREATE INDEX run_output ON run (output);
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
COMMIT;
