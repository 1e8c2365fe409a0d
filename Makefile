# Everything here needs only Go and make. Binaries go to bin/.

GO      ?= go
export CGO_ENABLED ?= 0

BINARIES := bin/x07 bin/x07-os-runner bin/x07-bundle-runtime
# The guest kernel exists for Linux only; elsewhere other backends stand in.
ifeq ($(shell $(GO) env GOOS),linux)
BINARIES += bin/x07-sentry
endif

.PHONY: build dist demo test test-race fuzz bench lint clean $(BINARIES)

# The helper that examples/parallel-worker starts.
HELPER := examples/parallel-worker/deps/x07/digest

build: $(BINARIES) $(HELPER)

.PHONY: $(HELPER)
$(HELPER):
	$(GO) build -trimpath -ldflags '-s -w' -o $@ ./examples/parallel-worker/digest

$(BINARIES): bin/%:
	$(GO) build -trimpath -ldflags '-s -w' -o $@ ./cmd/$*

# Every target that bundles can be made for, in dist/<os>-<arch>/. `x07 bundle
# --target` finds what it needs there.
TARGETS := linux-amd64 linux-arm64 darwin-arm64 darwin-amd64 freebsd-amd64
dist: $(TARGETS:%=dist/%)

.PHONY: $(TARGETS:%=dist/%)
$(TARGETS:%=dist/%): dist/%:
	@mkdir -p $@
	cd cmd && for b in x07 x07-os-runner x07-bundle-runtime $(if $(findstring linux,$*),x07-sentry); do \
	  GOOS=$(word 1,$(subst -, ,$*)) GOARCH=$(word 2,$(subst -, ,$*)) \
	  $(GO) build -trimpath -ldflags '-s -w' -o ../$@/$$b ./$$b || exit 1; done

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
	rm -rf bin dist examples/parallel-worker/deps
