//go:build mutant_mysql_dedup_per_node

package mysql

const mutant = mutantDedupPerNode
