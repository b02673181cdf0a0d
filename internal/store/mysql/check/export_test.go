package check

// PageQuery is for tests.
func PageQuery(from []byte, after bool) string { return tables[from[0]].pageQuery(from, after) }

// GetQuery is for tests.
func GetQuery(keys [][]byte) string { return tables[keys[0][0]].getQuery(keys, false) }
