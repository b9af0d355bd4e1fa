// What a vat in C needs beside the generated bindings: arguments in, answers out, calls, and one await.
//
//     static void increment(ocap_delivery *delivery) { .. }
//     const ocap_method ocap_methods[] = {{"increment", increment}, {0}};
//
// Handles are owned by deliveries: what came with one is released when it is over, unless `ocap_keep` made a second handle. A capability
// that was released is 0, and whatever is tried with it fails as the functions say, instead of trapping the vat. Nothing here aborts but
// for want of memory.

#ifndef OCAP_H
#define OCAP_H

#include "bindings/vat.h"

// A handle on a capability; 0 is none.
typedef ocap_vat_kernel_own_cap_t ocap_cap;

// A message that is being answered, or the end of a promise that its method waited for.
typedef struct ocap_delivery ocap_delivery;

// What is done with a message. One that returns without an answer and without waiting has answered null.
typedef void (*ocap_handler)(ocap_delivery *delivery);

typedef struct ocap_method {
  const char *name;
  ocap_handler handler;
} ocap_method;

// The methods of the root, the vat's one object, up to one whose name is null. The vat's code defines it.
extern const ocap_method ocap_methods[];

// Arguments, one after another. Each is false if the next one is of another kind, or there is none; `ocap_bad_arguments` says so then.
bool ocap_arg_uint(ocap_delivery *delivery, uint64_t *out);
// The text is not terminated, and lasts as long as the delivery.
bool ocap_arg_text(ocap_delivery *delivery, const char **out, size_t *length);
// The handle is the delivery's.
bool ocap_arg_cap(ocap_delivery *delivery, ocap_cap *out);
// Whether all were taken.
bool ocap_args_end(const ocap_delivery *delivery);

// Answers. The first one counts.
void ocap_answer_uint(ocap_delivery *delivery, uint64_t value);
// Forwards the answer to an object, or to what a promise ends with. A released capability answers the error `capability-released`.
void ocap_answer_cap(ocap_delivery *delivery, ocap_cap cap);
void ocap_fail(ocap_delivery *delivery, const char *name, const char *message);
void ocap_bad_arguments(ocap_delivery *delivery, const char *signature);

// A second handle on the same reference, which lasts until it is released; 0 of 0.
ocap_cap ocap_keep(ocap_cap cap);
// Gives a handle up and sets it to 0.
void ocap_release(ocap_cap *cap);

// What is sent: items of canonical CBOR in the order in which they are put. It begins as `{0}`; `ocap_call` frees it.
typedef struct ocap_body {
  uint8_t *bytes;
  size_t length, room;
  ocap_vat_kernel_borrow_cap_t *caps;
  size_t cap_count;
} ocap_body;

// A list of so many items, which follow.
void ocap_put_list(ocap_body *body, uint64_t items);
void ocap_put_uint(ocap_body *body, uint64_t value);
void ocap_put_text(ocap_body *body, const char *text);
// False for a released one: nothing is put.
bool ocap_put_cap(ocap_body *body, ocap_cap cap);

// Calls a method with a list of arguments, or none if `args` is null. The promise of the answer, to be released; 0 if `target` is 0.
ocap_cap ocap_call(ocap_cap target, const char *method, ocap_body *args);

// Waits for a promise: `then` goes on with the delivery, whose only argument is the value or object. An error is passed on as the answer.
// False if `promise` is 0. The promise can be released at once.
bool ocap_await(ocap_delivery *delivery, ocap_cap promise, ocap_handler then);

// State, in the vat's store. A load is false if there is nothing of that kind.
bool ocap_load_uint(const char *key, uint64_t *out);
void ocap_store_uint(const char *key, uint64_t value);
// The handle is to be released.
bool ocap_load_cap(const char *key, ocap_cap *out);
bool ocap_store_cap(const char *key, ocap_cap cap);

// A line in the vat's log.
void ocap_log(ocap_vat_log_level_t level, const char *message);

#endif
