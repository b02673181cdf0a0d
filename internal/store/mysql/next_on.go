//go:build next

package mysql

// laterSteps is one that adds columns to tables, and a table.
func laterSteps(last, floor int) []step {
	return []step{{number: last + 1, name: "next", floor: floor, statements: []string{
		"CREATE TABLE IF NOT EXISTS next_thing (id BIGINT UNSIGNED NOT NULL PRIMARY KEY) ENGINE=InnoDB",
		"ALTER TABLE head ADD COLUMN next_thing INT NOT NULL DEFAULT 7",
		"ALTER TABLE entry ADD COLUMN next_thing INT NULL",
		"ALTER TABLE member ADD COLUMN next_thing INT NOT NULL DEFAULT 7",
		"ALTER TABLE shelf ADD COLUMN next_thing VARBINARY(16) NULL",
		"ALTER TABLE account ADD COLUMN next_thing INT NOT NULL DEFAULT 7",
		"ALTER TABLE outbox ADD COLUMN next_thing INT NOT NULL DEFAULT 7",
	}}}
}
