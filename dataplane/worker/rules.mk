# The userspace worker: needs a C compiler. With libcrypto (libssl-dev) it speaks SRTP. `worker-asan` is the same under
# sanitizers, for its tests.
CRYPTO := $(shell echo '\#include <openssl/core_names.h>' | $(CC) -E - >/dev/null 2>&1 && echo -DSEAWAY_SRTP -lcrypto)
WORKER_FLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fPIE -pie \
	-Wl,-z,relro,-z,now -Wall -Wextra -Werror
WORKER_ASAN_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -Wall -Wextra -Werror
WORKER_SOURCES := $(wildcard worker/*.c)
.PHONY: worker-asan

worker: $(NATIVE)/seaway-worker
$(NATIVE)/seaway-worker: $(WORKER_SOURCES) $(wildcard worker/*.h)
	@mkdir -p $(@D)
	$(CC) $(WORKER_FLAGS) $(WORKER_SOURCES) $(CRYPTO) -o $@.new
	mv $@.new $@

worker-asan: build/seaway-worker-asan
build/seaway-worker-asan: $(WORKER_SOURCES) $(wildcard worker/*.h)
	@mkdir -p $(@D)
	$(CC) $(WORKER_ASAN_FLAGS) $(WORKER_SOURCES) $(CRYPTO) -o $@
