-- In the database of a user: the account. A deleted one stays, empty; leaving holds what is still to be freed in the home database.
CREATE TABLE IF NOT EXISTS account (
  user BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  admin TINYINT UNSIGNED NOT NULL,
  value MEDIUMBLOB NOT NULL,
  leaving VARBINARY(512) NULL,
  KEY admin (admin)
) ENGINE=InnoDB;

-- In the database of a user: the devices. A label is NULL where there is none.
CREATE TABLE IF NOT EXISTS device (
  user BIGINT UNSIGNED NOT NULL,
  device BIGINT UNSIGNED NOT NULL,
  label VARBINARY(64) NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (user, device),
  UNIQUE KEY label (user, label)
) ENGINE=InnoDB;

-- In the database of a user: what lost its right to be connected, for every node to read; gone is 1 for all of a user who was
-- disabled or deleted.
CREATE TABLE IF NOT EXISTS revocation (
  number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at_ms BIGINT UNSIGNED NOT NULL,
  user BIGINT UNSIGNED NOT NULL,
  gone TINYINT UNSIGNED NOT NULL,
  devices BLOB NOT NULL,
  KEY at_ms (at_ms)
) ENGINE=InnoDB;

-- In the database of a user: the conversations that the user is or was in, and the user's own settings. seq is of the last change of
-- the membership, version counts changes of the settings; settings are empty where nothing was set.
CREATE TABLE IF NOT EXISTS shelf (
  user BIGINT UNSIGNED NOT NULL,
  conversation BIGINT UNSIGNED NOT NULL,
  member TINYINT UNSIGNED NOT NULL,
  seq BIGINT UNSIGNED NOT NULL,
  version BIGINT UNSIGNED NOT NULL,
  settings MEDIUMBLOB NOT NULL,
  PRIMARY KEY (user, conversation)
) ENGINE=InnoDB;

-- In the home database: how far followers are in their streams.
CREATE TABLE IF NOT EXISTS follower (
  name VARBINARY(64) NOT NULL,
  stream INT UNSIGNED NOT NULL,
  position BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (name, stream)
) ENGINE=InnoDB;

-- In the home database: whose a name is. It is written first; the account follows.
CREATE TABLE IF NOT EXISTS handle (
  handle VARBINARY(256) NOT NULL PRIMARY KEY,
  user BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS external_id (
  external_id VARBINARY(128) NOT NULL PRIMARY KEY,
  user BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

-- In the home database: when an account with an external id was deleted, by the id's SHA-256.
CREATE TABLE IF NOT EXISTS external_ended (
  hash BINARY(32) NOT NULL PRIMARY KEY,
  at_ms BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB;

-- In the home database: accounts whose names are claimed, until they stand in the database of their user.
CREATE TABLE IF NOT EXISTS newcomer (
  user BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  admin TINYINT UNSIGNED NOT NULL,
  value MEDIUMBLOB NOT NULL
) ENGINE=InnoDB;

-- In the home database. bootstrap is 1 for the one that makes the first administrator, and NULL for others.
CREATE TABLE IF NOT EXISTS invitation (
  code BINARY(32) NOT NULL PRIMARY KEY,
  bootstrap TINYINT UNSIGNED NULL,
  expires_ms BIGINT UNSIGNED NOT NULL,
  value VARBINARY(64) NOT NULL,
  UNIQUE KEY bootstrap (bootstrap),
  KEY expires_ms (expires_ms)
) ENGINE=InnoDB;
