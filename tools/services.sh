#!/usr/bin/env bash
# MariaDB, Redis and Kafka for development, on fixed ports of the loopback: start, stop or status. With Docker they are containers
# (deploy/services.yaml); without it, Debian's servers and Kafka's jars from .bin/kafka. Data and logs are in .services/; `stop` keeps them.
# `start` writes .services/node.toml for a node that uses them, and prints what tests take.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD dir=$PWD/.services
export PATH=$PATH:/usr/sbin
mysql_port=13306 redis_port=16379 kafka_port=19092 controller_port=19093
limit=60 # seconds that a server may take to start

docker_there() { command -v docker >/dev/null && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

answers() { # PORT: something listens there
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

running() { # NAME: the process that was started here lives
  [ -f "$dir/$1.pid" ] && kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null
}

wants() { # COMMAND PACKAGES
  command -v "$1" >/dev/null || { echo "$1 is not installed: install Debian's $2, or run .ci/run once, which does"; exit 1; }
}

launch() { # NAME PORT COMMAND...
  local name=$1 port=$2
  shift 2
  if running "$name"; then return; fi
  if answers "$port"; then
    echo "port $port, which is $name's, is somebody else's"
    exit 1
  fi
  mkdir -p "$dir"
  setsid "$@" >>"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

await() { # NAME PORT
  for ((i = 0; i < limit * 10; i++)); do
    if answers "$2"; then return; fi
    docker_used || running "$1" || break
    sleep 0.1
  done
  echo "$1 did not start"
  if ! docker_used; then tail -n 20 "$dir/$1.log"; fi
  exit 1
}

await_all() {
  await mariadb $mysql_port
  await redis $redis_port
  await kafka $kafka_port
}

docker_used() { [ -n "${by_docker:-}" ]; }

start_processes() {
  wants mariadbd mariadb-server
  wants redis-server redis-server
  wants java default-jdk-headless
  tools/kafka.sh
  if [ ! -d "$dir/mariadb/mysql" ]; then
    mkdir -p "$dir"
    mariadb-install-db --no-defaults --datadir="$dir/mariadb" --tmpdir="$dir" --user="$(id -un)" --auth-root-authentication-method=normal --skip-test-db \
      --skip-name-resolve --innodb-use-native-aio=0 >"$dir/mariadb.log" 2>&1 || { tail "$dir/mariadb.log"; exit 1; }
  fi
  launch mariadb $mysql_port mariadbd --no-defaults --datadir="$dir/mariadb" --tmpdir="$dir" --user="$(id -un)" --bind-address=127.0.0.1 --port=$mysql_port \
    --socket="$dir/mariadb.socket" --skip-name-resolve --innodb-use-native-aio=0 --log-bin="$dir/mariadb/binlog" --binlog-format=ROW \
    --server-id=1 --sync-binlog=1 --innodb-flush-log-at-trx-commit=1 --character-set-server=utf8mb4
  launch redis $redis_port redis-server --port $redis_port --bind 127.0.0.1 --dir "$dir" --save '' --daemonize no

  local java=(java -Xms64m -Xmx512m -XX:+UseSerialGC -Dlog4j2.level=WARN -cp "$root/.bin/kafka/*")
  if [ ! -f "$dir/kafka/meta.properties" ]; then
    cat >"$dir/kafka.properties" <<END
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
log.dirs=$dir/kafka
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
END
    "${java[@]}" kafka.tools.StorageTool format -t dGhyb25nLXNlcnZpY2VzLg -c "$dir/kafka.properties" >"$dir/kafka.log" 2>&1 || { tail "$dir/kafka.log"; exit 1; }
  fi
  launch kafka $kafka_port "${java[@]}" kafka.Kafka "$dir/kafka.properties"
  await_all
  mariadb --no-defaults --socket="$dir/mariadb.socket" --user=root --connect-timeout=10 -e 'CREATE DATABASE IF NOT EXISTS throng'
}

stop_processes() {
  for name in kafka redis mariadb; do
    if running "$name"; then
      kill "$(cat "$dir/$name.pid")"
      for ((i = 0; i < limit * 10; i++)); do
        running "$name" || break
        sleep 0.1
      done
      if running "$name"; then kill -9 "$(cat "$dir/$name.pid")"; fi
    fi
    rm -f "$dir/$name.pid"
  done
}

# written makes the configuration of a node that uses the engines, once: the secret in it has to be the same for all nodes.
written() {
  [ -f "$dir/node.toml" ] && return
  mkdir -p "$dir"
  (umask 077 && cat >"$dir/node.toml.new") <<END
[store]
driver = "mysql"
[queue]
driver = "kafka"
[bus]
driver = "redis"
[routes]
driver = "redis"

[mysql]
databases = ["root@tcp(127.0.0.1:$mysql_port)/throng"]
[redis]
addresses = ["127.0.0.1:$redis_port"]
[kafka]
brokers = ["127.0.0.1:$kafka_port"]
replication = 1

[account]
signing_secrets = ["$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"]
END
  mv "$dir/node.toml.new" "$dir/node.toml"
}

said() {
  cat <<END
For tests:
  export THRONG_TEST_MYSQL='root@tcp(127.0.0.1:$mysql_port)/' THRONG_TEST_REDIS=127.0.0.1:$redis_port THRONG_TEST_KAFKA=127.0.0.1:$kafka_port
A node, and as many more as you like, each with a folder and ports of its own:
  THRONG_METRICS_LISTEN=127.0.0.1:9091 throng serve --config .services/node.toml --data .services/n1 --listen :8081
END
}

case ${1:-} in
  start)
    written # first, so that the folder is not made by Docker
    if docker_there; then
      by_docker=1
      docker compose -f deploy/services.yaml up -d
      await_all
    else
      start_processes
    fi
    said
    ;;
  stop)
    if docker_there; then docker compose -f deploy/services.yaml down; fi
    stop_processes
    ;;
  status)
    code=0
    for service in mariadb:$mysql_port redis:$redis_port kafka:$kafka_port; do
      if answers "${service#*:}"; then echo "${service%:*} listens on 127.0.0.1:${service#*:}"; else echo "${service%:*} is down"; code=1; fi
    done
    exit $code
    ;;
  *)
    echo "usage: tools/services.sh start|stop|status"
    exit 2
    ;;
esac
