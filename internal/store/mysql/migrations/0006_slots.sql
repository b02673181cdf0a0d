-- In each database: which slots it has, by its own word. state is 1 for one that is open, 2 for one that is being copied (open, and what is
-- written is noted in slot_change), 3 for one that is closed (it is read, and not written), 4 for one that arrives, 5 for one that has
-- left. A slot without a row is somewhere else. mover names the attempt to move it; 0 is none.
CREATE TABLE IF NOT EXISTS holding (
  kind TINYINT UNSIGNED NOT NULL,
  slot SMALLINT UNSIGNED NOT NULL,
  state TINYINT UNSIGNED NOT NULL,
  mover BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (kind, slot)
) ENGINE=InnoDB;

-- In each database: which rows of slots that are being copied were written meanwhile. what says which table, a, b and c are its key.
CREATE TABLE IF NOT EXISTS slot_change (
  number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  kind TINYINT UNSIGNED NOT NULL,
  slot SMALLINT UNSIGNED NOT NULL,
  what TINYINT UNSIGNED NOT NULL,
  a BIGINT UNSIGNED NOT NULL,
  b BIGINT UNSIGNED NOT NULL,
  c VARBINARY(16) NOT NULL
) ENGINE=InnoDB;

-- In the home database: slots that are on their way from one database to another. stage is 1 while a slot is copied, 2 while it is closed,
-- until until_us by this server's clock, in microseconds, and 3 when the target has it, and the source is not empty yet.
CREATE TABLE IF NOT EXISTS slot_move (
  kind TINYINT UNSIGNED NOT NULL,
  slot SMALLINT UNSIGNED NOT NULL,
  source SMALLINT UNSIGNED NOT NULL,
  target SMALLINT UNSIGNED NOT NULL,
  stage TINYINT UNSIGNED NOT NULL,
  mover BIGINT UNSIGNED NOT NULL,
  until_us BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (kind, slot)
) ENGINE=InnoDB;

-- In the home database: which databases running nodes know, until when by this server's clock.
CREATE TABLE IF NOT EXISTS node (
  node BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  shards VARBINARY(1024) NOT NULL,
  until_us BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;
