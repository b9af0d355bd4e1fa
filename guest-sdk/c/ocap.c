#include "ocap.h"

#include <stdlib.h>
#include <string.h>

enum { UNSIGNED = 0, TEXT = 3, LIST = 4, TAG = 6 };

// The one private tag: "OCAP" in ASCII.
#define OCAP_TAG 0x4F434150

struct ocap_delivery {
  const uint8_t *at, *end;
  // How many arguments there still are.
  uint64_t rest;
  ocap_vat_kernel_list_own_cap_t caps;
  // 0 when nobody asked, when it was answered, and when a wait has it.
  ocap_cap resolver;
};

static ocap_vat_kernel_borrow_cap_t lend(ocap_cap cap) { return ocap_vat_kernel_borrow_cap(cap); }

static void *grown(void *memory, size_t size) {
  void *more = realloc(memory, size);
  if (more == NULL) abort();
  return more;
}

static vat_string_t string(const char *text) { return (vat_string_t){(uint8_t *)text, strlen(text)}; }

static vat_list_u8_t key_of(const char *key, uint8_t *room, size_t size) {
  // As in every ocap-guest-sdk, the vat's own keys begin so.
  size_t length = strlen(key);
  if (length > size - 5) abort();
  memcpy(room, "user/", 5);
  memcpy(room + 5, key, length);
  return (vat_list_u8_t){room, length + 5};
}

// Out.

static void put_head(ocap_body *body, uint8_t major, uint64_t n) {
  if (body->room - body->length < 9) body->bytes = grown(body->bytes, body->room = 2 * body->room + 32);
  int size = n < 24 ? 0 : n < 0x100 ? 1 : n < 0x10000 ? 2 : n < 0x100000000 ? 4 : 8;
  uint8_t minor = size == 0 ? (uint8_t)n : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
  body->bytes[body->length++] = (uint8_t)(major << 5 | minor);
  while (size > 0) body->bytes[body->length++] = (uint8_t)(n >> 8 * --size);
}

void ocap_put_list(ocap_body *body, uint64_t items) { put_head(body, LIST, items); }

void ocap_put_uint(ocap_body *body, uint64_t value) { put_head(body, UNSIGNED, value); }

void ocap_put_text(ocap_body *body, const char *text) {
  size_t length = strlen(text);
  put_head(body, TEXT, length);
  if (body->room - body->length < length) body->bytes = grown(body->bytes, body->room = 2 * body->room + length);
  memcpy(body->bytes + body->length, text, length);
  body->length += length;
}

bool ocap_put_cap(ocap_body *body, ocap_cap cap) {
  if (cap.__handle == 0) return false;
  body->caps = grown(body->caps, (body->cap_count + 1) * sizeof *body->caps);
  put_head(body, TAG, OCAP_TAG);
  put_head(body, UNSIGNED, body->cap_count);
  body->caps[body->cap_count++] = lend(cap);
  return true;
}

static ocap_vat_kernel_parcel_t parcel(const ocap_body *body) {
  return (ocap_vat_kernel_parcel_t){{body->bytes, body->length}, {body->caps, body->cap_count}};
}

static void free_body(ocap_body *body) {
  free(body->bytes);
  free(body->caps);
  *body = (ocap_body){0};
}

// In.

// The argument of the next head, if it is of this kind; where it stops does not move otherwise.
static bool take_head(ocap_delivery *delivery, uint8_t major, uint64_t *out) {
  const uint8_t *at = delivery->at;
  if (at == delivery->end || *at >> 5 != major || (*at & 31) > 27) return false;
  uint8_t minor = *at++ & 31;
  size_t size = minor < 24 ? 0 : (size_t)1 << (minor - 24);
  if ((size_t)(delivery->end - at) < size) return false;
  uint64_t n = minor;
  if (size > 0) n = 0;
  for (; size > 0; size--) n = n << 8 | *at++;
  delivery->at = at;
  *out = n;
  return true;
}

