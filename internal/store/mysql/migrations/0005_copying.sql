-- In the home database, while a data folder is copied into the databases: which folder, and how far. No node opens them meanwhile.
CREATE TABLE IF NOT EXISTS copying (
  source BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  position VARBINARY(1024) NOT NULL
) ENGINE=InnoDB;
