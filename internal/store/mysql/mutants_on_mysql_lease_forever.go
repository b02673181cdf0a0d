//go:build mutant_mysql_lease_forever

package mysql

const mutant = mutantLeaseForever
