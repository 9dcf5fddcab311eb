# Two targets do all: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
MODULES := proto services gateway cmd/kompass
BIN := .build/bin

.DEFAULT_GOAL := help
.PHONY: help run build test test-alone kill adoption-kill notify-kill split bench bench-germany lint generate drift vuln fuzz clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Run the whole platform on embedded engines with starter data (data/ keeps the state)
	go run ./cmd/kompass serve --data data --demo

build: ## Build the binary into .build/bin/kompass
	go build -o $(BIN)/kompass ./cmd/kompass

test: $(BIN)/gotestsum ## Run every test, with the race detector
	$(BIN)/gotestsum --format pkgname-and-test-fails -- -race -timeout 9m $(addsuffix /...,$(addprefix ./,$(MODULES)))

test-alone: ## Build and vet every module on its own, without the workspace
	@for m in $(MODULES); do echo "$$m"; (cd $$m && GOWORK=off go vet ./...) || exit 1; done

kill: ## Kill the running binary under load again and again; nothing acknowledged may be lost
	go test ./cmd/kompass -run TestKill -count=1 -timeout 30m -v -args -kills=50

adoption-kill: ## Kill the municipality services again and again while adoptions of 300 municipalities go live and end; each counts once
	go test ./cmd/kompass -run 'TestAdoptionKill$$' -count=1 -timeout 30m -v -args -adoption-kills=25 -adoption-places=300

notify-kill: ## Kill the process under load while webhooks and mail fail at random, and right after digests; each event arrives, in order, and in one digest
	go test ./cmd/kompass -run 'TestNotifyKill$$' -count=1 -timeout 60m -v -args -notify-kills=20 -notify-events=10000

split: ## Run the platform in pieces and kill each of them, ten times in a row
	go test ./cmd/kompass -run 'TestSplit$$' -count=1 -timeout 30m -v -args -splits=10

bench: ## Measure, side by side in one run, and print the table
	go test ./cmd/kompass -run TestBench -count=1 -timeout 30m -v -args -bench-table
	go test ./services/marketplace -run '^$$' -bench 'PortfolioGaps|ProjectBoard' -count=1
	go test ./services/municipality -run '^$$' -bench GoingLive -benchtime 5x -count=1
	go test ./services/notification -run '^$$' -bench Audience -count=1

bench-germany: ## Measure with 6.3 million implementations (about 4 GiB of disk, ten minutes)
	go test ./cmd/kompass -run 'TestGermany$$' -count=1 -timeout 60m -v -args -germany

lint: $(BIN)/golangci-lint ## Check style, the contract and the import borders
	@for m in $(MODULES); do (cd $$m && $(CURDIR)/$(BIN)/golangci-lint run ./...) || exit 1; done
	.ci/generate inputs
	npx --no-install buf lint
	npx --no-install buf format --diff --exit-code proto
	.ci/breaking

generate: ## Generate code and OpenAPI from proto/
	.ci/generate

drift: generate ## Fail when generated code differs from what is committed
	@git diff --exit-code -- proto || (echo "generated code differs: commit what make generate wrote"; exit 1)

vuln: $(BIN)/govulncheck ## Look for known vulnerabilities that the code reaches
	.ci/vuln

fuzz: ## Fuzz every parser of input from outside for 30 s each
	@grep -rlE '^func Fuzz' --include='*_test.go' services gateway | while read -r f; do \
	  grep -oE '^func Fuzz[A-Za-z0-9]+' "$$f" | cut -c6- | while read -r target; do \
	    echo "$$f $$target"; go test "./$$(dirname "$$f")" -run '^$$' -fuzz "^$$target\$$" -fuzztime 30s || exit 1; \
	  done || exit 1; \
	done

clean: ## Remove what was built; data/ stays
	rm -rf .build

$(BIN)/gotestsum: .ci/tools/go.mod
	@mkdir -p $(BIN)
	cd .ci/tools && GOWORK=off GOBIN=$(CURDIR)/$(BIN) go install gotest.tools/gotestsum

$(BIN)/govulncheck: .ci/tools/go.mod
	@mkdir -p $(BIN)
	cd .ci/tools && GOWORK=off GOBIN=$(CURDIR)/$(BIN) go install golang.org/x/vuln/cmd/govulncheck

$(BIN)/golangci-lint: .ci/lint/go.mod
	@mkdir -p $(BIN)
	cd .ci/lint && GOWORK=off GOBIN=$(CURDIR)/$(BIN) go install tool
