-- Which steps were taken. It is the first table, so that a server can tell a new database from one that it does not know.
CREATE TABLE IF NOT EXISTS migration (
  version INT UNSIGNED NOT NULL PRIMARY KEY,
  name VARBINARY(64) NOT NULL,
  applied_ms BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

-- What stands once, by name: in the home database for all of them, and in each one its own number.
CREATE TABLE IF NOT EXISTS meta (
  name VARBINARY(64) NOT NULL PRIMARY KEY,
  number BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

-- In the home database: which database has a slot. kind is 0 for conversations, 1 for users.
CREATE TABLE IF NOT EXISTS slot_map (
  kind TINYINT UNSIGNED NOT NULL,
  slot SMALLINT UNSIGNED NOT NULL,
  shard SMALLINT UNSIGNED NOT NULL,
  PRIMARY KEY (kind, slot)
) ENGINE=InnoDB;
