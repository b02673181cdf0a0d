-- In the database of a user: what the user and others are to each other. A value is a record of store/record; version and due stand in it,
-- too, and are what rows are found by.
CREATE TABLE IF NOT EXISTS relation (
  user BIGINT UNSIGNED NOT NULL,
  other BIGINT UNSIGNED NOT NULL,
  version BIGINT UNSIGNED NOT NULL,
  due TINYINT UNSIGNED NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (user, other),
  KEY version (user, version),
  KEY due (due, user)
) ENGINE=InnoDB;

-- In the database of a user: what stands once about all relations of the user.
CREATE TABLE IF NOT EXISTS relation_owner (
  user BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  value VARBINARY(255) NOT NULL
) ENGINE=InnoDB;
