// Threads that help one forward at a time. They wait for work by spinning and, when none comes for a while, asleep.
//
// Nobody waits for a helper that has not taken anything: where other programs have the cores, the calling thread does
// the work itself. That also makes a crew harmless in a forked child, where no helper is left.
#ifndef DUOLOGUE_CREW_H
#define DUOLOGUE_CREW_H
#include <stdint.h>

// One piece of work. `thread` is a number below that of the threads, 0 for the calling one.
typedef void (*piece_of_work)(void *context, int64_t piece, int thread);

// Begin a forward on so many threads, the calling one included. Returns how many there are: one if the crew is busy
// with another forward, or if no thread could be started.
int crew_begin(int threads);

// Do pieces 0 to count - 1, each once, in any order; on return all are done.
void crew_do(int threads, int64_t count, piece_of_work work, void *context);

// End the forward; helpers fall asleep if no other begins soon.
void crew_end(int threads);

#endif
