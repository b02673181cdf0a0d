-- In the home database: where an import put something of another install. kind is u for a user, c for a conversation that the import
-- made, s for one that was there before.
CREATE TABLE IF NOT EXISTS imported (
  origin VARBINARY(255) NOT NULL,
  kind BINARY(1) NOT NULL,
  id BIGINT UNSIGNED NOT NULL,
  target BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (origin, kind, id)
) ENGINE=InnoDB;
