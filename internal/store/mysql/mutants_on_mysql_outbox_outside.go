//go:build mutant_mysql_outbox_outside

package mysql

const mutant = mutantOutboxOutside
