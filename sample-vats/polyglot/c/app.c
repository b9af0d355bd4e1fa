// A counter that also keeps a capability and calls it.

#include "ocap.h"

static uint64_t count(void) {
  uint64_t n = 0;
  ocap_load_uint("count", &n);
  return n;
}

static void increment(ocap_delivery *delivery) {
  uint64_t by;
  if (!ocap_arg_uint(delivery, &by) || !ocap_args_end(delivery)) {
    ocap_bad_arguments(delivery, "`increment(by)`: `by` is a number from 0");
    return;
  }
  ocap_store_uint("count", count() + by);
  ocap_answer_uint(delivery, count());
}

static void get(ocap_delivery *delivery) { ocap_answer_uint(delivery, count()); }

static void counted(ocap_delivery *delivery) {
  ocap_store_uint("count", count() + 1);
  ocap_answer_uint(delivery, count());
}

// Keeps a peer in the store.
static void keep(ocap_delivery *delivery) {
  ocap_cap peer;
  if (!ocap_arg_cap(delivery, &peer) || !ocap_args_end(delivery)) {
    ocap_bad_arguments(delivery, "`keep(peer)`: `peer` is a capability");
    return;
  }
  ocap_store_cap("peer", peer);
}

// Has the kept peer count. Its answer is the answer: nothing is waited for here.
static void ask(ocap_delivery *delivery) {
  ocap_cap peer = {0};
  ocap_load_cap("peer", &peer);
  ocap_cap answer = ocap_call(peer, "counted", NULL);
  ocap_answer_cap(delivery, answer);
  ocap_release(&answer);
  ocap_release(&peer);
}

static void add(ocap_delivery *delivery) {
  uint64_t theirs;
  if (ocap_arg_uint(delivery, &theirs)) ocap_answer_uint(delivery, count() + theirs);
  else ocap_fail(delivery, "unexpected-answer", "the peer did not answer with a number");
}

// Waits for what the kept peer counts to, and adds its own count.
static void sum(ocap_delivery *delivery) {
  ocap_cap peer = {0};
  ocap_load_cap("peer", &peer);
  ocap_cap answer = ocap_call(peer, "counted", NULL);
  if (!ocap_await(delivery, answer, add)) ocap_fail(delivery, "no-peer", "no peer is kept");
  ocap_release(&answer);
  ocap_release(&peer);
}

// Answers with a capability that was released, which is an error and no more.
static void reuse(ocap_delivery *delivery) {
  ocap_cap peer;
  if (!ocap_arg_cap(delivery, &peer)) {
    ocap_bad_arguments(delivery, "`reuse(peer)`: `peer` is a capability");
    return;
  }
  ocap_cap mine = ocap_keep(peer);
  ocap_release(&mine);
  ocap_answer_cap(delivery, mine);
}

const ocap_method ocap_methods[] = {
    {"increment", increment}, {"get", get}, {"counted", counted}, {"keep", keep}, {"ask", ask}, {"sum", sum}, {"reuse", reuse}, {0},
};
