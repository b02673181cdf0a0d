-- The log. A value is a record of store/record; the columns beside it are what rows are found by. Every row of a conversation is in the
-- database that has the conversation's slot.

-- The head of each conversation. An append locks it before it reads anything else.
CREATE TABLE IF NOT EXISTS head (
  conversation BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  value VARBINARY(255) NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS entry (
  conversation BIGINT UNSIGNED NOT NULL,
  seq BIGINT UNSIGNED NOT NULL,
  value MEDIUMBLOB NOT NULL,
  PRIMARY KEY (conversation, seq)
) ENGINE=InnoDB;

-- What is answered to a draft that comes again, for as long as the entry is stored.
CREATE TABLE IF NOT EXISTS repeated (
  conversation BIGINT UNSIGNED NOT NULL,
  sender BIGINT UNSIGNED NOT NULL,
  client BINARY(16) NOT NULL,
  value VARBINARY(255) NOT NULL,
  PRIMARY KEY (conversation, sender, client)
) ENGINE=InnoDB;

-- What stands about a conversation and changes seldom.
CREATE TABLE IF NOT EXISTS conversation (
  conversation BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  value MEDIUMBLOB NOT NULL
) ENGINE=InnoDB;

-- Who is a member (present is 1) or was one, with the read position.
CREATE TABLE IF NOT EXISTS member (
  conversation BIGINT UNSIGNED NOT NULL,
  user BIGINT UNSIGNED NOT NULL,
  present TINYINT UNSIGNED NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (conversation, user)
) ENGINE=InnoDB;

-- Owners and admins. A table of its own has a row for each of them; an index on the members would have one for every member.
CREATE TABLE IF NOT EXISTS leader (
  conversation BIGINT UNSIGNED NOT NULL,
  user BIGINT UNSIGNED NOT NULL,
  role TINYINT UNSIGNED NOT NULL,
  PRIMARY KEY (conversation, user)
) ENGINE=InnoDB;

-- The direct conversation of two users, in the database of the lower one.
CREATE TABLE IF NOT EXISTS direct (
  low BIGINT UNSIGNED NOT NULL,
  high BIGINT UNSIGNED NOT NULL,
  conversation BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (low, high)
) ENGINE=InnoDB;

-- The group that a user made under a client id, in the database of the user.
CREATE TABLE IF NOT EXISTS claim (
  actor BIGINT UNSIGNED NOT NULL,
  client BINARY(16) NOT NULL,
  conversation BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (actor, client)
) ENGINE=InnoDB;

-- Events that wait to be published. seq is that of the head; reader and read_seq are 0 for an entry, which is read from its own row.
CREATE TABLE IF NOT EXISTS outbox (
  slot SMALLINT UNSIGNED NOT NULL,
  conversation BIGINT UNSIGNED NOT NULL,
  seq BIGINT UNSIGNED NOT NULL,
  reader BIGINT UNSIGNED NOT NULL,
  read_seq BIGINT UNSIGNED NOT NULL,
  value VARBINARY(255) NOT NULL,
  added DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (slot, conversation, seq, reader, read_seq)
) ENGINE=InnoDB;

-- In the home database: which node relays a lane of the outbox, and until when by this server's clock, in microseconds.
CREATE TABLE IF NOT EXISTS lane (
  lane TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  node VARBINARY(255) NOT NULL,
  until_us BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

INSERT IGNORE INTO lane (lane, node, until_us) VALUES
  (0, '', 0), (1, '', 0), (2, '', 0), (3, '', 0), (4, '', 0), (5, '', 0), (6, '', 0), (7, '', 0),
  (8, '', 0), (9, '', 0), (10, '', 0), (11, '', 0), (12, '', 0), (13, '', 0), (14, '', 0), (15, '', 0),
  (16, '', 0), (17, '', 0), (18, '', 0), (19, '', 0), (20, '', 0), (21, '', 0), (22, '', 0), (23, '', 0),
  (24, '', 0), (25, '', 0), (26, '', 0), (27, '', 0), (28, '', 0), (29, '', 0), (30, '', 0), (31, '', 0),
  (32, '', 0), (33, '', 0), (34, '', 0), (35, '', 0), (36, '', 0), (37, '', 0), (38, '', 0), (39, '', 0),
  (40, '', 0), (41, '', 0), (42, '', 0), (43, '', 0), (44, '', 0), (45, '', 0), (46, '', 0), (47, '', 0),
  (48, '', 0), (49, '', 0), (50, '', 0), (51, '', 0), (52, '', 0), (53, '', 0), (54, '', 0), (55, '', 0),
  (56, '', 0), (57, '', 0), (58, '', 0), (59, '', 0), (60, '', 0), (61, '', 0), (62, '', 0), (63, '', 0);

-- In the home database: the nodes that lease lanes, those included that have none.
CREATE TABLE IF NOT EXISTS lane_node (
  node VARBINARY(255) NOT NULL PRIMARY KEY,
  until_us BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;
