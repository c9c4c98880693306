#include "crew.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#define MAX_THREADS 64
#define SPINS_BEFORE_YIELD 2000     // some 30 microseconds
#define YIELDS_BEFORE_SLEEP 200

// A phase is one call of crew_do. Its number and the next piece to take lie in one word, so that a piece can be
// taken of that phase only whose work, context and count were read.
static _Atomic uint64_t ticket;
static _Atomic(piece_of_work) phase_work;
static _Atomic(void *) phase_context;
static _Atomic int64_t phase_count;
static _Atomic int64_t num_done;

static _Atomic int is_taken;  // by a forward
static _Atomic int num_wanted;  // threads of the forward under way, 0 between forwards
static int num_helpers;
static pid_t helpers_process;
static _Atomic int num_asleep;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER;

#define PIECE_BITS 32
#define PIECE_MASK ((UINT64_C(1) << PIECE_BITS) - 1)

// Take and do one piece; 0 if there is none.
static int do_one(int thread) {
  uint64_t seen = atomic_load_explicit(&ticket, memory_order_acquire);
  for (;;) {
    int64_t piece = (int64_t)(seen & PIECE_MASK);
    if (piece >= atomic_load_explicit(&phase_count, memory_order_acquire)) return 0;
    piece_of_work work = atomic_load_explicit(&phase_work, memory_order_relaxed);
    void *context = atomic_load_explicit(&phase_context, memory_order_relaxed);
    if (atomic_compare_exchange_weak_explicit(&ticket, &seen, seen + 1, memory_order_acq_rel, memory_order_acquire)) {
      work(context, piece, thread);
      atomic_fetch_add_explicit(&num_done, 1, memory_order_release);
      return 1;
    }
  }
}

static void *help(void *number) {
  int thread = (int)(intptr_t)number;
  for (int idle = 0;;) {
    if (thread < atomic_load_explicit(&num_wanted, memory_order_acquire) && do_one(thread)) {
      idle = 0;
      continue;
    }
    if (++idle < SPINS_BEFORE_YIELD) {
      _mm_pause();
    } else if (idle < SPINS_BEFORE_YIELD + YIELDS_BEFORE_SLEEP ||
               thread < atomic_load_explicit(&num_wanted, memory_order_relaxed)) {
      sched_yield();
    } else {
      pthread_mutex_lock(&lock);
      atomic_fetch_add(&num_asleep, 1);
      while (thread >= atomic_load(&num_wanted)) pthread_cond_wait(&called, &lock);
      atomic_fetch_sub(&num_asleep, 1);
      pthread_mutex_unlock(&lock);
      idle = 0;
    }
  }
  return NULL;
}

// Start helpers up to this number of threads; returns how many threads there are then.
static int with_helpers(int threads) {
  if (helpers_process != getpid()) {  // the first time, and in a forked child, which has inherited none
    helpers_process = getpid();
    num_helpers = 0;
    atomic_store(&num_asleep, 0);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&called, NULL);
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 2 << 20);
  while (num_helpers < threads - 1) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, help, (void *)(intptr_t)(num_helpers + 1))) break;
    num_helpers++;
  }
  pthread_attr_destroy(&attributes);
  return num_helpers + 1 < threads ? num_helpers + 1 : threads;
}

int crew_begin(int threads) {
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  if (threads <= 1) return 1;
  int free = 0;
  if (!atomic_compare_exchange_strong(&is_taken, &free, 1)) return 1;
  threads = with_helpers(threads);
  if (threads <= 1) {
    atomic_store(&is_taken, 0);
    return 1;
  }
  pthread_mutex_lock(&lock);
  atomic_store(&num_wanted, threads);
  if (atomic_load(&num_asleep)) pthread_cond_broadcast(&called);
  pthread_mutex_unlock(&lock);
  return threads;
}

void crew_do(int threads, int64_t count, piece_of_work work, void *context) {
  if (threads <= 1 || count <= 1) {
    for (int64_t piece = 0; piece < count; piece++) work(context, piece, 0);
    return;
  }
  // All pieces of the phase before are taken, so nobody reads these in earnest before the ticket says so.
  atomic_store_explicit(&num_done, 0, memory_order_relaxed);
  uint64_t phase = (atomic_load_explicit(&ticket, memory_order_relaxed) >> PIECE_BITS) + 1;
  atomic_store_explicit(&phase_count, 0, memory_order_relaxed);
  atomic_store_explicit(&ticket, phase << PIECE_BITS, memory_order_release);
  atomic_store_explicit(&phase_work, work, memory_order_relaxed);
  atomic_store_explicit(&phase_context, context, memory_order_relaxed);
  atomic_store_explicit(&phase_count, count, memory_order_release);
  while (do_one(0)) {
  }
  for (int spins = 0; atomic_load_explicit(&num_done, memory_order_acquire) < count; spins++) {
    if (spins < SPINS_BEFORE_YIELD)
      _mm_pause();
    else
      sched_yield();
  }
}

void crew_end(int threads) {
  if (threads <= 1) return;
  atomic_store(&num_wanted, 0);
  atomic_store(&is_taken, 0);
}
