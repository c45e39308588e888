# demo: a trained translator in minutes; test: the default suite; check: all that CI checks.
PYTHON ?= python3
BIN := .venv/bin
RUN := runs/miniature
TEST := data/miniature/test
WORKERS ?= 2  # test processes; each wants about 4 GiB

.PHONY: demo demo-real best try test test-long test-both first-hour clients axe onnxruntime-web pictures-page notebooks notebooks-cleared notebooks-write pictures ablations networks test-family test-presets test-init docs dist check lint format benchmark

demo: .venv/installed
	$(BIN)/python -m data_prep miniature --output data/miniature
	$(BIN)/seq2seq train configs/miniature.yaml --run $(RUN)
	$(BIN)/seq2seq translate $(RUN) $(TEST).en --output $(RUN)/translations.txt
	$(BIN)/seq2seq show $(RUN) "Next week my brother will read the old book." --output $(RUN)/pictures
	@echo
	@echo "The translator:     $(RUN)"
	@echo "Its scores:         $(RUN)/scores.json"
	@echo "Unseen text:        $(TEST).en, translated in $(RUN)/translations.txt"
	@echo "What it remembered: $(RUN)/pictures/index.html"
	@$(MAKE) --no-print-directory try

# What the demo's translator knows, what it does not, and sentences that it never saw and translates as the
# grammar has them, spread over the test text.
try:
	@echo "Words it knows:     $$(wc -l < $(RUN)/source_words.tsv), listed in $(RUN)/source_words.tsv"
	@paste $(TEST).en $(TEST).de $(RUN)/translations.txt | awk -F'\t' '$$2 == $$3 { right[n++] = $$1 } \
	  END { printf "Translated exactly: %d of %d unseen sentences; ten of them to try:\n", n, NR; \
	    for (i = 0; i < 10 && i < n; i++) print "    " right[int(i * n / (n < 10 ? n : 10))] }'
	@echo "Try next:           echo 'Today she reads the book.' | $(BIN)/seq2seq translate $(RUN)"
	@echo "What it cannot do:  anything but short sentences of these words, built as these ten are; it guesses at other"
	@echo "                    words, and says how many there were. People and things in pictures: make demo-real;"
	@echo "                    your own text: $(BIN)/seq2seq init, see README.md"

# Real text: captions of images, English to German, downloaded, or from the folder FROM.
REAL := runs/multi30k_small
CAPTIONS := data/multi30k_en_de
demo-real: .venv/installed
	$(BIN)/python -m data_prep multi30k --output $(CAPTIONS) --source en --target de $(if $(FROM),--from $(FROM))
	$(BIN)/seq2seq train configs/multi30k_small.yaml --run $(REAL)
	$(BIN)/seq2seq evaluate $(REAL) $(CAPTIONS)/test_2016_flickr.en $(CAPTIONS)/test_2016_flickr.de
	@echo
	@echo "What it can do:     sentences that say what people and things in a picture do, one at a time"
	@echo "What it cannot do:  questions, conversation, news, names; it has read 29,000 captions and nothing else"
	@echo "Try next:           echo 'A woman is reading a book on a bench.' | $(BIN)/seq2seq translate $(REAL)"

# From the captions to one network that has learnt from four others too: hours. What was stopped goes on.
BEST := runs/multi30k_best
DIVERSE := data/multi30k_en_de_diverse
TEACHERS := $(foreach seed,1 2,runs/teachers/en_de_$(seed) runs/teachers/de_en_$(seed))
best: $(DIVERSE)/train.en
	$(BIN)/seq2seq train configs/multi30k_en_de_best.yaml --run $(BEST)
	$(BIN)/seq2seq evaluate $(BEST) $(CAPTIONS)/test_2016_flickr.en $(CAPTIONS)/test_2016_flickr.de

$(DIVERSE)/train.en: $(TEACHERS:%=%/scores.json)
	$(BIN)/seq2seq augment $(TEACHERS) $(CAPTIONS) --output $(DIVERSE) --source en --target de --resume

runs/teachers/en_de_%/scores.json: $(CAPTIONS)/train.de
	$(BIN)/seq2seq train configs/multi30k_en_de.yaml --run runs/teachers/en_de_$* --set training.seed=$*

runs/teachers/de_en_%/scores.json: data/multi30k_de_en/train.en
	$(BIN)/seq2seq train configs/multi30k_de_en.yaml --run runs/teachers/de_en_$* --set training.seed=$*

$(CAPTIONS)/train.de: | .venv/installed
	$(BIN)/python -m data_prep multi30k --output $(CAPTIONS) --source en --target de $(if $(FROM),--from $(FROM))

data/multi30k_de_en/train.en: | .venv/installed
	$(BIN)/python -m data_prep multi30k --output data/multi30k_de_en --source de --target en $(if $(FROM),--from $(FROM))

.SECONDARY: $(TEACHERS:%=%/scores.json)

test: .venv/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -p no:nbmake

# Tests whose point needs a training, an export or processes of their own, and the page's in a browser (Debian's
# chromium): another ten minutes, in CI too.
test-long: .venv/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "long or browser" -p no:nbmake

# Both in one go, as CI has them: what their tests share is trained and exported once.
test-both: .venv/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow and not first_hour" \
	  -p no:nbmake

# A wheel in an environment of its own, then README's commands in another folder. FRESH=1 fetches all that the
# wheel needs too; without, the environment borrows the packages of this one.
first-hour: .venv/installed-dev
	FIRST_HOUR_FRESH=$(FRESH) $(BIN)/python -m pytest -m first_hour tests/first_hour -p no:nbmake

