# The tools that the Makefile installs into .bin, each by `go install module@version`. This is the only place that names them.
# A change of version rebuilds the tool: the stamp's name holds the version.

BUF_VERSION            := v1.75.0
PROTOC_GEN_GO_VERSION  := v1.36.12
CONNECT_GO_VERSION     := v1.21.1
GOLANGCI_LINT_VERSION  := v2.15.0
# v1.9.0 asks for a version of golang.org/x/telemetry that the module proxy does not serve.
GOVULNCHECK_VERSION    := v1.8.0