static bool take_text(ocap_delivery *delivery, const char **out, size_t *length) {
  uint64_t n;
  if (!take_head(delivery, TEXT, &n) || n > (uint64_t)(delivery->end - delivery->at)) return false;
  *out = (const char *)delivery->at;
  *length = (size_t)n;
  delivery->at += n;
  return true;
}

static bool take_cap(ocap_delivery *delivery, ocap_cap *out) {
  uint64_t n;
  if (!take_head(delivery, TAG, &n) || n != OCAP_TAG) return false;
  if (!take_head(delivery, UNSIGNED, &n) || n >= delivery->caps.len) return false;
  *out = delivery->caps.ptr[n];
  return true;
}

static bool begin_arg(ocap_delivery *delivery) {
  if (delivery->rest == 0) return false;
  delivery->rest--;
  return true;
}

bool ocap_arg_uint(ocap_delivery *delivery, uint64_t *out) { return begin_arg(delivery) && take_head(delivery, UNSIGNED, out); }

bool ocap_arg_text(ocap_delivery *delivery, const char **out, size_t *length) {
  return begin_arg(delivery) && take_text(delivery, out, length);
}

bool ocap_arg_cap(ocap_delivery *delivery, ocap_cap *out) { return begin_arg(delivery) && take_cap(delivery, out); }

bool ocap_args_end(const ocap_delivery *delivery) { return delivery->rest == 0 && delivery->at == delivery->end; }

// Answers.

static void settle(ocap_delivery *delivery, ocap_vat_kernel_answer_t *answer) {
  if (delivery->resolver.__handle == 0) return;
  ocap_vat_kernel_settle(delivery->resolver, answer);
  delivery->resolver.__handle = 0;
}

static void settle_body(ocap_delivery *delivery, uint8_t tag, ocap_body *body) {
  ocap_vat_kernel_answer_t answer = {.tag = tag, .val.fulfill = parcel(body)};
  settle(delivery, &answer);
  free_body(body);
}

void ocap_answer_uint(ocap_delivery *delivery, uint64_t value) {
  ocap_body body = {0};
  ocap_put_uint(&body, value);
  settle_body(delivery, OCAP_VAT_KERNEL_ANSWER_FULFILL, &body);
}

void ocap_answer_cap(ocap_delivery *delivery, ocap_cap cap) {
  if (cap.__handle == 0) {
    ocap_fail(delivery, "capability-released", "this capability was released before");
    return;
  }
  ocap_vat_kernel_answer_t answer = {.tag = OCAP_VAT_KERNEL_ANSWER_FORWARD, .val.forward = lend(cap)};
  settle(delivery, &answer);
}

void ocap_fail(ocap_delivery *delivery, const char *name, const char *message) {
  ocap_body body = {0};
  put_head(&body, TAG, OCAP_TAG);
  ocap_put_list(&body, 3);
  ocap_put_text(&body, "error");
  ocap_put_text(&body, name);
  ocap_put_text(&body, message);
  settle_body(delivery, OCAP_VAT_KERNEL_ANSWER_BREAK, &body);
}

void ocap_bad_arguments(ocap_delivery *delivery, const char *signature) { ocap_fail(delivery, "bad-arguments", signature); }

// Whatever was not answered is null.
static void conclude(ocap_delivery *delivery) {
  static uint8_t null[] = {0xf6};
  ocap_vat_kernel_answer_t answer = {.tag = OCAP_VAT_KERNEL_ANSWER_FULFILL, .val.fulfill.body = {null, 1}};
  settle(delivery, &answer);
}

// Capabilities.

ocap_cap ocap_keep(ocap_cap cap) { return cap.__handle == 0 ? cap : ocap_vat_kernel_method_cap_duplicate(lend(cap)); }

void ocap_release(ocap_cap *cap) {
  if (cap->__handle != 0) ocap_vat_kernel_cap_drop_own(*cap);
  cap->__handle = 0;
}

