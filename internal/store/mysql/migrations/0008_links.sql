-- additive
-- In the home database: links by which people join groups. A value is a record of store/record.
CREATE TABLE IF NOT EXISTS link (
  conversation BIGINT UNSIGNED NOT NULL,
  link BIGINT UNSIGNED NOT NULL,
  value VARBINARY(255) NOT NULL,
  PRIMARY KEY (conversation, link)
) ENGINE=InnoDB;
