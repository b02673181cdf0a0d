// Package engines gives tests the engines of a cluster: MariaDB, Redis and Apache Kafka, the real ones.
//
// [MariaDB], [Redis] and [Kafka] share one server per test binary, started when it is first wanted, and give each test a database, a
// key prefix or a topic prefix of its own. [PrivateMariaDB], [PrivateRedis] and [PrivateKafka] start a server for one test, which may
// kill it, stop it and start it again. All listen on the loopback only, keep their data in a temporary folder, and end with their test
// or with the test binary, however that ends. [Main] also removes the shared servers' folders at once; without it the next binary does.
//
// Where THRONG_TEST_MYSQL (a DSN of github.com/go-sql-driver/mysql without a database), THRONG_TEST_REDIS (host:port) or
// THRONG_TEST_KAFKA (host:port,host:port) is set, the shared server is that one. `make services` prints them.
//
// An engine that is not installed fails the test that wants it, with what to install: a test that did not run has proved nothing.
package engines
