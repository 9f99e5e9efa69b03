# The few commands a person needs; CMake does the work.
.PHONY: help demo test build bench verify format clean dependencies
.DEFAULT_GOAL := help

BUILD := build
JOBS ?= $(shell nproc)
CTEST := ctest --output-on-failure -j $(JOBS)

help:
	@echo "make demo     install what is missing, build, train on encrypted Fashion-MNIST"
	@echo "              (report in $(BUILD)/demo/report.json)"
	@echo "make test     install what is missing, build, run every test"
	@echo "make build    build the programs into $(BUILD)/release/bin"
	@echo "make bench    run the benchmarks (BENCH=\"--only scheme\" for some of them)"
	@echo "make verify   the tests under AddressSanitizer and UBSan, value ranges asserted"
	@echo "make format   clang-format over the sources"
	@echo "make clean    remove $(BUILD)"

dependencies:
	@tools/install_dependencies.sh

build: dependencies
	cmake --preset release
	cmake --build $(BUILD)/release -j $(JOBS) --target blindtuner blindtuner-server

demo: build
	$(BUILD)/release/bin/blindtuner demo --model models/backbone/model.safetensors --out $(BUILD)/demo

test: dependencies
	cmake --preset release
	cmake --build $(BUILD)/release -j $(JOBS)
	$(CTEST) --test-dir $(BUILD)/release

bench: dependencies
	cmake --preset bench
	cmake --build $(BUILD)/release -j $(JOBS)
	bench/run.py --build $(BUILD)/release --scratch $(BUILD)/bench $(BENCH)
	-bench/plot.py

verify: dependencies
	cmake --preset asan
	cmake --build $(BUILD)/asan -j $(JOBS)
	$(CTEST) --test-dir $(BUILD)/asan --timeout 3600

format:
	find src tests bench examples -name '*.h' -o -name '*.cpp' | xargs clang-format -i

clean:
	rm -rf $(BUILD)
