/* Transforms by libcrypto; indexes and replay lists. Without libcrypto there are no contexts, and nothing calls the rest. */
#include "srtp.h"

#include <stdlib.h>
#include <string.h>

#ifdef SEAWAY_SRTP

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { TAG = 16, WINDOW = 128, CLEAR = 8, LARGEST = 65536 };
#define ENCRYPTED 0x80000000u
#define LAST_RTCP 0x7fffffff
#define LAST_RTP (((int64_t)1 << 48) - 1)

typedef unsigned __int128 bits;

struct seen {
    int64_t highest; /* -1: none */
    bits window; /* bit n: highest - n was there */
};

struct source {
    uint32_t ssrc;
    struct seen rtp, rtcp;
};

struct keys {
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac; /* NULL: AEAD */
    uint8_t salt[14];
};

struct srtp {
    struct srtp_wish wish;
    bool aead;
    size_t rtp_tag, rtcp_tag;
    struct keys rtp, rtcp;
    uint32_t count, room, oldest;
    struct source sources[];
};

static const struct suite {
    size_t key, salt, rtp_tag;
    bool aead;
} suites[] = {
    [SRTP_AES128_SHA1_80] = {16, 14, 10, false}, [SRTP_AES128_SHA1_32] = {16, 14, 4, false},
    [SRTP_AES256_SHA1_80] = {32, 14, 10, false}, [SRTP_AES256_SHA1_32] = {32, 14, 4, false},
    [SRTP_GCM128] = {16, 12, TAG, true},         [SRTP_GCM256] = {32, 12, TAG, true},
};

static uint8_t unwanted[LARGEST]; /* clear text that nobody needs */

bool srtp_available(void)
{
    return true;
}

static uint32_t word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_word(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t header_size(const uint8_t *data)
{
    size_t end = 12 + 4 * (size_t)(data[0] & 0x0f);
    if (data[0] & 0x10)
        end += 4 + 4 * ((size_t)data[end + 2] << 8 | data[end + 3]);
    return end;
}

/* -- keys */

/* RFC 3711 §4.3.1: the label is octet 7 of what is combined with the salt, which is extended with zeros. */
static bool derive(const struct srtp_wish *wish, const struct suite *suite, uint8_t label, uint8_t *to, size_t size)
{
    static const uint8_t zeros[64];
    uint8_t start[16] = {0};
    int length = 0;
    memcpy(start, wish->key + suite->key, suite->salt);
    start[7] ^= label;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool good = cipher != NULL &&
                EVP_EncryptInit_ex(cipher, suite->key == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr(), NULL, wish->key,
                                   start) == 1 &&
                EVP_EncryptUpdate(cipher, to, &length, zeros, (int)size) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return good;
}

static bool start_mac(struct keys *it, const uint8_t *key)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA1", 0), OSSL_PARAM_construct_end(),
    };
    it->mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    return it->mac != NULL && EVP_MAC_init(it->mac, key, 20, parameters) == 1;
}

static bool start_keys(struct srtp *it, struct keys *keys, uint8_t label)
{
    const struct suite *suite = &suites[it->wish.suite];
    const EVP_CIPHER *kind = suite->aead ? (suite->key == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm())
                                         : (suite->key == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr());
    uint8_t key[32], mac[20];
    keys->cipher = EVP_CIPHER_CTX_new();
    bool good = keys->cipher != NULL && derive(&it->wish, suite, label, key, suite->key) &&
                derive(&it->wish, suite, label + 2, keys->salt, suite->salt) &&
                EVP_CipherInit_ex(keys->cipher, kind, NULL, key, NULL, suite->aead ? it->wish.sends : 1) == 1;
    if (good && !suite->aead)
        good = derive(&it->wish, suite, label + 1, mac, sizeof mac) && start_mac(keys, mac);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(mac, sizeof mac);
    return good;
}