# Clients of LibreTranslate that are not on PyPI, for tests/serving/server/libretranslate/test_clients.py.
CLIENTS := build/clients
clients: $(CLIENTS)/package/package.json
$(CLIENTS)/package/package.json:
	mkdir -p $(CLIENTS)
	cd $(CLIENTS) && npm pack --silent libretranslate@1.0.1 && tar -xzf libretranslate-1.0.1.tgz

# What looks for what keeps people from using the page, for tests/serving/page; these want Debian's chromium too.
AXE := build/axe
axe: $(AXE)/package/axe.min.js
$(AXE)/package/axe.min.js:
	mkdir -p $(AXE)
	cd $(AXE) && npm pack --silent axe-core@4.14.1 && tar -xzf axe-core-4.14.1.tgz

# The runtime of ONNX models in browsers, for tests/workflows/test_onnx_in_node.py. 33 MB.
ONNX_WEB := build/onnxruntime-web
onnxruntime-web: $(ONNX_WEB)/package/package.json
$(ONNX_WEB)/package/package.json:
	mkdir -p $(ONNX_WEB)
	cd $(ONNX_WEB) && npm pack --silent onnxruntime-web@1.30.0 && tar -xzf onnxruntime-web-1.30.0.tgz

# The page's pictures in docs, of the demo's run.
pictures-page: .venv/installed-dev
	$(BIN)/python -m benchmarks.page_pictures $(RUN) docs/pictures

# The tutorials, each in a new kernel with one thread, so that `make --jobs=2 notebooks` runs two at a time. Some
# use what 02 trained.
NBMAKE := $(BIN)/python -m pytest --nbmake --nbmake-timeout=900 -p no:warnings --override-ini addopts=
notebooks: row-02 row-01-04 row-03 row-05

row-03 row-05: row-02
row-%: .venv/installed-dev notebooks-cleared
	TF_NUM_INTRAOP_THREADS=1 $(NBMAKE) $(foreach number,$(subst -, ,$*),notebooks/$(number)_*.ipynb)

notebooks-cleared:
	rm -rf runs/notebooks data/notebooks

# All of them, one after the other with all threads, which keeps their new outputs.
notebooks-write: .venv/installed-dev notebooks-cleared
	$(NBMAKE) --overwrite notebooks

# The gallery of docs/looking_inside.md, from what `make demo` trained.
GALLERY := source_gradients memory_decoder_0 gates_decoder gradient_flow_encoder gradient_flow_decoder training
pictures: .venv/installed
	$(BIN)/seq2seq show $(RUN) "Next week my brother will read the old book." --output build/pictures
	$(BIN)/seq2seq show $(RUN) --training --output build/pictures
	cp build/pictures/attention.png docs
	cp $(GALLERY:%=build/pictures/%.png) docs/pictures

# The published networks and the default side by side, each at about 7 M parameters after MINUTES of one core
# on the captions. Hours; goes on where it was interrupted. The table: runs/networks/MINUTES/table.md.
MINUTES ?= 60
NETWORKS := sutskever2014 bahdanau2015 luong2015 gnmt2016 rnmt_plus2018 hybrid2018 ssru2019 multi30k_7m
networks: .venv/installed-dev $(CAPTIONS)/train.de
	$(BIN)/python -m benchmarks.quality.ablation $(NETWORKS:%=configs/%.yaml) \
	  --minutes $(MINUTES) --jobs 2 --output runs/networks/$(MINUTES)

# What each means against overlearning, and each newer cell, is worth on a small corpus, one at a time: STEPS
# of training each, of the network of 7 M parameters, and BLEU of the validation text. Hours; goes on where it
# was interrupted. The table: runs/ablations/table.md.
STEPS ?= 3000
ablations: .venv/installed-dev
	$(BIN)/python -m benchmarks.quality.ablation configs/multi30k_7m.yaml --one-at-a-time --validation \
	  --steps $(STEPS) --output runs/ablations $(foreach value,$(ABLATIONS),--vary $(value))

ABLATIONS := training.consistency=1 training.word_dropout=0.1 training.weight_decay=0.01 training.averaging=0 \
  training.label_smoothing=0.2 model.recurrent_dropout=0.2 model.weight_dropout=0.2 model.cell=ssru \
  subwords.sampling=0,0.3 subwords.kind=bpe data.concatenation=0.3 decoding.mbr=chrf,bleu

# Every encoder with every attention, reading point, input feeding and bridge. Twenty minutes on two cores.
test-family: .venv/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) -m slow tests/models/test_family.py

# Every published network, small, on the miniature corpus. A quarter of an hour on two cores.
test-presets: .venv/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) -m slow -rP tests/workflows/test_presets_learn.py

# The documentation as a site that needs no network. A warning is an error.
docs: .venv/installed-dev
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m sphinx -W --keep-going -q -c docs . build/site
	! grep -rE '<(script|img|link|iframe)[^>]*(src|href)="(https?:)?//' build/site --include='*.html'
	@echo "The site: build/site/docs/index.html"

# A wheel and a source distribution, in build/dist; and a wheel without TensorFlow, seq2seq-runtime.
dist: .venv/installed-dev
	rm -rf build/dist build/runtime
	$(BIN)/python -m build --outdir build/dist
	$(BIN)/python deploy/runtime_distribution.py build/runtime
	$(BIN)/python -m build --wheel --outdir build/dist build/runtime
	$(BIN)/twine check --strict build/dist/*

# `seq2seq init` on corpora of 1,000 to 200,000 pairs in several scripts. Some minutes.
test-init: .venv/installed-dev
	$(BIN)/python -m pytest -m slow tests/workflows/test_init_corpora.py -p no:nbmake

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: .venv/installed-dev
	$(BIN)/python -m benchmarks.training_speed

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: setup.cfg pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/installed-dev: setup.cfg pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/installed
