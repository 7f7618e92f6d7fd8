# fieldseal: `make run` to try it, `make test` to test it. See README.md.
SHELL := /bin/sh
export CGO_ENABLED = 0
GO ?= go
BIN = bin
COMMANDS = fieldseal fieldkit custody-verify custody-witness
OUT = .ci/out

.PHONY: all build verify-page run demo test check bench interop pictures generate install-test clean $(COMMANDS)

all: build

build: $(COMMANDS) verify-page

$(COMMANDS):
	@mkdir -p $(BIN)
	$(GO) build -trimpath -o $(BIN)/$@ ./cmd/$@

# The verifier for browsers: the server gives its verify page from this directory
# beside its executable, and the page as one file is in it too.
verify-page:
	$(GO) run ./cmd/custody-verify/page $(BIN)/verify

# Builds, plays the demonstration field day, and leaves the server running.
run: build
	@testdata/fieldday/play.sh --keep-serving .demo

# The same, but ends after the bundle is verified; its exit status is the verdict.
demo: build
	@testdata/fieldday/play.sh .demo

# Installs what the tests need beside Go (PostgreSQL, Chromium and a font from Debian), then runs all of them.
test: install-test build
	@mkdir -p $(OUT)
	FIELDSEAL_REQUIRE_POSTGRES=1 FIELDSEAL_REQUIRE_CHROMIUM=1 $(GO) tool gotestsum --format pkgname --hide-summary skipped --jsonfile $(OUT)/tests.json -- -timeout 20m ./...

install-test:
	@.ci/install

# Format, vet, linters, generated files, rules of the rooms.
check:
	@.ci/check

# The figures of the product's speed, each with the machine's raw limit beside it.
bench:
	@.ci/bench

# Our witness and our log against those of others, in a module of its own.
interop:
	cd sync/witness/interop && $(GO) test ./...

# Takes the README's pictures from the screenshots that make test has left.
pictures:
	$(GO) run ./testdata/pictures/take $(OUT)/screens testdata/pictures

# Makes every generated file anew.
generate:
	$(GO) generate ./...

clean:
	rm -rf $(BIN) .demo $(OUT)