static bool makes_sense(const struct srtp_wish *wish)
{
    if (wish->suite < SRTP_AES128_SHA1_80 || wish->suite > SRTP_GCM256 || wish->mki_size > SRTP_MKI ||
        wish->sends > 1)
        return false;
    size_t used = suites[wish->suite].key + suites[wish->suite].salt;
    for (size_t i = used; i < sizeof wish->key; i++)
        if (wish->key[i] != 0)
            return false;
    for (size_t i = wish->mki_size; i < sizeof wish->mki; i++)
        if (wish->mki[i] != 0)
            return false;
    return true;
}

struct srtp *srtp_new(const struct srtp_wish *wish)
{
    if (!makes_sense(wish))
        return NULL;
    uint32_t room = wish->sends ? SRTP_SENT : SRTP_RECEIVED;
    struct srtp *it = aligned_alloc(16, (sizeof *it + room * sizeof(struct source) + 15) / 16 * 16);
    if (it == NULL)
        return NULL;
    memset(it, 0, sizeof *it + room * sizeof(struct source));
    it->wish = *wish;
    it->room = room;
    it->aead = suites[wish->suite].aead;
    it->rtp_tag = suites[wish->suite].rtp_tag;
    it->rtcp_tag = it->aead ? TAG : 10;
    if (!start_keys(it, &it->rtp, 0) || !start_keys(it, &it->rtcp, 3)) {
        srtp_free(it);
        return NULL;
    }
    return it;
}

void srtp_free(struct srtp *it)
{
    if (it == NULL)
        return;
    EVP_CIPHER_CTX_free(it->rtp.cipher);
    EVP_CIPHER_CTX_free(it->rtcp.cipher);
    EVP_MAC_CTX_free(it->rtp.mac);
    EVP_MAC_CTX_free(it->rtcp.mac);
    OPENSSL_cleanse(it, sizeof *it);
    free(it);
}

bool srtp_same(const struct srtp *it, const struct srtp_wish *wish)
{
    struct srtp_wish mine = it->wish;
    mine.counters = wish->counters;
    return CRYPTO_memcmp(&mine, wish, sizeof mine) == 0;
}

/* -- indexes (RFC 3711 §3.3) */

static int64_t estimate(int64_t highest, int64_t sequence)
{
    int64_t counter = highest >> 16, last = highest & 0xffff;
    if (last < 0x8000) {
        if (sequence - last > 0x8000)
            counter--;
    } else if (last - 0x8000 > sequence) {
        counter++;
    }
    return counter * 0x10000 + sequence;
}

static bool fresh(const struct seen *it, int64_t index)
{
    if (index > it->highest)
        return index <= LAST_RTP;
    int64_t behind = it->highest - index;
    return index >= 0 && behind < WINDOW && (it->window >> behind & 1) == 0;
}

static void add(struct seen *it, int64_t index)
{
    int64_t ahead = index - it->highest;
    if (ahead > 0) {
        it->window = ahead < WINDOW ? it->window << ahead | 1 : 1;
        it->highest = index;
    } else {
        it->window |= (bits)1 << -ahead;
    }
}

static void put_highest(struct seen *it, int64_t index)
{
    if (index >= 0 && index > it->highest)
        *it = (struct seen){.highest = index, .window = ~(bits)0};
}

static struct source *find(struct srtp *it, uint32_t ssrc)
{
    for (uint32_t i = 0; i < it->count; i++)
        if (it->sources[i].ssrc == ssrc)
            return &it->sources[i];
    return NULL;
}

/* NULL: a sender must not forget a source, because it would use its indexes again. */
static struct source *make(struct srtp *it, uint32_t ssrc)
{
    uint32_t place = it->count;
    if (place < it->room) {
        it->count++;
    } else {
        if (it->wish.sends)
            return NULL;
        place = it->oldest;
        it->oldest = (place + 1) % it->room;
    }
    it->sources[place] = (struct source){.ssrc = ssrc, .rtp.highest = -1, .rtcp.highest = -1};
    return &it->sources[place];
}

void srtp_learn(struct srtp *it, const struct srtp_index *index)
{
    struct source *source = find(it, index->ssrc);
    if (source == NULL && (source = make(it, index->ssrc)) == NULL)
        return;
    put_highest(&source->rtp, index->rtp);
    put_highest(&source->rtcp, index->rtcp);
}

