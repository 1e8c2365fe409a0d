# Everything here needs only Go and make. Binaries go to bin/.

GO      ?= go
export CGO_ENABLED ?= 0

BINARIES := bin/x07 bin/x07-os-runner
# The guest kernel exists for Linux only; elsewhere other backends stand in.
ifeq ($(shell $(GO) env GOOS),linux)
BINARIES += bin/x07-sentry
endif

.PHONY: build demo test test-race fuzz bench lint clean $(BINARIES)

build: $(BINARIES)

$(BINARIES): bin/%:
	$(GO) build -trimpath -ldflags '-s -w' -o $@ ./cmd/$*

# The same program with and without the sandbox, both results shown.
demo: build
	sh examples/demo.sh bin

test: build
	$(GO) test ./...

# The race detector needs cgo and a C compiler. The packages that run real
# guests start processes, which it cannot look into.
RACE_PKGS = $(shell $(GO) list ./internal/... ./conformance/... | grep -v /sandbox/gvisor)
test-race:
	CGO_ENABLED=1 $(GO) test -race -short $(RACE_PKGS)

# A minute or so of each fuzz target; FUZZTIME is per target.
FUZZTIME ?= 10s
fuzz:
	sh .ci/fuzz $(FUZZTIME)

bench: build
	$(GO) run ./bench

lint:
	@unformatted=$$(gofmt -l cmd internal bench conformance stdlib schemas examples); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

clean:
	rm -rf bin dist
