// Package cluster tells stories of people on servers: one node on the embedded engine, three nodes of one process and three
// processes on real engines. The stories do not know which; what a person sees is the same everywhere. Beside the stories stand
// the faults of a cluster: nodes killed, engines wiped and stopped, and ways to engines that are slow, silent or cut (test/proxy).
//
// Partitions are packets that nftables drops between network namespaces: the test runs itself again in one of its own, with the engines,
// and each node in another. Nothing of the machine's own network is touched. That wants root, iproute2 and nftables, and is skipped, with
// what is missing, where they are not there.
//
// Whatever runs on real engines carries the build tag cluster, and starts them itself (test/engines).
package cluster
