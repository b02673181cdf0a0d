# Everything that is done to this repository by command. `make` alone lists it.
# Needs Go (go.mod names the version), git, make, bash and a C compiler (for the race detector); `make test` also Node with npm, python3-websockets
# and Chromium (test/peers), MariaDB, Redis, a JDK and Maven (test/engines), and iproute2 and nftables with root (test/cluster). Tools are built into .bin on first use (tools/versions.mk).

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:

include tools/versions.mk

BIN         := .bin
GOFLAGS     ?= -buildvcs=false
export GOFLAGS
export PATH := $(CURDIR)/$(BIN):$(PATH)

# How long each fuzz target runs, and how much a nightly run may take.
FUZZTIME    ?= 5s
BUDGET      ?= 60m
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9_-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Start a server on :8080 with its data in ./data.
	go run ./cmd/throng serve --data data

.PHONY: check
check: lint ## What a person runs before a commit: lint and the tests, no race detector.
	go test ./...

.PHONY: test
test: ## All of CI, with a table of what took how long.
	@tools/ci.sh

.PHONY: test-long
test-long: ## The nightly run: the same tests with larger figures, for BUDGET (60m) of time.
	RELIABILITY=nightly RELIABILITY_BUDGET=$(BUDGET) go test -timeout 180m -json ./test/... ./internal/store/... \
	  | go run ./tools/testsum -v -skips tools/skips.txt
	RELIABILITY=nightly tools/cluster.sh
	$(MAKE) mutants
	$(MAKE) fuzz FUZZTIME=2m

.PHONY: test-unit
test-unit: ## The unit, contract and script tests with the race detector and coverage.
	@tools/unit.sh

.PHONY: test-reliability
test-reliability: peers ## The crash, fault and simulation tests (test/...), without the race detector.
	@tools/reliability.sh

.PHONY: test-cluster
test-cluster: ## The tests of the adapters on real MariaDB, Redis and Kafka, which they start by themselves.
	@tools/cluster.sh

.PHONY: services
services: ## Start MariaDB, Redis and Kafka on the loopback, for development; `make services-stop` ends them.
	@tools/services.sh start

.PHONY: services-stop
services-stop: ## Stop what `make services` has started; their data stays in .services/.
	@tools/services.sh stop

.PHONY: peers
peers: test/peers/node/node_modules/.package-lock.json ## Get what test/peers needs from the npm registry.

test/peers/node/node_modules/.package-lock.json: test/peers/node/package-lock.json
	@command -v npm >/dev/null || { echo "npm is not installed: install Debian's nodejs and npm, or run .ci/run once"; exit 1; }
	cd test/peers/node && npm ci --ignore-scripts --no-audit --no-fund

.PHONY: lint
lint: lint-go lint-proto ## Lint Go and the schema.

.PHONY: lint-go
lint-go: $(BIN)/golangci-lint
	golangci-lint run
	golangci-lint fmt --diff
	go mod verify
	go mod tidy -diff

.PHONY: lint-proto
lint-proto: $(BIN)/buf
	buf lint
	buf format --diff --exit-code

.PHONY: fmt
fmt: $(BIN)/golangci-lint $(BIN)/buf ## Format Go and the schema.
	golangci-lint fmt
	buf format -w

.PHONY: generate
generate: breaking ## Generate what comes from the schema and from comments, and take the schema as what later changes must be compatible with.
	buf generate
	buf build --exclude-source-info -o proto/baseline.binpb
	go generate ./...

.PHONY: generate-check
generate-check: ## Fail where generated files are not what the schema says.
	@tools/generate-check.sh

.PHONY: breaking
breaking: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go ## Fail where the schema broke what was accepted before.
	@if [ -f proto/baseline.binpb ]; then echo "buf breaking --against proto/baseline.binpb"; buf breaking --against proto/baseline.binpb; \
	else echo "no proto/baseline.binpb: this schema is the first"; fi

.PHONY: build
build: ## Build the binary for this machine into dist/throng.
	GOTOOLCHAIN=$${GOTOOLCHAIN:-auto} CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o dist/throng ./cmd/throng

.PHONY: cross
cross: ## Build static binaries of every release target into dist/, and vet for 32 bits.
	@VERSION=$(VERSION) tools/cross.sh

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (5s).
	@FUZZTIME=$(FUZZTIME) tools/fuzz.sh

.PHONY: bench
bench: ## Run the Go benchmarks.
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-once
bench-once: ## Run every Go benchmark once, so that none rots.
	go test -run '^$$' -bench . -benchtime 1x ./... | { grep -v 'no test files' || true; }

.PHONY: mutants
mutants: ## Build the server broken in one way after another and require that a test notices (MUTANTS=NAMES for some).
	@tools/mutants.sh $(MUTANTS)

.PHONY: vuln
vuln: $(BIN)/govulncheck ## Look for known vulnerabilities (GOVULNDB names another database than vuln.go.dev).
	@tools/vuln.sh

.PHONY: cover
cover: ## Show how much of each package its tests reach, and write cover.html.
	go test -coverprofile=cover.out ./internal/... ./client/... ./cmd/...
	go tool cover -func=cover.out | tail -1
	go tool cover -html=cover.out -o cover.html

.PHONY: image
image: ## Build the container image throng:VERSION.
	docker build --build-arg VERSION=$(VERSION) -t throng:$(VERSION) .

.PHONY: clean
clean: ## Remove what the other targets made, but not .bin.
	rm -rf dist cover.out cover.html

.PHONY: tools
tools: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go $(BIN)/golangci-lint $(BIN)/govulncheck ## Build the pinned tools.

# tool NAME, PACKAGE, VERSION: .bin/NAME is rebuilt when the version in tools/versions.mk is another one.
define tool
$(BIN)/$(1): $(BIN)/.$(1)-$(3)
$(BIN)/.$(1)-$(3):
	@mkdir -p $(BIN); rm -f $(BIN)/.$(1)-*
	GOBIN=$(CURDIR)/$(BIN) GOFLAGS= go install $(2)@$(3)
	@touch $$@
endef
$(eval $(call tool,buf,github.com/bufbuild/buf/cmd/buf,$(BUF_VERSION)))
$(eval $(call tool,protoc-gen-go,google.golang.org/protobuf/cmd/protoc-gen-go,$(PROTOC_GEN_GO_VERSION)))
$(eval $(call tool,protoc-gen-connect-go,connectrpc.com/connect/cmd/protoc-gen-connect-go,$(CONNECT_GO_VERSION)))
$(eval $(call tool,golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_LINT_VERSION)))
$(eval $(call tool,govulncheck,golang.org/x/vuln/cmd/govulncheck,$(GOVULNCHECK_VERSION)))
