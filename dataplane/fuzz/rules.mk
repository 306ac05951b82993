# Coverage-guided fuzzing of the worker's packet path under sanitizers. Needs clang and libclang-rt-dev.
FUZZ_FAKES := recvmmsg sendmsg sendmmsg sendto clock_gettime getrandom
FUZZ_FLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -Wall -Wextra -Werror $(foreach name,$(FUZZ_FAKES),-D$(name)=world_$(name))
FUZZ_SOURCES := $(filter-out worker/main.c worker/control.c worker/sockets.c,$(WORKER_SOURCES)) $(wildcard fuzz/*.c)
.PHONY: fuzz

fuzz: build/fuzz-packets
build/fuzz-packets: $(FUZZ_SOURCES) $(wildcard worker/*.h fuzz/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_FLAGS) $(FUZZ_SOURCES) $(CRYPTO) -o $@
