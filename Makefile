# `make serve` and `make test` are the two commands; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One configuration for the server and the tests, so that the dependencies are built once.
BUILD := -c release -Xswiftc -enable-testing
HOST ?= 127.0.0.1
PORT ?= 30000
MODEL ?=
ARGS ?=
export ARCHS ?= 90a
PYTHON ?= python3

.PHONY: help dependencies build model serve test unit check format end-to-end page-test cuda neon-test tile-test clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

dependencies: ## Install the missing Debian packages
	@scripts/install-dependencies

build: dependencies ## Build the martlet binary (release)
	swift build $(BUILD) --product martlet

model: dependencies ## Fetch the default model and print its path
	@scripts/fetch-model smollm2

serve: build ## Build, fetch the default model and serve it (MODEL=path HOST= PORT= ARGS=)
	@model='$(MODEL)'; [[ -n $$model ]] || model=$$(scripts/fetch-model smollm2); \
	exec .build/release/martlet serve --model-path "$$model" --host $(HOST) --port $(PORT) $(ARGS)

test: dependencies ## Everything that needs no GPU: checks, unit tests, end-to-end tests
	@scripts/test

unit: dependencies ## Unit tests only (FILTER=name)
	swift test $(BUILD) $(if $(FILTER),--filter $(FILTER))

check: ## Formatting, style and module boundaries
	@scripts/check-boundaries && scripts/check-style

end-to-end: build ## The openai client against a real server
	@scripts/end-to-end/run

page-test: build ## The page in headless Chromium against a real server
	@scripts/page-test

format: ## Format the Swift sources in place
	swift format --in-place --recursive --parallel --configuration .swift-format Sources Tests Examples Package.swift

cuda: ## The CUDA backend and its test, no GPU needed (ARCHS="80 89 90a 100a 120a")
	@scripts/cuda-build

neon-test: ## The Arm kernels against the scalar reference, under qemu
	@scripts/neon-test --install

tile-test: ## The kernels of matrix tiles (AMX) against the scalar reference, tiles in plain C
	@scripts/tile-test

clean: ## Remove what was built (keeps fetched models)
	swift package clean