ocap_cap ocap_call(ocap_cap target, const char *method, ocap_body *args) {
  ocap_body none = {0};
  if (args == NULL) ocap_put_list(args = &none, 0);
  ocap_cap promise = {0};
  if (target.__handle != 0) {
    vat_string_t name = string(method);
    ocap_vat_kernel_parcel_t out = parcel(args);
    promise = ocap_vat_kernel_call(lend(target), &name, &out);
  }
  free_body(args);
  return promise;
}

// What waits, newest first.
struct wait {
  uint64_t token;
  ocap_cap resolver;
  ocap_handler then;
  struct wait *next;
};

static struct wait *waits;

bool ocap_await(ocap_delivery *delivery, ocap_cap promise, ocap_handler then) {
  static uint64_t token;
  if (promise.__handle == 0) return false;
  struct wait *wait = grown(NULL, sizeof *wait);
  *wait = (struct wait){++token, delivery->resolver, then, waits};
  waits = wait;
  delivery->resolver.__handle = 0;
  ocap_vat_kernel_watch(lend(promise), token);
  return true;
}

static struct wait *waited(uint64_t token) {
  for (struct wait **at = &waits; *at != NULL; at = &(*at)->next) {
    if ((*at)->token != token) continue;
    struct wait *found = *at;
    *at = found->next;
    return found;
  }
  return NULL;
}

// State.

// The generated functions free the list and leave the handles in it to us.
static void drop_caps(const ocap_vat_kernel_list_own_cap_t *caps) {
  for (size_t i = 0; i < caps->len; i++) ocap_vat_kernel_cap_drop_own(caps->ptr[i]);
}

static void free_payload(ocap_vat_kernel_payload_t *payload) {
  drop_caps(&payload->caps);
  ocap_vat_kernel_payload_free(payload);
}

bool ocap_load_uint(const char *key, uint64_t *out) {
  uint8_t room[256];
  vat_list_u8_t at = key_of(key, room, sizeof room), body;
  if (!ocap_vat_store_get_body(&at, &body)) return false;
  ocap_delivery reader = {.at = body.ptr, .end = body.ptr + body.len};
  bool found = take_head(&reader, UNSIGNED, out);
  vat_list_u8_free(&body);
  return found;
}

static void store_body(const char *key, ocap_body *body) {
  uint8_t room[256];
  vat_list_u8_t at = key_of(key, room, sizeof room);
  ocap_vat_kernel_parcel_t value = parcel(body);
  ocap_vat_store_put(&at, &value);
  free_body(body);
}

void ocap_store_uint(const char *key, uint64_t value) {
  ocap_body body = {0};
  ocap_put_uint(&body, value);
  store_body(key, &body);
}

bool ocap_load_cap(const char *key, ocap_cap *out) {
  uint8_t room[256];
  vat_list_u8_t at = key_of(key, room, sizeof room);
  ocap_vat_store_payload_t value;
  if (!ocap_vat_store_get(&at, &value)) return false;
  ocap_delivery reader = {.at = value.body.ptr, .end = value.body.ptr + value.body.len, .caps = value.caps};
  bool found = take_cap(&reader, out);
  if (found) *out = ocap_keep(*out);
  free_payload(&value);
  return found;
}

bool ocap_store_cap(const char *key, ocap_cap cap) {
  ocap_body body = {0};
  if (!ocap_put_cap(&body, cap)) return false;
  store_body(key, &body);
  return true;
}

void ocap_log(ocap_vat_log_level_t level, const char *message) {
  vat_string_t line = string(message);
  vat_list_tuple2_string_string_t none = {0};
  ocap_vat_log_write(level, &line, &none);
}

// What the host calls.

bool exports_ocap_vat_lifecycle_start(exports_ocap_vat_lifecycle_boot_t *boot, vat_string_t *error) {
  (void)error;
  for (size_t i = 0; i < boot->grants.len; i++) ocap_vat_kernel_cap_drop_own(boot->grants.ptr[i].f1);
  exports_ocap_vat_lifecycle_boot_free(boot);
  return true;
}