uint32_t srtp_indexes(const struct srtp *it, struct srtp_index *to)
{
    for (uint32_t i = 0; i < it->count; i++) {
        const struct source *source = &it->sources[i];
        to[i] = (struct srtp_index){.ssrc = source->ssrc, .rtp = source->rtp.highest, .rtcp = source->rtcp.highest};
    }
    return it->count;
}

/* -- AES-CM and HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1) */

static bool mac(EVP_MAC_CTX *it, const uint8_t *data, size_t size, const uint8_t *counter, uint8_t *to)
{
    size_t length;
    return EVP_MAC_init(it, NULL, 0, NULL) == 1 && EVP_MAC_update(it, data, size) == 1 &&
           (counter == NULL || EVP_MAC_update(it, counter, 4) == 1) && EVP_MAC_final(it, to, &length, 20) == 1;
}

static bool counter_mode(const struct keys *keys, const uint8_t *ssrc, int64_t index, const uint8_t *data, size_t size,
                         uint8_t *to)
{
    uint8_t start[16] = {0};
    int length;
    memcpy(start, keys->salt, sizeof keys->salt);
    for (int i = 0; i < 4; i++)
        start[4 + i] ^= ssrc[i];
    for (int i = 0; i < 6; i++)
        start[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
    return EVP_EncryptInit_ex(keys->cipher, NULL, NULL, NULL, start) == 1 &&
           EVP_EncryptUpdate(keys->cipher, to, &length, data, (int)size) == 1;
}

/* -- AES-GCM (RFC 7714 §8.1, §9.1) */

static void nonce(const struct keys *keys, const uint8_t *ssrc, int64_t index, uint8_t *to)
{
    memcpy(to, keys->salt, 12);
    for (int i = 0; i < 4; i++)
        to[2 + i] ^= ssrc[i];
    for (int i = 0; i < 6; i++)
        to[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

/* Associated data in two parts; the tag stands behind the cipher text. */
static bool gcm_open(const struct keys *keys, const uint8_t *iv, const uint8_t *aad, size_t aad_size, const uint8_t *more,
                     size_t more_size, const uint8_t *data, size_t size, uint8_t *to)
{
    EVP_CIPHER_CTX *it = keys->cipher;
    uint8_t last[16];
    int length;
    return EVP_DecryptInit_ex(it, NULL, NULL, NULL, iv) == 1 &&
           EVP_DecryptUpdate(it, NULL, &length, aad, (int)aad_size) == 1 &&
           (more_size == 0 || EVP_DecryptUpdate(it, NULL, &length, more, (int)more_size) == 1) &&
           (size == 0 || EVP_DecryptUpdate(it, to, &length, data, (int)size) == 1) &&
           EVP_CIPHER_CTX_ctrl(it, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(data + size)) == 1 &&
           EVP_DecryptFinal_ex(it, last, &length) == 1;
}

static bool gcm_seal(const struct keys *keys, const uint8_t *iv, const uint8_t *aad, size_t aad_size, const uint8_t *more,
                     size_t more_size, uint8_t *data, size_t size)
{
    EVP_CIPHER_CTX *it = keys->cipher;
    uint8_t last[16];
    int length;
    return EVP_EncryptInit_ex(it, NULL, NULL, NULL, iv) == 1 &&
           EVP_EncryptUpdate(it, NULL, &length, aad, (int)aad_size) == 1 &&
           (more_size == 0 || EVP_EncryptUpdate(it, NULL, &length, more, (int)more_size) == 1) &&
           (size == 0 || EVP_EncryptUpdate(it, data, &length, data, (int)size) == 1) &&
           EVP_EncryptFinal_ex(it, last, &length) == 1 &&
           EVP_CIPHER_CTX_ctrl(it, EVP_CTRL_GCM_GET_TAG, TAG, data + size) == 1;
}

/* -- packets */

/* Under one index; 0: not authentic. */
static size_t open_rtp_at(struct srtp *it, int64_t index, const uint8_t *data, size_t size, uint8_t *to)
{
    size_t start = header_size(data), mki = it->wish.mki_size;
    if (size < start + it->rtp_tag + mki)
        return 0;
    size_t end = size - it->rtp_tag - mki;
    if (it->aead) {
        uint8_t iv[12];
        if (memcmp(data + size - mki, it->wish.mki, mki) != 0)
            return 0;
        nonce(&it->rtp, data + 8, index, iv);
        if (!gcm_open(&it->rtp, iv, data, start, NULL, 0, data + start, end - start, to + start))
            return 0;
    } else {
        uint8_t counter[4], tag[20];
        put_word(counter, (uint32_t)(index >> 16));
        if (memcmp(data + end, it->wish.mki, mki) != 0 || !mac(it->rtp.mac, data, end, counter, tag) ||
            CRYPTO_memcmp(tag, data + size - it->rtp_tag, it->rtp_tag) != 0)
            return 0;
        if (to != unwanted && !counter_mode(&it->rtp, data + 8, index, data + start, end - start, to + start))
            return 0;
    }
    memcpy(to, data, start);
    return end;
}

static size_t open_rtp(struct srtp *it, const uint8_t *data, size_t size, uint8_t *to)
{
    uint32_t ssrc = word(data + 8);
    struct source *source = find(it, ssrc);
    int64_t sequence = (int64_t)data[2] << 8 | data[3];
    bool known = source != NULL && source->rtp.highest >= 0;
    int64_t index = known ? estimate(source->rtp.highest, sequence) : sequence;
    for (int tries = known ? 1 : it->wish.counters; tries > 0; tries--, index += 0x10000) {
        if (known && !fresh(&source->rtp, index))
            continue;
        size_t length = open_rtp_at(it, index, data, size, to);
        if (length == 0)
            continue;
        if (source == NULL)
            source = make(it, ssrc);
        add(&source->rtp, index);
        return length;
    }
    return 0;
}

/* Sets the index that the packet has. */
static size_t open_rtcp_as(struct srtp *it, const uint8_t *data, size_t size, uint8_t *to, int64_t *index)
{
    size_t mki = it->wish.mki_size, tail = it->rtcp_tag + mki + 4;
    if (size < CLEAR + tail)
        return 0;
    size_t length = size - tail;
    const uint8_t *at = it->aead ? data + size - mki - 4 : data + length;
    uint32_t number = word(at);
    *index = number & ~ENCRYPTED;
    if (it->aead) {
        uint8_t iv[12];
        nonce(&it->rtcp, data + 4, *index, iv);
        bool good = memcmp(data + size - mki, it->wish.mki, mki) == 0;
        if (good && number & ENCRYPTED)
            good = gcm_open(&it->rtcp, iv, data, CLEAR, at, 4, data + CLEAR, length - CLEAR, to + CLEAR);
        else if (good) /* RFC 7714 §10: only the tag is cipher text */
            good = gcm_open(&it->rtcp, iv, data, length, at, 4, data + length, 0, to);
        if (!good)
            return 0;
    } else {
        uint8_t tag[20];
        if (memcmp(at + 4, it->wish.mki, mki) != 0 || !mac(it->rtcp.mac, data, length + 4, NULL, tag) ||
            CRYPTO_memcmp(tag, data + size - it->rtcp_tag, it->rtcp_tag) != 0)
            return 0;
        if (number & ENCRYPTED && !counter_mode(&it->rtcp, data + 4, *index, data + CLEAR, length - CLEAR, to + CLEAR))
            return 0;
    }
    memcpy(to, data, number & ENCRYPTED ? CLEAR : length);
    return length;
}

static size_t open_rtcp(struct srtp *it, const uint8_t *data, size_t size, uint8_t *to)
{
    int64_t index;
    size_t length = open_rtcp_as(it, data, size, to, &index);
    if (length == 0)
        return 0;
    uint32_t ssrc = word(data + 4);
    struct source *source = find(it, ssrc);
    if (source != NULL && !fresh(&source->rtcp, index))
        return 0;
    if (source == NULL)
        source = make(it, ssrc);
    add(&source->rtcp, index);
    return length;
}

size_t srtp_open(struct srtp *it, bool rtcp, const uint8_t *data, size_t size, uint8_t *to)
{
    if (it->wish.sends || size > LARGEST)
        return 0;
    if (to == NULL)
        to = unwanted;
    return rtcp ? open_rtcp(it, data, size, to) : open_rtp(it, data, size, to);
}

static size_t seal_rtp(struct srtp *it, struct source *source, uint8_t *data, size_t size)
{
    size_t start = header_size(data), mki = it->wish.mki_size;
    int64_t sequence = (int64_t)data[2] << 8 | data[3];
    int64_t index = source->rtp.highest < 0 ? sequence : estimate(source->rtp.highest, sequence);
    if (!fresh(&source->rtp, index))
        return 0;
    add(&source->rtp, index);
    if (it->aead) {
        uint8_t iv[12];
        nonce(&it->rtp, data + 8, index, iv);
        if (!gcm_seal(&it->rtp, iv, data, start, NULL, 0, data + start, size - start))
            return 0;
        memcpy(data + size + TAG, it->wish.mki, mki);
    } else {
        uint8_t counter[4], tag[20];
        put_word(counter, (uint32_t)(index >> 16));
        if (!counter_mode(&it->rtp, data + 8, index, data + start, size - start, data + start) ||
            !mac(it->rtp.mac, data, size, counter, tag))
            return 0;
        memcpy(data + size, it->wish.mki, mki);
        memcpy(data + size + mki, tag, it->rtp_tag);
    }
    return size + mki + it->rtp_tag;
}

static size_t seal_rtcp(struct srtp *it, struct source *source, uint8_t *data, size_t size)
{
    size_t mki = it->wish.mki_size;
    int64_t index = source->rtcp.highest + 1;
    uint8_t number[4];
    if (index > LAST_RTCP) /* the key is used up (RFC 3711 §9.2) */
        return 0;
    source->rtcp.highest = index;
    put_word(number, ENCRYPTED | (uint32_t)index);
    if (it->aead) {
        uint8_t iv[12];
        nonce(&it->rtcp, data + 4, index, iv);
        if (!gcm_seal(&it->rtcp, iv, data, CLEAR, number, 4, data + CLEAR, size - CLEAR))
            return 0;
        memcpy(data + size + TAG, number, 4);
        memcpy(data + size + TAG + 4, it->wish.mki, mki);
    } else {
        uint8_t tag[20];
        if (!counter_mode(&it->rtcp, data + 4, index, data + CLEAR, size - CLEAR, data + CLEAR))
            return 0;
        memcpy(data + size, number, 4);
        if (!mac(it->rtcp.mac, data, size + 4, NULL, tag))
            return 0;
        memcpy(data + size + 4, it->wish.mki, mki);
        memcpy(data + size + 4 + mki, tag, it->rtcp_tag);
    }
    return size + 4 + mki + it->rtcp_tag;
}

size_t srtp_seal(struct srtp *it, bool rtcp, uint8_t *data, size_t size)
{
    if (!it->wish.sends || size < CLEAR)
        return 0;
    uint32_t ssrc = word(data + (rtcp ? 4 : 8));
    struct source *source = find(it, ssrc);
    if (source == NULL && (source = make(it, ssrc)) == NULL)
        return 0;
    return rtcp ? seal_rtcp(it, source, data, size) : seal_rtp(it, source, data, size);
}

#else

bool srtp_available(void)
{
    return false;
}

struct srtp *srtp_new(const struct srtp_wish *wish)
{
    (void)wish;
    return NULL;
}

void srtp_free(struct srtp *it)
{
    (void)it;
}

bool srtp_same(const struct srtp *it, const struct srtp_wish *wish)
{
    (void)it, (void)wish;
    return false;
}

void srtp_learn(struct srtp *it, const struct srtp_index *index)
{
    (void)it, (void)index;
}

uint32_t srtp_indexes(const struct srtp *it, struct srtp_index *to)
{
    (void)it, (void)to;
    return 0;
}

size_t srtp_open(struct srtp *it, bool rtcp, const uint8_t *data, size_t size, uint8_t *to)
{
    (void)it, (void)rtcp, (void)data, (void)size, (void)to;
    return 0;
}

size_t srtp_seal(struct srtp *it, bool rtcp, uint8_t *data, size_t size)
{
    (void)it, (void)rtcp, (void)data, (void)size;
    return 0;
}

#endif