static ocap_handler handler_of(const vat_string_t *name) {
  for (const ocap_method *method = ocap_methods; method->name != NULL; method++) {
    if (strlen(method->name) == name->len && memcmp(method->name, name->ptr, name->len) == 0) return method->handler;
  }
  return NULL;
}

void exports_ocap_vat_lifecycle_deliver(uint64_t object, vat_string_t *method, exports_ocap_vat_lifecycle_payload_t *args,
                                        exports_ocap_vat_lifecycle_own_cap_t *maybe_resolver) {
  ocap_delivery delivery = {.at = args->body.ptr, .end = args->body.ptr + args->body.len, .caps = args->caps};
  if (maybe_resolver != NULL) delivery.resolver = *maybe_resolver;
  ocap_handler handler = object == 0 ? handler_of(method) : NULL;
  if (handler == NULL) {
    ocap_fail(&delivery, "no-such-method", "this vat has no such method");
  } else if (!take_head(&delivery, LIST, &delivery.rest)) {
    ocap_bad_arguments(&delivery, "the arguments are no list");
  } else {
    handler(&delivery);
  }
  conclude(&delivery);
  vat_string_free(method);
  free_payload(args);
}

static void go_on(struct wait *wait, ocap_vat_kernel_resolution_t *resolution) {
  static uint8_t cap_0[] = {0xda, 0x4f, 0x43, 0x41, 0x50, 0x00};
  ocap_delivery delivery = {.resolver = wait->resolver, .rest = 1};
  ocap_vat_kernel_payload_t *payload = &resolution->val.fulfilled;
  ocap_vat_kernel_answer_t broken = {.tag = OCAP_VAT_KERNEL_ANSWER_BREAK};
  switch (resolution->tag) {
    case OCAP_VAT_KERNEL_RESOLUTION_FULFILLED:
      delivery.at = payload->body.ptr;
      delivery.end = payload->body.ptr + payload->body.len;
      delivery.caps = payload->caps;
      wait->then(&delivery);
      break;
    case OCAP_VAT_KERNEL_RESOLUTION_FORWARDED:
      delivery.at = cap_0;
      delivery.end = cap_0 + sizeof cap_0;
      delivery.caps = (ocap_vat_kernel_list_own_cap_t){&resolution->val.forwarded, 1};
      wait->then(&delivery);
      break;
    case OCAP_VAT_KERNEL_RESOLUTION_BROKEN: {
      // An error without capabilities is passed on as it came.
      broken.val.break_.body = payload->body;
      if (payload->caps.len == 0) settle(&delivery, &broken);
      else ocap_fail(&delivery, "error", "the error can not be passed on");
      break;
    }
    default: {
      vat_string_t *code = &resolution->val.failed;
      char *text = grown(NULL, code->len + 1);
      memcpy(text, code->ptr, code->len);
      text[code->len] = 0;
      ocap_fail(&delivery, text, text);
      free(text);
    }
  }
  conclude(&delivery);
}

void exports_ocap_vat_lifecycle_settled(exports_ocap_vat_lifecycle_list_tuple2_u64_resolution_t *resolutions) {
  for (size_t i = 0; i < resolutions->len; i++) {
    ocap_vat_kernel_resolution_t *resolution = &resolutions->ptr[i].f1;
    struct wait *wait = waited(resolutions->ptr[i].f0);
    if (wait != NULL) go_on(wait, resolution);
    free(wait);
    if (resolution->tag == OCAP_VAT_KERNEL_RESOLUTION_FORWARDED) ocap_vat_kernel_cap_drop_own(resolution->val.forwarded);
    else if (resolution->tag != OCAP_VAT_KERNEL_RESOLUTION_FAILED) drop_caps(&resolution->val.fulfilled.caps);
  }
  exports_ocap_vat_lifecycle_list_tuple2_u64_resolution_free(resolutions);
}

void exports_ocap_vat_lifecycle_dropped(exports_ocap_vat_lifecycle_list_object_id_t *objects) {
  // The root is the only object here, and is never dropped.
  exports_ocap_vat_lifecycle_list_object_id_free(objects);
}
